"""Which variables templates need: those that nothing stands in for."""

from pathlib import Path

import pytest

from chronos_cli.app.variables import require_variables
from chronos_cli.errors import InvalidInputError
from chronos_cli.jobs.template_engine import check_template
from chronos_cli.jobs.template_variables import needed_variables
from tests.support import write
from tests.test_cases import load


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("vars.x", ""),
        ("{{ vars.x }}", "x"),
        ("{{ vars['x'] }} {{ vars.y.z }} {{ vars.x }}", "x y"),
        ("{{ vars.x | upper }} {{ vars.items }}", "x items"),
        ("{{ vars.x | default('a') }}", ""),
        ("{{ vars.x | default(vars.y) }}", "y"),
        ("{{ vars.x | default('a') }} {{ vars.x }}", "x"),
        ("{{ (vars.x | upper) | default('a') }}", "x"),
        ("{{ vars.x is defined }}", ""),
        ("{{ vars.x if vars.x is defined else vars.y }}", "x-optional y"),
        ("{{ vars.x is undefined or vars.x == '1' }}", ""),
        ("{{ vars | tojson }} {{ vars[job.id] }}", ""),
        ("{{ job.tags.vars }}", ""),
    ],
)
def test_needed(text: str, names: str) -> None:
    check_template(text)
    wanted = [name for name in names.split() if not name.endswith("-optional")]
    assert list(needed_variables(text)) == wanted


def test_each_missing_one_has_the_line_of_its_job(tmp_path: Path) -> None:
    text = """\
    jobs:
      - name: a
        payload: {day: ["{{ vars.day }}"]}
        cloudevents: {type: "{{ vars.kind }}"}
        webhook: {url: "http://h/{{ vars.path }}"}
      - name: b
        webhook: {url: "http://h/"}
        on_failure: {webhook: {url: "http://h/{{ vars.hook }}"}}
    """
    jobs = load(Path(write(tmp_path, text))).jobs
    given = {"day": "", "kind": "", "path": "", "hook": ""}
    require_variables(jobs, given)
    with pytest.raises(InvalidInputError) as caught:
        require_variables(jobs, {"day": ""})
    found = [(one.position.line, one.message) for one in caught.value.problems]
    assert found == [
        (2, "the templates of 'a' need vars.path, which is not given"),
        (2, "the templates of 'a' need vars.kind, which is not given"),
        (6, "the templates of 'b' need vars.hook, which is not given"),
    ]
    assert caught.value.problems[0].hint == (
        "add --var path=…, or write {{ vars.path | default('…') }}"
    )
