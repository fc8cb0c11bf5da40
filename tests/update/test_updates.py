"""`copier update` from every release to the next one gives the same as a fresh copy.

Since 2.0 this is so for the files of the template; an update leaves the project's own files alone.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from harness.owners import project_files, template_files
from harness.processes import kill_group, only, wait_for
from harness.releases import (
    Releases,
    commit,
    edit,
    git,
    publish,
    tagged_clone,
)
from harness.template import Answers
from harness.updates import (
    ANSWERS,
    CONFLICT_END,
    CONFLICT_MODES,
    CONFLICT_START,
    MILESTONES,
    RELEASES,
    contents,
    in_turns,
    recopy,
    revisions,
    start_service,
    status,
    update,
    update_command,
    update_trusting_hooks,
)

pytestmark = pytest.mark.slow

# The first release in which every file has one owner.
OWNED = "2.0.0"


@pytest.fixture(scope="module", params=ANSWERS)
def answers(request: pytest.FixtureRequest) -> Answers:
    return ANSWERS[request.param]


@pytest.fixture(scope="module")
def fresh(releases: Releases, answers: Answers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh copy of the next release."""
    return start_service(
        releases, tmp_path_factory.mktemp("fresh") / "orders", releases.next, answers
    )


@pytest.mark.parametrize(("answers", "release"), in_turns(list(ANSWERS)), indirect=["answers"])
@pytest.mark.usefixtures("forked")
def test_updated_equals_fresh(
    releases: Releases, answers: Answers, fresh: Path, tmp_path: Path, release: str
) -> None:
    """Without conflicts both modes do the same, so releases and answers take them in turns."""
    turn = RELEASES.index(release) + list(ANSWERS.values()).index(answers)
    old = start_service(releases, tmp_path / "orders", release, answers)
    before, own = revisions(old), project_files(old)
    update_trusting_hooks(
        releases, old, releases.next, data=answers, conflict=CONFLICT_MODES[turn % 2]
    )
    if RELEASES.index(release) < RELEASES.index(OWNED):
        assert contents(old) == contents(fresh)
    else:
        assert template_files(old) == template_files(fresh)
        assert project_files(old) == own
    assert revisions(old) == before


@pytest.mark.parametrize("release", MILESTONES)
def test_same_release_changes_nothing(releases: Releases, tmp_path: Path, release: str) -> None:
    """Releases take the sets of answers in turns; the next one is tested with all of them below."""
    turn = MILESTONES.index(release) % len(ANSWERS)
    folder = start_service(releases, tmp_path / "orders", release, list(ANSWERS.values())[turn])
    update(folder, release)
    assert not status(folder)


def test_same_next_release_changes_nothing(releases: Releases, fresh: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(fresh, tmp_path / "orders")
    update(folder, releases.next)
    assert not status(folder)


@pytest.mark.parametrize("answers", ["all of PostgreSQL"], indirect=True)
@pytest.mark.usefixtures("forked")
@pytest.mark.seconds(60)
def test_one_release_after_another_equals_one_update(
    releases: Releases, answers: Answers, fresh: Path, tmp_path: Path
) -> None:
    """With edits, none of them in lines that the template has changed.

    Updates between releases do not change any more: it takes the milestones on the way.
    """
    folder = start_service(releases, tmp_path / "orders", RELEASES[0], answers)
    edit(folder / "app/users/routes.py", '"""', '"""Ours: ')
    (folder / ".editorconfig").unlink()
    commit(folder, "Edit")
    at_once = shutil.copytree(folder, tmp_path / "at once")
    for release in MILESTONES[1:]:
        update_trusting_hooks(releases, folder, release)
        commit(folder, release)
    update_trusting_hooks(releases, folder, releases.next, data=answers)
    update_trusting_hooks(releases, at_once, releases.next, data=answers)
    assert template_files(folder) == template_files(at_once) == template_files(fresh)
    owned = start_service(releases, tmp_path / "owned", OWNED, answers)
    for updated, copied in ((folder, owned), (at_once, fresh)):
        edit(updated / "app/users/routes.py", '"""Ours: ', '"""')
        expected = files_without_revisions(copied)
        del expected[".editorconfig"]
        assert files_without_revisions(updated) == expected


def files_without_revisions(folder: Path) -> dict[str, bytes]:
    """Return the project's own files without revisions, which keep the text of their release."""
    own = project_files(folder)
    for name in revisions(folder):
        del own[name]
    return own


def test_recopy_leaves_own_files_alone(releases: Releases, fresh: Path, tmp_path: Path) -> None:
    """Edited, deleted and added files stay as they are; kit is restored."""
    folder = shutil.copytree(fresh, tmp_path / "orders")
    edit(only((folder / "migrations/versions").iterdir()), '"""', '"""Applied long ago: ')
    (folder / "migrations/versions/2026_02_01_0000-own.py").write_text("# Ours.\n", "utf-8")
    edit(folder / "app/main.py", '"""', '"""Ours: ')
    for name in ("tests/test_users.py", ".editorconfig"):
        (folder / name).unlink()
    before, own = contents(folder), revisions(folder)
    edit(folder / "kit/__init__.py", '"""', '"""Lost: ')
    recopy(folder, releases.next)
    assert contents(folder) == before
    assert revisions(folder) == own


@pytest.mark.parametrize("way", [update, recopy])
@pytest.mark.seconds(20)
def test_options_on_off_and_on_again(releases: Releases, tmp_path: Path, way: Any) -> None:
    """An update deletes the files of an option; a recopy only writes, so some stay."""
    little, much = ANSWERS["little of PostgreSQL"], ANSWERS["all of PostgreSQL"]
    without = start_service(releases, tmp_path / "without", releases.next, little)
    with_all = start_service(releases, tmp_path / "with", releases.next, much)
    folder = shutil.copytree(without, tmp_path / "orders")
    for answers, expected in ((much, with_all), (little, without), (much, with_all)):
        way(folder, releases.next, data=answers)
        commit(folder, "Change answers")
        files, expected_files = template_files(folder), template_files(expected)
        if way is recopy:
            files = {name: files[name] for name in expected_files}
        assert files == expected_files
        assert project_files(folder) == project_files(without)


KILLS = 3


@pytest.mark.seconds(60)
def test_killed_at_any_moment(releases: Releases, tmp_path: Path) -> None:
    """The commands of the guide restore everything, and the next update is complete."""
    folder = start_service(releases, tmp_path / "orders", RELEASES[0], {})
    (folder / "app/own.py").write_text("MINE = 1\n", "utf-8")
    commit(folder, "Work")
    before = contents(folder)
    # Killed updates leave their renderings here, where the next update could take them for its own.
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    command = update_command(releases.next)
    updated = shutil.copytree(folder, tmp_path / "updated")
    start = time.monotonic()
    subprocess.run(command, cwd=updated, check=True)
    duration = time.monotonic() - start
    changed = 0
    for number in range(KILLS):
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
        if number < KILLS - 1:
            # The first third of the time it imports and clones.
            time.sleep(duration * (0.3 + 0.7 * number / KILLS))
        else:
            # On a busy machine the others may not have written anything yet.
            wait_for(lambda: bool(status(folder)), "it writes")
        # With its group: a git that it has started would continue to write.
        kill_group(process)
        changed += bool(status(folder))
        (folder / ".git/index.lock").unlink(missing_ok=True)
        git("reset", "--quiet", cwd=folder)
        git("checkout", "--quiet", ".", cwd=folder)
        git("clean", "-fdq", cwd=folder)
        assert not status(folder)
        assert contents(folder) == before
    assert changed, "no update was killed while it wrote"
    subprocess.run(command, cwd=folder, env=environment, check=True)
    assert contents(folder) == contents(updated)


@pytest.fixture(scope="session")
def later(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Return two releases after the next one, which change the same line."""
    made = tagged_clone(tmp_path_factory.mktemp("later") / "template")
    edit(made.source / "template/kit/ruff.toml", "line-length", "# One.\nline-length")
    publish(made.source, "90.0.0")
    edit(made.source / "template/kit/ruff.toml", "# One.\n", "# Two.\n")
    publish(made.source, "91.0.0")
    return made


@pytest.mark.parametrize("conflict", CONFLICT_MODES)
def test_only_the_conflict_is_marked(later: Releases, tmp_path: Path, conflict: str) -> None:
    """Other edits of the service, also in the same file, and other changes of the release stay."""
    folder = start_service(later, tmp_path / "orders", later.next, {})
    edit(folder / "kit/ruff.toml", "line-length", "# Ours.\nline-length")
    with (folder / "kit/ruff.toml").open("a") as file:
        file.write("\n# Ours as well.\n")
    edit(folder / "app/main.py", '"""', '"""Ours: ')
    commit(folder, "Edit")
    expected = contents(folder)
    update(folder, "90.0.0", conflict=conflict)
    files = contents(folder)
    expected[".copier-answers.yml"] = files[".copier-answers.yml"]
    ours = expected["kit/ruff.toml"].decode()
    if conflict == "inline":
        both = f"{CONFLICT_START}# Ours.\n{'=' * 7}\n# One.\n{CONFLICT_END}"
        expected["kit/ruff.toml"] = ours.replace("# Ours.\n", both).encode()
    else:
        expected["kit/ruff.toml"] = ours.replace("# Ours.\n", "# One.\n").encode()
        assert "+# Ours.\n" in files.pop("kit/ruff.toml.rej").decode()
    assert files == expected
