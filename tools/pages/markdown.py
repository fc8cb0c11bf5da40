"""Parses a page: its front matter, its fenced blocks, and the commands of a block."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from markdown_it import MarkdownIt

from harness.template import DATABASES
from tools.pages.errors import BrokenPageError

FRONT_MATTER = re.compile(r"---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)
PROMPT = "$ "
# What a shell prints before the next line of a command that ends in a backslash.
CONTINUATION = "> "


class Block(NamedTuple):
    """A fenced block: its language, the options after it, its text, and the line where that begins."""

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
        if "not-run" in self.options:
            return False
        return self.language == "console" or bool(self.title or self.source)


class Command(NamedTuple):
    """A command, the lines that it must print (None: the page shows none), and its line there."""

    text: str
    output: list[str] | None
    line: int


def blocks(text: str) -> Iterator[Block]:
    for token in MarkdownIt().parse(hide_front_matter(text)):
        if token.type == "fence" and token.map:
            language, *words = shlex.split(token.info) or [""]
            options = dict(word.partition("=")[::2] for word in words)
            yield Block(language, options, token.content, token.map[0] + 2)


def hide_front_matter(text: str) -> str:
    """Replace the lines of the front matter by empty ones."""
    match = FRONT_MATTER.match(text)
    if match is None:
        return text
    return "\n" * match[0].count("\n") + text[match.end() :]


def front_matter(text: str) -> dict[str, object]:
    match = FRONT_MATTER.match(text)
    if match is None:
        return {}
    return yaml.safe_load(match[1]) or {}


def databases(page: Path) -> list[str]:
    """Return the databases that a page is true on."""
    names = front_matter(page.read_text("utf-8")).get("databases", DATABASES[:1])
    assert isinstance(names, list)
    assert set(names) <= set(DATABASES), f"{page}: databases: {names}"
    return names


def programs(page: Path) -> list[str]:
    """Return the programs of the operating system that a page needs, named as their packages."""
    names = front_matter(page.read_text("utf-8")).get("programs", [])
    assert isinstance(names, list)
    return names


def commands(block: Block) -> list[Command]:
    """Return the commands of a block; a line that ends in a backslash continues after `> `."""
    parsed: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith(PROMPT):
            parsed.append(Command(line.removeprefix(PROMPT), None, number))
            continue
        if not parsed:
            raise BrokenPageError(f"line {number}: output of no command: {line}")
        command = parsed.pop()
        if command.output is None and command.text.endswith("\\"):
            text = f"{command.text}\n{line.removeprefix(CONTINUATION)}"
            parsed.append(command._replace(text=text))
        else:
            parsed.append(command._replace(output=[*(command.output or []), line]))
    return [without_empty_lines(command) for command in parsed]


def without_empty_lines(command: Command) -> Command:
    """Remove the empty line before the next command, which is for the eye."""
    if command.output is None:
        return command
    return command._replace(output=trimmed(command.output))


def trimmed(lines: list[str]) -> list[str]:
    """Return the lines without empty ones at the beginning and at the end."""
    return "\n".join(lines).strip("\n").split("\n")
