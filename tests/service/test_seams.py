"""What a service changes outside kit/ works, and changes nothing in kit/ and scripts/."""

import re
import shutil
import tomllib
from pathlib import Path

import httpx
import pytest

from harness.adapted_service import adapt
from harness.databases import Server
from harness.processes import only
from harness.project import FIRST, Project, keep_environment
from harness.releases import edit
from harness.template import files
from harness.without_users import remove_users

pytestmark = pytest.mark.seconds(45)

# Where no database has a part in it, with the one that costs less.
light = pytest.mark.parametrize("project", ["sqlite"], indirect=True)


def template_zone(project: Project) -> dict[str, bytes]:
    """Return what is in kit/ and scripts/."""
    contents = {}
    for path in (*files(project.folder / "kit"), *files(project.folder / "scripts")):
        if not {".ruff_cache", "__pycache__"} & set(path.parts):
            contents[str(path)] = path.read_bytes()
    return contents


def set_variable(project: Project, name: str, value: str) -> None:
    with (project.folder / ".env").open("a", encoding="utf-8") as file:
        file.write(f"{name}={value}\n")


# All checks with the database that costs less; with the other, those that depend on it.
CHECKS = {
    "sqlite": ("check",),
    "postgresql": ("test", "db-lint", "db-check", "audit"),
}
# As on a machine with two cores, see ONE_PROCESS in harness/processes.py.
PARALLEL = {"PYTEST_XDIST_AUTO_NUM_WORKERS": "2"}


def test_service_that_uses_every_seam(
    copy: Project, server: Server, url: str, tmp_path: Path
) -> None:
    before = template_zone(copy)
    adapt(copy)
    keep_environment(copy)
    (tmp_path / "reports").mkdir()
    with server.empty_database(tmp_path / "reports") as reports:
        set_variable(copy, "ORDERS_REPORTS_URL", reports)
        migrate_both(copy, server, url)
        assert {"users", "alembic_version"} <= server.tables(url)
        assert server.tables(reports) == {"sales", "alembic_version", "alembic_history"}
        copy.make("format")
        keep_environment(copy)
        own = (copy.folder / "app/main.py").read_text("utf-8")
        assert "'https://orders.example/problems/'" in own, "formatted with the own options"
        checks = (*CHECKS[copy.database], f"base={FIRST}")
        checked = copy.make(*checks, env=PARALLEL, timeout=600).stdout
        assert checked.splitlines()[-1] == "audited"
        serve(copy, tmp_path / "log")
        counted = copy.run("python", "-m", "app.commands").stdout
        assert counted.split() == ["1", "sales"]
    assert template_zone(copy) == before


def migrate_both(copy: Project, server: Server, url: str) -> None:
    """Write the revisions of both databases, and apply them with the target of the service."""
    copy.make("db-migrate")
    server.query(url, "CREATE TABLE legacy_things (id integer)")
    done = copy.make("db-revision", "m=add countries").stderr
    assert "before migrations" in done
    assert "after migrations" in done
    text = copy.new_revision.read_text("utf-8")
    assert "i_countries_name" in text
    assert "legacy_things" not in text
    if copy.database == "postgresql":
        create = '    op.execute("CREATE SCHEMA IF NOT EXISTS geo")\n    # ###'
        edit(copy.new_revision, "    # ###", create)
    words = ("revision", "--autogenerate", "-m", "create sales")
    copy.run("alembic", "-n", "reports", *words)
    sales = only((copy.folder / "migrations/reports/versions").glob("*.py"))
    assert "sales_key" in sales.read_text("utf-8")
    copy.make("db-migrate")


def serve(copy: Project, log: Path) -> None:
    with copy.serve("python", "-m", "app", log=log) as server:
        assert httpx.get(f"{server.address}/health/ready").json() == {"status": "ok"}
        assert httpx.post(f"{server.address}/sales?amount=5").status_code == 201
        problem = httpx.post(f"{server.address}/sales?amount=0").json()
        assert problem["type"] == "https://orders.example/problems/free-of-charge"
        assert httpx.get(f"{server.address}/users").status_code == 200


@light
def test_package_in_src(copy: Project, url: str, tmp_path: Path) -> None:
    """`src/app` in place of `app/`: edits of the project's own files, none of kit and scripts."""
    before = template_zone(copy)
    folder = copy.folder
    shutil.rmtree(folder / "tests/kit", ignore_errors=True)
    (folder / "src").mkdir()
    shutil.move(folder / "app", folder / "src/app")
    edit(
        folder / "alembic.ini",
        "prepend_sys_path = %(here)s",
        "prepend_sys_path = %(here)s/src:%(here)s",
    )
    edit(folder / "pyproject.toml", 'pythonpath = ["."]', 'pythonpath = ["src", "."]')
    edit(folder / "pyproject.toml", 'files = ["app", ', 'mypy_path = "src"\nfiles = ["src", ')
    keep_environment(copy)
    copy.make("db-migrate")
    model = "    name: Mapped[str] = mapped_column(String(100))\n"
    column = "    nickname: Mapped[str | None] = mapped_column(String(100))\n"
    edit(folder / "src/app/models/user.py", model, model + column)
    copy.make("db-revision", "m=add nickname")
    assert "nickname" in copy.new_revision.read_text("utf-8")
    copy.make("db-migrate")
    copy.make("check", f"base={FIRST}", timeout=600)
    assert "openapi.json written" in copy.make("openapi").stdout
    # Without make, for developers who type the commands.
    copy.alembic(url, "check")
    environment = {"PYTHONPATH": "src"}
    for target in (("make", "dev"), ("python", "-m", "app")):
        with copy.serve(*target, env=environment, log=tmp_path / "log") as server:
            assert httpx.get(f"{server.address}/users").status_code == 200
    assert template_zone(copy) == before


@light
def test_users_deleted(copy: Project) -> None:
    """The example is removed, with a revision that drops its table; everything else works."""
    before = template_zone(copy)
    folder = copy.folder
    shutil.rmtree(folder / "tests/kit", ignore_errors=True)
    remove_users(folder)
    edit(
        folder / "app/main.py",
        "    app = Service(settings or load(Settings), database=database)\n"
        "    # Add routers, middleware (app.add_middleware) and exception handlers here.\n"
        "    return app\n",
        "    return Service(settings or load(Settings), database=database)\n",
    )
    copy.make("db-migrate")
    copy.make("db-revision", "m=drop users")
    copy.make("db-migrate")
    for target in ("lint", "typecheck", "db-check", "test"):
        copy.make(target)
    assert template_zone(copy) == before


def locked_versions(project: Project) -> dict[str, str | None]:
    lock = tomllib.loads((project.folder / "uv.lock").read_text("utf-8"))
    return {package["name"]: package.get("version") for package in lock["package"]}


@light
def test_own_dependencies(copy: Project) -> None:
    """The service's own packages, and narrower versions of kit's dependencies."""
    versions = locked_versions(copy)
    own = f'dependencies = ["kit", "fastapi=={versions["fastapi"]}", "itsdangerous>=2"]'
    edit(copy.folder / "pyproject.toml", 'dependencies = ["kit"]', own)
    copy.run("uv", "lock", "--quiet")
    after = locked_versions(copy)
    assert after["fastapi"] == versions["fastapi"]
    assert "itsdangerous" in after.keys() - versions.keys()
    edit(copy.folder / "pyproject.toml", '"itsdangerous>=2"', '"fastapi<0.100"')
    refused = copy.run("uv", "lock", code=None).stderr
    assert "No solution found" in refused
    assert "fastapi<0.100" in refused


def test_own_rules_are_not_those_of_kit(light_project: Project, tmp_path: Path) -> None:
    """Neither do rules of the service apply to kit and scripts, nor is kit without its own."""
    service = light_project.copy(tmp_path / "orders", "sqlite://")
    own = '[tool.ruff.lint]\nextend-select = ["D103"]\n\n[tool.ruff.lint.per-file-ignores]\n'
    edit(service.folder / "pyproject.toml", "[tool.ruff.lint.per-file-ignores]\n", own)
    findings = service.run("ruff", "check", "--output-format=concise", code=1).stdout
    assert set(re.findall(r"(?m)^([^/\n]+)/.*: D103 ", findings)) == {"app"}
    for name in ("kit/own.py", "scripts/own.py"):
        (service.folder / name).write_text('print("own")\n', "utf-8")
    findings = service.run("ruff", "check", "--output-format=concise", code=1).stdout
    assert "kit/own.py:1:1: T201" in findings
    assert "own.py:1:1: D100" not in findings
