"""What the tests share: a copy of the template, and one set-up project a database."""

import contextlib
import dataclasses
import functools
import os
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import copier
import httpx
import pytest
from hypothesis import HealthCheck, settings
from jinja2.sandbox import SandboxedEnvironment
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests.databases import Server as DatabaseServer
from tests.databases import server_of
from tests.migrators import migrators
from tests.packages import keep_bytecode, use_own_cache
from tests.project import FIRST, Project, link_environment, set_up
from tests.repository import write_revision
from tests.template import DATABASES, Answers, copy_of_working_tree, render

Render = Callable[..., Path]
Revise = Callable[..., Path]

# They run inside a generated project: test_kit.py.
collect_ignore = ["kit"]

# PostgreSQL builds it beside its readers and writers, outside of any transaction.
INDEX = """
def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_users_name", "users", ["name"], postgresql_concurrently=True, if_not_exists=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_users_name", "users", postgresql_concurrently=True, if_exists=True)
"""

# An example renders a project: how long that takes says nothing about whether it is right.
settings.register_profile("rendering", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rendering")


def pytest_configure(config: pytest.Config) -> None:
    """Use a folder of this run's own, and remove it in the end: environments are large.

    pytest's usual folder is closed to other users whenever a pytest starts, that of a generated
    project too; as root PostgreSQL runs as another user, who then loses its files.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell has what it starts in the background ignore it, and that its own children.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        use_own_cache()
    if not config.option.basetemp and not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="fastapi-service-template-")
        config.option.basetemp = f"{folder}/tests"
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


# What takes longest comes first, so that in the end no process is left alone with it.
LONGEST = (
    "test_pages_are_true",
    "test_zero_downtime",
    "test_benchmarks",
    "test_lived_in",
    "test_seams",
    "test_safe_migrations",
    "test_growth",
    "test_site",
    "test_one_release_after_another",
    "test_killed_at_any_moment",
    "test_update_of_a_service",
    "test_generated_readme",
    "test_gates_on_another_python",
    "test_fuzz",
    "test_backfill",
    "test_migrations",
    "test_merge",
    "test_ci",
    "test_managed",
    "test_migration_limits",
    "test_pictures",
    "test_makefile",
    "test_recipes",
    "test_user_story",
    "test_kit",
    "test_checks",
)


class OneProcessForEachDatabase(LoadScopeScheduling):
    """Has one process run all tests of a file with a database, and those of what is built once.

    xdist's own groups (`--dist loadgroup`) are ignored without a word under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if Path(file).stem in {"test_site", "test_benchmarks"}:
            return file
        parameters = nodeid.rpartition("[")[2].rstrip("]").split("-")
        database = next((name for name in parameters if name in DATABASES), None)
        return f"{file}, {database}" if database else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return OneProcessForEachDatabase(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"project", "light_project"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    items.sort(
        key=lambda item: next(i for i, name in enumerate((*LONGEST, "")) if name in item.nodeid)
    )


@pytest.fixture(scope="session", autouse=True)
def sparing_copier() -> Iterator[None]:
    """Spare copier what it does for every rendering anew."""
    compiled: dict[tuple[Any, ...], Any] = {}
    compile_ = SandboxedEnvironment.compile

    def compile_once(self: SandboxedEnvironment, *template: Any, **names: Any) -> Any:
        key = self.lexer, *template, *names.items()
        if key not in compiled:
            compiled[key] = compile_(self, *template, **names)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxedEnvironment, "compile", compile_once)
        # A process of git for each file; it has nothing to do where git sees what may be executed.
        patch.setattr(copier._main.Worker, "_sync_git_index_executable_bit", lambda *_: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def types_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have mypy read the packages once, not for each project: it compares checksums."""
    os.environ.setdefault("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))


RESPONSES: deque[str] = deque(maxlen=5)


@pytest.fixture(scope="session", autouse=True)
def responses_are_kept() -> Iterator[None]:
    """Keep the last responses that a test has got from any server: it shows them when it fails."""
    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    def keep(response: httpx.Response) -> httpx.Response:
        if response.is_stream_consumed:
            request = response.request
            RESPONSES.append(
                f"{request.method} {request.url}: {response.status_code}\n{response.text[:2000]}"
            )
        return response

    def keep_sync(self: httpx.Client, *words: Any, **options: Any) -> httpx.Response:
        return keep(send(self, *words, **options))

    async def keep_async(self: httpx.AsyncClient, *words: Any, **options: Any) -> httpx.Response:
        return keep(await send_async(self, *words, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", keep_sync)
        patch.setattr(httpx.AsyncClient, "send", keep_async)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.failed and RESPONSES:
        report.sections.append(("Last responses", "\n\n".join(RESPONSES)))
    if report.when == "teardown":
        RESPONSES.clear()
    return report


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_working_tree(tmp_path_factory.mktemp("template"))


@pytest.fixture
def rendered(source: Path, tmp_path: Path) -> Render:
    """Return a function that copies the template into a folder of the test's own."""

    def to_folder(name: str = "orders", **answers: Any) -> Path:
        return render(source, tmp_path / name, Answers(answers))

    return to_folder


@pytest.fixture(scope="session")
def projects(
    source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Project]]:
    """Yield a function that returns the project of a database, which it sets up only once."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def project_of(database: str) -> Project:
            folder = tmp_path_factory.mktemp(database) / "orders"
            render(source, folder, {"database": database})
            link_environment(folder, database)
            made = stack.enter_context(set_up(folder, database))
            keep_bytecode(folder / ".venv")
            stack.callback(keep_bytecode, folder / ".venv")
            started = stack.enter_context(migrators(made, folder.parent, own=False))
            return dataclasses.replace(made, migrators=started)

        yield project_of


@pytest.fixture(scope="session", params=DATABASES)
def project(request: pytest.FixtureRequest, projects: Callable[[str], Project]) -> Project:
    """Return a project after its own `make setup`; tests leave its files and database alone."""
    return projects(request.param)


@pytest.fixture(scope="session", params=["sqlite"])
def light_project(request: pytest.FixtureRequest, projects: Callable[[str], Project]) -> Project:
    """Return the project that costs least, for what no database has a part in."""
    return projects(request.param)


@pytest.fixture(scope="session")
def server(project: Project) -> DatabaseServer:
    return server_of(project)


@pytest.fixture
def url(server: DatabaseServer, tmp_path: Path) -> Iterator[str]:
    """Yield the DATABASE_URL of an empty database."""
    with server.empty_database(tmp_path) as made:
        yield made


@pytest.fixture
def copy(project: Project, url: str, tmp_path: Path) -> Project:
    """Return a copy of the project to be changed: the same environment, an empty database."""
    return project.copy(tmp_path / "orders", url)


@pytest.fixture
def revise(copy: Project) -> Revise:
    """Return a function that adds a revision after another one."""

    def write(revision: str, body: str, before: str = FIRST, **words: str) -> Path:
        return write_revision(copy, revision, body.format(**words), before)

    return write
