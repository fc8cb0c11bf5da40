"""What the pages name exists: files, targets, settings, identifiers, and where links lead."""

import re
from pathlib import Path

import pytest

from harness.documents import Document, documents
from harness.template import ROOT, TELEMETRY_PARTS, files, makefile, render

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "AGENTS.md",
    ROOT / "hooks/README.md",
    *(ROOT / "docs").rglob("*.md"),
]
# Has the names of other tools, each in a column of its own.
COMPARISON = ROOT / "docs/explanation/coming-from-other-tools.md"
# Has names of 1.x, beside those of today.
MOVE = ROOT / "docs/how-to/move-to-2.0.md"
# Together they have every file that a service may have.
ANSWERS = [
    {
        "database": "postgresql",
        "deploy": ["docker", "kubernetes"],
        "ci": "github",
        "auth": "oidc",
        "telemetry": TELEMETRY_PARTS,
    },
    {
        "database": "sqlite",
        "deploy": ["docker"],
        "ci": "gitlab",
        "auth": "accounts",
        "telemetry": TELEMETRY_PARTS,
    },
]
WORD = re.compile(r"[A-Za-z_]\w*")
# A name of code, rather than a word.
NAME = re.compile(r"\b(?=\w*[a-zA-Z0-9]_[a-zA-Z0-9]|\w*[a-z][A-Z])[A-Za-z_]\w*[A-Za-z\d]\b")
TARGET = re.compile(r"^make ([a-z-]+)")
# A variable of OpenTelemetry, most of which only the SDK reads.
OTEL = re.compile(r"OTEL_[A-Z_]+[A-Z]\b")
# A setting without or with the prefix of one of the services on the pages.
SETTING = re.compile(r"\b(?:ORDERS|SHOP|BILLING_API|BILLING)_([A-Z\d_]+[A-Z])\b")
PATH = re.compile(r"^\.?(?:[\w-]+/)+[\w.-]*$")
# What commands create in a service or on a page, and what only looks like a path.
CREATED = re.compile(
    r"(\.venv|\.postgres|\.mail|build|htmlcov|left-over|\.git)/|docs/database\.|origin/|renovate/artifacts"
)
# What readers create.
CREATED_BY_READERS = {
    ".github/workflows/update.yml",
    ".gitlab/ci/update.yml",
    "app/models/plan.py",
    "app/orders/resource.toml",
    "app/products/resource.toml",
    "libs/money",
}
# Settings that a reader adds to a service.
OWN_SETTINGS = {"API_KEY", "RATES_URL", "REPORTS_URL"}
# Names of PostgreSQL, PgBouncer, SQLAlchemy and others that no code of this repository contains.
FOREIGN_NAMES = {
    "AuthenticatedClient",
    "PoolTimeout",
    "PostSync",
    "PreSync",
    "__asyncpg_stmt_1__",
    "_skip_if_exists",
    "additionalQueryStringParams",
    "allowScripts",
    "always_off",
    "always_on",
    "batch_op",
    "capture_exception",
    "config_file_name",
    "dependency_overrides",
    "fileConfig",
    "hot_standby_feedback",
    "ignoreScripts",
    "localStorage",
    "ignore_startup_parameters",
    "max_prepared_statements",
    "not_valid",
    "parentbased_always_off",
    "parentbased_always_on",
    "parentbased_traceidratio",
    "passive_deletes",
    "pg_dump",
    "pg_monitor",
    "query_wait_timeout",
    "requestedAccessTokenVersion",
    "serialization_alias",
    "set_tag",
    "superuser_reserved_connections",
}


def paths(folder: Path) -> set[str]:
    """Return the files and folders; folders end in a slash."""
    names = set()
    for path in files(folder):
        name = path.relative_to(folder)
        names.add(name.as_posix())
        for parent in name.parents:
            names.add(f"{parent.as_posix()}/")
    return names


@pytest.fixture(scope="module")
def pages() -> list[Document]:
    return documents(ROOT, *PAGES)


@pytest.fixture(scope="module")
def pages_of_today(pages: list[Document]) -> list[Document]:
    """Return the pages whose names are those of today, and of this template."""
    return [page for page in pages if page.path not in {COMPARISON, MOVE}]


@pytest.fixture(scope="module")
def services(source: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("services")
    return [render(source, folder / str(answers["database"]), answers) for answers in ANSWERS]


@pytest.fixture(scope="module")
def known_words(source: Path, services: list[Path]) -> set[str]:
    """Return every word of the services' files and of the template's."""
    everything = [source / "copier.yml"]
    for name in ("benchmarks", "harness", "hooks", "options", "tests", "tools"):
        everything += files(source / name)
    for service in services:
        everything += files(service)
    words = set()
    for path in everything:
        words.update(WORD.findall(path.name), WORD.findall(path.read_text("utf-8")))
    return words


def test_links_lead_somewhere(pages: list[Document]) -> None:
    """The site checks the anchors of its pages, but not the start page of the repository."""
    wrong = []
    for page in pages:
        for link in page.links:
            path = page.path.parent / link.partition("#")[0]
            if not re.match(r"[a-z]+:|#", link) and not path.resolve().exists():
                wrong.append(f"{page.name}: {link}")
    assert not wrong, "\n".join(wrong)


def test_targets(pages: list[Document], services: list[Path]) -> None:
    """Of a service, of this repository, or added by a diff on the page."""
    targets = set()
    for text in (*map(makefile, services), (ROOT / "Makefile").read_text("utf-8")):
        targets.update(re.findall(r"(?m)^([a-z-]+):", text))
    wrong = []
    for page in pages:
        for code in page.code:
            match = TARGET.match(code)
            if match and match[1] not in targets and f"\n+{match[1]}:" not in page.block_text:
                wrong.append(f"{page.name}: make {match[1]}")
    assert not wrong, "\n".join(wrong)


def test_settings(pages: list[Document], services: list[Path]) -> None:
    settings = set(OWN_SETTINGS)
    for service in services:
        parts = service.glob("kit/_internal/*/**/settings.py")
        for path in (service / "kit/settings.py", *parts):
            for name in re.findall(r"(?m)^    (\w+): ", path.read_text("utf-8")):
                settings.add(name.upper())
    assert len(settings) > 17
    wrong = []
    for page in pages:
        for match in SETTING.finditer(page.text):
            if match[1] not in settings:
                wrong.append(f"{page.name}: {match[0]}")
    assert not wrong, "\n".join(wrong)


def test_files(pages_of_today: list[Document], source: Path, services: list[Path]) -> None:
    """Of the repository, of a service, or on the page itself."""
    existing = set().union(*map(paths, [source, *services]))
    # What a path may be called inside a folder.
    endings = "\n".join(f"/{path}\n" for path in existing)
    wrong = []
    for page in pages_of_today:
        for code in page.code:
            is_path = PATH.match(code) and not CREATED.match(code)
            exists = code in CREATED_BY_READERS or f"/{code}\n" in endings
            if is_path and not exists and code.rstrip("/") not in page.block_text:
                wrong.append(f"{page.name}: {code}")
    assert not wrong, "\n".join(wrong)


def test_identifiers(pages_of_today: list[Document], known_words: set[str]) -> None:
    wrong = []
    for page in pages_of_today:
        for name in NAME.findall("\n".join(page.code)):
            is_known = {name, name.lower()} & (known_words | FOREIGN_NAMES)
            is_variable = SETTING.match(name) or OTEL.match(name)
            if not is_known and name not in page.block_text and not is_variable:
                wrong.append(f"{page.name}: {name}")
    assert not wrong, "\n".join(wrong)


def test_files_of_a_database_are_listed() -> None:
    """CONTRIBUTING.md names each file that a further database needs, and each that it changes."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = page.partition("## Add a database\n")[2].partition("\n## ")[0]
    listed = tuple(re.findall(r"`([^`]+)`", section))
    for path in files_about("sqlite"):
        # A name that asks for the database, as on disk; the tests of kit are named together.
        name = re.sub(r"\{% if .*? %\}(.*)\{% endif %\}.*", r"\1", path)
        name = name.replace("sqlite", "<database>")
        assert name.startswith(listed) or name.removeprefix("template/") in listed, path


def files_about(database: str) -> list[str]:
    """Return the files of the template that have the name of a database in path or text."""
    names = []
    for folder in ("template", "options", "includes"):
        for path in files(ROOT / folder):
            name = path.relative_to(ROOT).as_posix()
            if "__pycache__" in path.parts:
                continue
            if database in name or re.search(rf"\b{database}\b", path.read_text("utf-8")):
                names.append(name)
    return names


def test_exceptions_are_needed(pages: list[Document]) -> None:
    text = "".join(page.text for page in pages)
    for name in FOREIGN_NAMES | CREATED_BY_READERS:
        assert name in text
