"""Draws the revisions, newest first, and tells which are applied: `make db-history`."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alembic import context
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError, to_tuple
from sqlalchemy import Row, inspect, select

from kit._internal.migrations.history import TABLE, checksum, history
from kit.project import PROJECT_DIR

SCRIPTS = ScriptDirectory.from_config(Config(PROJECT_DIR / "alembic.ini"))


def main() -> None:
    there, problem = None, ""
    try:
        there = applied()
    except SystemExit as error:
        problem = f"What is applied is not known: {error}"
    print(*(line.rstrip() for line in draw(there)), sep="\n", flush=True)
    if problem:
        print(problem, file=sys.stderr)


def applied() -> dict[str, Row[tuple[Any, ...]] | None]:
    """Return the revisions that the database has, each with its row if there is one.

    Ends with a line when the database does not answer.
    """
    heads: set[str] = set()
    rows: dict[str, Row[tuple[Any, ...]]] = {}

    def look(found: tuple[str, ...], _context: object) -> tuple[()]:
        heads.update(found)
        connection = context.get_bind()
        if inspect(connection).has_table(TABLE):
            rows.update((row.revision, row) for row in connection.execute(select(history)))
        return ()

    config = Config(attributes={"looking": True})
    try:
        with EnvironmentContext(config, SCRIPTS, fn=look, dont_mutate=True):
            SCRIPTS.run_env()
    except CommandError as error:
        raise SystemExit(str(error)) from None
    known = {one.revision for one in SCRIPTS.walk_revisions()}
    steps = {one.revision for one in SCRIPTS.iterate_revisions(tuple(heads & known), "base")}
    # What came before a revision that has no file cannot be told from the files.
    lost = rows.keys() if heads - known else rows.keys() - known
    return {revision: rows.get(revision) for revision in steps | heads | lost}


def state_of(revision: str, file: Script | None, there: Mapping[str, Any]) -> str:
    if not file:
        return "missing"
    if (row := there.get(revision)) and row.checksum != checksum(file.path):
        return "changed"
    return "applied" if revision in there else "pending"


def draw(there: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield two lines for each revision, and one where lines meet."""
    files = {one.revision: one for one in SCRIPTS.walk_revisions()}
    for revision in sorted((there or {}).keys() - files.keys()):
        yield f"? {revision}  applied, but not among the files"
    # What each line leads down to; nothing where a line has ended.
    lanes: list[str] = []
    for revision, one in files.items():
        if revision not in lanes:
            lanes.append(revision)
        first, *others = [at for at, lane in enumerate(lanes) if lane == revision]
        if others:
            yield join(lanes, first, others, "┴╯")
        lanes = ["" if at in others else lane for at, lane in enumerate(lanes)]
        while not lanes[-1]:
            lanes.pop()
        mark = "●" if revision in (there or ()) else "○"
        head = " (head)" if one.is_head else ""
        yield f"{join(lanes, first, mark=mark)} {revision}  {one.doc}{head}"
        before = to_tuple(one.down_revision, default=("",))
        width = len(lanes)
        lanes = [*lanes[:first], before[0], *lanes[first + 1 :], *before[1:]]
        yield f"{join(lanes, first, range(width, len(lanes)), '┬╮')} {tell(one, there)}"


def join(
    lanes: Sequence[str], first: int, others: Sequence[int] = (), corners: str = "", mark: str = ""
) -> str:
    """Return a line of the picture, in which one lane meets others to its right."""
    last = max(others, default=first)
    line = ""
    for at, lane in enumerate(lanes):
        inside = first < at < last
        sign = ("┼" if inside else "│") if lane else ("─" if inside else " ")
        if at == first:
            sign = mark or ("├" if others else sign)
        elif at in others:
            sign = corners[at == last]
        line += sign + ("─" if first <= at < last else " ")
    return line


def tell(one: Script, there: Mapping[str, Any] | None) -> str:
    if there is None:
        return ""
    row, state = there.get(one.revision), state_of(one.revision, one, there)
    if not row:
        return state
    changed = "changed after it was " if state == "changed" else ""
    return f"{changed}applied {row.applied_at:%Y-%m-%d %H:%M:%S} UTC"


if __name__ == "__main__":
    main()
