"""The fixtures of all tests: a copy of the template, and a project of each database, set up once."""

import contextlib
import dataclasses
import functools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from plumbum import local
from xdist.remote import Producer

from harness.databases import Server, server_of
from harness.fast_rendering import fast_rendering, forking_copier
from harness.migrators import migrators
from harness.package_cache import use_own_cache
from harness.project import FIRST, Project, link_environment, set_up
from harness.responses import add_responses, recorded_responses
from harness.scheduling import DatabaseScheduling, sort_longest_first
from harness.shared_certificates import shared_certificates
from harness.template import DATABASES, Answers, Render, copy_of_working_tree, render
from harness.working_copy import Revise, write_revision

# They run inside a generated project: service/test_kit.py.
collect_ignore = ["kit"]

# An example of hypothesis renders a project, which takes longer than its deadline.
settings.register_profile("rendering", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rendering")

# A file system in memory, and the bytes that must be free in it.
MEMORY = Path("/dev/shm")
MEMORY_MIN = 4 * 2**30


def pytest_configure(config: pytest.Config) -> None:
    """Use a temporary folder of this run, and remove it afterwards: environments are large.

    Each pytest that starts, also that of a generated project, closes the default folder to other
    users. Tests of root run PostgreSQL as another user, who would lose access to its files.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell starts background processes with SIGINT ignored, and their children inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        return
    use_own_cache()
    if not config.option.basetemp:
        folder = temporary_folder(config, prefix="fastapi-service-template-")
        config.option.basetemp = f"{folder}/tests"
    if has_memory_for_files():
        # A short name, as the path of a socket in it has at most 107 bytes.
        in_memory = temporary_folder(config, prefix="test-", dir=MEMORY)
        # PostgreSQL of another user has files in it.
        Path(in_memory).chmod(0o1777)
        os.environ["TMPDIR"] = tempfile.tempdir = in_memory
        # copier runs hooks with the variables of when it was imported: a hook looks for its files.
        local.env["TMPDIR"] = in_memory


def temporary_folder(config: pytest.Config, **options: Any) -> str:
    """Create a folder with the options of mkdtemp(); remove it at the end of the run."""
    folder = tempfile.mkdtemp(**options)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    return folder


def has_memory_for_files() -> bool:
    """Return whether short-lived files, such as clones by copier, can be in memory.

    ext4 takes long to create files soon after many were deleted: an update takes half the time.
    """
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_MIN


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> DatabaseScheduling:
    return DatabaseScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"project", "light_project"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    sort_longest_first(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    add_responses(report)
    return report


@pytest.fixture(scope="session", autouse=True)
def session_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Render and request fast, record responses, and have mypy analyze packages once."""
    os.environ.setdefault("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
    folder = tmp_path_factory.mktemp("copier") / "environment"
    with fast_rendering(folder), shared_certificates(), recorded_responses():
        yield


@pytest.fixture(scope="session")
def forking_python(session_of_tests: None) -> Iterator[Path]:
    """Yield the path of a Python that runs copier without the second that its imports take."""
    with forking_copier() as python:
        yield python


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_working_tree(tmp_path_factory.mktemp("template"))


@pytest.fixture
def rendered(source: Path, tmp_path: Path) -> Render:
    """Return a function that renders the template into a temporary folder."""

    def to_folder(name: str = "orders", **answers: Any) -> Path:
        return render(source, tmp_path / name, Answers(answers))

    return to_folder


@pytest.fixture(scope="session")
def projects(
    source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Project]]:
    """Yield a function that returns the project of a database, which it sets up only once.

    Its further arguments are the answers to `telemetry` and `auth`; nothing by default.
    """
    with contextlib.ExitStack() as stack:

        @functools.cache
        def project_of(
            database: str, telemetry: tuple[str, ...] = (), auth: str = "none"
        ) -> Project:
            folder = tmp_path_factory.mktemp(database) / "orders"
            answers = {"database": database, "telemetry": list(telemetry), "auth": auth}
            render(source, folder, answers)
            if auth == "none":
                # The environments of `make mutants` lack the packages of other answers.
                link_environment(folder, database)
            project = stack.enter_context(set_up(folder, database))
            started = stack.enter_context(migrators(project, folder.parent, own=False))
            return dataclasses.replace(project, migrators=started)

        yield project_of


@pytest.fixture(scope="session", params=DATABASES)
def project(request: pytest.FixtureRequest, projects: Callable[..., Project]) -> Project:
    """Return a project after its own `make setup`; tests must not change its files or database."""
    return projects(request.param)


@pytest.fixture(scope="session", params=["sqlite"])
def light_project(request: pytest.FixtureRequest, projects: Callable[..., Project]) -> Project:
    """Return the project that is set up fastest, for tests that do not depend on the database."""
    return projects(request.param)


@pytest.fixture
def server(project: Project) -> Server:
    """Return the database server of a project; not for a session, since folders override it."""
    return server_of(project)


@pytest.fixture
def url(server: Server, tmp_path: Path) -> Iterator[str]:
    """Yield the DATABASE_URL of an empty database."""
    with server.empty_database(tmp_path) as database_url:
        yield database_url


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
