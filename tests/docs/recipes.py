"""The recipes of docs/recipes.md, to be pasted."""

from itertools import groupby

from tests.docs.pages import Block, blocks, crontab_lines, lines
from tests.docs.stage import Stage
from tests.support import ROOT

RECIPES = {
    heading: list(group)
    for heading, group in groupby(blocks(ROOT / "docs/recipes.md"), key=lambda block: block.heading)
}
FILES = {
    "/run/secrets/api-token": "token-of-the-file",
    "/run/secrets/hook": "secret-of-the-hook",
}


def paste(stage: Stage, recipe: list[Block]) -> list[str]:
    """Write a recipe's files and run its commands; return what each printed."""
    printed = []
    for name, text in FILES.items():
        stage.write(name, text)
    for block in recipe:
        if block.file:
            stage.write(block.file, block.text)
            stage.write(f"/etc/chronos/jobs/{block.file}", block.text)
    for block in recipe:
        commands = lines(block) if block.language == "console" else []
        commands += crontab_lines(block) if block.language == "crontab" else []
        for line in commands:
            result = stage.run(line)
            assert result.code == 0, f"{line.where}: {line.text}\n{result.out}{result.err}"
            printed.append(result.out)
    return printed
