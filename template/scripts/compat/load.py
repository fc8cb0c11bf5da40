"""Calls the routes of the old code, which a server process serves, from several clients."""

import contextlib
import http
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from scripts.compat import serve_base
from scripts.compat.checkout import Checkout, temporary_folder
from scripts.compat.deadline import Deadline, Process, started
from scripts.compat.made_up_values import Schema, Values, is_id
from scripts.compat.operations import PARAMETER, Operation, ids_below, operations_of

CLIENTS, ROUNDS = 4, 4
# Seconds for all calls, for the start of the server, for a call, and between looks for a file.
LONGEST, START, CALL, INTERVAL = 30.0, 60.0, 10.0, 0.05
# What a call without an answer counts as.
NO_ANSWER = 599
FAILED, REFUSED = 500, 400
# The end of the names of calls whose bodies leave optional values out.
REQUIRED_ONLY = " (required only)"


class LoadError(Exception):
    """The old code cannot be served; the message says why."""


@dataclass
class Outcomes:
    """The statuses of all calls by operation, see REQUIRED_ONLY."""

    statuses: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def of(self, name: str) -> int:
        """Return the status of an operation: an error of the server, or the best of its answers."""
        statuses = self.statuses.get(name, [])
        if not statuses:
            return 0
        if max(statuses) >= FAILED:
            return max(statuses)
        return min(statuses)

    @property
    def doubtful(self) -> list[str]:
        """The operations that have not succeeded."""
        return [name for name in self.statuses if self.of(name) >= REFUSED]

    def worse_than(self, before: "Outcomes") -> dict[str, str]:
        """Return the operations that now fail, or are refused, and what they answered before."""
        worse = {}
        for name in self.doubtful:
            now, then = self.of(name), before.of(name)
            # 0: not called, which shows nothing.
            if 0 < then < REFUSED or now >= FAILED > then > 0:
                worse[name] = f"answers {describe(now)}, before {describe(then)}"
        return worse


def describe(status: int) -> str:
    if status == NO_ANSWER:
        return "nothing"
    return f"{status} {http.HTTPStatus(status).phrase}"


def run_load(checkout: Checkout, server: str, deadline: Deadline, doing: str) -> Outcomes:
    """Serve a checkout on a database with its revisions, and call its routes.

    Raises LoadError if it does not start.
    """
    deadline.check(doing)
    outcomes = Outcomes()
    with serving(checkout, server, deadline, doing) as (url, document):
        end = time.monotonic() + min(LONGEST, deadline.remaining)
        clients = [Client(url, document, number, end) for number in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            for statuses in pool.map(Client.run, clients):
                for name, status in statuses:
                    outcomes.statuses[name].append(status)
    return outcomes


@contextlib.contextmanager
def serving(
    checkout: Checkout, server: str, deadline: Deadline, doing: str
) -> Iterator[tuple[str, Schema]]:
    """Start the server; yield its URL and its OpenAPI document."""
    with temporary_folder() as folder:
        answer = folder / "serving.json"
        variables = {**checkout.variables(checkout.folder), "TEST_DATABASE_URL": server}
        command = [checkout.python, Path(serve_base.__file__), answer]
        # A file, as nothing reads a pipe while the server logs.
        with (
            (folder / "log").open("w+", encoding="utf-8") as log,
            started(command, checkout.folder, variables, log) as process,
        ):
            if not is_written(answer, process, min(START, deadline.remaining)):
                log.seek(0)
                lines = log.read().strip().splitlines() or ["it printed nothing"]
                raise LoadError(f"the server of the base does not start: {lines[-1]}")
            deadline.check(doing)
            served = json.loads(answer.read_text("utf-8"))
            yield served["url"], served["document"]


def is_written(answer: Path, process: Process, seconds: float) -> bool:
    """Return whether the server writes its answer in time, and before it ends."""
    end = time.monotonic() + seconds
    while not answer.exists():
        if process.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(INTERVAL)
    return True


class Client:
    """A client with rows of its own: it creates, reads, changes and deletes them, some times."""

    def __init__(self, url: str, document: Schema, number: int, end: float) -> None:
        self.http = httpx.Client(base_url=url, timeout=CALL)
        self.document = document
        self.operations = operations_of(document)
        self.number = number
        self.end = end
        self.known: dict[str, str] = {}

    def run(self) -> list[tuple[str, int]]:
        """Return operations and statuses, in the order of the calls."""
        results: list[tuple[str, int]] = []
        with self.http:
            for turn in range(ROUNDS):
                values = Values(self.document, self.number + CLIENTS * turn, self.known)
                # Rows that refer to others need these first, and have optional values, or not.
                required_only = turn % 2 == 1
                for operation in self.operations:
                    if time.monotonic() > self.end:
                        return results
                    status = self.call(operation, values, required_only=required_only)
                    if status:
                        name = operation.name
                        if required_only and operation.body:
                            name += REQUIRED_ONLY
                        results.append((name, status))
        return results

    def call(self, operation: Operation, values: Values, *, required_only: bool) -> int:
        """Call an operation; return the status, 0 if there is no row to call it with."""
        path = operation.path_for(values)
        if path is None:
            return 0
        headers = {}
        for name, value in operation.parameters(values, "header").items():
            headers[name] = str(value)
        options: dict[str, Any] = {"params": operation.parameters(values, "query")}
        if operation.body is not None:
            options["json"] = values.of(operation.body, required_only=required_only)
        try:
            if operation.method in {"put", "patch", "delete"}:
                headers.update(self.condition_for(path))
            response = self.http.request(operation.method, path, headers=headers, **options)
        except httpx.HTTPError:
            return NO_ANSWER
        if response.is_success:
            self.follow(operation, response)
        return response.status_code

    def condition_for(self, path: str) -> dict[str, str]:
        """Return If-Match with the current version of a row, if it has one."""
        tag = self.http.get(path).headers.get("ETag")
        if tag is None:
            return {}
        return {"If-Match": tag}

    def follow(self, operation: Operation, response: httpx.Response) -> None:
        """Remember the id of a row that was created, for the paths below; forget a deleted one."""
        if operation.method == "delete":
            for name in PARAMETER.findall(operation.path)[-1:]:
                self.known.pop(name, None)
        if operation.method != "post":
            return
        with contextlib.suppress(ValueError):
            body = response.json()
            if isinstance(body, dict) and is_id(body.get("id")):
                for name in ids_below(self.operations, operation.path):
                    self.known[name] = str(body["id"])
