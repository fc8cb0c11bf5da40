"""Runs commands of a project one after the other in a process: `python -m case_commands FILE`.

It is copied into the project. The file has a list of steps in JSON; it gets the list of what was
executed for them, up to the first command that fails.
"""

import contextlib
import json
import logging
import os
import re
import runpy
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import psycopg
from alembic.config import main as alembic_main
from sqlalchemy import MetaData, create_engine

# The command that a guard names, up to the end of its line.
NAMED = re.compile(r"make (?:db-backfill|db-migrate) (.+)")
# More guards than a chain has: an upgrade that is refused as often repeats itself.
GUARDS_MAX = 12


@dataclass
class Execution:
    """A command, its exit code and what it has printed."""

    command: list[str]
    code: int
    output: str


class FailedError(Exception):
    """A command has failed."""


class Commands:
    """Executes steps and keeps what was executed."""

    def __init__(self, backfill: str) -> None:
        # The value for a backfill that does not know it.
        self.backfill = backfill
        # What guards have named: options that allow removals.
        self.allowed: list[str] = []
        self.executed: list[Execution] = []

    def execute(self, command: list[str], call: Callable[[], object]) -> Execution:
        """Call a function that is a command; its arguments are in sys.argv."""
        code: object = 0
        with tempfile.TemporaryFile("w+") as output:
            with redirected(output.fileno()):
                sys.argv = command
                try:
                    call()
                except SystemExit as error:
                    code = error.code
                    if isinstance(code, str):
                        print(code)
                except Exception as error:  # noqa: BLE001
                    code = 70
                    print(f"{type(error).__name__}: {error}")
            output.seek(0)
            execution = Execution(command, int(code != 0 and code is not None), output.read())
        self.executed.append(execution)
        return execution

    def alembic(self, *arguments: str) -> Execution:
        return self.execute(["alembic", *arguments], alembic_main)

    def script(self, name: str, *arguments: str) -> Execution:
        def run() -> None:
            runpy.run_module(f"scripts.{name}", run_name="__main__", alter_sys=True)

        return self.execute([name, *arguments], run)

    def follow(self, words: dict[str, str]) -> None:
        """Run the backfill that a guard names."""
        arguments = [f"--set={words['set']}", f"--where={words['where']}"]
        if "key" in words:
            arguments.append(f"--key={words['key']}")
        done = self.script("backfill", *arguments, "--", words["table"])
        if done.code:
            raise FailedError

    def upgrade(self) -> None:
        """Upgrade to the head; do what guards ask for, with the arguments that they name."""
        for _ in range(GUARDS_MAX):
            words = self.advance()
            if words is None:
                return
            if "allow" in words:
                self.allowed += ["-x", f"allow={words['allow']}"]
            else:
                self.follow(words)
        raise FailedError

    def advance(self) -> dict[str, str] | None:
        """Upgrade to the head or to a guard; return the variables of make that this one names."""
        done = self.alembic(*self.allowed, "upgrade", "head")
        if not done.code:
            return None
        named = NAMED.search(done.output)
        if named is None:
            raise FailedError
        words = dict(word.split("=", 1) for word in shlex.split(named[1]) if "=" in word)
        if words.get("set", "").endswith("..."):
            words["set"] = words["set"].removesuffix("...") + self.backfill
        return words

    def prefill(self, last: str) -> None:
        """Do the backfill of the next guard in one statement, for ids up to `last`."""
        words = self.advance()
        if words is None or "set" not in words:
            return
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            update = f"UPDATE {words['table']} SET {words['set']}"
            connection.execute(f"{update} WHERE ({words['where']}) AND id <= {last}".encode())

    def query(self, statements: list[str]) -> None:
        """Execute SQL; the output is a line of JSON for the rows of each statement."""
        lines = []
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            for statement in statements:
                try:
                    cursor = connection.execute(statement.encode())
                except psycopg.Error as error:
                    self.executed.append(Execution(["query", statement], 1, str(error)))
                    raise FailedError from error
                rows = cursor.fetchall() if cursor.description else []
                lines.append(json.dumps(rows, default=str))
        self.executed.append(Execution(["query"], 0, "\n".join(lines)))

    def run(self, step: list[str]) -> None:
        """Run a step; raise FailedError if it fails.

        `upgrade` is a whole upgrade, `prefill` and `query` see there, `lint` is that of scripts;
        others are commands of Alembic.
        """
        name, *arguments = step
        if step == ["upgrade"]:
            self.upgrade()
        elif name == "prefill":
            self.prefill(*arguments)
        elif name == "query":
            self.query(arguments)
        elif name == "lint":
            # Its findings are no failure of the case. Earlier commands have set up the log.
            logging.disable(logging.INFO)
            self.script("lint")
            logging.disable(logging.NOTSET)
        elif self.alembic(*step).code:
            raise FailedError


@contextlib.contextmanager
def redirected(target: int) -> Iterator[None]:
    """Write standard output and standard error to a file, also those of child processes."""
    kept = [os.dup(1), os.dup(2)]
    for number in (1, 2):
        os.dup2(target, number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


def create_tables(statements: dict[str, list[str]]) -> None:
    """Create the tables of the models, with statements before and after it."""
    metadata: MetaData = resolve_name("app.models:Base").metadata
    url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:", 1)
    with create_engine(url).begin() as connection:
        for statement in statements["before"]:
            connection.exec_driver_sql(statement)
        metadata.create_all(connection)
        for statement in statements["after"]:
            connection.exec_driver_sql(statement)


def main() -> None:
    path = Path(sys.argv[1])
    request: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if "create" in request:
        create_tables(request["create"])
        return
    commands = Commands(request["backfill"])
    with contextlib.suppress(FailedError):
        for step in request["steps"]:
            commands.run(step)
    path.write_text(json.dumps(list(map(asdict, commands.executed))), "utf-8")


if __name__ == "__main__":
    main()
