"""The image of a service, built without Docker, and its commands run as processes."""

import re
import signal
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from harness import dockerfile
from harness.databases import Server as DatabaseServer
from harness.deployment import compose_services, container_of, pod_of, resources_of
from harness.dockerfile import Image
from harness.processes import only, run
from harness.project import Project
from harness.servers import RunningService, free_port, serving
from harness.template import Render, render
from harness.working_copy import add_column

pytestmark = pytest.mark.seconds(20)

UPGRADE = ("alembic", "upgrade", "head")


@pytest.fixture(scope="session")
def image(project: Project, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Return the image of a project after setup: with its uv.lock, and files for development."""
    folder = tmp_path_factory.mktemp("image")
    answers = {"database": project.database, "deploy": ["docker"]}
    copied = render(source, folder / "project", answers)
    (copied / "uv.lock").write_bytes((project.folder / "uv.lock").read_bytes())
    (copied / ".env").write_text("DATABASE_URL=of-development\n", "utf-8")
    return dockerfile.build(copied, folder)


def package_of(requirement: str) -> str:
    return re.split(r"[<>=\[;]", requirement)[0]


def installed_packages(image: Image) -> set[str]:
    names = set()
    for path in image.root.rglob("site-packages/*.dist-info"):
        names.add(path.name.split("-")[0].replace("_", "-"))
    return names


def status(server: RunningService, path: str) -> int:
    return httpx.get(f"{server.address}{path}").status_code


def test_image_has_what_runs_and_nothing_else(image: Image, project: Project) -> None:
    tops = set()
    for name in image.files():
        assert not re.search(r"(^|/)uvx?$", name), name
        if name.startswith("service/"):
            tops.add(name.split("/")[1])
    files_of_root = {".venv", "alembic.ini", "pyproject.toml"}
    assert tops == {"app", "kit", "migrations", "scripts"} | files_of_root
    kit = tomllib.loads((project.folder / "kit/pyproject.toml").read_text("utf-8"))
    development = set(map(package_of, kit["project"]["optional-dependencies"]["dev"]))
    assert {"pytest", "mypy"} <= development
    installed = installed_packages(image)
    assert "fastapi" in installed
    assert not development & installed


def test_image_is_compiled(image: Image) -> None:
    """Every start would compile what is not: nothing can be written in the container."""
    names = set(image.files())
    for path in (image.root / "service").rglob("*.py"):
        folder = path.parent.relative_to(image.root)
        compiled = f"{folder}/__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"
        if "/site-packages/" not in str(path) and "/bin/" not in str(path):
            assert compiled in names, path
    assert re.search(r"site-packages/fastapi/__pycache__/.*pyc", "\n".join(names))


def test_image_migrates_serves_and_stops(
    image: Image, server: DatabaseServer, url: str, source: Path, tmp_path: Path
) -> None:
    """The commands of Dockerfile and compose.yaml, in the image's folder and environment."""
    answers = {"database": server.project.database, "deploy": ["docker"]}  # type: ignore[attr-defined]
    services = compose_services(render(source, tmp_path / "orders", answers))
    migration = services["migration"]["command"]
    port = free_port()
    env = image.settings(DATABASE_URL=url, PORT=str(port))
    before = image.files()
    log = tmp_path / "log"
    start = image.command("CMD")
    with serving(*start, cwd=image.cwd, env=env, log_file=log, port=port) as served:
        assert status(served, "/health/ready") == 503
        run(*migration, cwd=image.cwd, env=env)
        assert status(served, "/health/ready") == 200
        assert httpx.get(f"{served.address}/users").json()["items"] == []
        run(*image.command("HEALTHCHECK"), cwd=image.cwd, env=env)
        served.process.send_signal(signal.SIGTERM)
        assert served.wait() == 0, served.log
    run(*image.command("HEALTHCHECK"), cwd=image.cwd, env=env, code=1)
    assert server.query(url, "SELECT count(*) FROM users") == [(0,)]
    assert image.files() == before, "the image is read-only where it runs"


def test_image_has_a_folder_for_its_file(image: Image, project: Project) -> None:
    """Without DATABASE_URL a service with a server refuses to start; one with a file creates it."""
    if "DATABASE_URL" in image.environment:
        run(*UPGRADE, cwd=image.cwd, env=image.settings())
        file = only((image.root / "data").glob("*.db"))
        assert file.name == "orders.db"
        file.unlink()
    else:
        done = run(*UPGRADE, cwd=image.cwd, env=image.settings(), code=None)
        line = only(done.stderr.splitlines())
        assert line == "DATABASE_URL: is not set; set it in the environment or in .env"


def test_every_pending_revision_is_applied(copy: Project, url: str, rendered: Render) -> None:
    """By compose and by the Job, whose commands are those of a first deployment as well."""
    add_column(copy, "aaaaaaaaaaaa", "size")
    folder = rendered("deployed", database=copy.database, deploy=["docker"])
    commands = {"compose": compose_services(folder)["migration"]["command"]}
    if copy.database == "postgresql":
        cluster = rendered("cluster", deploy=["kubernetes"])
        commands["Job"] = container_of(resources_of(cluster)["Job"])["command"]
    for platform, command in commands.items():
        assert command[0] == "alembic"
        copy.alembic(url, *command[1:])
        assert "aaaaaaaaaaaa (head)" in copy.alembic(url, "current").stdout, platform
        copy.alembic(url, "downgrade", "base")


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_what_kubernetes_sets_by_itself(image: Image, url: str, rendered: Render) -> None:
    """A Service gives every pod <NAME>_PORT=tcp://..., which is a name of the settings, too."""
    env = image.settings(ORDERS_PORT="tcp://10.0.0.1:80", DATABASE_URL=url)
    done = run(*UPGRADE, cwd=image.cwd, env=env, code=None)
    assert done.stderr.startswith("ORDERS_PORT: ")
    resources = resources_of(rendered(deploy=["kubernetes"]))
    for kind in ("Job", "Deployment"):
        assert pod_of(resources[kind])["enableServiceLinks"] is False


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_pods_run(
    image: Image, server: DatabaseServer, url: str, rendered: Render, tmp_path: Path
) -> None:
    """The Job's command, and the probes' paths, with the image and the settings of the pods."""
    resources = resources_of(rendered(deploy=["kubernetes"]))
    job, service = container_of(resources["Job"]), container_of(resources["Deployment"])
    plain = {variable["name"]: variable.get("value") for variable in service["env"]}
    plain["DATABASE_URL"] = url
    assert None not in plain.values()
    run(*job["command"], cwd=image.cwd, env=image.settings(DATABASE_URL=url))
    start, log = image.command("CMD"), tmp_path / "log"
    port = free_port()
    env = image.settings(**plain, PORT=str(port))
    with serving(*start, cwd=image.cwd, env=env, log_file=log, port=port) as served:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert status(served, service[probe]["httpGet"]["path"]) == 200
        # The migration of the next release has run, and this pod has not been replaced yet.
        server.query(url, "UPDATE alembic_version SET version_num = 'newer'")
    port = free_port()
    env = image.settings(**plain, PORT=str(port))
    with serving(*start, cwd=image.cwd, env=env, log_file=log, port=port) as served:
        assert status(served, service["readinessProbe"]["httpGet"]["path"]) == 200
