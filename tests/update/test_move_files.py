"""From 1.x to 2.0, files that are not the template's, or are the same but for their format."""

import re
from pathlib import Path

import pytest

from harness.file_edits import append, create, with_carriage_returns
from harness.lost_edits import patched_files
from harness.releases import Releases, commit
from harness.services_of_1x import OLD_RELEASE
from harness.updates import revisions, start_service, update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30), pytest.mark.usefixtures("forked")]


def test_reformatted_service_has_no_edits(releases: Releases, tmp_path: Path) -> None:
    """Other quotes and other trailing commas are no edits."""
    folder = start_service(releases, tmp_path / "orders", OLD_RELEASE, {"database": "sqlite"})
    fresh = start_service(releases, tmp_path / "fresh", releases.next, {"database": "sqlite"})
    for path in folder.glob("app/**/*.py"):
        text = path.read_text("utf-8").replace(",\n    ) ->", "\n    ) ->")
        if text:
            path.write_text(re_quote(text), "utf-8")
    commit(folder, "Reformat")
    update(folder, releases.next, unsafe=True)
    assert not (folder / "left-over").exists()
    for path in fresh.glob("app/**/*.py"):
        assert (folder / path.relative_to(fresh)).read_text("utf-8") == path.read_text("utf-8")


def re_quote(text: str) -> str:
    """Return code with other quotes in the lines where that is simple."""
    requoted = []
    for line in text.splitlines():
        if not re.search('\'|"""|#|f"', line):
            line = line.replace('"', "'")
        requoted.append(line + "\n")
    return "".join(requoted)


def test_carriage_returns_are_no_edits(releases: Releases, tmp_path: Path) -> None:
    folder = start_service(releases, tmp_path / "orders", OLD_RELEASE, {"database": "sqlite"})
    with_carriage_returns(folder)
    create("app/own.py", "from app.errors import ProblemError\n")(folder)
    (folder / "app/own.py").write_bytes(b"from app.errors import ProblemError\r\n")
    commit(folder, "Windows")
    update(folder, releases.next, unsafe=True)
    assert (folder / "app/own.py").read_bytes() == b"from kit.errors import ProblemError\r\n"
    assert b"class Settings" in (folder / "app/settings.py").read_bytes()
    for name in patched_files(folder):
        assert not name.startswith("app/")


OWN_FILES = {
    "app/application.py": b"MINE = 1\n",
    "scripts/project.py": b"MINE = 1\n",
    "tests/test_checks.py": b"def test_mine() -> None: ...\n",
    "app/data.bin": b"MINE\xff\x00\r\n",
    "app/latin.py": b"# MINE caf\xe9\n",
    "app/broken.py": b"MINE = (\n",
}


def test_own_files_stay(releases: Releases, tmp_path: Path) -> None:
    """Also with the name of a new file of the template, which becomes a conflict or a patch."""
    folder = start_service(releases, tmp_path / "orders", OLD_RELEASE, {"database": "sqlite"})
    for name, content in OWN_FILES.items():
        (folder / name).write_bytes(content)
    commit(folder, "Own files")
    update(folder, releases.next, unsafe=True)
    for name, content in OWN_FILES.items():
        if name == "scripts/project.py":
            assert content in (folder / name).read_bytes()
        else:
            assert (folder / name).read_bytes() == content
    assert "tests/test_checks.py" in patched_files(folder)


def test_names_that_are_gone_are_named(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = start_service(releases, tmp_path / "orders", OLD_RELEASE, {"database": "sqlite"})
    create("app/seed.py", "from app.db import get_database\nimport app.health.routes\n")(folder)
    revision = next((folder / "migrations/versions").glob("*.py"))
    append(str(revision.relative_to(folder)), "\nfrom app.tables import UTCDateTime\n")(folder)
    commit(folder, "Own files")
    before = revisions(folder)
    update(folder, releases.next, unsafe=True)
    printed = capfd.readouterr().out
    for line in (
        "app/seed.py: app.db.get_database no longer exists",
        "app/seed.py: app.health.routes no longer exists",
        f"{revision.relative_to(folder)}: app.tables no longer exists",
    ):
        assert line in printed
        assert line in (folder / "left-over/README.md").read_text("utf-8")
    assert revisions(folder) == before
