"""Updates that `make update` refuses: nothing is changed, and the message says why."""

import shutil
import sys
from pathlib import Path

import pytest

from harness.processes import lines_of, run
from harness.project import Project
from harness.releases import Releases, commit, edit, git
from harness.template import render
from harness.update_command import ASKED, ENTRIES, HOOK, NEW, refusal, run_update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60), pytest.mark.usefixtures("forked")]


def test_without_git(releases: Releases, tmp_path: Path) -> None:
    folder = render(releases.source, tmp_path / "orders", {}, vcs_ref=releases.next)
    assert refusal(folder, GIT_CEILING_DIRECTORIES=str(tmp_path)) == (
        "an update needs git: run git init, then commit"
    )


def test_with_changes_that_are_not_committed(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine\n")
    assert refusal(folder) == "1 file is not committed: commit or stash it first"
    edit(folder / "alembic.ini", "[alembic]", "[alembic]\n")
    assert refusal(folder) == "2 files are not committed: commit or stash them first"


UNREADABLE = ".copier-answers.yml cannot be read; git log .copier-answers.yml shows what it was"
# Contents of the answers file, and the message.
LOST = [
    (None, ".copier-answers.yml is missing, so the template is unknown"),
    ("- a\n", UNREADABLE),
    ("a: [", UNREADABLE),
    ("a: \xe4\n", UNREADABLE),
    ("ci: none\n", ".copier-answers.yml has no _src_path, so there is nothing to update from"),
    ("_src_path: /a\n", ".copier-answers.yml has no _commit, so there is nothing to update from"),
    ("_src_path: /a\n_commit: 1.0.0\n", "the template cannot be reached: /a"),
]


@pytest.mark.parametrize(("text", "reason"), LOST)
def test_without_a_template(folder: Path, text: str | None, reason: str) -> None:
    answers = folder / ".copier-answers.yml"
    if text is None:
        answers.unlink()
    else:
        answers.write_text(text, "latin-1")
    commit(folder, "Break")
    assert refusal(folder) == reason
    done = run_update(folder, "check", code=2)
    assert (done.stdout, done.stderr) == ("", f"{reason}\n")


def test_with_a_release_that_the_template_does_not_have(releases: Releases, folder: Path) -> None:
    edit(folder / ".copier-answers.yml", f"_commit: {releases.next}", "_commit: 0.0.7")
    commit(folder, "Break")
    assert refusal(folder) == (
        f".copier-answers.yml names 0.0.7, which {releases.source} does not have"
    )


def test_to_a_release(releases: Releases, folder: Path) -> None:
    assert refusal(folder, to="7.7.7") == f"there is no release 7.7.7; the newest is {HOOK}"
    assert refusal(folder, to="1.0.0") == (
        f"this project is at {releases.next}, and cannot be downgraded to 1.0.0"
    )
    done = run_update(folder, to=releases.next)
    assert done.stdout == f"This project is at {releases.next}: nothing to do.\n"


def test_hook_is_announced_and_not_run(releases: Releases, folder: Path) -> None:
    done = run_update(folder, code=1)
    assert done.stdout == (
        f"Update from {releases.next} to {HOOK}\n\n"
        f"## {HOOK}\n\n{ENTRIES[HOOK]}\n\n## {NEW}\n\n{ENTRIES[NEW]}\n\n"
    )
    assert done.stderr == (
        f"{HOOK} would run code here: read hooks/ at {HOOK} in"
        f" {releases.source}, then run make update trust=1. Nothing has been changed.\n"
    )
    assert not git("status", "--porcelain", cwd=folder)


def test_failing_hook_changes_nothing(folder: Path) -> None:
    """The made-up release names a hook that does not exist."""
    lines = refusal(folder, trust="1").splitlines()
    assert lines[0] == f"release {HOOK} has no hook"
    assert lines[-1] == "Nothing has been changed."


# What is added to the answers file, what is typed as `data=`, and the message.

ANSWERS = [
    (
        "",
        "database=postgresql",
        (
            "Invalid choice for 'database': this service is on SQLite, and its data and revisions"
            " would stay there; create a service on PostgreSQL and move them"
        ),
    ),
    ("", "ci=jenkins", "Invalid choice for 'ci': 'jenkins' is not in ['github', 'gitlab', 'none']"),
    ("", "'deploy=[docker'", "an answer is not valid YAML: while parsing a flow sequence"),
    (
        "ci: jenkins",
        "",
        "Invalid choice for 'ci': 'jenkins' is not in ['github', 'gitlab', 'none']",
    ),
    (
        "ci: github\ncolour: red",
        "",
        (
            ".copier-answers.yml has answers to unknown questions: colour; it may belong to another"
            " template or a newer release"
        ),
    ),
]


@pytest.mark.parametrize(("line", "data", "reason"), ANSWERS)
def test_answers_are_refused_not_replaced(folder: Path, line: str, data: str, reason: str) -> None:
    if line:
        edit(folder / ".copier-answers.yml", "ci: github", line)
        commit(folder, "Edit")
    assert refusal(folder, to=NEW, data=data) == f"{reason}\nNothing has been changed."


DATA = [
    ("'", "data=' cannot be read: no closing quotation"),
    ('ci="none', 'data=ci="none cannot be read: no closing quotation'),
    ("ci=none\\", "data=ci=none\\ cannot be read: no escaped character"),
    (
        "telemetry=[sentry, prometheus ci=none",
        "data=telemetry=[sentry, prometheus ci=none cannot be read: no closing bracket",
    ),
    ("ci", "data=ci cannot be read: ci is no answer, as ci=none is"),
    ("ci = none", "data=ci = none cannot be read: ci is no answer, as ci=none is"),
    ("=none", "data==none cannot be read: =none is no answer, as ci=none is"),
    ("colour=red", f"{NEW} does not ask for colour; {ASKED}"),
    ("CI=none ci=none", f"{NEW} does not ask for CI; {ASKED}"),
    ("env_prefix=A_", f"{NEW} does not ask for env_prefix; {ASKED}"),
    ("_commit=1.0.0", f"{NEW} does not ask for _commit; {ASKED}"),
]


@pytest.mark.parametrize(("data", "reason"), DATA)
def test_data_that_copier_would_ignore(folder: Path, data: str, reason: str) -> None:
    assert refusal(folder, to=NEW, data=data) == reason


LINKS = [
    ("kit", "src/kit", "kit"),
    ("kit/testing", "../testing", "kit/testing"),
    ("kit/testing", "{outside}", "kit/testing"),
    ("app/users", "{outside}", "app/users"),
    ("Dockerfile", "deploy/Dockerfile", "Dockerfile"),
]


@pytest.mark.parametrize(("name", "target", "shown"), LINKS)
def test_links_are_found(folder: Path, tmp_path: Path, name: str, target: str, shown: str) -> None:
    """An update would write through a link, and overwrite edits in its target."""
    files = git("ls-files", cwd=folder).splitlines()
    replace_with_link(folder / name, target.format(outside=tmp_path / "outside"))
    code = "import sys; from scripts.changes import find_links; print(find_links(sys.argv[1:]))"
    assert run(sys.executable, "-c", code, *files, cwd=folder).stdout == f"['{shown}']\n"


def replace_with_link(path: Path, target: str) -> None:
    """Move a file or folder to the target, and link it there."""
    moved = path.parent / target
    moved.parent.mkdir(parents=True, exist_ok=True)
    path.rename(moved)
    path.symlink_to(target)


def test_with_a_link(folder: Path) -> None:
    replace_with_link(folder / "kit/testing", "../testing")
    commit(folder, "Link")
    assert refusal(folder, to=NEW) == (
        "the template has files where this project has links: kit/testing. Replace the links with"
        " the files, commit and update again. Nothing has been changed."
    )


def test_links_elsewhere_are_allowed(folder: Path, tmp_path: Path) -> None:
    """Links to own files, and a link to the folder of a service within a repository."""
    repository = tmp_path / "repository"
    repository.mkdir()
    shutil.rmtree(folder / ".git")
    folder.rename(repository / "real")
    (repository / "orders").symlink_to("real")
    (repository / "real/docs").symlink_to("app")
    (repository / "real/app/users").rename(repository / "real/people")
    (repository / "real/app/users").symlink_to("../people")
    git("init", "--quiet", cwd=repository)
    commit(repository, "Start")
    assert "Next:" in run_update(repository / "orders", to=NEW).stdout


def test_without_a_network(folder: Path, tmp_path: Path) -> None:
    """copier is installed from the package index."""
    environment = {
        "PATH": Project(folder, "sqlite").path,
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    for target in ("update", "update-check"):
        done = run("make", "--no-print-directory", target, cwd=folder, env=environment, code=2)
        assert lines_of(done.stderr) == ["copier cannot be installed: check the network"]
