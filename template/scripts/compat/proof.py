"""Compares tests and routes on the schema of a branch with those on the schema of its base."""

import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from scripts.compat.checkout import Checkout, copy_of_branch
from scripts.compat.deadline import Deadline
from scripts.compat.load import Outcomes, run_load
from scripts.compat.order import Order, applied_at_rollout
from scripts.compat.suite import Results, SuiteError, run_tests
from kit._internal.database import load_testing_dialect
from kit._internal.testing.databases import create_database, upgrade

ALLOWED = re.compile(r"(?m)^\s*# db-compat: allow (.+?): \S")
# How many failed tests are run again, on both schemas.
MOST_REPEATED = 50


class RevisionsError(Exception):
    """The revisions of the branch fail on an empty database; the message has the reason."""


class Proof:
    """What ran, and what failed only because of the new revisions."""

    def __init__(self, base: str, order: Order, deadline: Deadline, stack: ExitStack) -> None:
        self.base = base
        self.order = order
        self.deadline = deadline
        self.server = os.environ.get("TEST_DATABASE_URL", "")
        if not self.server:
            url = stack.enter_context(load_testing_dialect().run_server())
            self.server = url.render_as_string(hide_password=False)
        self.files = [Path(script.path) for script in applied_at_rollout(order)]
        self.allowed = self.read_allowed()
        # What ran, for the conclusion, and the reasons by test or operation.
        self.proven: list[str] = []
        self.broken: dict[str, str] = {}

    def read_allowed(self) -> set[str]:
        """Return the tests and operations that comments in the new revisions accept."""
        allowed = set()
        for script in (*self.order.before, *self.order.waiting):
            allowed.update(ALLOWED.findall(Path(script.path).read_text("utf-8")))
        return allowed

    def apply_revisions(self) -> None:
        """Apply them to an empty database; raise RevisionsError if that fails."""
        with create_database(make_url(self.server)) as url:
            try:
                upgrade(url, self.order.before[-1].revision)
            except (CommandError, SQLAlchemyError) as error:
                raise RevisionsError(f"the new revisions cannot be applied: {error}") from None

    def of_base(self, checkout: Checkout) -> None:
        """Run the tests of the base, and a load on its routes, on the schema of this branch."""
        title = f"tests of {self.base} on the schema of this branch"
        with checkout.with_revisions(self.files):
            results = run_tests(checkout, self.server, self.deadline, f"running the {title}")
        print(f"{title}: {describe(results)}", flush=True)
        self.add_broken(self.confirm(checkout, results.failed))
        self.proven.append(f"{results.passed} tests")
        if os.environ.get("load") != "0":
            self.of_routes(checkout)

    def confirm(self, checkout: Checkout, failed: Mapping[str, str]) -> dict[str, str]:
        """Return the tests that pass on the schema of the base, and fail here a second time."""
        names = list(failed)[:MOST_REPEATED]
        if not names:
            return {}
        doing = f"repeating failed tests on the schema of {self.base}"
        before = self.repeat(checkout, names, doing)
        names = [name for name in names if name not in before]
        for name in before:
            print(f"not counted, as it fails on the schema of {self.base}, too: {name}")
        if not names:
            return {}
        with checkout.with_revisions(self.files):
            again = self.repeat(checkout, names, "repeating failed tests")
        for name in names:
            if name not in again:
                print(f"not counted, as it passes when it is repeated: {name}")
        return again

    def repeat(self, checkout: Checkout, names: list[str], doing: str) -> dict[str, str]:
        """Return those of these tests that fail; all of them if pytest does not run."""
        try:
            failed = run_tests(checkout, self.server, self.deadline, doing, names).failed
        except SuiteError as error:
            return dict.fromkeys(names, str(error))
        return {name: reason for name, reason in failed.items() if name in names}

    def of_routes(self, checkout: Checkout) -> None:
        """Call the routes; what does not succeed is called on the schema of the base, too."""
        title = f"routes of {self.base} on the schema of this branch"
        with checkout.with_revisions(self.files):
            outcomes = run_load(checkout, self.server, self.deadline, f"calling the {title}")
        worse: dict[str, str] = {}
        if outcomes.doubtful:
            doing = f"calling the routes of {self.base} on its own schema"
            worse = outcomes.worse_than(run_load(checkout, self.server, self.deadline, doing))
        print(f"{title}: {succeeded(outcomes)} passed, {len(worse)} failed", flush=True)
        self.add_broken(worse)
        self.proven.append(f"{succeeded(outcomes)} routes")

    def of_branch(self) -> None:
        """Run this branch's tests without its waiting revisions."""
        title = "tests of this branch without the waiting revisions"
        with copy_of_branch() as checkout, checkout.with_revisions(self.files):
            results = run_tests(checkout, self.server, self.deadline, f"running the {title}")
            print(f"{title}: {describe(results)}", flush=True)
            failed = list(results.failed)[:MOST_REPEATED]
            if failed:
                self.add_broken(self.repeat(checkout, failed, "repeating failed tests"))
        self.proven.append(f"{results.passed} tests of this branch")

    def add_broken(self, broken: Mapping[str, str]) -> None:
        for name, reason in broken.items():
            if name in self.allowed:
                print(f"accepted by a comment in a revision: {name}")
            else:
                self.broken[name] = reason

    def conclude(self) -> int:
        """Print the result; return the exit status."""
        for name, reason in self.broken.items():
            print(f"incompatible: {name}: {reason}")
        if self.broken:
            print(
                f"breaks during the rollout: {len(self.broken)}; keep what the old code needs, and"
                " remove it in a revision that waits for the rollout, or in a later release"
            )
            return 1
        print(f"compatible: {' and '.join(self.proven)} pass on the schema of the rollout")
        return 0


def describe(results: Results) -> str:
    return f"{results.passed} passed, {len(results.failed)} failed"


def succeeded(outcomes: Outcomes) -> int:
    """Return how many operations have succeeded."""
    names = {name.partition(" (")[0] for name in outcomes.statuses}
    return len(names - {name.partition(" (")[0] for name in outcomes.doubtful})
