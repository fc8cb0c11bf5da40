"""Templates that `make update` reads: their addresses, tags and headings; nothing of them runs."""

import re
import shutil
from pathlib import Path

import pytest

from harness.releases import Releases, commit, edit, git, publish
from harness.update_command import ASKED, ENTRIES, HOOK, NEW, recorded_answers, refusal, run_update
from harness.updates import start_service

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60)]


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("gh:acme/t", "https://github.com/acme/t"),
        ("gl:acme/t", "https://gitlab.com/acme/t"),
        ("git+https://git.example.com/t", "https://git.example.com/t"),
    ],
)
def test_short_addresses_are_understood(
    releases: Releases, folder: Path, short: str, long: str
) -> None:
    edit(folder / ".copier-answers.yml", str(releases.source), short)
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{releases.source}.insteadOf",
        "GIT_CONFIG_VALUE_0": long,
    }
    assert run_update(folder, "check", code=1, **instead).stdout.startswith(f"{HOOK} is newer")


def move_template(folder: Path, old: Path, source: Path, release: str = "") -> None:
    """Have a service come from another copy of its template, at the same or another release."""
    answers = folder / ".copier-answers.yml"
    edit(answers, str(old), str(source))
    if release:
        text = re.sub("(?m)^_commit: .*", f"_commit: {release}", answers.read_text("utf-8"))
        answers.write_text(text, "utf-8")
    commit(folder, "Move the template")


@pytest.fixture
def untagged(releases: Releases, tmp_path: Path) -> Path:
    """Return a clone of the template without tags: its releases are headings of CHANGELOG.md."""
    git("clone", "--quiet", "--no-tags", releases.source, tmp_path / "untagged", cwd=tmp_path)
    return tmp_path / "untagged"


@pytest.mark.usefixtures("forked")
def test_template_without_tags(releases: Releases, folder: Path, untagged: Path) -> None:
    """Messages name releases; .copier-answers.yml records a commit, as there are no tags."""
    move_template(folder, releases.source, untagged)
    newer = f"{HOOK} is newer than this project, which is at"
    assert run_update(folder, "check", code=1).stdout.startswith(newer)
    done = run_update(folder, to=NEW)
    assert f" to {NEW}\n\n## {NEW}\n\n{ENTRIES[NEW]}\n\n" in done.stdout
    assert (folder / "kit/pages.py").exists()
    commit(folder, "Update")
    recorded = re.findall("(?m)^_commit: (.*)", (folder / ".copier-answers.yml").read_text("utf-8"))
    assert recorded == [git("rev-parse", NEW, cwd=releases.source)]
    assert not git("tag", cwd=untagged)
    done = run_update(folder, "check", to=NEW)
    assert done.stdout == f"This project is at {NEW}: nothing to do.\n"
    done = run_update(folder, "check", code=1)
    assert done.stdout == f"{newer} {NEW}: make update\n"
    assert run_update(folder, code=1).stderr.startswith(f"{HOOK} would run code here")


@pytest.mark.usefixtures("forked")
def test_template_without_releases(releases: Releases, folder: Path, untagged: Path) -> None:
    head = git("rev-parse", "HEAD", cwd=untagged)
    shallow = untagged.with_name("shallow")
    git("clone", "--quiet", "--depth=1", f"file://{untagged}", shallow, cwd=untagged)
    move_template(folder, releases.source, shallow, head)
    line = f"{shallow} is a shallow clone: run git fetch --unshallow there first"
    assert refusal(folder) == line
    shutil.rmtree(shallow)
    git("init", "--quiet", shallow, cwd=untagged)
    (shallow / "CHANGELOG.md").write_text("# Changes\n", "utf-8")
    commit(shallow, "Start")
    assert refusal(folder) == f"the template has no releases, tags or headings ## 1.2.3: {shallow}"


@pytest.mark.usefixtures("forked")
def test_folder_that_was_moved(releases: Releases, folder: Path, tmp_path: Path) -> None:
    """The update adds a file to the old folder, and reports that."""
    source = shutil.copytree(releases.source, tmp_path / "template")
    git("reset", "--quiet", "--hard", NEW, cwd=source)
    (source / "template/kit/testing/colours.py").write_text("RED = 1\n", "utf-8")
    publish(source, "90.1.0")
    move_template(folder, releases.source, source)
    git("mv", "kit/testing", "kit/checks", cwd=folder)
    commit(folder, "Move")
    count = len(git("ls-files", "kit/checks", cwd=folder).splitlines())
    lines = run_update(folder, to="90.1.0", code=1).stdout.splitlines()
    assert (
        f"{count} of the {count} files of kit/testing/ were deleted or moved, but the update"
        " has written to it: kit/testing/colours.py"
    ) in lines
    assert (
        "If it has moved: git reset --quiet && git checkout --quiet . && git clean -fdq; move it"
        " back, commit, and update again."
    ) in lines


def test_nothing_of_the_release_runs(releases: Releases, folder: Path, tmp_path: Path) -> None:
    """Neither its targets nor its modules nor its git hooks, so that it can be reviewed first."""
    source = shutil.copytree(releases.source, tmp_path / "template")
    git("reset", "--quiet", "--hard", NEW, cwd=source)
    touch = f"touch {tmp_path}/ran"
    rules = source / "template/kit/make.mk.jinja"
    text = re.sub(r"(?m)^([a-z-]+:.*)$", rf"\1\n\t@{touch}", rules.read_text("utf-8"))
    rules.write_text(f"$(shell {touch})\n{text}", "utf-8")
    evil = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    for name in ("copier", "yaml", "tempfile", "sitecustomize", "encodings", "shutil", "_strptime"):
        (source / f"template/{name}.py").write_text(evil, "utf-8")
    for path in (source / "template/scripts").glob("*.py"):
        path.write_text(f"{evil}{path.read_text('utf-8')}", "utf-8")
    (source / "template/.githooks").mkdir()
    for hook in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction"):
        (source / f"template/.githooks/{hook}").write_text(f"#!/bin/sh\n{touch}\n", "utf-8")
        (source / f"template/.githooks/{hook}").chmod(0o755)
    publish(source, "90.1.0")
    move_template(folder, releases.source, source)
    hooks = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath"}
    run_update(folder, to="90.1.0", GIT_CONFIG_VALUE_0=".githooks", **hooks)
    assert (folder / ".githooks/pre-commit").exists()
    assert not (tmp_path / "ran").exists()


def test_from_1_7_by_way_of_1_8(releases: Releases, tmp_path: Path) -> None:
    """1.3 to 1.7 read questions in one file only: they change nothing, and name the way.

    The script of 1.8 reads the questions of the next release.
    """
    folder = start_service(releases, tmp_path / "orders", "1.7.0", {"database": "sqlite"})
    message = refusal(folder, to=releases.next)
    assert message.splitlines()[-2].strip() == "--- # first: make update to=1.8.1"
    run_update(folder, to="1.8.1", trust="1")
    assert recorded_answers(folder)["_commit"] == "1.8.1"
    commit(folder, "Update to 1.8.1")
    message = refusal(folder, to=releases.next, data="colour=red")
    assert message == f"{releases.next} does not ask for colour; {ASKED}"
    run_update(folder, to=releases.next, data="ci=gitlab", trust="1")
    answers = recorded_answers(folder)
    assert (answers["_commit"], answers["ci"]) == (releases.next, "gitlab")
