"""Runs pending revisions on a throwaway copy and reports what they block: `make db-rehearse`.

Exits with 0 if nothing blocks, 1 if a statement blocks reads or writes while it scans or rewrites a
table that existed before, or a revision fails, and 2 for wrong arguments.
"""

import signal
import sys

from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from scripts.base import find_base
from scripts.commands import INTERRUPTED
from scripts.rehearse.database import rehearse
from scripts.rehearse.formats import FORMATS
from scripts.rehearse.pending import heads_of_base, pending_after
from scripts.rehearse.report import Report
from scripts.rehearse.request import DATABASE, Request, read_request, refuse


def main() -> int:
    """Rehearse, print or write the report, and return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    request = read_request()
    try:
        report = create_report(request)
    except KeyboardInterrupt:
        print("\ninterrupted: the copy is removed", file=sys.stderr)
        return INTERRUPTED
    except (CommandError, SQLAlchemyError, OSError, RuntimeError) as error:
        refuse(f"cannot create the copy: {error}")
    text = FORMATS[request.format](report)
    if request.to is None:
        print(text)
    else:
        request.to.write_text(text + "\n", "utf-8")
        print(f"written to {request.to}")
    return report.status


def create_report(request: Request) -> Report:
    """Return the report; without a copy if the branch adds no revision."""
    if request.source == DATABASE:
        return rehearse(request, "")
    base = find_base()
    if not request.source and not pending_after(heads_of_base(base)):
        return Report(base=base)
    return rehearse(request, base)


if __name__ == "__main__":
    sys.exit(main())
