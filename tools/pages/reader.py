"""Follows pages: edits the files that they show, runs their commands, and compares the output."""

import contextlib
import difflib
import os
import re
import shlex
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from sybil import Example, Region, Sybil
from sybil.document import Document
from sybil.example import SybilFailure

from harness.processes import Environment, wait_for
from harness.servers import free_port
from tools.pages.errors import BrokenPageError
from tools.pages.markdown import Block, Command, blocks, commands
from tools.pages.output import SKIPPED, Names, normalise
from tools.pages.patches import patch
from tools.pages.shell import Shell
from tools.pages.terminal import Terminal

HOME = "/home/you"
PAGE_PORT = re.compile(r"((?:127\.0\.0\.1|localhost):|\b\w*PORT=)(\d+)")
# The port on which a background command listens.
OWN_PORT = re.compile(r"(?:\bPORT=|listen-address=127\.0\.0\.1:)(\d+)")
FIRST_PORT = "8000"
# Seconds that a server has to print what the page shows, from when it listens.
OUTPUT_DEADLINE = 10


class Reader:
    """Does what the pages say, one after the other, in a folder.

    `variables` are values that only the reader knows: they replace those that a page assigns, and in
    the output those of the page replace them.
    """

    def __init__(self, folder: Path, variables: Environment) -> None:
        self.folder = folder.resolve()
        self.variables = variables
        self.shell = Shell(self.folder, self.folder.parent / f"{self.folder.name}.state")
        self.names = Names()
        # What the page shows in place of a real text.
        self.shown = {str(self.folder): HOME}
        # The free port that is used in place of one on the page.
        self.ports: dict[str, str] = {}
        self.servers: list[Terminal] = []
        self.failures: list[str] = []
        # When a file was last edited, in seconds.
        self.edited: dict[Path, int] = {}
        # Of a page that shows no output at all, only the exit statuses are checked.
        self.shows_output = True

    @property
    def environment(self) -> dict[str, str]:
        return self.shell.environment

    def put_on_path(self, folder: Path) -> None:
        """Have the reader use the programs of a folder before others of the same name."""
        self.environment["PATH"] = f"{folder}:{self.environment['PATH']}"

    def enter(self, folder: Path) -> None:
        self.shell.enter(folder)

    def follow(self, page: Path) -> None:
        """Do what a page says; raise AssertionError with all that is not true about it."""
        self.failures = []
        document = Sybil([self.parse]).parse(page)
        try:
            for example in document:
                self.evaluate_example(example)
        finally:
            self.end_servers()
        if self.failures:
            raise AssertionError("\n\n".join(self.failures))

    def evaluate_example(self, example: Example) -> None:
        try:
            example.evaluate()
        except SybilFailure as error:
            self.failures.append(str(error))
        except BrokenPageError as error:
            broken = f"{example.path}, block of line {example.line}: {error}"
            raise AssertionError("\n\n".join([*self.failures, broken])) from None

    def parse(self, document: Document) -> Iterator[Region]:
        """Yield the blocks that are run, by the positions of their first and last character."""
        starts = [0]
        for line in document.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        for block in blocks(document.text):
            if block.is_run:
                start = starts[block.line - 2]
                end = starts[min(block.line + block.text.count("\n"), len(starts) - 1)]
                yield Region(start, end, block, self.evaluate)

    def evaluate(self, example: Example) -> str | None:
        """Do what a block says; return how reality differs from it."""
        block: Block = example.parsed
        if block.title:
            self.edit(block.title, block)
            return None
        if block.source:
            return self.compare_file(block.source, block)
        differences = []
        for command in commands(block):
            difference = self.execute(command, block)
            if difference:
                differences.append(difference)
        return "\n".join(differences) or None

    def execute(self, command: Command, block: Block) -> str | None:
        fails = "fails" in block.options
        if "background" in block.options:
            assert not fails, "a server that fails needs no background"
            return self.start(command)
        return self.run(command, fails=fails)

    def edit(self, title: str, block: Block) -> None:
        """Write a file, or change it."""
        path = self.shell.folder / self.names.in_reality(title)
        text = self.names.in_reality(block.text)
        if block.language == "diff":
            if not path.is_file():
                raise BrokenPageError(f"{title} does not exist")
            text = patch(path.read_text("utf-8"), text)
        else:
            text = self.with_ports(text)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Readers type slower: to Python a file of the same length and second is the same.
        if self.edited.get(path) == int(time.time()):
            time.sleep(1)
        path.write_text(text, "utf-8")
        self.edited[path] = int(path.stat().st_mtime)

    def compare_file(self, name: str, block: Block) -> str | None:
        """Return how a file differs from what the page shows of it."""
        text = (self.shell.folder / self.names.in_reality(name)).read_text("utf-8")
        shown = [SKIPPED, *block.text.splitlines(), SKIPPED]
        return self.compare(Command(f"cat {name}", shown, block.line), text)

    def script(self, command: str) -> str:
        """Return the script that runs a command of a page, with the reader's ports and variables."""
        command = self.names.in_reality(command)
        command = self.with_ports(command)
        name, _, value = command.partition("=")
        if name in self.variables:
            own_value = self.variables[name]
            self.shown[own_value] = value
            command = f"{name}={shlex.quote(own_value)}"
        return self.shell.script(command)

    def with_ports(self, text: str) -> str:
        """Return a text of the page with the ports that are used."""
        return PAGE_PORT.sub(lambda match: match[1] + self.port(match[2]), text)

    def port(self, shown: str) -> str:
        """Return the free port that is used instead of one on the page."""
        return self.ports.setdefault(shown, str(free_port()))

    def run(self, command: Command, *, fails: bool) -> str | None:
        """Run a command until it ends; return how its output differs from the one on the page."""
        script = self.script(command.text)
        terminal = Terminal(script, self.folder, self.environment, command.output or [])
        status = terminal.wait()
        if (status != 0) != fails:
            ending = "should fail, and ends" if fails else "ends"
            raise BrokenPageError(
                f"line {command.line}: $ {command.text}\n"
                f"{ending} with status {status}:\n{terminal.text}"
            )
        return self.compare(command, terminal.text)

    def compare(self, command: Command, printed: str) -> str | None:
        """Return how the output differs from the one on the page."""
        if command.output is None and not self.shows_output:
            return None
        for real, shown in self.shown.items():
            printed = printed.replace(real, shown)
        page, reality = normalise("\n".join(command.output or [])), normalise(printed)
        names = self.names.bind_output(page, reality)
        if names is not None:
            self.names = names
            return None
        reality = [self.names.on_page(line) for line in reality]
        diff = difflib.unified_diff(page, reality, "on the page", "in reality", lineterm="")
        return "\n".join([f"line {command.line}: $ {command.text}", *diff])

    def start(self, command: Command) -> str | None:
        """Start a server, and wait until it listens."""
        match = OWN_PORT.search(command.text)
        port = self.port(match[1] if match else FIRST_PORT)
        environment = {**self.environment, "PORT": port}
        terminal = Terminal(self.script(command.text), self.folder, environment)
        self.servers.append(terminal)

        def listens() -> bool:
            if not terminal.is_running():
                raise BrokenPageError(f"$ {command.text}\nends:\n{terminal.text}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", int(port))) == 0

        wait_for(listens, f"$ {command.text} listens on port {port}")
        if command.output is None:
            return None
        return self.wait_for_output(command._replace(output=[*command.output, SKIPPED]), terminal)

    def wait_for_output(self, command: Command, terminal: Terminal) -> str | None:
        """Return how the output of a server differs from the page after the deadline."""
        end = time.monotonic() + OUTPUT_DEADLINE
        while True:
            difference = self.compare(command, terminal.text)
            if difference is None or time.monotonic() > end:
                return difference
            time.sleep(0.1)

    def end_servers(self) -> None:
        for terminal in self.servers:
            terminal.end()
        self.servers.clear()

    def close(self) -> None:
        """Stop the servers and the databases that the pages have started and not stopped."""
        self.end_servers()
        for file in self.folder.rglob("postmaster.pid"):
            # Not by `make db-stop`: a page may have broken off where that does not work.
            os.kill(int(file.read_text().split()[0]), signal.SIGINT)
            wait_for(lambda file=file: not file.exists(), f"the server of {file.parent} ends")


@contextlib.contextmanager
def reading(folder: Path, variables: Environment) -> Iterator[Reader]:
    """Yield a reader in an empty folder; whatever happens, stop what it has started."""
    folder.mkdir(parents=True)
    reader = Reader(folder, variables)
    try:
        yield reader
    finally:
        reader.close()
