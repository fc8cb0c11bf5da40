"""Every file has one owner: an update changes files of the template, and no byte of the others."""

import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from harness.releases import Releases, commit, edit, git, publish, tagged_clone
from harness.services_of_1x import LIVES, OLD_RELEASE, Life
from harness.template import Answers
from harness.updates import ANSWERS, conflicts, contents, recopy, revisions, start_service, update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

LATER = "90.0.0"
# Folders that an update replaces, and files that it merges.
REPLACED = {"kit", "scripts", "deploy", ".github", ".gitlab"}
MERGED = {
    ".copier-answers.yml",
    ".dockerignore",
    ".env.example",
    ".gitlab-ci.yml",
    "Dockerfile",
    "compose.yaml",
    "renovate.json",
}
DELETED = ["tests/test_users.py", "app/users/routes.py", ".editorconfig"]


def is_own(name: str) -> bool:
    """Return whether a file belongs to the project."""
    return PurePosixPath(name).parts[0] not in REPLACED and name not in MERGED


def own(folder: Path) -> dict[str, bytes]:
    """Return the project's own files, revisions included."""
    everything = contents(folder) | revisions(folder)
    return {name: content for name, content in everything.items() if is_own(name)}


def templates(folder: Path) -> dict[str, bytes]:
    """Return the other files, which belong to the template or are merged."""
    return {name: content for name, content in contents(folder).items() if not is_own(name)}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Return the releases, with 90.0.0: it changes, adds and deletes files in every folder."""
    made = tagged_clone(tmp_path_factory.mktemp("releases") / "template")
    template = made.source / "template"
    for name in git("ls-files", "-z", "template", cwd=made.source).split("\0"):
        path = made.source / name
        changes = re.search(r"\.(py|toml|ini|ya?ml|example)(\.jinja)?$|Makefile|Dockerfile", name)
        if changes and "versions" not in path.parts and "answers_file" not in name:
            # In the second line, where `lived` has no edits.
            first, _, rest = path.read_text("utf-8").partition("\n")
            path.write_text(f"{first}\n# Changed by a release.\n{rest}", "utf-8")
    for folder in ("{{ package_name }}", "kit", "migrations", "scripts", "tests"):
        (template / folder / "added.py").write_text('"""Added by a release."""\n', "utf-8")
    (template / "{{ package_name }}/__main__.py.jinja").unlink()
    (template / "kit/_internal/limits.py").rename(template / "kit/_internal/bounds.py")
    (template / "kit/_internal/routing.py").unlink()
    publish(made.source, LATER)
    return made


@pytest.fixture(params=ANSWERS)
def answers(request: pytest.FixtureRequest) -> Answers:
    return ANSWERS[request.param]


@pytest.fixture
def lived(releases: Releases, answers: Answers, tmp_path: Path) -> Path:
    """Return a service whose team has edited each of its own files, deleted some and added one."""
    folder = start_service(releases, tmp_path / "orders", releases.next, answers)
    for name in own(folder):
        path = folder / name
        path.write_text(path.read_text("utf-8") + "\n# Ours.\n", "utf-8")
    for name in DELETED:
        (folder / name).unlink()
    (folder / "app/own.py").write_text("# Ours.\n", "utf-8")
    commit(folder, "A year")
    return folder


def test_update_changes_no_byte_of_the_project(
    releases: Releases, answers: Answers, lived: Path, tmp_path: Path
) -> None:
    """It needs no trust, and there are no conflicts."""
    before = own(lived)
    update(lived, LATER)
    assert own(lived) == before
    fresh = start_service(releases, tmp_path / "fresh", LATER, answers)
    assert templates(lived) == templates(fresh)


@pytest.mark.parametrize("way", [update, recopy])
def test_answers_change_no_byte_of_the_project(
    releases: Releases, answers: Answers, lived: Path, tmp_path: Path, way: Any
) -> None:
    """Its deployment and its CI, switched on and off again."""
    before, first = own(lived), templates(lived)
    other: Answers = {"deploy": ["docker"]}
    if answers["deploy"]:
        other = {"deploy": [], "ci": "github"}
    for changes in (other, answers):
        way(lived, releases.next, data=changes)
        assert own(lived) == before
        commit(lived, "Change answers")
    if way is update:
        assert templates(lived) == first


def test_recopy_changes_no_byte_of_the_project(
    releases: Releases, lived: Path, tmp_path: Path
) -> None:
    before = own(lived)
    moved = shutil.copytree(lived, tmp_path / "moved")
    recopy(moved, LATER)
    assert own(moved) == before


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_service_of_1_x_sees_no_conflict_once_it_has_moved(
    releases: Releases, tmp_path: Path, life: Life
) -> None:
    """With a later release, an option on and off, and a recopy; no byte of its own files changes."""
    answers: Answers = {"database": life.database, "deploy": ["docker"], "ci": "none"}
    folder = start_service(releases, tmp_path / "orders", OLD_RELEASE, answers)
    life.live(folder)
    update(folder, releases.next, unsafe=True)
    shutil.rmtree(folder / "left-over", ignore_errors=True)
    renamed = {"package_name": life.package}
    resolved = start_service(releases, tmp_path / "resolved", releases.next, answers | renamed)
    for name in conflicts(folder):
        assert not is_own(name), name
        take_theirs(resolved / name, folder / name)
    (folder / "added.py").write_text("# Ours.\n", "utf-8")
    commit(folder, "Move")
    before = own(folder)
    for data in ({}, {"ci": "github"}, {"ci": "none"}):
        update(folder, LATER, data=data)
        assert own(folder) == before
        assert not conflicts(folder)
        commit(folder, f"Update with {data}")
    fresh = start_service(releases, tmp_path / "fresh", LATER, answers | renamed)
    assert contents(folder / "kit") == contents(fresh / "kit")
    recopy(folder, LATER)
    assert own(folder) == before


def take_theirs(theirs: Path, path: Path) -> None:
    """Resolve a conflict with the template's file, or by deletion where it has none."""
    if theirs.exists():
        shutil.copy2(theirs, path)
    else:
        path.unlink()


def test_answers_are_renamed_without_trust(releases: Releases, tmp_path: Path) -> None:
    """The default of the question does it, as in hooks/README.md; a retired answer is deleted."""
    source = shutil.copytree(releases.source, tmp_path / "template")
    folder = start_service(releases, tmp_path / "orders", releases.next, {"ci": "gitlab"})
    answers = folder / ".copier-answers.yml"
    edit(answers, str(releases.source), str(source))
    edit(answers, "ci: gitlab", "ci: gitlab\ncolour: red")
    commit(folder, "Retired")
    edit(source / "options/60-ci.yml", "CI/CD: gitlab", "CI/CD: gitlab-ci")
    edit(source / "options/60-ci.yml", "ci != 'gitlab'", "ci not in ['gitlab', 'gitlab-ci']", 9)
    edit(source / "options/60-ci.yml", "{{ ci |", "{{ {'gitlab': 'gitlab-ci'}.get(ci, ci) |")
    edit(source / "copier.yml", 'default: "[]"', "default: \"['colour']\"")
    publish(source, "91.0.0")
    update(folder, "91.0.0")
    text = answers.read_text("utf-8")
    assert "ci: gitlab-ci\n" in text
    assert "colour" not in text
    assert (folder / ".gitlab-ci.yml").exists()
