"""Services of 1.x that have moved to the next release, with nothing left to resolve."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.lost_edits import patched_files
from harness.releases import Releases, commit
from harness.services_of_1x import OLD_RELEASE, Life
from harness.template import Answers
from harness.updates import conflicts, revisions, start_service, update


@dataclass(frozen=True)
class MovedService:
    """A service at the next release, and what its team resolved by hand."""

    folder: Path
    # A new copy of the next release with the same answers.
    fresh: Path
    # Its answers to the questions of the next release.
    answers: Answers
    # Files with edits that the move left over, and files with conflicts.
    left_over: Sequence[str]
    conflicts: Sequence[str]


def moved_service(releases: Releases, folder: Path, life: Life, options: Answers) -> MovedService:
    """Return a service that has lived on 1.x and moved, in `orders` of the folder.

    Its left-over edits are dropped, and conflicts are resolved with the template's files.
    """
    return finish_moving(releases, start_moving(releases, folder, life, options), life, options)


def start_moving(releases: Releases, folder: Path, life: Life, options: Answers) -> Path:
    """Return a service that has lived on 1.x and was updated, with what the move left over."""
    answers: Answers = {"database": life.database} | options
    service = start_service(releases, folder / "orders", OLD_RELEASE, answers)
    life.live(service)
    before = revisions(service)
    update(service, releases.next, unsafe=True)
    assert revisions(service) == before
    return service


def finish_moving(releases: Releases, service: Path, life: Life, options: Answers) -> MovedService:
    """Drop what the move has left over, resolve its conflicts, and commit."""
    answers: Answers = {"database": life.database, **options, "package_name": life.package}
    fresh = start_service(releases, service.with_name("resolved"), releases.next, answers)
    left_over = sorted(patched_files(service))
    # Before conflicts are listed, as its patches look like rejected hunks of a conflict.
    shutil.rmtree(service / "left-over", ignore_errors=True)
    conflicting = conflicts(service)
    for name in conflicting:
        take_theirs(fresh / name, service / name)
    (service / "added.py").write_text("# Ours.\n", "utf-8")
    commit(service, "Move")
    return MovedService(service, fresh, answers, left_over, conflicting)


def take_theirs(theirs: Path, path: Path) -> None:
    """Resolve a conflict with the template's file, or by deletion where it has none."""
    if theirs.exists():
        shutil.copy2(theirs, path)
    else:
        path.unlink()
