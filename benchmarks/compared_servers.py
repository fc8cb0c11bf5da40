"""The servers that the benchmark of the service compares, on one database."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import fastapi_template, wrk
from benchmarks.measured_server import Server
from benchmarks.postgresql import listening
from harness.databases import server_of
from harness.processes import clean_environment, run
from harness.project import Project, set_up, uv_folder
from harness.releases import git, released
from harness.template import ROOT, copy_of_working_tree, render

HERE = Path(__file__).parent
ROWS = 1000
SEEDS = {
    "postgresql": f"""
        INSERT INTO users (id, email, name)
        SELECT ('01890000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
            'seeded' || i || '@example.com', 'Seeded ' || i
        FROM generate_series(0, {ROWS - 1}) AS i;
    """,
    "sqlite": f"""
        INSERT INTO users (id, email, name)
        WITH RECURSIVE series (i) AS (
            SELECT 0 UNION ALL SELECT i + 1 FROM series WHERE i < {ROWS - 1}
        )
        SELECT '01890000000070008000' || printf('%012x', i),
            'seeded' || i || '@example.com', 'Seeded ' || i FROM series;
    """,
}
TITLES = {
    "floor": "Starlette, asyncpg, orjson by hand",
    "raw": "FastAPI, asyncpg",
    "service": "this service",
    "released": "this service, as last released",
    "granian": "this service on granian",
    "usual_async": "the usual recipe, asynchronous",
    "usual_sync": "the usual recipe, in the thread pool",
    "fastapi_template": fastapi_template.PACKAGE,
}
# Implementations without an ORM and without logging. They must answer under every load.
BY_HAND = {"floor", "raw"}
READS = frozenset({"by_id", "list"})
GRANIAN = ["--interface", "asgi", "--factory", "--loop", "uvloop", "--host", "127.0.0.1"]
# It has to log the same as the service on uvicorn.
GRANIAN_LOG = {
    "formatters": {
        "default": {
            "()": "kit.logging.Formatter",
            "context": "ext://structlog.contextvars.get_contextvars",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "default"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {},
}


@contextlib.contextmanager
def set_up_servers(
    folder: Path, database: str, names: Sequence[str] = tuple(TITLES)
) -> Iterator[list[Server]]:
    """Render and migrate the service; yield these servers on its database, not yet running."""
    source = folder / "template"
    if not source.exists():
        copy_of_working_tree(source)
    rendered = render(source, folder / database / "orders", {"database": database})
    with set_up(rendered, database) as project, contextlib.ExitStack() as stack:
        python = project.folder / ".venv/bin/python"
        install = [uv_folder() / "uv", "pip", "install", "--quiet", "--python", python]
        run(*install, "orjson", "granian", "py-spy", cwd=folder)
        if database == "postgresql":
            url = stack.enter_context(listening(project, wrk.CORE))
            with psycopg.connect(url) as connection:
                connection.execute(SEEDS[database])
        else:
            url = f"sqlite:///{project.folder}/orders.db"
            server_of(project).run_script(url, SEEDS[database])
        lineup = Lineup(project, url, folder)
        servers = []
        for name in names:
            server = lineup.server(name)
            if server is not None:
                servers.append(server)
        yield servers


@dataclass
class Lineup:
    """Makes the servers of TITLES for a service and its database."""

    project: Project
    url: str
    # For what is generated or installed.
    folder: Path

    def server(self, name: str) -> Server | None:
        """Return a server, or None where it is not available on this machine."""
        match name:
            case "service":
                return self.service(name, self.project.folder)
            case "released":
                release = render_release(self.folder / self.project.database, self.project.database)
                if release is None:
                    return None
                return self.service(name, release)
            case "granian":
                return self.granian()
            case "fastapi_template":
                return self.fastapi_template()
            case _:
                return self.implementation(name)

    def service(self, name: str, folder: Path) -> Server:
        """Return the service whose code is in this folder, in the environment of the project.

        A release has the same packages as the working tree, so that only its code differs.
        """
        command: list[str | Path] = [self.project.folder / ".venv/bin/python", "-m", "app"]
        env = clean_environment({"DATABASE_URL": self.url})
        return Server(name, TITLES[name], command, folder, env, must_not_fail=True)

    def granian(self) -> Server:
        """Return the service on granian instead of uvicorn."""
        log = self.folder / "granian.json"
        log.write_text(json.dumps(GRANIAN_LOG), "utf-8")
        programs = self.project.folder / ".venv/bin"
        command = [programs / "granian", *GRANIAN, "--log-config", log, "--port", "{port}"]
        server = self.service("granian", self.project.folder)
        return server.variant(
            command=[*command, "app.main:create_app"], workloads=READS, must_not_fail=False
        )

    def fastapi_template(self) -> Server | None:
        """Return the service that fastapi_template generates; None without a Python for it."""
        project = fastapi_template.generate(self.folder, self.url, SEEDS["postgresql"])
        if project is None:
            return None
        return Server(
            "fastapi_template",
            TITLES["fastapi_template"],
            [project / ".venv/bin/python", "-m", "peer"],
            project,
            clean_environment(fastapi_template.environment(self.url)),
            prefix="/api",
        )

    def implementation(self, name: str) -> Server:
        """Return one of benchmarks/implementations on uvicorn."""
        python = self.project.folder / ".venv/bin/python"
        app = f"implementations.{name}:app"
        command: list[str | Path] = [python, "-m", "uvicorn", app, "--port", "{port}"]
        if name in BY_HAND:
            command += ["--no-access-log", "--log-level", "warning"]
        env = clean_environment({"PYTHONPATH": str(HERE), "BENCHMARK_DATABASE_URL": self.url})
        # In the scratch folder, so that its log is not written to the repository.
        folder = self.folder
        title = TITLES.get(name, name)
        return Server(name, title, command, folder, env, must_not_fail=name in BY_HAND)


def render_release(folder: Path, database: str) -> Path | None:
    """Return a service of the newest release with a template other than the working tree's."""
    for version, commit in reversed(released().items()):
        if git("diff", "--name-only", commit, "--", "template", cwd=ROOT):
            source = folder / f"template-{version}"
            git("clone", "--quiet", "--no-checkout", ROOT, source, cwd=ROOT)
            git("checkout", "--quiet", commit, cwd=source)
            return render(source, folder / "released", {"database": database}, vcs_ref="HEAD")
    return None
