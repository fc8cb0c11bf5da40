"""Which release a service is updated to, and what the service knows about it before the update."""

from pathlib import Path

import pytest
from packaging.version import Version

from harness.releases import commit, git
from harness.template_scripts import clone, release


def tag_release(folder: Path, name: str) -> None:
    commit(folder, name)
    git("tag", "--no-sign", name, cwd=folder)


def chosen(folder: Path, current: str, to: str = "") -> str:
    """Return the release that a service at a release or commit would be updated to."""
    known = clone.describe(folder, clone.resolve(folder, current))
    return clone.choose(folder, known, to).name


def test_newest_release_that_contains_that_of_the_project(template: Path) -> None:
    """A fork has the tags of its upstream, which has since published two releases."""
    tag_release(template, "1.4.0")
    tag_release(template, "1.5.0")
    tag_release(template, "1.7.0")
    git("switch", "--quiet", "--create", "fork", "1.4.0", cwd=template)
    tag_release(template, "1.4.0.post1")
    assert chosen(template, "1.4.0") == "1.7.0"
    assert chosen(template, "1.4.0.post1") == "1.4.0.post1"
    with pytest.raises(SystemExit, match=r"^1\.7\.0 does not contain 1\.4\.0\.post1, the rel"):
        chosen(template, "1.4.0.post1", to="1.7.0")
    with pytest.raises(
        SystemExit, match=r"is at 1\.4\.0\.post1, and cannot be downgraded to 1\.4\.0$"
    ):
        chosen(template, "1.4.0.post1", to="1.4.0")
    git("merge", "--quiet", "--no-edit", "1.7.0", cwd=template)
    tag_release(template, "1.7.0.post1")
    assert chosen(template, "1.4.0.post1") == "1.7.0.post1"
    assert chosen(template, "1.4.0", to="1.5.0") == "1.5.0"


def test_versions_are_those_of_pep_440(template: Path) -> None:
    for name in ("v1.2", "1.9.0", "1.10", "nightly", "release-7", "2.0.0rc1"):
        tag_release(template, name)
    assert chosen(template, "v1.2") == "1.10"
    assert chosen(template, "v1.2", to="2.0.0rc1") == "2.0.0rc1"
    with pytest.raises(SystemExit, match="^there is no release nightly; the newest is "):
        chosen(template, "v1.2", to="nightly")
    tag_release(template, "2.0.0rc2")
    assert chosen(template, "1.10") == "1.10"
    assert chosen(template, "2.0.0rc1") == "2.0.0rc2"
    tag_release(template, "2.0.0")
    assert chosen(template, "2.0.0rc1") == chosen(template, "1.10") == "2.0.0"


def test_commits_between_releases(template: Path) -> None:
    tag_release(template, "1.4.0")
    commit(template, "More")
    between = git("rev-parse", "HEAD", cwd=template)
    assert clone.describe(template, between).name == f"1.4.0-1-g{between[:7]}"
    assert chosen(template, between) == f"1.4.0-1-g{between[:7]}"
    tag_release(template, "1.5.0")
    assert chosen(template, between) == "1.5.0"
    assert clone.describe(template, clone.resolve(template, "1.4.0~1")).version is None


def hooks(template: Path, text: str) -> list[str]:
    """Return what an update from 1.4.0 to 1.5.0 would run if copier.yml had this text."""
    (template / "copier.yml").write_text(text, "utf-8")
    commit(template, "Write copier.yml")
    before = clone.Release("1.4.0", "", Version("1.4.0"))
    after = clone.Release("1.5.0", clone.resolve(template, "HEAD"), Version("1.5.0"))
    return release.Step(before, after, "", template, tagged=True).hooks()


ENTRY = "_migrations:\n  - {}\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("_migrations:\n", []),
        (ENTRY.format('{version: "1.5.0", command: ls}'), ["1.5.0"]),
        (ENTRY.format("{version: 1.5, command: ls}"), ["1.5"]),
        (ENTRY.format('{version: "1.4.0", command: ls}'), []),
        (ENTRY.format('{version: "1.4.0.post1", command: ls}'), ["1.4.0.post1"]),
        (ENTRY.format('{version: "1.6.0", command: ls}'), []),
        (ENTRY.format("{command: ls}"), ["every update"]),
        (ENTRY.format("ls"), ["every update"]),
        (ENTRY.format("[ls, -l]"), ["every update"]),
        ("_tasks: [ls]\n", ["every update"]),
        ("a: 1\n---\n!include options/*.yml\n", ["1.5.0"]),
    ],
)
def test_releases_that_run_code_are_known(template: Path, text: str, names: list[str]) -> None:
    (template / "options").mkdir()
    included = ENTRY.format('{version: "1.5.0", command: ls}')
    (template / "options/more.yml").write_text(included, "utf-8")
    assert hooks(template, text) == names


DATABASE = "database: {type: str}\ndrivers: {default: [], when: false}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"_subdirectory: template\nname: {{type: str}}\n{DATABASE}",
        "_subdirectory: template\nname: {type: str}\n--- !include options/20-database.yml\n",
        "--- # Nothing.\n--- !include options/10-name.yml\n--- !include options/20-database.yml\n",
        "!include options/*.yml\n",
    ],
)
def test_questions_are_known(template: Path, text: str) -> None:
    """They are in copier.yml until 1.7, then in a file for each question."""
    (template / "options").mkdir()
    (template / "options/10-name.yml").write_text("name: {type: str}\n", "utf-8")
    (template / "options/20-database.yml").write_text(f"{DATABASE}_exclude: [a]\n", "utf-8")
    (template / "copier.yml").write_text(text, "utf-8")
    commit(template, "Write copier.yml")
    after = clone.Release("1.5.0", clone.resolve(template, "HEAD"), Version("1.5.0"))
    assert release.Step(after, after, "", template, tagged=True).questions() == ["database", "name"]
