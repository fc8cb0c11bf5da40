"""The pages as they are in the repository, made into what Zensical reads.

In the repository a page links to files, wherever they are, and is read without a site. So links
are turned round here: to the page of a file that is not in docs/, and to the other language.
"""

import os
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt

from website.errors import BuildError

ROOT = Path(__file__).parent.parent

# Files elsewhere in the repository that are pages of the site, too.
GUESTS = {"CHANGELOG.md": "reference/changes.md", "hooks/README.md": "reference/hooks.md"}

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<info>[^`\n]*)$")
MARKER = re.compile(r" *(?:[-*+]|\d+[.)]) +")
LINK = re.compile(r"(?P<before>\]\(|^ {0,3}\[[^\]]+\]: +)(?P<target>[^)\s]+)")
# Markdown as the repository's own view reads it.
PARSER = MarkdownIt("gfm-like", {"linkify": False})
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
OPTION = re.compile(r'(?P<key>[\w-]+)(?:="(?P<value>[^"]*)")?')
# What an information string tells the tests, and a reader need not know.
FOR_TESTS = {"fails", "background", "from"}


Places = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Language:
    code: str
    name: str
    # The titles of the sections, by the name of their folder.
    sections: dict[str, str]
    # What the switch of the colours does next: from the system's, from light, from dark.
    toggles: tuple[str, str, str]
    not_run: str
    home: str = ""
    guests: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> PurePosixPath:
        return PurePosixPath("docs", self.home)

    def files(self) -> dict[str, str]:
        """Return the place on the site, from this language's start, of each file by its path."""
        folder = ROOT / self.source
        others = {str(language.source) for language in LANGUAGES if language != self}
        found = {
            path.relative_to(ROOT).as_posix(): path.relative_to(folder).as_posix()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        own = {
            source: "index.md" if place == "README.md" else place
            for source, place in found.items()
            if not any(self.home == "" and source.startswith(f"{other}/") for other in others)
        }
        return own | self.guests


LANGUAGES = (
    Language(
        "en",
        "English",
        {
            "tutorial": "Tutorial",
            "how-to": "How-to",
            "reference": "Reference",
            "explanation": "Explanation",
            "benchmarks": "Benchmarks",
            "decisions": "Decisions",
        },
        ("Light mode", "Dark mode", "As the system"),
        "Not run here: {reason}",
        guests=GUESTS,
    ),
    Language(
        "ko",
        "한국어",
        {
            "tutorial": "튜토리얼",
            "how-to": "사용 방법",
            "reference": "레퍼런스",
            "explanation": "해설",
            "benchmarks": "벤치마크",
            "decisions": "결정 기록",
        },
        ("밝은 화면", "어두운 화면", "시스템 설정대로"),
        "여기서는 실행하지 않음: {reason}",
        home="ko",
    ),
)


def address(place: str) -> str:
    """Return the address of a page, from the start of its language."""
    if not place.endswith(".md"):
        return place
    path = place.removesuffix(".md")
    return path.removesuffix("index") if path.endswith("index") else f"{path}/"


def all_places() -> Places:
    """Return the place of each file on the site, by the codes of the languages."""
    return {language.code: language.files() for language in LANGUAGES}


def translated() -> list[str]:
    """Return the addresses that exist in every language."""
    pages = [{address(place) for place in known.values()} for known in all_places().values()]
    return sorted(set.intersection(*pages))


def convert(text: str, source: str, language: Language, known: Places) -> str:
    """Return the page for the site, line by line: what Zensical reports has the same number."""
    lines = []
    end = None
    for line in indented_by_four(text.splitlines()):
        fence = FENCE.match(line)
        if end:
            if fence and not fence["info"].strip() and fence["fence"].startswith(end):
                end = None
        elif fence:
            end = fence["fence"]
            line = f"{fence['indent']}{end}{information(fence['info'].strip(), language)}"
        else:
            line = outside_of_code(line, lambda part: relink(part, source, language, known))
        lines.append(line)
    return "\n".join(lines) + "\n"


def indented_by_four(lines: list[str]) -> list[str]:
    """Return the lines with what belongs to an item of a list indented as Python-Markdown wants it.

    CommonMark takes what is as far to the right as the item's first word; Python-Markdown counts
    four spaces a level.
    """
    tokens = PARSER.parse("\n".join(lines))
    items = [token.map for token in tokens if token.type == "list_item_open" and token.map]
    result = []
    columns: dict[int, int] = {}
    for number, line in enumerate(lines):
        around = [start for start, end in items if start < number < end]
        column = columns[around[-1]] if around else 0
        kept = min(column, len(line) - len(line.lstrip()))
        if any(start == number for start, _ in items):
            columns[number] = column + len(MARKER.match(line[kept:])[0])
        result.append("    " * len(around) + line[kept:] if line.strip() else "")
    return result


def information(info: str, language: Language) -> str:
    """Return the information string in the form of the site's Markdown."""
    if not info or info.startswith("{"):
        return info
    lexer, _, rest = info.partition(" ")
    options = {found["key"]: found["value"] for found in OPTION.finditer(rest)}
    options = {key: value for key, value in options.items() if key not in FOR_TESTS}
    classes = [f".{lexer}"]
    if reason := options.pop("not-run", None):
        classes.append(".not-run")
        remark = language.not_run.format(reason=reason)
        options["title"] = f"{options['title']} · {remark}" if "title" in options else remark
    if not options:
        return lexer
    attributes = [f'{key}="{value}"' for key, value in options.items()]
    return f" {{ {' '.join([*classes, *attributes])} }}"


def outside_of_code(line: str, change: Callable[[str], str]) -> str:
    """Change what is between pieces of inline code, which may be within the text of a link."""
    kept = [found[0] for found in CODE.finditer(line)]
    parts = CODE.sub("\0", line)
    changed = change(parts)
    return re.sub("\0", lambda _: kept.pop(0), changed)


def relink(text: str, source: str, language: Language, known: Places) -> str:
    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        return found["before"] + resolve(target, source, language, known)

    return LINK.sub(link, text)


def resolve(target: str, source: str, language: Language, known: Places) -> str:
    """Return the link of a page to another file as it has to be on the site."""
    path, hash_, anchor = target.partition("#")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    here = known[language.code][source]
    for other in LANGUAGES:
        there = known[other.code]
        place = there.get(file)
        if place is None and (ROOT / file).is_dir():
            place = there.get(f"{file}/README.md", there.get(f"{file}/index.md"))
        if place is None:
            continue
        if other == language:
            return relative(place, posixpath.dirname(here)) + hash_ + anchor
        start = posixpath.join(language.home, address(here))
        return relative(posixpath.join(other.home, address(place)), start) + hash_ + anchor
    raise BuildError(f"{source}: {target} is no page of the site, and no file that it has")


def relative(target: str, start: str) -> str:
    path = posixpath.relpath(target or ".", start or ".")
    return path if PurePosixPath(target).suffix else f"{path}/"


def navigation(language: Language) -> list[object]:
    """Return the sections with their pages, in the order in which the start page links to them.

    A page that the start page has forgotten comes last.
    """
    files = language.files()
    places = [place for place in files.values() if place.endswith(".md")]
    (start,) = [source for source, place in files.items() if place == "index.md"]
    linked = []
    for found in LINK.finditer((ROOT / start).read_text("utf-8")):
        path = found["target"].partition("#")[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(start), path))
        linked += [files[file]] if file in files else []

    def order(place: str) -> tuple[bool, int, str]:
        first = not place.endswith("/index.md")
        return first, linked.index(place) if place in linked else len(linked), place

    result: list[object] = ["index.md"]
    for folder, title in language.sections.items():
        pages = sorted((place for place in places if place.startswith(f"{folder}/")), key=order)
        if pages:
            result.append({title: pages})
            places = [place for place in places if place not in pages]
    if places != ["index.md"]:
        raise BuildError(f"no section has these pages: {', '.join(places)}")
    return result


def write(language: Language, folder: Path) -> None:
    """Write the pages of a language, and the files beside them, into an empty folder."""
    known = all_places()
    for source, place in known[language.code].items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        data = (ROOT / source).read_bytes()
        if place.endswith(".md"):
            data = convert(data.decode(), source, language, known).encode()
        path.write_bytes(data)
        # Zensical keeps what it has made of a page until the page is newer.
        status = (ROOT / source).stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
