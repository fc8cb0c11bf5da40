"""The texts of mails: `<kind>.txt`, whose first line is `Subject: ...`, and `<kind>.html`.

Those in the folder `mails/` of the service's package replace the ones in `templates/` beside this
module, each of them separately: a service that has switched accounts on later has none of its own.
They are templates with `$placeholders` (string.Template): `$$` is a dollar sign.
"""

from __future__ import annotations

import html
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from kit._internal.auth.accounts.mail.addresses import single_line
from kit._internal.auth.accounts.mail.kinds import KINDS
from kit._internal.auth.start import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULTS = Path(__file__).parent / "templates"
SUBJECT = "Subject: "
SUFFIXES = (".txt", ".html")


@dataclass(frozen=True)
class Text:
    """The templates of a kind of mail."""

    subject: Template
    plain: Template
    html: Template


@dataclass(frozen=True)
class FilledText:
    """What a message says."""

    subject: str
    plain: str
    html: str


def own_folder(settings_class: type) -> Path:
    """Return the folder with the texts of a service: `mails/` in the package of its settings."""
    package = sys.modules[settings_class.__module__.partition(".")[0]]
    # A namespace package has no __file__.
    folders = list(getattr(package, "__path__", []))
    if not folders:
        folders = [str(Path(package.__file__ or ".").parent)]
    return Path(folders[0]) / "mails"


def load_texts(folder: Path) -> dict[str, Text]:
    """Return the texts of all kinds of mails, those in the folder first.

    Raises StartError with a line for each invalid file.
    """
    problems = unknown_files(folder)
    texts = {}
    for kind in KINDS:
        sources = {}
        for suffix in SUFFIXES:
            path = folder / f"{kind}{suffix}"
            if not path.is_file():
                path = DEFAULTS / path.name
            # Other bytes are named below.
            sources[suffix] = path.read_text("utf-8", errors="replace")
            problems += problems_of(path, kind, sources[suffix])
        texts[kind] = parse(sources[".txt"], sources[".html"])
    if problems:
        raise StartError("\n".join(problems))
    return texts


def parse(plain: str, html_text: str) -> Text:
    subject, _, body = plain.partition("\n")
    return Text(
        Template(subject.removeprefix(SUBJECT).strip()),
        Template(body.lstrip("\n")),
        Template(html_text),
    )


def unknown_files(folder: Path) -> list[str]:
    """Return a line for each text that no mail uses, as its name may be misspelled."""
    if not folder.is_dir():
        return []
    texts = [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES]
    names = ", ".join(KINDS)
    return [f"{path}: no mail uses it; mails: {names}" for path in texts if path.stem not in KINDS]


def problems_of(path: Path, kind: str, source: str) -> list[str]:
    """Return a line for each reason not to use a text."""
    if "\ufffd" in source:
        return [f"{path}: is not UTF-8"]
    template = Template(source)
    if not template.is_valid():
        return [f"{path}: has a $ without a name; write $$ for a dollar sign"]
    used = set(template.get_identifiers())
    known = KINDS[kind].placeholders
    problems = []
    for name in sorted(used - known):
        names = ", ".join(f"${item}" for item in sorted(known))
        problems.append(f"{path}: unknown placeholder ${name}; known: {names}")
    if KINDS[kind].has_token and "link" not in used:
        problems.append(f"{path}: has no $link, without which the mail is of no use")
    subject = source.partition("\n")[0]
    if path.suffix == ".txt" and not subject.removeprefix(SUBJECT).strip():
        problems.append(f"{path}: has no subject; first line: `{SUBJECT}...`")
    elif path.suffix == ".txt" and not subject.startswith(SUBJECT):
        problems.append(f"{path}: first line has to be `{SUBJECT}...`")
    elif path.suffix == ".txt" and "link" in Template(subject).get_identifiers():
        # Lists of messages and notifications on a locked screen show it.
        problems.append(f"{path}: has $link in the subject, which others may see")
    return problems


def fill(text: Text, values: Mapping[str, object]) -> FilledText:
    """Return a text with values, each of them in a single line, escaped in HTML."""
    lines = {name: single_line(value, limit=2000) for name, value in values.items()}
    lines["name"] = single_line(values["name"], limit=100)
    escaped = {name: html.escape(line) for name, line in lines.items()}
    return FilledText(
        single_line(text.subject.substitute(lines)),
        text.plain.substitute(lines),
        text.html.substitute(escaped),
    )
