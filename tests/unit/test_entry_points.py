"""Entry points as importlib.metadata finds them."""

import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from chronos_cli.dispatch.entry_points import EntryPoint, entry_points_of

GROUP = "test.group"


def package(folder: Path, name: str, text: str | None, kind: str = "dist-info") -> Path:
    where = folder / f"{name}-1.0.{kind}"
    where.mkdir(parents=True)
    (where / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\nText\n")
    if text is not None:
        (where / "entry_points.txt").write_text(text)
    return where


def theirs() -> dict[str, str]:
    return {entry.name: entry.value for entry in metadata.entry_points(group=GROUP)}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    entries = [str(tmp_path / "first"), str(tmp_path / "missing"), str(tmp_path / "second")]
    monkeypatch.setattr(sys, "path", [*entries, *sys.path])
    # What pytest brings finds no packages of its own.
    finders = [one for one in sys.meta_path if "pytest" not in type(one).__module__]
    monkeypatch.setattr(sys, "meta_path", finders)
    return entries


def test_they_are_those_of_importlib(path: list[str]) -> None:
    first, second = Path(path[0]), Path(path[2])
    package(
        first, "one", f"# first\n[other]\nx = y:z\n\n[{GROUP}]\n a=m.n:o.p \n# no\nb = m\n[z]\n"
    )
    package(first, "no_entry_points", None)
    package(first, "unlike", f"[{GROUP}.more]\nc = m:n\n")
    package(second, "One", f"[{GROUP}]\nhidden = m:n\n")
    package(second, "two", f"[{GROUP}]\nd = m:n [extra]\n", "egg-info")
    found = entry_points_of(GROUP)
    assert {name: one.value for name, (one,) in found.items()} == theirs()
    assert set(found) == {"a", "b", "d"}
    offering = found["a"][0].distribution(GROUP)
    assert offering is not None
    assert (offering.name, offering.version) == ("one", "1.0")


def test_packages_elsewhere_are_asked_for(
    path: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("packed-1.0.dist-info/METADATA", "Name: packed\nVersion: 1.0\n")
        stream.writestr("packed-1.0.dist-info/entry_points.txt", f"[{GROUP}]\ne = json:loads\n")
    monkeypatch.setattr(sys, "path", [str(archive), *sys.path])
    ((found,),) = entry_points_of(GROUP).values()
    assert (found.name, found.value) == ("e", "json:loads")
    offering = found.distribution(GROUP)
    assert offering is not None
    assert offering.name == "packed"


def test_loading() -> None:
    assert EntryPoint("a", "json").load() is sys.modules["json"]
    assert EntryPoint("a", "os:path.join [extra]").load() is sys.modules["os"].path.join
    with pytest.raises(AttributeError):
        EntryPoint("a", "os:nothing").load()
