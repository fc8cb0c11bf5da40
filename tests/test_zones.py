"""Every file has one owner: an update changes what the template owns, and no byte of the rest."""

import shutil
from pathlib import Path, PurePosixPath

import pytest

from tests.releases import Releases, commit, git, publish, tagged_clone
from tests.template import Answers
from tests.test_updates import ANSWERS, contents, recopy, start, update

pytestmark = pytest.mark.slow

LATER = "90.0.0"
# Copier's own, and what it merges.
TEMPLATES = {"kit", "scripts", "deploy", ".github", ".gitlab"}
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
    """Return whether a file is the project's."""
    return PurePosixPath(name).parts[0] not in TEMPLATES and name not in MERGED


def own(folder: Path) -> dict[str, bytes]:
    """Return the project's own files, revisions included."""
    revisions = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in (folder / "migrations/versions").iterdir()
    }
    return {name: text for name, text in contents(folder).items() if is_own(name)} | revisions


def templates(folder: Path) -> dict[str, bytes]:
    return {name: text for name, text in contents(folder).items() if not is_own(name)}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Return the releases, with a later one that changes, adds and deletes files everywhere."""
    made = tagged_clone(tmp_path_factory.mktemp("releases") / "template")
    template = made.source / "template"
    for name in git("ls-files", "template", cwd=made.source).splitlines():
        path = made.source / name
        if path.suffix == ".py" and "versions" not in path.parts:
            path.write_text(path.read_text("utf-8") + "\n# Changed by a release.\n", "utf-8")
    for folder in ("{{ package_name }}", "kit", "migrations", "tests"):
        (template / folder / "added.py").write_text('"""Added by a release."""\n', "utf-8")
    (template / "{{ package_name }}/__main__.py.jinja").unlink()
    publish(made.source, LATER)
    return made


@pytest.fixture(params=ANSWERS)
def answers(request: pytest.FixtureRequest) -> Answers:
    return ANSWERS[request.param]


@pytest.fixture
def lived(releases: Releases, answers: Answers, tmp_path: Path) -> Path:
    """Return a service whose team has edited each of its own files, deleted some and added one."""
    folder = start(releases, tmp_path / "orders", releases.next, answers)
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
    """Without trust, and without a conflict, as there is nothing to merge."""
    before = own(lived)
    update(lived, LATER)
    assert own(lived) == before
    fresh = start(releases, tmp_path / "fresh", LATER, answers)
    assert templates(lived) == templates(fresh)


@pytest.mark.parametrize("way", [update, recopy])
def test_answers_change_no_byte_of_the_project(
    releases: Releases, answers: Answers, lived: Path, tmp_path: Path, way: object
) -> None:
    """Where it runs and its CI, switched on and off again."""
    before, first = own(lived), templates(lived)
    other = {"deploy": [], "ci": "github"} if answers["deploy"] else {"deploy": ["docker"]}
    assert callable(way)
    for changes in (other, {name: answers[name] for name in other}):
        way(lived, releases.next, data=changes)
        assert own(lived) == before
        commit(lived, "Change answers")
    if way is update:
        assert templates(lived) == first


def test_copy_over_a_service_leaves_the_project_its_own(
    releases: Releases, lived: Path, tmp_path: Path
) -> None:
    before = own(lived)
    moved = shutil.copytree(lived, tmp_path / "moved")
    recopy(moved, LATER)
    assert own(moved) == before
