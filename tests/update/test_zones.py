"""Every file has one owner: an update changes what the template owns, and no byte of the rest."""

import re
import shutil
from pathlib import Path, PurePosixPath

import pytest

from harness.releases import Releases, commit, edit, git, publish, tagged_clone
from harness.services_of_1x import LIVES, Life
from harness.template import Answers
from harness.updates import ANSWERS, conflicts, contents, recopy, start_service, update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

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
    for name in git("ls-files", "-z", "template", cwd=made.source).split("\0"):
        path = made.source / name
        changes = re.search(r"\.(py|toml|ini|ya?ml|example)(\.jinja)?$|Makefile|Dockerfile", name)
        if changes and "versions" not in path.parts and "answers_file" not in name:
            # Near the top, where nobody else has added anything.
            first, _, rest = path.read_text("utf-8").partition("\n")
            path.write_text(f"{first}\n# Changed by a release.\n{rest}", "utf-8")
    package = template / "{{ package_name }}"
    for folder in (
        package,
        *(template / name for name in ("kit", "migrations", "scripts", "tests")),
    ):
        (folder / "added.py").write_text('"""Added by a release."""\n', "utf-8")
    (package / "__main__.py.jinja").unlink()
    # A file of kit has another name, and one is gone.
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
    """Without trust, and without a conflict, as there is nothing to merge."""
    before = own(lived)
    update(lived, LATER)
    assert own(lived) == before
    fresh = start_service(releases, tmp_path / "fresh", LATER, answers)
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


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_service_of_1_x_sees_no_conflict_once_it_has_moved(
    releases: Releases, tmp_path: Path, life: Life
) -> None:
    """A later release, an option on and off, and a recopy: without trust, and not a byte changes."""
    answers: Answers = {"database": life.database, "deploy": ["docker"], "ci": "none"}
    folder = start_service(releases, tmp_path / "orders", "1.7.0", answers)
    life.live(folder)
    update(folder, releases.next, unsafe=True)
    shutil.rmtree(folder / "left-over", ignore_errors=True)
    renamed = {"package_name": life.package}
    resolved = start_service(releases, tmp_path / "resolved", releases.next, answers | renamed)
    for name in conflicts(folder):
        # In scripts and what is merged: theirs.
        assert not is_own(name), name
        if (resolved / name).exists():
            shutil.copy2(resolved / name, folder / name)
        else:
            (folder / name).unlink()
    (folder / "added.py").write_text("# Ours.\n", "utf-8")
    commit(folder, "Move")
    before = own(folder)
    for data in ({}, {"ci": "github"}, {"ci": "none"}):
        update(folder, LATER, data=data)
        assert own(folder) == before
        assert not conflicts(folder)
        commit(folder, f"Update with {data}")
    fresh = start_service(releases, tmp_path / "fresh", LATER, answers | renamed)
    kits = [{n: t for n, t in contents(f).items() if n.startswith("kit/")} for f in (folder, fresh)]
    assert kits[0] == kits[1]
    recopy(folder, LATER)
    assert own(folder) == before


def test_answers_are_renamed_without_trust(releases: Releases, tmp_path: Path) -> None:
    """By the default of the question, as hooks/README.md says; a retired answer is forgotten."""
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
