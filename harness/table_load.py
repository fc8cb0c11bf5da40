"""Load on tables from processes of their own, each with one connection: `python -m harness.table_load`.

A process executes its statements in turns and measures how long each takes. Once in a while it
holds a transaction open for a moment, as services do: what waits for it makes others wait.
"""

import contextlib
import json
import random
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

# Seconds between two statements, and in which a transaction is open.
PAUSE = 0.004
OPEN = 0.2
# Statements from one such transaction to the next.
BETWEEN = 150


@dataclass
class Waits:
    """What a process of the load has noticed."""

    # Seconds of the slowest statement, and its text.
    longest: float = 0
    statement: str = ""
    count: int = 0
    # Statements that failed because of locks: deadlocks, timeouts.
    failures: int = 0
    failure: str = ""


class Client:
    """Executes statements with the id of a random row until standard input has a line."""

    def __init__(self, url: str, statements: Sequence[str], rows: int) -> None:
        self.statements = statements
        self.rows = rows
        self.waits = Waits()
        # Without prepared statements, which a change of a table would break.
        self.connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)

    def run(self) -> str:
        """Return the line that ended it."""
        number = 0
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            number += 1
            statement = self.statements[number % len(self.statements)]
            if number % BETWEEN:
                self.measure(statement)
                continue
            with contextlib.suppress(psycopg.Error), self.connection.transaction():
                self.measure(statement)
                time.sleep(OPEN)
        return sys.stdin.readline().strip()

    def measure(self, statement: str) -> None:
        """Execute a statement, and count it with its time."""
        begin = time.monotonic()
        try:
            self.connection.execute(statement.encode(), {"id": random.randint(1, self.rows)})
        except psycopg.OperationalError as error:
            self.waits.failures += 1
            self.waits.failure = self.waits.failure or str(error)
        except psycopg.Error:
            # Revisions after the rollout remove what statements of the old code use.
            pass
        self.waits.count += 1
        seconds = time.monotonic() - begin
        if seconds > self.waits.longest:
            self.waits.longest, self.waits.statement = seconds, statement


def main() -> None:
    """Read the options, then `report` lines; print what was noticed, and start again from zero."""
    client = Client(**json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    while client.run() == "report":
        print(json.dumps(asdict(client.waits)), flush=True)
        client.waits = Waits()


class Load:
    """A process that reads and one that writes."""

    def __init__(self, processes: Sequence["subprocess.Popen[str]"]) -> None:
        self.processes = processes

    def report(self) -> list[Waits]:
        """Return what the processes have noticed since the last report."""
        return [Waits(**json.loads(exchange(process, "report"))) for process in self.processes]


def exchange(process: "subprocess.Popen[str]", line: str) -> Any:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline()


@contextlib.contextmanager
def loading(url: str, reads: Sequence[str], writes: Sequence[str], rows: int) -> Iterator[Load]:
    """Execute the statements during the block; `%(id)s` is a random number up to `rows`."""
    processes = []
    try:
        for statements in (reads, writes):
            process = subprocess.Popen(
                [sys.executable, "-m", "harness.table_load"],
                cwd=Path(__file__).resolve().parent.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            processes.append(process)
            options = {"url": url, "statements": statements, "rows": rows}
            answer = exchange(process, json.dumps(options))
            assert answer == "ready\n", answer
        yield Load(processes)
    finally:
        for process in processes:
            process.terminate()
            process.communicate()


if __name__ == "__main__":
    main()
