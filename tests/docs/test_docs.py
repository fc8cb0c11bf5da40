"""What the pages name exists: files, targets, settings, identifiers, and where links lead."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it.token import Token

from harness.template import ROOT, files, makefile, render
from tools.pages import hide_front_matter
from website.pages import PARSER

TOP = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "AGENTS")]
PAGES = sorted([*TOP, ROOT / "hooks/README.md", *(ROOT / "docs").rglob("*.md")])
# Names of other tools stand there, each in a column of its own.
COMPARISON = ROOT / "docs/explanation/coming-from-other-tools.md"
# Names of 1.x stand there, beside those of today.
MOVE = ROOT / "docs/how-to/move-to-2.0.md"
# Between them every file that a service may have.
ANSWERS = [
    {"database": "postgresql", "deploy": ["docker", "kubernetes"], "ci": "github"},
    {"database": "sqlite", "deploy": ["docker"], "ci": "gitlab"},
]
WORD = re.compile(r"[A-Za-z_]\w*")
# A name of code, rather than a word.
NAME = re.compile(r"\b(?=\w*[a-zA-Z0-9]_[a-zA-Z0-9]|\w*[a-z][A-Z])[A-Za-z_]\w*[A-Za-z\d]\b")
TARGET = re.compile(r"^make ([a-z-]+)")
# A setting without or with the prefix of one of the services on the pages.
SETTING = re.compile(r"\b(?:ORDERS|SHOP|BILLING_API)_([A-Z_]+[A-Z])\b")
PLACE = re.compile(r"^\.?(?:[\w-]+/)+[\w.-]*$")
# What work leaves in a service, what a page tells to make, and what only looks like a path.
MADE = re.compile(r"(\.venv|\.postgres|build|left-over|\.git)/|docs/database\.|origin/")
MADE_BY_READERS = {
    ".github/workflows/update.yml",
    ".gitlab/ci/update.yml",
    "app/models/plan.py",
}
# Names of PostgreSQL, PgBouncer, SQLAlchemy and others that nothing here has in its code.
# What pages have a service add.
OWN_SETTINGS = {"API_KEY", "RATES_URL", "REPORTS_URL"}
OTHERS = {
    "PoolTimeout",
    "PreSync",
    "__asyncpg_stmt_1__",
    "_skip_if_exists",
    "allowScripts",
    "batch_op",
    "clock_timestamp",
    "config_file_name",
    "dependency_overrides",
    "fileConfig",
    "hot_standby_feedback",
    "ignoreScripts",
    "ignore_startup_parameters",
    "max_prepared_statements",
    "not_valid",
    "passive_deletes",
    "pg_dump",
    "pg_monitor",
    "query_wait_timeout",
    "serialization_alias",
    "superuser_reserved_connections",
    "uq_people_email",
}


@functools.cache
def parse(page: Path) -> list[Token]:
    return PARSER.parse(hide_front_matter(page.read_text("utf-8")))


def fenced(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "fence":
            yield f"{token.info}\n{token.content}"


def inline(tokens: list[Token]) -> Iterator[str]:
    """Yield what stands between backticks."""
    for token in tokens:
        yield from (one.content for one in token.children or () if one.type == "code_inline")


def paths(folder: Path) -> set[str]:
    """Return the files and folders; the latter end in a slash."""
    found = set()
    for path in files(folder):
        name = path.relative_to(folder)
        found |= {name.as_posix(), *(f"{parent.as_posix()}/" for parent in name.parents)}
    return found


@pytest.fixture(scope="module")
def services(source: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("services")
    return [render(source, folder / str(answers["database"]), answers) for answers in ANSWERS]


@pytest.fixture(scope="module")
def known(source: Path, services: list[Path]) -> set[str]:
    """Return every word of the services' files and of the template's."""
    everything = [
        path
        for name in ("benchmarks", "harness", "hooks", "tests", "tools")
        for path in files(source / name)
    ]
    everything += [source / "copier.yml", *files(source / "options")]
    everything += [path for folder in services for path in files(folder)]
    return {
        word
        for path in everything
        for text in (path.name, path.read_text("utf-8"))
        for word in WORD.findall(text)
    }


def test_links_lead_somewhere() -> None:
    """The site looks at the anchors of its pages; the start page of the repository is not on it."""
    wrong = []
    for page in PAGES:
        tokens = [one for token in parse(page) for one in token.children or ()]
        for token in tokens:
            link = str(token.attrGet("href") or token.attrGet("src") or "")
            if link and not re.match(r"[a-z]+:|#", link):
                path = (page.parent / link.partition("#")[0]).resolve()
                if not path.exists():
                    wrong.append(f"{page.relative_to(ROOT)}: {link}")
    assert not wrong, "\n".join(wrong)


def test_targets(services: list[Path]) -> None:
    made = [*map(makefile, services), (ROOT / "Makefile").read_text("utf-8")]
    there = {name for text in made for name in re.findall(r"(?m)^([a-z-]+):", text)}
    wrong = [
        f"{page.relative_to(ROOT)}: make {found[1]}"
        for page in PAGES
        for tokens in [parse(page)]
        for code in inline(tokens)
        if (found := TARGET.match(code))
        and found[1] not in there
        and f"\n+{found[1]}:" not in "".join(fenced(tokens))
    ]
    assert not wrong, "\n".join(wrong)


def test_settings(services: list[Path]) -> None:
    text = "".join((path / "kit/settings.py").read_text("utf-8") for path in services)
    there = {name.upper() for name in re.findall(r"(?m)^    (\w+): ", text)}
    wrong = [
        f"{page.relative_to(ROOT)}: {found[0]}"
        for page in PAGES
        for found in SETTING.finditer(page.read_text("utf-8"))
        if found[1] not in there | OWN_SETTINGS
    ]
    assert len(there) > 15
    assert not wrong, "\n".join(wrong)


def test_files(source: Path, services: list[Path]) -> None:
    """Of the repository, of a service, or on the page itself."""
    there = set().union(*map(paths, [source, *services]))
    wrong = [
        f"{page.relative_to(ROOT)}: {code}"
        for page in PAGES
        for tokens in [parse(page)]
        for code in inline(tokens)
        if page not in {COMPARISON, MOVE}
        and PLACE.match(code)
        and not MADE.match(code)
        and not any(path == code or path.endswith(f"/{code}") for path in there)
        and code not in MADE_BY_READERS
        and code.rstrip("/") not in "".join(fenced(tokens))
    ]
    assert not wrong, "\n".join(wrong)


def test_identifiers(known: set[str]) -> None:
    wrong = [
        f"{page.relative_to(ROOT)}: {word}"
        for page in PAGES
        if page not in {COMPARISON, MOVE}
        for tokens in [parse(page)]
        for word in {word for code in inline(tokens) for word in NAME.findall(code)}
        if not {word, word.lower()} & known
        and word not in OTHERS
        and word not in "".join(fenced(tokens))
        and not SETTING.match(word)
    ]
    assert not wrong, "\n".join(wrong)


def test_places_of_a_database_are_listed() -> None:
    """CONTRIBUTING.md names each file that a further database needs, and each that it changes."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = page.partition("## Add a database\n")[2].partition("\n## ")[0]
    listed = re.findall(r"`([^`]+)`", section)
    missing = []
    for path in knowing("sqlite"):
        # A name that asks for the database, as on disk; the tests of kit are named together.
        name = re.sub(r"\{% if .*? %\}(.*)\{% endif %\}.*", r"\1", path).replace(
            "sqlite", "<database>"
        )
        if not any(name.startswith(place) or name == f"template/{place}" for place in listed):
            missing.append(path)
    assert not missing, "\n".join(missing)


def knowing(database: str) -> list[str]:
    """Return the files of the template that have the name of a database in path or text."""
    folders = ("template", "options", "includes")
    everything = [path for name in folders for path in files(ROOT / name)]
    return [
        path.relative_to(ROOT).as_posix()
        for path in everything
        if "__pycache__" not in path.parts
        if database in path.as_posix() or re.search(rf"\b{database}\b", path.read_text("utf-8"))
    ]


def test_exceptions_are_needed() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    assert not {word for word in OTHERS if word not in text}
    assert not {name for name in MADE_BY_READERS if name not in text}
