"""Compares the output that a page shows with the real one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.pages.markdown import trimmed

# The id of a revision, or the time in the name of its file.
NAME = re.compile(r"(?<![\w-])(?:[0-9a-f]{12}|\d{4}_\d\d_\d\d_\d{6})(?![0-9a-zA-Z_])")
# Stands for any number of lines.
SKIPPED = "..."
# What is different each time, and what replaces it while lines are compared.
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
    (re.compile(r"\b\d+ (?=passed, \d+ failed|tests and \d+ routes pass)"), "<passed> "),
    (re.compile(r"\b\d+ (?:source files\b|files already formatted$)", re.MULTILINE), "<files>"),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(?:ms|s|seconds?)\b"), "<duration>"),
    (re.compile(r"(?<==> )(\S+) @\[[\d.]+\]"), r"\1 @[<time>]"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), r"\1:<port>"),
    (re.compile(r"(?<![\d.])\d+\.\d+\.\d+(?:\.post\d+)?(?![\d.])"), "<release>"),
    (re.compile(r"(?m)^(tagged \S+): [0-9a-f]{7,}$"), r"\1: <commit>"),
    (re.compile(r"\b(Makefile|kit/\w+\.mk):\d+:"), r"\1:<line>:"),
    # PostgreSQL's socket is in another folder if the path of the project is too long for it.
    (re.compile(r"(?<=[?&]host=)(?:/|%2F)[^\s&]+"), "<folder>"),
    (re.compile(r'("request_id": ?")[^"]+'), r"\1<request>"),
]


def normalise(text: str) -> list[str]:
    """Return the lines as they are compared, with placeholders for what differs each time."""
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    # A program that returns to the beginning of its line writes over it.
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return trimmed(lines)


@dataclass(frozen=True)
class Names:
    """The real ids and times of revisions, by those on the page.

    Each `bind` method returns the names with those of what it compares, or None where the page does
    not show what is real.
    """

    real: Mapping[str, str] = field(default_factory=dict)

    def bind(self, shown: str, real: str) -> "Names | None":
        known = self.real.get(shown)
        if known is not None:
            return self if known == real else None
        # Two files may be created in the same second, but no two revisions have the same id.
        if "_" not in real and real in self.real.values():
            return None
        return Names({**self.real, shown: real})

    def bind_line(self, shown: str, real: str) -> "Names | None":
        if NAME.sub("<name>", shown) != NAME.sub("<name>", real):
            return None
        names: Names | None = self
        for shown_name, real_name in zip(NAME.findall(shown), NAME.findall(real), strict=True):
            if names is not None:
                names = names.bind(shown_name, real_name)
        return names

    def bind_lines(self, shown: Sequence[str], real: Sequence[str]) -> "Names | None":
        if len(shown) != len(real):
            return None
        names: Names | None = self
        for shown_line, real_line in zip(shown, real, strict=True):
            if names is not None:
                names = names.bind_line(shown_line, real_line)
        return names

    def bind_output(self, shown: Sequence[str], real: Sequence[str]) -> "Names | None":
        """Bind lines, of which `...` on the page may stand for several."""
        if SKIPPED not in shown:
            return self.bind_lines(shown, real)
        cut = shown.index(SKIPPED)
        before = self.bind_lines(shown[:cut], real[:cut])
        if before is None:
            return None
        for end in range(cut, len(real) + 1):
            names = before.bind_output(shown[cut + 1 :], real[end:])
            if names is not None:
                return names
        return None

    def in_reality(self, text: str) -> str:
        """Return a text of the page with the real names."""
        return NAME.sub(lambda match: self.real.get(match[0], match[0]), text)

    def on_page(self, text: str) -> str:
        """Return a real text with the names of the page."""
        shown = {real: name for name, real in self.real.items()}
        return NAME.sub(lambda match: shown.get(match[0], match[0]), text)
