"""Print the words of prose.toml in files of this repository or of a rendered project.

    python -m tools.prose [path ...]

Without a path: every page, the questions, the programs of this repository, and what two
combinations of answers render.
"""

import argparse
import io
import re
import sys
import tempfile
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.template import ROOT, copy_of_working_tree, files, render
from website.links import INLINE_CODE
from website.markdown import FENCE

DATA = tomllib.loads((Path(__file__).parent / "prose.toml").read_text("utf-8"))
PENDING: list[str] = DATA["pending"]
# Between them every file that a service may have.
ANSWERS = [
    {"database": "postgresql", "deploy": ["docker", "kubernetes"], "ci": "github"},
    {"database": "sqlite", "deploy": ["docker"], "ci": "gitlab"},
]
# Folders of programs. Tests have planted sentences.
PROGRAMS = ("benchmarks", "harness", "hooks", "tools", "website")
LINK_TARGET = re.compile(r"\]\([^)]*\)|<https?://[^>]*>")
COMMENT_MARKS = re.compile(r"^\s*#+:? ?")
# Tokens of Python that a developer or a user reads. Since Python 3.12 f-strings have their own.
READ = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    instead: str
    example: str


@dataclass(frozen=True)
class Finding:
    """A word, and what to write instead of it."""

    file: str
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.word} → {self.instead}"


def read_rules() -> list[Rule]:
    rules = []
    for row in DATA["rules"]:
        # A line may end between any two words.
        pattern = re.compile(row["pattern"].replace(" ", r"\s+"), re.IGNORECASE)
        rules.append(Rule(pattern, row["instead"], row["example"]))
    return rules


RULES = read_rules()


def blank(match: re.Match[str]) -> str:
    """Return as many spaces: findings keep their lines, and words around code stay apart."""
    return re.sub(r"[^\n]", " ", match[0])


def markdown_prose(text: str) -> str:
    """Return the text with spaces instead of code blocks, code spans and links' targets."""
    lines = []
    end = ""
    for line in text.splitlines():
        fence = FENCE.match(line.lstrip("> "))
        if end:
            lines.append("")
            if fence and fence["fence"].startswith(end):
                end = ""
        elif fence:
            lines.append("")
            end = fence["fence"]
        else:
            lines.append(line)
    prose = INLINE_CODE.sub(blank, "\n".join(lines))
    return LINK_TARGET.sub(blank, prose)


def python_prose(text: str) -> str:
    """Return comments, docstrings and messages, each in its line, without code spans."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in READ:
            continue
        for offset, line in enumerate(token.string.splitlines()):
            lines[token.start[0] - 1 + offset] += " " + COMMENT_MARKS.sub("", line)
    return INLINE_CODE.sub(blank, "\n".join(lines))


def other_prose(text: str) -> str:
    """Return the lines without the marks of comments, so that sentences go over lines."""
    return "\n".join(COMMENT_MARKS.sub("", line) for line in text.splitlines())


def newest_release(text: str) -> str:
    """Return a change log up to the second release: older ones are history."""
    headings = list(re.finditer(r"^## ", text, re.MULTILINE))
    return text[: headings[1].start()]


def prose(path: Path) -> str:
    """Return what developers read in a file, each word in the line where it is."""
    text = path.read_text("utf-8")
    if path.name == "CHANGELOG.md":
        text = newest_release(text)
    if ".md" in path.suffixes:
        return markdown_prose(text)
    if path.suffix == ".py":
        return python_prose(text)
    return other_prose(text)


def find(text: str, file: str) -> list[Finding]:
    findings = []
    for rule in RULES:
        for match in rule.pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            word = " ".join(match[0].split())
            findings.append(Finding(file, line, word, rule.instead))
    return sorted(findings, key=lambda finding: finding.line)


def documents() -> list[Path]:
    """Return the pages in English, the questions, and the Makefile."""
    pages = [path for path in (ROOT / "docs").rglob("*.md") if "ko" not in path.parts]
    pages += [*ROOT.glob("*.md"), ROOT / "hooks/README.md"]
    questions = [ROOT / "copier.yml", *(ROOT / "options").glob("*.yml")]
    return sorted([*pages, *questions, ROOT / "Makefile"])


def programs() -> list[Path]:
    paths: list[Path] = []
    for folder in PROGRAMS:
        paths += sorted((ROOT / folder).rglob("*.py"))
    return paths


def project_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a rendered project, each with its name in the list of pending ones."""
    for path in files(folder):
        yield f"project/{path.relative_to(folder).as_posix()}", path


def all_files(source: Path, folder: Path) -> list[tuple[str, Path]]:
    """Return every file to check with its name; the projects are rendered into the folder."""
    named = [(path.relative_to(ROOT).as_posix(), path) for path in [*documents(), *programs()]]
    for answers in ANSWERS:
        project = render(source, folder / str(answers["database"]), answers)
        named += project_files(project)
    return named


def check(named: Iterable[tuple[str, Path]]) -> dict[str, list[Finding]]:
    """Return the findings by name, without files that have none. Two projects share names."""
    findings: dict[str, list[Finding]] = {}
    for name, path in named:
        for finding in find(prose(path), name):
            in_file = findings.setdefault(name, [])
            if finding not in in_file:
                in_file.append(finding)
    return findings


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path)
    paths: list[Path] = parser.parse_args(arguments).paths
    if paths:
        findings = check((str(path), path) for path in paths)
    else:
        with tempfile.TemporaryDirectory() as folder:
            source = copy_of_working_tree(Path(folder, "source"))
            findings = check(all_files(source, Path(folder)))
    for name, in_file in findings.items():
        print(f"{name}: {len(in_file)}")
        for finding in in_file:
            print(f"  {finding}")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
