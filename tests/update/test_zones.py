"""Every file has one owner: an update changes files of the template, and no byte of the others."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.later_release import LATER, publish_later_release
from harness.lost_edits import assert_nothing_is_lost, patched_files
from harness.moved_services import finish_moving, start_moving
from harness.owners import is_own, project_files, template_files
from harness.releases import Releases, commit, edit, publish, tagged_clone
from harness.services_of_1x import LIVES, Life
from harness.template import TELEMETRY_PARTS, Answers
from harness.updates import ANSWERS, conflicts, contents, recopy, start_service, update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30), pytest.mark.usefixtures("forked")]

OWN_VARIABLES = "# Ours.\nORDERS_GREETING=Hello\n"
# Services of 1.x that are updated further once they have moved: all have the same kit then.
UPDATED_FURTHER = {"package-renamed", "convention-and-schema"}
DELETED = ["tests/test_users.py", "app/users/routes.py", ".editorconfig"]


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Return the releases, with LATER: it changes, adds and deletes files in every folder."""
    made = tagged_clone(tmp_path_factory.mktemp("releases") / "template")
    publish_later_release(made)
    return made


@pytest.fixture(params=ANSWERS)
def answers(request: pytest.FixtureRequest) -> Answers:
    return ANSWERS[request.param]


@pytest.fixture
def lived(releases: Releases, answers: Answers, tmp_path: Path) -> Path:
    """Return a service whose team has edited each of its own files, deleted some and added one."""
    folder = start_service(releases, tmp_path / "orders", releases.next, answers)
    for name in project_files(folder):
        path = folder / name
        path.write_text(path.read_text("utf-8") + "\n# Ours.\n", "utf-8")
    for name in DELETED:
        (folder / name).unlink()
    (folder / "app/own.py").write_text("# Ours.\n", "utf-8")
    commit(folder, "A year")
    return folder


@pytest.mark.parametrize("answers", ["all of PostgreSQL", "SQLite"], indirect=True)
def test_update_changes_no_byte_of_the_project(
    releases: Releases, answers: Answers, lived: Path, tmp_path: Path
) -> None:
    """It needs no trust, and there are no conflicts; nor does a recopy change a byte."""
    before = project_files(lived)
    other = shutil.copytree(lived, tmp_path / "other")
    update(lived, LATER)
    assert project_files(lived) == before
    fresh = start_service(releases, tmp_path / "fresh", LATER, answers)
    assert template_files(lived) == template_files(fresh)
    recopy(other, LATER)
    assert project_files(other) == before


@pytest.mark.parametrize(
    ("answers", "way"),
    list(zip(ANSWERS, (update, recopy, update), strict=True)),
    indirect=["answers"],
)
def test_answers_change_no_byte_of_the_project(
    releases: Releases, answers: Answers, lived: Path, way: Any
) -> None:
    """Its deployment, its CI and its telemetry, switched on and off again."""
    before, first = project_files(lived), template_files(lived)
    answers = {"telemetry": [], **answers}
    other: Answers = {"deploy": ["docker"], "telemetry": TELEMETRY_PARTS}
    if answers["deploy"]:
        other = {"deploy": [], "ci": "github", "telemetry": []}
    for changes in (other, answers):
        way(lived, releases.next, data=changes)
        assert project_files(lived) == before
        commit(lived, "Change answers")
    if way is update:
        assert template_files(lived) == first


def test_telemetry_is_switched_on_and_off(releases: Releases, tmp_path: Path) -> None:
    """A service of 2.0.0 gets the files of a new service; its own variables stay at the end."""
    answers: Answers = {"database": "sqlite", "deploy": ["docker"], "ci": "none"}
    folder = start_service(releases, tmp_path / "orders", "2.0.0", answers)
    with (folder / ".env.example").open("a", encoding="utf-8") as file:
        file.write(OWN_VARIABLES)
    commit(folder, "Own variables")
    before = project_files(folder)
    for parts in (TELEMETRY_PARTS[:1], TELEMETRY_PARTS, []):
        update(folder, releases.next, data={"telemetry": parts})
        commit(folder, f"Telemetry: {parts}")
        name = "+".join(["telemetry", *parts])
        fresh = start_service(
            releases, tmp_path / name, releases.next, {**answers, "telemetry": parts}
        )
        expected = template_files(fresh)
        expected[".env.example"] += OWN_VARIABLES.encode()
        assert template_files(folder) == expected, parts
        assert project_files(folder) == before


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_service_of_1_x_sees_no_conflict_once_it_has_moved(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str], life: Life
) -> None:
    """No edit is lost by the move: each line is in the file, or in a patch that the hook names.

    Then a later release, an option on and off, and a recopy change no byte of its own files.
    """
    options: Answers = {"deploy": ["docker"], "ci": "none"}
    folder = start_moving(releases, tmp_path, life, options)
    assert_nothing_is_lost(folder, capfd.readouterr().out, life.package)
    assert patched_files(folder) == set(life.left_over)
    for name, text in life.deleted.items():
        assert not (folder / name).exists() or text not in (folder / name).read_text("utf-8")
    moved = finish_moving(releases, folder, life, options)
    for name in moved.conflicts:
        assert not is_own(name), name
    if life.name not in UPDATED_FURTHER:
        return
    before = project_files(folder)
    for data in ({"ci": "github"}, {"ci": "none"}):
        update(folder, LATER, data=data)
        assert project_files(folder) == before
        assert not conflicts(folder)
        commit(folder, f"Update with {data}")
    fresh = start_service(releases, tmp_path / "fresh", LATER, moved.answers)
    assert contents(folder / "kit") == contents(fresh / "kit")
    recopy(folder, LATER)
    assert project_files(folder) == before


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
