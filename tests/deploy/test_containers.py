"""Dockerfile and compose.yaml, read by linters and validators."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from harness import dockerfile
from harness.ci_files import PROGRAMS, check_schema
from harness.deployment import KUBERNETES, compose_services, load
from harness.processes import only, run
from harness.template import DATABASES, TELEMETRY_PARTS, Render, defaults, files

# What `docker buildx imagetools inspect IMAGE` prints; its name begins with "unknown" or it exists.
DOCKER = """#!/bin/sh
case "$*" in *unknown*) echo "ERROR: $4: not found" >&2; exit 1;; esac
echo "Name:      docker.io/library/$4"
printf 'Digest:    sha256:%s\\n' "$(printf %s "$4" | sha256sum | cut -c1-64)"
"""
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")
# A line of a YAML file that names an image by its tag.
TAGGED = re.compile(r"(?m)^ *(?:image:|name:|-) (?!\S*\$)[a-z./-]+:[\w.-]*\d[\w.-]*$")


@pytest.fixture(params=DATABASES)
def containers(request: pytest.FixtureRequest, rendered: Render) -> Path:
    return rendered(database=request.param, deploy=["docker"])


def dockerfile_text(folder: Path) -> str:
    return (folder / "Dockerfile").read_text("utf-8")


def last_stage(folder: Path) -> list[dockerfile.Instruction]:
    *_, last = dockerfile.stages(dockerfile_text(folder)).values()
    return last


def test_dockerfile_is_clean(containers: Path) -> None:
    run(PROGRAMS / "hadolint", "Dockerfile", cwd=containers)


def test_compose_file_has_the_schema(containers: Path) -> None:
    check_schema(containers, "compose-spec", "compose.yaml")


@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_image_has_the_python_of_the_answer(rendered: Render, version: str) -> None:
    stages = dockerfile.stages(dockerfile_text(rendered(python_version=version))).values()
    _uv, builder, last = (stage[0] for stage in stages)
    for start in (builder, last):
        assert start.keyword == "FROM"
        assert start.words[0] == f"python:{version}-slim-trixie"


def test_last_stage(containers: Path) -> None:
    last = last_stage(containers)
    assert "RUN" not in {instruction.keyword for instruction in last}
    assert dockerfile.instruction_of(last, "USER").text == "10001:10001"
    assert dockerfile.instruction_of(last, "STOPSIGNAL").text == "SIGTERM"
    assert dockerfile.instruction_of(last, "CMD").command == ["python", "-m", "app"]
    assert dockerfile.instruction_of(last, "EXPOSE").text == "8000"
    settings = dockerfile.instruction_of(last, "ENV").text.split()
    assert {"PYTHONUNBUFFERED=1", "ORDERS_HOST=0.0.0.0", "PORT=8000"} <= set(settings)
    # Otherwise the service would refuse this host.
    assert "ORDERS_ALLOW_ANONYMOUS=true" in settings


def test_dockerfiles_differ_in_the_data_only(rendered: Render) -> None:
    server = dockerfile_text(rendered("postgresql", database="postgresql")).splitlines()
    file = dockerfile_text(rendered("sqlite", database="sqlite")).splitlines()
    assert [line for line in file if "data" not in line and "volume" not in line] == server


def test_context_is_what_the_image_needs(containers: Path) -> None:
    secret = [".env", ".venv/bin/python", ".git/config", "app/__pycache__/main.pyc", "x.db"]
    for name in [*secret, "uv.lock"]:
        (containers / name).parent.mkdir(parents=True, exist_ok=True)
        (containers / name).touch()
    names = dockerfile.context(containers)
    assert {"app/main.py", "migrations/versions/2026_01_01_0000-create_users.py"} <= set(names)
    tops = {name.split("/")[0] for name in names}
    files_of_root = {"alembic.ini", "pyproject.toml", "uv.lock"}
    assert tops == {"app", "kit", "migrations", "scripts"} | files_of_root
    assert not set(secret) & set(names)


@pytest.mark.parametrize("deploy", [[], ["docker"]])
def test_no_folder_is_empty(rendered: Render, deploy: list[str]) -> None:
    folder = rendered(deploy=deploy)
    for path in folder.rglob("*"):
        if path.is_dir():
            assert any(path.iterdir()), path
    assert not (folder / KUBERNETES).exists()


def image_files(folder: Path) -> dict[Path, str]:
    """Return the texts of the files that may name an image."""
    texts = {}
    for path in files(folder):
        if path.suffix in {"", ".yml", ".yaml"}:
            texts[path] = path.read_text("utf-8")
    return texts


@pytest.fixture
def docker(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a program in place of Docker, which invents digests."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOCKER, "utf-8")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize("database", DATABASES)
def test_images_are_pinned_by_digest(
    rendered: Render, docker: dict[str, str], database: str, ci: str
) -> None:
    """By `make images`."""
    folder = rendered(database=database, ci=ci, telemetry=TELEMETRY_PARTS)
    command = (sys.executable, "-m", "scripts.images")
    before = image_files(folder)
    run(*command, cwd=folder, env=docker)
    after = image_files(folder)
    assert {path: DIGEST.sub("", text) for path, text in after.items()} == before
    for name in re.findall(r"(?m)^FROM (\S+)", dockerfile_text(folder)):
        assert DIGEST.search(name), name
    for path, text in after.items():
        assert not path.suffix or not TAGGED.findall(text), path
    run(PROGRAMS / "hadolint", "Dockerfile", cwd=folder)
    assert run(*command, cwd=folder, env=docker).stdout.startswith("nothing to do: ")


def test_unknown_image_changes_nothing(rendered: Render, docker: dict[str, str]) -> None:
    folder = rendered()
    text = "FROM python:3.11\nFROM unknown:1\n"
    (folder / "Dockerfile").write_text(text, "utf-8")
    done = run(sys.executable, "-m", "scripts.images", cwd=folder, env=docker, code=1)
    assert done.stderr == "unknown:1: ERROR: unknown:1: not found; nothing was changed\n"
    assert dockerfile_text(folder) == text


def test_updates_bring_digests(rendered: Render) -> None:
    """Renovate adds a digest where a tag has none; Dependabot updates what `make images` added."""
    renovate = json.loads((rendered(ci="gitlab") / "renovate.json").read_text("utf-8"))
    assert "docker:pinDigests" in renovate["extends"]


def test_compose_migrates_before_it_serves(containers: Path) -> None:
    services = compose_services(containers)
    migration, service = services["migration"], services["service"]
    assert migration["image"] == service["image"]
    assert migration["restart"] == "no"
    assert migration["command"] == ["alembic", "-x", "until=rollout", "upgrade", "head"]
    condition = {"condition": "service_completed_successfully"}
    assert service["depends_on"] == {"migration": condition}
    assert migration.get("environment") == service.get("environment")
    assert migration.get("volumes") == service.get("volumes")


def test_compose_is_careful(containers: Path) -> None:
    services = compose_services(containers)
    for name in ("migration", "service"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["service"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in services.get("database", {})
    grace = int(services["service"]["stop_grace_period"].rstrip("s"))
    assert grace > defaults(containers)["shutdown_timeout"]


def test_compose_has_the_database(rendered: Render) -> None:
    folder = rendered(service_name="billing-api", database="postgresql")
    services = compose_services(folder)
    database = services["database"]
    assert database["image"] == "postgres:18"
    assert services["migration"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    user, password, name = (
        database["environment"][variable]
        for variable in ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB")
    )
    assert password == "${POSTGRES_PASSWORD:-development}"
    url = f"postgresql://{user}:{password}@database/{name}"
    assert services["service"]["environment"] == {"DATABASE_URL": url}
    volume = only(load(folder / "compose.yaml")["volumes"])
    # The folder of the data has the version in its name since 18: the mount is one above.
    assert database["volumes"] == [f"{volume}:/var/lib/postgresql"]


def test_compose_keeps_the_file(rendered: Render) -> None:
    folder = rendered(database="sqlite")
    assert compose_services(folder)["service"]["volumes"] == ["data:/data"]
    last = last_stage(folder)
    assert dockerfile.instruction_of(last, "VOLUME").text == "/data"
    # A volume has the owner of the folder below it, who must be able to write.
    owner = dockerfile.instruction_of(last, "USER").text
    assert f"COPY --from=builder --chown={owner} /data /data" in dockerfile_text(folder)
