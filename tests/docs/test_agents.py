"""AGENTS.md of a service: its commands work as written, what it names exists, and updates leave it."""

import re
from pathlib import Path

import copier
import pytest

from harness.fast_rendering import fast_uv
from harness.releases import Releases, commit, edit, git, needs_trust, publish, tagged_clone
from harness.template import COPIER, DATABASES, makefile, render
from tools.pages import Block, Command, blocks, reading

LINES = 80
TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")
CODE = re.compile(r"`([^`\n]+)`")
# A path has a folder or an ending, and is the whole code span.
PATH = re.compile(r"\.?[\w.-]+/[\w./-]*|\.?[\w-]+\.(?:py|md|yml|toml|ini)")
CLASS = re.compile(r"(?:[A-Z][a-z]+){2,}")
# Created by setup, in a folder that is named before, in the template, or what a project may have.
NOT_RENDERED = {
    ".env",
    ".venv/",
    ".venv/bin",
    ".postgres/",
    "__init__.py",
    "conftest.py",
    "env.py",
    "docs/",
    "docs/database.md",
    "docs/database.svg",
    "app/commands.py",
    "app/products/resource.toml",
    "clients/",
    "clients/python/",
    "clients/typescript/api.d.ts",
    "templates/resource/",
    "src/app/",
}
# `make test` and `make check` run those tests that a new column or resource affects, not all of them.
AFFECTED = "users or customers or models or migrations or openapi or problems"
# A release without the page.
BEFORE = "1.8.0"
OURS = "# Ours\n\nAsk Ada first.\n"


def page(folder: Path) -> str:
    return (folder / "AGENTS.md").read_text("utf-8")


def fenced(folder: Path) -> list[Block]:
    return list(blocks(page(folder)))


def code_like(pattern: re.Pattern[str], text: str) -> set[str]:
    """Return what is between backticks and fits a pattern."""
    return set(filter(pattern.fullmatch, CODE.findall(text)))


@pytest.fixture(scope="module", params=DATABASES)
def service(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a service, which tests must not change."""
    folder = tmp_path_factory.mktemp(request.param) / "orders"
    return render(source, folder, {"database": request.param})


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return tagged_clone(tmp_path_factory.mktemp("releases") / "template")


def started(releases: Releases, folder: Path, release: str, database: str = "postgresql") -> Path:
    """Return a service of a release, in git."""
    render(releases.source, folder, {"database": database}, vcs_ref=release)
    git("init", "--quiet", "--initial-branch", "main", cwd=folder)
    commit(folder, "Start")
    return folder


def update(folder: Path, release: str, conflict: str = "inline", *, trust: bool = False) -> None:
    copier.run_update(
        folder,
        vcs_ref=release,
        settings=copier.Settings(),
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=trust,
        conflict=conflict,
    )


def test_targets_exist(service: Path) -> None:
    named = set(TARGET.findall(page(service)))
    assert {"setup", "dev", "test", "check", "update"} <= named
    assert {"db-revision", "db-migrate", "db-rollback"} <= named
    assert not named - set(re.findall(r"(?m)^([a-z-]+):", makefile(service)))


@pytest.mark.parametrize(
    ("name", "not_rendered"),
    [("AGENTS.md", {".env"}), ("README.md", NOT_RENDERED), ("kit/README.md", NOT_RENDERED)],
    ids=["AGENTS.md", "README.md", "kit/README.md"],
)
def test_paths_exist(service: Path, name: str, not_rendered: set[str]) -> None:
    paths = code_like(PATH, (service / name).read_text("utf-8")) - not_rendered
    assert len(paths) > 8
    for path in paths:
        assert (service / path).exists(), path


def test_titles_of_blocks_exist(service: Path) -> None:
    for block in fenced(service):
        if block.title:
            assert (service / block.title).exists(), block.title


def test_classes_exist(service: Path) -> None:
    schemas = (service / "app/users/schemas.py").read_text("utf-8")
    names = code_like(CLASS, page(service))
    assert names
    for name in names:
        assert f"class {name}(" in schemas


def test_owners_are_true(service: Path) -> None:
    """What the page calls the project's is left alone by updates, and nothing else is."""
    section = page(service).partition("## Where things are\n")[2].partition("\n## ")[0]
    project, template, merged = re.split(r"(?m)^- ", section)[1:]
    assert project.startswith("The project's")
    for name in CODE.findall(project):
        assert is_left_alone(name), name
    for name in CODE.findall(template + merged):
        assert not is_left_alone(name), name
    assert "- Edit `kit/` or `scripts/`." in page(service).partition("## Never\n")[2]


def is_left_alone(path: str) -> bool:
    """Return whether copier.yml excludes the path, or the folder above it, from updates."""
    top = f"/{path.split('/')[0]}{{%"
    for pattern in COPIER["_exclude"]:
        excluded = re.sub(r"\{\{ package_name .*?\}\}", "app", pattern)
        if "== 'update'" in pattern and top in excluded:
            return True
    return False


def test_every_block_is_followed(service: Path) -> None:
    """No block has a command that a reader types and the test does not run."""
    for block in fenced(service):
        assert block.is_run, block
    assert len(page(service).splitlines()) <= LINES


@pytest.mark.slow
@pytest.mark.seconds(60)
def test_commands_work(releases: Releases, forking_python: Path, tmp_path: Path) -> None:
    """From setup to a column, a resource and an update, in a service as it was copied."""
    with reading(tmp_path / "you", {}) as reader:
        reader.put_on_path(fast_uv(tmp_path / "uv", forking_python))
        folder = started(releases, reader.folder / "orders", releases.next)
        reader.enter(folder)
        reader.shows_output = False
        reader.environment["PYTEST_ADDOPTS"] = f"-k '{AFFECTED}'"
        reader.follow(folder / "AGENTS.md")
        reader.start(Command("make dev", None, 0))
        assert not git("status", "--porcelain", cwd=folder)
        revisions = sorted((folder / "migrations/versions").glob("*.py"))
    assert [path.name.partition("-")[2] for path in revisions] == [
        "create_users.py",
        "add_nickname.py",
        "create_customers.py",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("conflict", ["inline", "rej"])
def test_own_page_of_before_stays(releases: Releases, conflict: str, tmp_path: Path) -> None:
    """A service of 1.x, which had none, may have written its own."""
    folder = started(releases, tmp_path / "orders", BEFORE)
    (folder / "AGENTS.md").write_text(OURS, "utf-8")
    commit(folder, "Write AGENTS.md")
    update(folder, releases.next, conflict, trust=needs_trust(releases, BEFORE, releases.next))
    assert page(folder) == OURS
    assert not list(folder.glob("AGENTS.md?*"))


@pytest.mark.slow
def test_update_brings_the_page(releases: Releases, tmp_path: Path) -> None:
    folder = started(releases, tmp_path / "orders", BEFORE)
    update(folder, releases.next, trust=needs_trust(releases, BEFORE, releases.next))
    assert page(folder) == page(started(releases, tmp_path / "fresh", releases.next))


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["edited", "deleted"])
def test_later_release_leaves_the_page(kept: bool, tmp_path: Path) -> None:
    """It is the team's once it exists, and stays deleted where it was deleted."""
    later = tagged_clone(tmp_path / "template")
    publish(later.source, "90.0.0")
    folder = started(later, tmp_path / "orders", "90.0.0")
    path = folder / "AGENTS.md"
    if kept:
        path.write_text(OURS, "utf-8")
    else:
        path.unlink()
    commit(folder, "Change AGENTS.md")
    edit(later.source / "template/AGENTS.md.jinja", "# Notes", "# Other notes")
    publish(later.source, "91.0.0")
    update(folder, "91.0.0")
    assert not git("status", "--porcelain", "AGENTS.md", cwd=folder)
