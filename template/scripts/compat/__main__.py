"""Proves that the code of the base branch runs on this branch's schema: `make db-compat`.

While a release is rolled out, the old code runs on a database that has the new revisions. So the
tests of the base run on databases with them, and its routes are called. Waiting revisions run after
the rollout: without them, this branch's own tests have to pass. To accept a finding, add a comment
to a revision: # db-compat: allow tests/test_users.py::test_columns: it lists all columns

Exits with 0 if the code runs, 1 if not, and 2 if that cannot be decided.
"""

import os
import signal
import sys
from contextlib import ExitStack
from typing import NoReturn

from alembic.script import Script

from scripts.base import exists, find_base, git, is_comparable
from scripts.commands import INTERRUPTED
from scripts.compat.checkout import NothingToProveError, SetupError, base_checkout
from scripts.compat.deadline import Deadline, OutOfTimeError, raise_interrupt
from scripts.compat.load import LoadError
from scripts.compat.order import order_of
from scripts.compat.proof import Proof, RevisionsError
from scripts.compat.suite import SuiteError
from scripts.rebase import ADVICE, added_to
from scripts.revisions import script_directory

DEFAULT_LIMIT = 900
UNDECIDED = (OutOfTimeError, SetupError, SuiteError, LoadError, RevisionsError)


def main() -> int:
    """Print what ran and what failed; return the exit status."""
    deadline = Deadline(read_limit())
    base = find_base()
    if not base:
        print("nothing to do: nothing is merged yet")
        return 0
    if not exists(base) or not is_comparable(base):
        refuse(f"base={base}: no such branch; its code is needed")
    heads = script_directory().get_heads()
    if len(heads) > 1:
        refuse(f"{' and '.join(sorted(heads))} are heads. {ADVICE}")
    commit = git("merge-base", "--end-of-options", "HEAD", base)[0]
    added = added_to(commit)
    if not added:
        print("nothing to do: this branch adds no revisions")
        return 0
    try:
        return prove(base, commit, added, deadline)
    except NothingToProveError as error:
        print(f"nothing to compare with in {base}: {error}")
        return 0
    except UNDECIDED as error:
        print(f"undecided: {error}", file=sys.stderr)
        return 2


def read_limit() -> float:
    """Return the time limit in seconds; exit with status 2 if it is no number."""
    text = os.environ.get("limit") or str(DEFAULT_LIMIT)
    if not text.isdecimal() or int(text) == 0:
        refuse(f"limit={text}: seconds expected, such as limit=900")
    return float(text)


def prove(base: str, commit: str, added: list[Script], deadline: Deadline) -> int:
    """Run everything; return 0 if the old code runs on the new schema, otherwise 1."""
    order = order_of(added)
    print(
        f"base: {base} at {commit[:12]}; new revisions: {len(order.before)} before the rollout,"
        f" {len(order.waiting)} after it",
        flush=True,
    )
    with ExitStack() as stack:
        proof = Proof(base, order, deadline, stack)
        if order.before:
            proof.apply_revisions()
            proof.of_base(stack.enter_context(base_checkout(commit, deadline)))
        if order.waiting:
            proof.of_branch()
    return proof.conclude()


def refuse(reason: str) -> NoReturn:
    print(reason, file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, raise_interrupt)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
