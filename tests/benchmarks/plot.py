"""The table as a plot: how near each row is to its target, on a logarithmic scale.

The picture has no background of its own and asks whether the page is dark.
"""

import math
from typing import Any
from xml.sax.saxutils import escape

from tests.benchmarks.report import to_reach, value

_WIDTH, _LINE, _TOP, _BOTTOM = 960, 24, 64, 30
_LEFT, _RIGHT = 470, 790  # where the scale begins and ends
_LOWEST, _HIGHEST = 1 / 8, 8.0
_MARKS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.quiet { fill: #59636e; }
.scale { stroke: #d1d9e0; }
.target { stroke: #59636e; stroke-dasharray: 4 3; }
.held { fill: #1a7f37; }
.missed { fill: #bc4c00; }
.spread { stroke: #1f2328; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .quiet { fill: #9198a1; }
  .scale { stroke: #3d444d; }
  .target { stroke: #9198a1; }
  .held { fill: #3fb950; }
  .missed { fill: #f0883e; }
  .spread { stroke: #f0f6fc; }
}
"""


def plot(table: dict[str, Any]) -> str:
    """Return the plot as SVG."""
    rows = [row for row in table["rows"] if row["target"] is not None]
    height = _TOP + _LINE * len(rows) + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        "<title>How near each figure is to its target</title>",
        f"<style>{_STYLE}</style>",
        '<text class="title" x="8" y="22">How near each figure is to its target</text>',
        f'<text class="quiet" x="8" y="40">{escape(_caption(table))}</text>',
        *_scale(height),
    ]
    for number, row in enumerate(rows):
        parts += _row(row, _TOP + _LINE * number)
    return "\n".join([*parts, "</svg>", ""])


def _caption(table: dict[str, Any]) -> str:
    machine = table["machine"]
    where = f"{machine['cores']} cores, Python {machine['python']}"
    return f"Left of the dashed line is better. {table['measured_at'][:10]}, {where}"


def _scale(height: int) -> list[str]:
    parts = []
    for mark in _MARKS:
        x, kind = _x(mark), "target" if mark == 1 else "scale"
        label = "target" if mark == 1 else f"{mark:g}x" if mark > 1 else f"1/{1 / mark:g}"
        parts += [
            f'<line class="{kind}" x1="{x}" y1="{_TOP - 4}" x2="{x}" y2="{height - _BOTTOM}"/>',
            f'<text class="quiet" x="{x}" y="{height - 10}" text-anchor="middle">{label}</text>',
        ]
    return parts


def _row(row: dict[str, Any], top: int) -> list[str]:
    line = top + 16
    against = f" / {row['against']}" if row["against"] else ""
    title = escape(f"{row['title']}{against}".replace("`", ""))
    parts = [f'<text x="{_LEFT - 10}" y="{line}" text-anchor="end">{title}</text>']
    if row["value"] is None:
        return [*parts, f'<text class="quiet" x="{_RIGHT + 10}" y="{line}">not measured</text>']
    kind = "held" if row["holds"] else "missed"
    near, *ends = (_x(_distance(row, row[name])) for name in ("value", "low", "high"))
    start, width = min(near, _x(1)), abs(near - _x(1))
    shown = escape(f"{value(row)} ({to_reach(row)})")
    return [
        *parts,
        f'<rect class="{kind}" x="{start:g}" y="{top + 6}" width="{width:g}" height="12"/>',
        f'<line class="spread" x1="{ends[0]}" y1="{top + 12}" x2="{ends[1]}" y2="{top + 12}"/>',
        f'<text x="{_RIGHT + 10}" y="{line}">{shown}</text>',
    ]


def _distance(row: dict[str, Any], figure: float) -> float:
    """Return how many times the target a figure is; below 1 it is better than the target."""
    if row["comparison"] == "at least":
        return float(row["target"] / figure) if figure > 0 else _HIGHEST
    return float(figure / row["target"])


def _x(distance: float) -> float:
    held = min(max(distance, _LOWEST), _HIGHEST)
    share = math.log(held / _LOWEST) / math.log(_HIGHEST / _LOWEST)
    return round(_LEFT + share * (_RIGHT - _LEFT), 1)
