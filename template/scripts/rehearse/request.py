"""What `make db-rehearse` is asked for: its variables, from the environment."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from scripts.rehearse.formats import FORMATS

# The value of `from=` for the schema of DATABASE_URL.
DATABASE = "database"


@dataclass(frozen=True)
class Request:
    """The arguments.

    `source` is empty for the base branch's revisions, DATABASE, or the path of a dump; `stats` is
    the URL of a database whose sizes are read; `rows` is how many rows each table gets; `to` is
    the file of the report.
    """

    source: str = ""
    stats: str = ""
    rows: int = 0
    load: bool = False
    format: str = "text"
    to: Path | None = None


def read_request() -> Request:
    """Return the arguments; exit with status 2 for wrong ones."""
    source = os.environ.get("from", "")
    if source not in {"", DATABASE} and not Path(source).is_file():
        refuse(f"from={source}: no such file; or from=database, the schema of DATABASE_URL")
    rows = os.environ.get("rows") or "0"
    if not rows.isascii() or not rows.isdigit():
        refuse(f"rows={rows}: expected a number, such as rows=1000000")
    chosen = os.environ.get("format") or "text"
    if chosen not in FORMATS:
        refuse(f"format={chosen}: expected one of {', '.join(FORMATS)}")
    to = os.environ.get("to")
    path = None
    if to:
        path = Path(to)
    return Request(
        source=source,
        stats=os.environ.get("stats", ""),
        rows=int(rows),
        load=os.environ.get("load", "") not in {"", "0"},
        format=chosen,
        to=path,
    )


def refuse(reason: str) -> NoReturn:
    """Exit with status 2 and a message."""
    print(reason, file=sys.stderr)
    raise SystemExit(2)
