"""A plug-in as strangers write them, and the ways to break it."""

from pathlib import Path

from tests.support import ROOT

PLUGIN = """
from typing import Annotated
from msgspec import Meta
from chronos_cli.dispatch.plugin import Plugin, Preview, Receipt
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.model import Settings, Target
from chronos_cli.problems import Flaw


class Pigeon(Target, kw_only=True, frozen=True):
    loft: Annotated[str, Meta(description="Where it flies to")]
    grains: Annotated[int, Meta(ge=1)] = 1

    def flaws(self):
        if self.loft == "sea":
            yield Flaw(("loft",), "no loft is at sea")

    def describe(self):
        return f"pigeon to {self.loft}"


class PigeonSettings(Settings, kw_only=True, frozen=True):
    colour: str = "grey"


class PigeonDispatcher:
    def __init__(self, settings):
        self.settings = settings

    async def send(self, delivery):
        if delivery.target.loft == "closed":
            raise RejectedError("the loft is closed", code="SHUT")
        return Receipt(code="COO", data={"colour": self.settings.colour,
                                         "grains": delivery.target.grains})

    async def preview(self, delivery):
        return Preview("PIGEON", [("Ring", delivery.metadata["X-Chronos-Job-ID"])], "note")

    async def close(self):
        pass


plugin = Plugin(
    key="loft",
    protocol="pigeon",
    target=Pigeon,
    settings=PigeonSettings,
    dispatcher=PigeonDispatcher,
    client_modules=CLIENTS,
    extra="grain",
)
"""


def install(
    folder: Path, clients: str = "()", code: str = PLUGIN, name: str = "pigeon"
) -> dict[str, str]:
    """A distribution as pip would leave it; returns the environment that sees it."""
    (folder / f"{name}_chronos.py").write_text(code.replace("CLIENTS", clients))
    info = folder / f"{name}_post-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-post\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[chronos.dispatchers]\nloft = {name}_chronos:plugin\n")
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


JOB = "name: a\nloft: {{loft: {loft}{more}}}\n"


def with_line(before: str, line: str) -> str:
    """The plug-in with one line of its code replaced, and what is indented below the new one."""
    assert before in PLUGIN
    return PLUGIN.replace(before, line)
