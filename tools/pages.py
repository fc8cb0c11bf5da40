"""Follows the pages of the documentation as a reader does, and says where they are not true.

A page is Markdown. What a reader types stands in fenced blocks, which are run in order, in one folder:

- `console`: a line that begins with `$ ` is a command; the lines below are what it prints, where a line
  `...` stands for any number of lines. Without such lines a command has to print nothing. With
  `console fails` the commands of the block have to fail; with `console background` they serve until
  the end of the page; `console not-run="reason"` is for the reader alone.
- any language with `title="path"`: the whole text of a file; with `diff` lines that change in it;
  with `from="path"` instead, what that file has to contain.

Ids of revisions and the times in the names of their files are different each time. A page may show
any, but has to go on showing the same one for the same revision.
"""

import contextlib
import difflib
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml
from markdown_it import MarkdownIt
from sybil import Example, Region, Sybil
from sybil.document import Document
from sybil.example import SybilFailure

from harness.processes import IDENTITY, Environment, clean_environment, wait_for
from harness.project import uv_folder
from harness.servers import free_port
from harness.template import DATABASES

TIMEOUT = 300.0
# Wide enough for no program to break its lines, whose length depends on the folder.
ROWS, COLUMNS = 50, 1000
HOME = "/home/you"

NAME = re.compile(r"(?<![\w-])(?:[0-9a-f]{12}|\d{4}_\d\d_\d\d_\d{6})(?![0-9a-zA-Z_])")
PAGE_PORT = re.compile(r"((?:127\.0\.0\.1|localhost):|\bPORT=)(\d+)")
FIRST_PORT = "8000"
# What is different each time, and what stands in the place of it while lines are compared.
VARYING = [
    (re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>]"), ""),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<checksum>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (
        re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::\d\d)?)?"),
        "<time>",
    ),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<date>"),
    # More tests and files come with each release.
    (re.compile(r"(?m)^(?:=+ )?\d+ passed in [\d.]+s(?: \([\d:]+\))?(?: =+)?(?=\r?$)"), "<passed>"),
    (re.compile(r"\b\d+ (?:source files\b|files already formatted$)", re.MULTILINE), "<files>"),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(?:ms|s|seconds?)\b"), "<duration>"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), r"\1:<port>"),
    (re.compile(r"(?<![\d.])\d+\.\d+\.\d+(?:\.post\d+)?(?![\d.])"), "<release>"),
    (re.compile(r"(?m)^(tagged \S+): [0-9a-f]{7,}$"), r"\1: <commit>"),
    (re.compile(r"\b(Makefile|kit/make\.mk):\d+:"), r"\1:<line>:"),
    # Where a path is too long for the socket of PostgreSQL, that is elsewhere.
    (re.compile(r"(?<=[?&]host=)(?:/|%2F)[^\s&]+"), "<folder>"),
    (re.compile(r'("request_id": ?")[^"]+'), r"\1<request>"),
]


class Block(NamedTuple):
    """A fenced block: its language, what is said behind it, its text, and where that begins."""

    language: str
    options: dict[str, str]
    text: str
    line: int

    @property
    def title(self) -> str | None:
        return self.options.get("title")

    @property
    def source(self) -> str | None:
        return self.options.get("from")

    @property
    def is_run(self) -> bool:
        return "not-run" not in self.options and (
            self.language == "console" or bool(self.title or self.source)
        )


class Command(NamedTuple):
    """A command, the lines that it is to print (None: the page shows none), and its line there."""

    text: str
    output: list[str] | None
    line: int


class BrokenPageError(AssertionError):
    """What comes after cannot be judged: a command ended in another way, or a file does not fit."""


def blocks(text: str) -> Iterator[Block]:
    for token in MarkdownIt().parse(hide_front_matter(text)):
        if token.type == "fence" and token.map:
            language, *options = shlex.split(token.info) or [""]
            pairs = dict(one.partition("=")[::2] for one in options)
            yield Block(language, pairs, token.content, token.map[0] + 2)


def hide_front_matter(text: str) -> str:
    """Replace the lines of the front matter by empty ones."""
    found = re.match(r"---\n.*?^---\n", text, re.DOTALL | re.MULTILINE)
    return "\n" * found[0].count("\n") + text[found.end() :] if found else text


def front_matter(text: str) -> dict[str, object]:
    found = re.match(r"---\n(.*?)^---\n", text, re.DOTALL | re.MULTILINE)
    return (yaml.safe_load(found[1]) or {}) if found else {}


def databases(page: Path) -> list[str]:
    """Return the databases that a page is run on."""
    named = front_matter(page.read_text("utf-8")).get("databases", DATABASES[:1])
    assert isinstance(named, list)
    assert set(named) <= set(DATABASES), f"{page}: databases: {named}"
    return named


def commands(block: Block) -> list[Command]:
    """Return the commands of a block; one that ends in a backslash goes on after `> `."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append(Command(line[2:], None, number))
        elif found and found[-1].output is None and found[-1].text.endswith("\\"):
            text = found[-1].text + "\n" + line.removeprefix("> ")
            found[-1] = found[-1]._replace(text=text)
        elif found:
            found[-1] = found[-1]._replace(output=[*(found[-1].output or []), line])
        else:
            raise BrokenPageError(f"line {number}: output of no command: {line}")
    # An empty line before the next command is for the eye.
    return [
        one._replace(output=None if one.output is None else trimmed(one.output)) for one in found
    ]


def trimmed(lines: list[str]) -> list[str]:
    return "\n".join(lines).strip("\n").split("\n")


def normalise(text: str) -> list[str]:
    """Return the lines as they are compared: what differs each time has been replaced."""
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    # A program that returns to the beginning of its line writes over it.
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return trimmed(lines)


@dataclass(frozen=True)
class Names:
    """Which ids and times of revisions those on the page stand for."""

    real: Mapping[str, str] = field(default_factory=dict)

    def bind(self, shown: str, real: str) -> "Names | None":
        """Return the names with one more; None where one of the two stands for another already."""
        known = self.real.get(shown)
        # Two files may have been made in the same second, but no two revisions have the same id.
        taken = "_" not in real and real in self.real.values() and known is None
        if taken or known not in {None, real}:
            return None
        return Names({**self.real, shown: real})

    def bind_line(self, shown: str, real: str) -> "Names | None":
        """Return the names with those of a line; None where the lines are not the same."""
        if NAME.sub("<name>", shown) != NAME.sub("<name>", real):
            return None
        names: Names | None = self
        for one, other in zip(NAME.findall(shown), NAME.findall(real), strict=True):
            names = names and names.bind(one, other)
        return names

    def bind_lines(self, shown: Sequence[str], real: Sequence[str]) -> "Names | None":
        names: Names | None = self if len(shown) == len(real) else None
        for one, other in zip(shown, real, strict=False):
            names = names and names.bind_line(one, other)
        return names

    def bind_output(self, shown: Sequence[str], real: Sequence[str]) -> "Names | None":
        """Return the names with those of an output; None where it is not what the page shows."""
        if "..." not in shown:
            return self.bind_lines(shown, real)
        cut = shown.index("...")
        names = self.bind_lines(shown[:cut], real[:cut])
        for skipped in range(cut, len(real) + 1) if names else ():
            assert names
            if found := names.bind_output(shown[cut + 1 :], real[skipped:]):
                return found
        return None

    def in_reality(self, text: str) -> str:
        """Return what the page says with the real names."""
        return NAME.sub(lambda found: self.real.get(found[0], found[0]), text)

    def on_page(self, text: str) -> str:
        shown = {real: name for name, real in self.real.items()}
        return NAME.sub(lambda found: shown.get(found[0], found[0]), text)


def patch(text: str, diff: str) -> str:
    """Return the text with the changes; raise BrokenPageError unless each fits in one place.

    `@@` begins the next change. What stands around the changed lines says where they are.
    """
    for change in re.split(r"(?m)^@@.*\n", re.sub(r"\A--- .*\n\+\+\+ .*\n", "", diff)):
        old = [line[1:] for line in change.splitlines() if line[:1] != "+"]
        new = [line[1:] for line in change.splitlines() if line[:1] != "-"]
        if not change.strip():
            continue
        before, after = ("".join(f"{line}\n" for line in some) for some in (old, new))
        times = f"\n{text}".count(f"\n{before}")
        if old == new or times != 1:
            raise BrokenPageError(f"fits in {times} places, not in one:\n{change}\nin:\n{text}")
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}", 1)[1:]
    return text


class Terminal:
    """A process that believes to be in a terminal, and what it prints."""

    def __init__(self, script: str, folder: Path, env: Environment) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            ["sh", "-c", script],
            cwd=folder,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.master = master
        self.printed = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        """Read until the process has ended; a server that it leaves behind may go on printing."""
        with contextlib.suppress(OSError):  # On Linux this is how a terminal ends.
            while True:
                ended = self.process.poll() is not None
                if select.select([self.master], [], [], 0 if ended else 0.02)[0]:
                    self.printed += os.read(self.master, 65536)
                elif ended:
                    return

    def wait(self) -> int:
        """Return the exit status."""
        try:
            code = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.end()
            raise BrokenPageError(f"not within {TIMEOUT:g} seconds:\n{self.text}") from None
        self.reader.join()
        return code

    @property
    def text(self) -> str:
        return self.printed.decode(errors="replace").replace("\r\n", "\n")

    def end(self) -> None:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)


class Reader:
    """Does what the pages say, one after the other, in a folder.

    `given` are the values of variables that only the reader knows: they are used instead of those
    that a page assigns, and what is printed is read as if they were those of the page.
    """

    def __init__(self, folder: Path, given: Environment) -> None:
        self.folder = folder.resolve()
        self.given = given
        self.names = Names()
        self.shown = {str(self.folder): HOME}
        self.ports: dict[str, str] = {}
        self.serving: list[Terminal] = []
        self.failures: list[str] = []
        self.edited: dict[Path, int] = {}
        # Of a page that shows no output at all, only the exit status of a command is looked at.
        self.shows_output = True
        # What a shell keeps from one command to the next; outside of what the reader sees.
        self.state = self.folder.parent / f"{self.folder.name}.state"
        self.state.mkdir()
        (self.state / "folder").write_text(f"{self.folder}\n")
        (self.state / "variables").touch()
        (self.state / "gitconfig").write_text(
            "[safe]\ndirectory = *\n[advice]\nmergeConflict = true\n"
        )
        self.environment = clean_environment(
            {
                **IDENTITY,
                "PATH": f"{uv_folder()}:{os.environ['PATH']}",
                "TERM": "dumb",
                "PAGER": "cat",
                "GIT_PAGER": "cat",
                "GIT_EDITOR": "true",
                "GIT_CONFIG_GLOBAL": str(self.state / "gitconfig"),
                "LC_ALL": "C.UTF-8",
            }
        )

    @property
    def here(self) -> Path:
        return Path((self.state / "folder").read_text().removesuffix("\n"))

    def enter(self, folder: Path) -> None:
        """Change to a folder, as `cd` on a page does."""
        (self.state / "folder").write_text(f"{folder}\n")

    def follow(self, page: Path) -> None:
        """Do what a page says; raise AssertionError with all that is not true about it."""
        self.failures = []
        document = Sybil([self.parse]).parse(page)
        try:
            for example in document:
                self.try_(example)
        finally:
            self.end_servers()
        if self.failures:
            raise AssertionError("\n\n".join(self.failures))

    def try_(self, example: Example) -> None:
        try:
            example.evaluate()
        except SybilFailure as error:
            self.failures.append(str(error))
        except BrokenPageError as error:
            where = f"{example.path}, block of line {example.line}: {error}"
            raise AssertionError("\n\n".join([*self.failures, where])) from None

    def parse(self, document: Document) -> Iterator[Region]:
        starts = [0]
        for line in document.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        for block in blocks(document.text):
            if block.is_run:
                start = starts[block.line - 2]
                end = starts[min(block.line + block.text.count("\n"), len(starts) - 1)]
                yield Region(start, end, block, self.evaluate)

    def evaluate(self, example: Example) -> str | None:
        """Do what a block says; return in what it differs from what it says."""
        block: Block = example.parsed
        if block.title:
            self.edit(block.title, block)
            return None
        if block.source:
            return self.look(block.source, block)
        do = self.start if "background" in block.options else self.run
        differences = [do(command, fails="fails" in block.options) for command in commands(block)]
        return "\n".join(filter(None, differences)) or None

    def edit(self, title: str, block: Block) -> None:
        path = self.here / self.names.in_reality(title)
        text = self.names.in_reality(block.text)
        if block.language == "diff":
            if not path.is_file():
                raise BrokenPageError(f"{title} is not there")
            text = patch(path.read_text("utf-8"), text)
        path.parent.mkdir(parents=True, exist_ok=True)
        # No person types that fast: to Python a file of the same length and second is the same.
        if self.edited.get(path) == int(time.time()):
            time.sleep(1)
        path.write_text(text, "utf-8")
        self.edited[path] = int(path.stat().st_mtime)

    def look(self, name: str, block: Block) -> str | None:
        """Return how a file differs from what the page shows of it."""
        text = (self.here / self.names.in_reality(name)).read_text("utf-8")
        shown = ["...", *block.text.splitlines(), "..."]
        return self.compare(Command(f"cat {name}", shown, block.line), text)

    def script(self, command: str) -> str:
        """Return the command as a shell runs it that remembers folder and variables."""
        command = self.names.in_reality(command)
        command = PAGE_PORT.sub(lambda found: found[1] + self.port(found[2]), command)
        name, _, value = command.partition("=")
        if name in self.given:
            # A folder that has to exist is written $(cd folder && pwd).
            self.shown[self.given[name]] = re.sub(r"^\$\(cd (\S+) && pwd\)$", r"\1", value)
            command = f"{name}={shlex.quote(self.given[name])}"
        state = shlex.quote(str(self.state))
        return (
            f'set -a; . {state}/variables; cd "$(cat {state}/folder)"\n{command}\n'
            f"code=$?; export -p > {state}/variables; pwd > {state}/folder; exit $code"
        )

    def port(self, shown: str) -> str:
        """Return the free port that is used instead of one on the page."""
        return self.ports.setdefault(shown, str(free_port()))

    def run(self, command: Command, *, fails: bool) -> str | None:
        terminal = Terminal(self.script(command.text), self.folder, self.environment)
        code = terminal.wait()
        if (code != 0) != fails:
            ending = "should fail, and ends" if fails else "ends"
            raise BrokenPageError(
                f"line {command.line}: $ {command.text}\n{ending} with status {code}:\n{terminal.text}"
            )
        return self.compare(command, terminal.text)

    def compare(self, command: Command, printed: str) -> str | None:
        """Return how the output differs from the one on the page."""
        if command.output is None and not self.shows_output:
            return None
        for real, shown in self.shown.items():
            printed = printed.replace(real, shown)
        page, reality = normalise("\n".join(command.output or [])), normalise(printed)
        if found := self.names.bind_output(page, reality):
            self.names = found
            return None
        reality = [self.names.on_page(line) for line in reality]
        diff = difflib.unified_diff(page, reality, "on the page", "in reality", lineterm="")
        return "\n".join([f"line {command.line}: $ {command.text}", *diff])

    def start(self, command: Command, *, fails: bool) -> str | None:
        """Start a server, and wait until it listens."""
        assert not fails
        named = re.search(r"\bPORT=(\d+)", command.text)
        port = self.port(named[1] if named else FIRST_PORT)
        environment = {**self.environment, "PORT": port}
        terminal = Terminal(self.script(command.text), self.folder, environment)
        self.serving.append(terminal)

        def listens() -> bool:
            if terminal.process.poll() is not None:
                raise BrokenPageError(f"$ {command.text}\nends:\n{terminal.text}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", int(port))) == 0

        wait_for(listens, f"$ {command.text} listens on port {port}")
        if command.output is None:
            return None
        shown = [*command.output, "..."]
        end = time.monotonic() + 10
        while difference := self.compare(command._replace(output=shown), terminal.text):
            if time.monotonic() > end:
                return difference
            time.sleep(0.1)
        return None

    def end_servers(self) -> None:
        for terminal in self.serving:
            terminal.end()
        self.serving.clear()

    def close(self) -> None:
        """Stop the servers and the databases that the pages have started and left."""
        self.end_servers()
        for file in self.folder.rglob("postmaster.pid"):
            # Not by `make db-stop`: a page may have broken off where that does not run.
            os.kill(int(file.read_text().split()[0]), signal.SIGINT)
            wait_for(lambda file=file: not file.exists(), f"the server of {file.parent} ends")


@contextlib.contextmanager
def reading(folder: Path, given: Environment) -> Iterator[Reader]:
    """Yield a reader in an empty folder; stop what was started, whatever happens."""
    folder.mkdir(parents=True)
    reader = Reader(folder, given)
    try:
        yield reader
    finally:
        reader.close()
