"""Runs the steps of a Dockerfile on this machine, as far as no engine is needed for them."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


class Steps:
    """What a Dockerfile says, its values for `ARG` replaced by those of a test."""

    def __init__(self, text: str, context: Path, arguments: Mapping[str, str]) -> None:
        self.values = dict(arguments)
        self.environment: dict[str, str] = {}
        self.said: dict[str, list[str]] = {}
        self._context = context
        self._folder = context
        for line in text.replace("\\\n", " ").splitlines():
            if line and not line.startswith("#"):
                word, _, rest = line.partition(" ")
                self.said.setdefault(word, []).append(rest)
                getattr(self, f"_{word.lower()}", lambda _: None)(rest)

    def resolved(self, text: str) -> str:
        known = {**os.environ, **self.values, **self.environment}
        return _VARIABLE.sub(lambda found: known[found[1] or found[2]], text)

    def _arg(self, rest: str) -> None:
        for pair in rest.split():
            name, _, value = pair.partition("=")
            self.values.setdefault(name, value)

    def _env(self, rest: str) -> None:
        for pair in rest.split():
            name, _, value = pair.partition("=")
            self.environment[name] = self.resolved(value)

    def _workdir(self, rest: str) -> None:
        self._folder = Path(self.resolved(rest))
        self._folder.mkdir(parents=True, exist_ok=True)

    def _copy(self, rest: str) -> None:
        if rest.startswith("--from"):
            return  # the stage before is this machine
        *sources, goal = self.resolved(rest).split()
        for source in sources:
            path = self._context / source
            place = self._folder / goal
            if path.is_dir():
                shutil.copytree(path, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place = place / path.name if goal.endswith("/") else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)

    def _run(self, rest: str) -> None:
        variables = {**os.environ, **self.values, **self.environment}
        subprocess.run(["/bin/sh", "-ec", rest], cwd=self._folder, env=variables, check=True)
