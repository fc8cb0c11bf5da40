"""Updates of services that have lived for a year: what they change, and where they conflict.

Seven services of 1.x move to the next release, and then take a later one, which changes, adds,
renames and deletes files in every folder of the template.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.report import Report, Table
from harness.later_release import LATER, publish_later_release
from harness.moved_services import MovedService, moved_service
from harness.owners import project_files, template_files
from harness.releases import tagged_clone
from harness.services_of_1x import LIVES, OLD_RELEASE
from harness.template import Answers
from harness.updates import conflicts, update

OPTIONS: Answers = {"deploy": ["docker"], "ci": "github"}
MOVE = ["files with edits left over", "files with conflicts"]
UPDATE = [
    "own files",
    "bytes changed in them",
    "files replaced in `kit/`, `scripts/`",
    "files merged",
    "of them edited by the team",
    "files with conflicts",
]
REPLACED = ("kit/", "scripts/")

Contents = Mapping[str, bytes]


@dataclass(frozen=True)
class UpdateFigures:
    """What an update did to a service: the columns of UPDATE."""

    own_files: int
    changed_bytes: int
    replaced: int
    merged: int
    edited: int
    conflicts: int


def measure_update(service: MovedService) -> UpdateFigures:
    """Update a service to LATER as `copier update` does, without trust."""
    edited = changed_files(template_files(service.fresh), template_files(service.folder))
    own, others = project_files(service.folder), template_files(service.folder)
    update(service.folder, LATER)
    changed = changed_files(others, template_files(service.folder))
    replaced = {name for name in changed if name.startswith(REPLACED)}
    merged = changed - replaced
    return UpdateFigures(
        own_files=len(own),
        changed_bytes=changed_bytes(own, project_files(service.folder)),
        replaced=len(replaced),
        merged=len(merged),
        edited=len(merged & edited),
        conflicts=len(conflicts(service.folder)),
    )


def changed_files(before: Contents, after: Contents) -> set[str]:
    """Return the files that were changed, added or deleted."""
    return {name for name, _ in before.items() ^ after.items()}


def changed_bytes(before: Contents, after: Contents) -> int:
    """Return at how many positions files differ; a file that was added or deleted counts whole."""
    count = 0
    for name in changed_files(before, after):
        old, new = before.get(name, b""), after.get(name, b"")
        count += abs(len(old) - len(new)) + sum(map(int.__ne__, old, new))
    return count


def table_of(header: list[str], figures: Mapping[str, Sequence[int]]) -> Table:
    """Return the figures of each service, and their totals."""
    table = Table(["service", *header], [])
    for name, row in figures.items():
        table.rows.append([name, *map(str, row)])
    totals = map(sum, zip(*figures.values(), strict=True))
    table.rows.append(["all", *map(str, totals)])
    return table


def missed(updates: Mapping[str, UpdateFigures]) -> list[str]:
    """Return a sentence about each service whose files an update must not have changed."""
    sentences = []
    for name, figures in updates.items():
        if figures.changed_bytes or figures.conflicts:
            sentences.append(
                f"{name}: {figures.changed_bytes} bytes of own files changed,"
                f" {figures.conflicts} files conflict"
            )
    return sentences


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure every service; quick: a single one."""
    releases = tagged_clone(folder / "releases/template")
    publish_later_release(releases)
    moves: dict[str, list[int]] = {}
    updates: dict[str, UpdateFigures] = {}
    for life in LIVES[:1] if quick else LIVES:
        service = moved_service(releases, folder / life.name, life, OPTIONS)
        moves[life.name] = [len(service.left_over), len(service.conflicts)]
        updates[life.name] = measure_update(service)
    rows = {name: astuple(figures) for name, figures in updates.items()}
    return Report(
        tables={"update": table_of(UPDATE, rows), "move": table_of(MOVE, moves)},
        notes={"releases": f"From {OLD_RELEASE} to {releases.next}, then to {LATER}."},
        versions={"copier": version("copier")},
        missed=missed(updates),
    )
