"""Conflicts of an update: they are listed, `make check` finds them, and the next update waits."""

import shutil
import sys
from pathlib import Path

import pytest

from harness.processes import IDENTITY, lines_of, run
from harness.releases import commit, edit, git
from harness.update_command import FIRST_REVISION, LEFT_ALONE, NEW, NEXT, refusal, run_update
from harness.updates import CONFLICT_END, CONFLICT_START

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60), pytest.mark.usefixtures("forked")]

MARKERS = f"{CONFLICT_START}mine\n{'=' * 7}\ntheirs\n{CONFLICT_END}"


def test_conflicts_stop_the_next_update(folder: Path) -> None:
    (folder / "notes.txt").write_text(MARKERS, "utf-8")
    (folder / "alembic.ini.rej").write_text("@@\n", "utf-8")
    commit(folder, "Left")
    assert refusal(folder) == "resolve these conflicts and commit first: alembic.ini.rej, notes.txt"


def test_unfinished_merge_stops_an_update(folder: Path) -> None:
    first = git("rev-list", "--max-parents=0", "HEAD", cwd=folder)
    for branch, text in (("other", "other\n"), ("main", "main\n")):
        git("checkout", "--quiet", "-B", branch, first, cwd=folder)
        (folder / "größe.txt").write_text(text, "utf-8")
        commit(folder, branch)
    run("git", "merge", "other", cwd=folder, env=IDENTITY, code=1)
    assert refusal(folder) == "resolve these conflicts and commit first: größe.txt"


def test_conflicts_and_deleted_files_are_listed(folder: Path) -> None:
    """One of the conflicts is in a renamed file."""
    edit(folder / "kit/pagination.py", '"""', '"""Mine: ')
    edit(folder / "kit/ruff.toml", "line-length", "# Mine.\nline-length")
    (folder / "kit/logging.py").unlink()
    (folder / "app/db.py").unlink()
    (folder / "kit/models.py").unlink()
    (folder / FIRST_REVISION).unlink()
    commit(folder, "Edit")
    done = run_update(folder, to=NEW, code=1)
    git_diff = "  git diff         # nothing of this release has run yet\n"
    git_add = "  git add --all    # when the conflicts are resolved\n"
    assert done.stdout.split("- Nicknames.\n\n")[1] == (
        "renamed, with your changes: kit/pagination.py is kit/pages.py\n"
        "conflict: kit/pages.py\n"
        "conflict: kit/ruff.toml\n"
        "stays deleted, though this release changes it: kit/logging.py\n"
        "new in .env.example: ORDERS_COLOUR\n"
        f"{LEFT_ALONE}{NEXT.replace(git_diff, git_diff + git_add)}\n"
    )
    gate = run("make", "--no-print-directory", "conflicts", cwd=folder, code=2)
    assert lines_of(gate.stderr) == [
        "kit/pages.py: unresolved update conflict; edit the file, then git add",
        "kit/ruff.toml: unresolved update conflict; edit the file, then git add",
    ]
    git("reset", "--quiet", cwd=folder)
    git("checkout", ".", cwd=folder)
    git("clean", "-fdq", cwd=folder)
    run("make", "conflicts", cwd=folder)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_gate_finds_whole_conflicts_only(folder: Path, newline: str) -> None:
    (folder / "README.md").write_bytes(b"Title\n=======\n\n>>>>>>> after updating\n")
    (folder / "notes.txt").write_text(MARKERS.partition("=======")[0], "utf-8")
    run("make", "conflicts", cwd=folder)
    (folder / "notes.txt").write_text(f"a\n{MARKERS}b\n", "utf-8", newline=newline)
    (folder / "ignored.db").write_text(MARKERS, "utf-8")
    gate = run("make", "--no-print-directory", "conflicts", cwd=folder, code=2)
    assert lines_of(gate.stderr) == [
        "notes.txt: unresolved update conflict; edit the file, then git add"
    ]


def test_gate_passes_without_git(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / ".git")
    run("make", "conflicts", cwd=folder, env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    code = "from scripts import conflicts; print(conflicts.find())"
    assert run(sys.executable, "-c", code, cwd=folder, env={"PATH": "/nowhere"}).stdout == "[]\n"
