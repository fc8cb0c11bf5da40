"""`copier update`: from every release to the one to come, and it equals a fresh copy."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.processes import kill_group, only
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
    RELEASES,
    contents,
    recopy,
    revisions,
    start_service,
    status,
    update,
    update_trusting_hooks,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=ANSWERS)
def answers(request: pytest.FixtureRequest) -> Answers:
    return ANSWERS[request.param]


@pytest.fixture(scope="module")
def fresh(releases: Releases, answers: Answers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh copy of the release to come."""
    return start_service(
        releases, tmp_path_factory.mktemp("fresh") / "orders", releases.next, answers
    )


@pytest.mark.parametrize("release", RELEASES)
def test_updated_equals_fresh(
    releases: Releases, answers: Answers, fresh: Path, tmp_path: Path, release: str
) -> None:
    """Where nothing conflicts both modes do the same: by turns, for each release and all answers."""
    turn = RELEASES.index(release) + list(ANSWERS.values()).index(answers)
    old = start_service(releases, tmp_path / "orders", release, answers)
    before = revisions(old)
    update_trusting_hooks(
        releases, old, releases.next, data=answers, conflict=CONFLICT_MODES[turn % 2]
    )
    assert contents(old) == contents(fresh)
    assert revisions(old) == before


@pytest.mark.parametrize("release", RELEASES)
def test_same_release_changes_nothing(releases: Releases, tmp_path: Path, release: str) -> None:
    """A release never changes: the sets of answers take turns. The one to come meets all of them."""
    turn = RELEASES.index(release) % len(ANSWERS)
    folder = start_service(releases, tmp_path / "orders", release, list(ANSWERS.values())[turn])
    update(folder, release)
    assert not status(folder)


def test_same_as_the_release_to_come(releases: Releases, fresh: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(fresh, tmp_path / "orders")
    update(folder, releases.next)
    assert not status(folder)


@pytest.mark.parametrize("answers", ["all of PostgreSQL", "SQLite"], indirect=True)
@pytest.mark.seconds(120)
def test_one_release_after_another_equals_one_update(
    releases: Releases, answers: Answers, fresh: Path, tmp_path: Path
) -> None:
    """With edits, of which none meets a change of the template."""
    first, *rest = [*RELEASES, *([] if releases.next in RELEASES else [releases.next])]
    folder = start_service(releases, tmp_path / "orders", first, answers)
    edit(folder / "app/users/routes.py", '"""', '"""Ours: ')
    (folder / ".editorconfig").unlink()
    commit(folder, "Edit")
    at_once = shutil.copytree(folder, tmp_path / "at once")
    for release in rest:
        update_trusting_hooks(
            releases, folder, release, data=answers if release == rest[-1] else {}
        )
        commit(folder, release)
    update_trusting_hooks(releases, at_once, releases.next, data=answers)
    assert contents(folder) == contents(at_once)
    edit(folder / "app/users/routes.py", '"""Ours: ', '"""')
    same = contents(fresh)
    same.pop(".editorconfig")
    assert contents(folder) == same


def test_recopy_leaves_the_project_its_own(releases: Releases, fresh: Path, tmp_path: Path) -> None:
    """Edited and deleted files, and files that it never had, stay as they are; kit is restored."""
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
    """An update takes the files of an option away; a recopy, which only writes, leaves them."""
    little, much = ANSWERS["little of PostgreSQL"], ANSWERS["all of PostgreSQL"]
    without = start_service(releases, tmp_path / "without", releases.next, little)
    with_all = start_service(releases, tmp_path / "with", releases.next, much)
    folder = shutil.copytree(without, tmp_path / "orders")
    for answers, expected in ((much, with_all), (little, without), (much, with_all)):
        way(folder, releases.next, data=answers)
        commit(folder, "Change answers")
        found = contents(folder)
        if way is recopy and answers is little:
            left = found.keys() - contents(expected).keys()
            assert left == contents(with_all).keys() - contents(without).keys()
            found = {name: text for name, text in found.items() if name not in left}
        assert found == contents(expected)
        assert revisions(folder) == revisions(without)


UPDATE = (
    "import copier, sys; copier.run_update('.', vcs_ref=sys.argv[1], defaults=True,"
    " overwrite=True, quiet=True, unsafe=True, settings=copier.Settings())"
)
KILLS = 8


@pytest.mark.seconds(90)
def test_killed_at_any_moment(releases: Releases, tmp_path: Path) -> None:
    """What the guide says puts everything back, and the next update does it all."""
    folder = start_service(releases, tmp_path / "orders", RELEASES[0], {})
    (folder / "app/own.py").write_text("MINE = 1\n", "utf-8")
    commit(folder, "Work")
    before = contents(folder)
    # Where those that were killed leave their renderings, for the next to find.
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    command = [sys.executable, "-c", UPDATE, releases.next]
    whole = shutil.copytree(folder, tmp_path / "whole")
    begun = time.monotonic()
    subprocess.run(command, cwd=whole, check=True)
    took = time.monotonic() - begun
    changed = 0
    for number in range(KILLS):
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
        # The first third of it imports and clones.
        time.sleep(took * (0.3 + 0.7 * number / KILLS))
        # A git that it has started would go on writing.
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
    assert contents(folder) == contents(whole)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Return releases after the one to come: a line is changed, and changed again."""
    made = tagged_clone(tmp_path_factory.mktemp("later") / "template")
    edit(made.source / "template/kit/ruff.toml", "line-length", "# One.\nline-length")
    publish(made.source, "90.0.0")
    edit(made.source / "template/kit/ruff.toml", "# One.\n", "# Two.\n")
    publish(made.source, "91.0.0")
    return made


@pytest.mark.parametrize("conflict", CONFLICT_MODES)
def test_conflict_is_marked_where_it_is(later: Releases, tmp_path: Path, conflict: str) -> None:
    """Nothing else is lost: neither ours, in the same file, nor what the release brings elsewhere."""
    folder = start_service(later, tmp_path / "orders", later.next, {})
    edit(folder / "kit/ruff.toml", "line-length", "# Ours.\nline-length")
    with (folder / "kit/ruff.toml").open("a") as file:
        file.write("\n# Ours as well.\n")
    edit(folder / "app/main.py", '"""', '"""Ours: ')
    commit(folder, "Edit")
    expected = contents(folder)
    update(folder, "90.0.0", conflict=conflict)
    found = contents(folder)
    found.pop(".copier-answers.yml"), expected.pop(".copier-answers.yml")
    ours = expected["kit/ruff.toml"].decode()
    if conflict == "inline":
        both = f"{CONFLICT_START}# Ours.\n{'=' * 7}\n# One.\n{CONFLICT_END}"
        expected["kit/ruff.toml"] = ours.replace("# Ours.\n", both).encode()
    else:
        expected["kit/ruff.toml"] = ours.replace("# Ours.\n", "# One.\n").encode()
        assert "+# Ours.\n" in found.pop("kit/ruff.toml.rej").decode()
    assert found == expected
