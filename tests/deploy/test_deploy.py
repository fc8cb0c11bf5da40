"""The files of `deploy`: read by validators and linters, and their commands run as processes."""

import json
import os
import re
import signal
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml

from harness import dockerfile
from harness.databases import Server as DatabaseServer
from harness.dockerfile import Image
from harness.processes import only, run
from harness.project import Project
from harness.servers import free_port, serving
from harness.template import DATABASES, ROOT, Render, defaults, render
from harness.working_copy import add_column

pytestmark = pytest.mark.seconds(20)

PROGRAMS = Path(sys.executable).parent
# What a PostgreSQL allows by default, without those for its administrators.
MAX_CONNECTIONS = 97
KUBERNETES = Path("deploy/kubernetes")
# The latter is nothing to YAML where it is not quoted.
NAMES = ["orders", "null"]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.fixture(params=DATABASES)
def containers(request: pytest.FixtureRequest, rendered: Render) -> Path:
    return rendered(database=request.param, deploy=["docker"])


def test_dockerfile_is_clean(containers: Path) -> None:
    run(PROGRAMS / "hadolint", "Dockerfile", cwd=containers)


def test_compose_file_has_the_schema(containers: Path) -> None:
    check = ("--builtin-schema", "vendor.compose-spec", "compose.yaml")
    run(PROGRAMS / "check-jsonschema", *check, cwd=containers)


@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_image_has_the_python_of_the_answer(rendered: Render, version: str) -> None:
    text = (rendered(python_version=version) / "Dockerfile").read_text("utf-8")
    starts = [one.text for one in dockerfile.parse(text) if one.keyword == "FROM"]
    assert [start.split()[0] for start in starts[1:]] == [f"python:{version}-slim-trixie"] * 2


def test_last_stage(containers: Path) -> None:
    *_, last = dockerfile.stages((containers / "Dockerfile").read_text("utf-8")).values()
    assert not [one for one in last if one.keyword == "RUN"]
    assert dockerfile.instruction_of(last, "USER").text == "10001:10001"
    assert dockerfile.instruction_of(last, "STOPSIGNAL").text == "SIGTERM"
    assert dockerfile.instruction_of(last, "CMD").command == ["python", "-m", "app"]
    assert dockerfile.instruction_of(last, "EXPOSE").text == "8000"
    settings = dockerfile.instruction_of(last, "ENV").text.split()
    assert {"PYTHONUNBUFFERED=1", "ORDERS_HOST=0.0.0.0", "PORT=8000"} <= set(settings)


def test_dockerfiles_differ_in_the_data_only(rendered: Render) -> None:
    lines = {
        database: (rendered(database, database=database) / "Dockerfile").read_text("utf-8")
        for database in DATABASES
    }
    server, file = (lines[name].splitlines() for name in ("postgresql", "sqlite"))
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
    assert not [path for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())]
    assert not (folder / KUBERNETES).exists()


# What `docker buildx imagetools inspect IMAGE` prints, other than for one image.
DOCKER = """#!/bin/sh
case "$*" in *unknown*) echo "ERROR: $4: not found" >&2; exit 1;; esac
echo "Name:      docker.io/library/$4"
printf 'Digest:    sha256:%s\\n' "$(printf %s "$4" | sha256sum | cut -c1-64)"
"""


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize("database", DATABASES)
def test_images_are_pinned_by_digest(
    rendered: Render, tmp_path: Path, database: str, ci: str
) -> None:
    """`make images`, with a program in place of Docker that makes digests up."""
    folder = rendered(database=database, ci=ci)
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOCKER, "utf-8")
    program.chmod(0o755)
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    command = (sys.executable, "-m", "scripts.images")
    files = [one for one in folder.rglob("*") if one.suffix in {"", ".yml", ".yaml"}]
    before = {one: one.read_text("utf-8") for one in files if one.is_file()}
    run(*command, cwd=folder, env=path)
    after = {one: one.read_text("utf-8") for one in before}
    pinned = re.compile(r"@sha256:[0-9a-f]{64}")
    assert {one: pinned.sub("", text) for one, text in after.items()} == before
    for name in re.findall(r"(?m)^FROM (\S+)", after[folder / "Dockerfile"]):
        assert pinned.search(name), name
    tags = r"(?m)^ *(?:image:|name:|-) (?!\S*\$)[a-z./-]+:[\w.-]*\d[\w.-]*$"
    left = {one.name: re.findall(tags, text) for one, text in after.items() if one.suffix}
    assert not any(left.values()), left
    run(PROGRAMS / "hadolint", "Dockerfile", cwd=folder)
    assert run(*command, cwd=folder, env=path).stdout.startswith("nothing to do: ")
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text("FROM python:3.11\nFROM unknown:1\n", "utf-8")
    done = run(*command, cwd=folder, env=path, code=1)
    assert done.stderr == "unknown:1: ERROR: unknown:1: not found; nothing was changed\n"
    assert dockerfile.read_text("utf-8") == "FROM python:3.11\nFROM unknown:1\n"


def test_updates_bring_digests(rendered: Render) -> None:
    """Renovate adds a digest where there is none; Dependabot updates what `make images` added."""
    renovate = json.loads((rendered(ci="gitlab") / "renovate.json").read_text("utf-8"))
    assert "docker:pinDigests" in renovate["extends"]


def services(folder: Path) -> dict[str, Any]:
    return dict(load(folder / "compose.yaml")["services"])


def test_compose_migrates_before_it_serves(containers: Path) -> None:
    found = services(containers)
    migration, service = found["migration"], found["service"]
    assert migration["image"] == service["image"]
    assert migration["restart"] == "no"
    condition = {"condition": "service_completed_successfully"}
    assert service["depends_on"] == {"migration": condition}
    assert migration.get("environment") == service.get("environment")
    assert migration.get("volumes") == service.get("volumes")


def test_compose_is_careful(containers: Path) -> None:
    found = services(containers)
    for name in ("migration", "service"):
        assert found[name]["read_only"] is True
        assert found[name]["cap_drop"] == ["ALL"]
    assert found["service"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in found.get("database", {})
    grace = int(found["service"]["stop_grace_period"].rstrip("s"))
    assert grace > defaults(containers)["shutdown_timeout"]


def test_compose_has_the_database(rendered: Render) -> None:
    folder = rendered(service_name="billing-api", database="postgresql")
    found = services(folder)
    database, service = found["database"], found["service"]
    assert database["image"] == "postgres:18"
    assert database["environment"]["POSTGRES_PASSWORD"] == "${POSTGRES_PASSWORD:-development}"
    assert found["migration"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    user, password = (database["environment"][f"POSTGRES_{key}"] for key in ("USER", "PASSWORD"))
    name = database["environment"]["POSTGRES_DB"]
    address = f"postgresql://{user}:{password}@database/{name}"
    assert service["environment"] == {"DATABASE_URL": address}
    volume = only(load(folder / "compose.yaml")["volumes"])
    # The folder of the data has the version in its name since 18: the mount is one above.
    assert database["volumes"] == [f"{volume}:/var/lib/postgresql"]


def test_compose_keeps_the_file(rendered: Render) -> None:
    folder = rendered(database="sqlite")
    assert services(folder)["service"]["volumes"] == ["data:/data"]
    *_, last = dockerfile.stages((folder / "Dockerfile").read_text("utf-8")).values()
    assert dockerfile.instruction_of(last, "VOLUME").text == "/data"
    # A volume has the owner of the folder below it, who must be able to write.
    owner = dockerfile.instruction_of(last, "USER").text
    assert f"COPY --from=builder --chown={owner} /data /data" in (folder / "Dockerfile").read_text(
        "utf-8"
    )


@pytest.fixture(scope="session")
def image(
    project: Project, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Image]:
    """The image of a project that has been set up: with its uv.lock, and things left about."""
    folder = tmp_path_factory.mktemp("image")
    answers = {"database": project.database, "deploy": ["docker"]}
    copied = render(source, folder / "project", answers)
    (copied / "uv.lock").write_bytes((project.folder / "uv.lock").read_bytes())
    (copied / ".env").write_text("DATABASE_URL=of-development\n", "utf-8")
    return dockerfile.build(copied, folder)


def packages(folder: Path) -> set[str]:
    return {path.name.split("-")[0] for path in folder.rglob("site-packages/*.dist-info")}


def test_image_has_what_runs_and_nothing_else(image: Image, project: Project) -> None:
    names = set(image.files())
    tops = {name.split("/")[1] for name in names if name.startswith("service/")}
    files_of_root = {".venv", "alembic.ini", "pyproject.toml"}
    assert tops == {"app", "kit", "migrations", "scripts"} | files_of_root
    assert not [name for name in names if re.search(r"(^|/)uvx?$", name)]
    kit = tomllib.loads((project.folder / "kit/pyproject.toml").read_text("utf-8"))
    development = kit["project"]["optional-dependencies"]["dev"]
    dev = {re.split(r"[<>=\[;]", one)[0] for one in development}
    assert {"pytest", "mypy"} <= dev
    installed = {name.replace("_", "-") for name in packages(image.root)}
    assert "fastapi" in installed
    assert not dev & installed


def test_image_is_compiled(image: Image) -> None:
    """Every start would compile anew what is not: nothing can be written in there."""
    names = set(image.files())
    for path in (image.root / "service").rglob("*.py"):
        folder = path.parent.relative_to(image.root)
        compiled = f"{folder}/__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"
        if "/site-packages/" not in str(path) and "/bin/" not in str(path):
            assert compiled in names, path
    assert [name for name in names if re.search(r"site-packages/fastapi/__pycache__/.*pyc", name)]


def test_image_migrates_serves_and_stops(
    image: Image, server: DatabaseServer, url: str, source: Path, tmp_path: Path
) -> None:
    """The commands of Dockerfile and compose.yaml, in the image's folder and environment."""
    answers = {"database": server.project.database, "deploy": ["docker"]}  # type: ignore[attr-defined]
    migration = services(render(source, tmp_path / "orders", answers))["migration"]["command"]
    port = free_port()
    given = image.settings(DATABASE_URL=url, PORT=str(port))
    before = image.files()
    log = tmp_path / "log"
    start = image.command("CMD")
    with serving(*start, cwd=image.cwd, env=given, log_file=log, port=port) as served:
        assert httpx.get(f"{served.address}/health/ready").status_code == 503
        run(*migration, cwd=image.cwd, env=given)
        assert httpx.get(f"{served.address}/health/ready").status_code == 200
        assert httpx.get(f"{served.address}/users").json()["items"] == []
        run(*image.command("HEALTHCHECK"), cwd=image.cwd, env=given)
        served.process.send_signal(signal.SIGTERM)
        assert served.wait() == 0, served.log
    run(*image.command("HEALTHCHECK"), cwd=image.cwd, env=given, code=1)
    assert server.query(url, "SELECT count(*) FROM users") == [(0,)]
    assert image.files() == before, "the image is read-only where it runs"


def test_image_has_a_place_for_its_file(image: Image, project: Project) -> None:
    """Without DATABASE_URL the service says so; where there is no server it has a file."""
    command = ["alembic", "upgrade", "head"]
    if "DATABASE_URL" in image.environment:
        run(*command, cwd=image.cwd, env=image.settings())
        made = only((image.root / "data").glob("*.db"))
        assert made.name == "orders.db"
        made.unlink()
    else:
        done = run(*command, cwd=image.cwd, env=image.settings(), code=None)
        line = only(done.stderr.splitlines())
        assert line == "DATABASE_URL: is not set; set it in the environment or in .env"


def test_guide_names_what_there_is(rendered: Render) -> None:
    guide = (ROOT / "docs/how-to/deploy.md").read_text("utf-8")
    folders = [
        rendered("hub", deploy=["docker", "kubernetes"]),
        rendered("lab", deploy=["docker", "kubernetes"], ci="gitlab"),
    ]
    named = set(re.findall(r"`((?:\.github|\.gitlab|deploy)[\w./-]+|renovate\.json)`", guide))
    assert len(named) >= 9
    assert not [name for name in named if not any((one / name).exists() for one in folders)]
    parts = set(re.findall(r"(?m)^\| `(\w+)/` ", guide))
    assert parts == {one.name for one in (folders[0] / KUBERNETES).iterdir() if one.is_dir()}


# Kubernetes


@pytest.fixture(scope="module", params=NAMES)
def cluster(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    answers = {"service_name": request.param, "deploy": ["kubernetes"]}
    return render(source, tmp_path_factory.mktemp("cluster") / request.param, answers)


def kustomize(folder: Path) -> list[dict[str, Any]]:
    """Return the resources of a kustomization as `kubectl apply -k` sends them."""
    kustomization = load(folder / "kustomization.yaml")
    allowed = {"apiVersion", "kind", "resources", "components", "images"}
    assert kustomization.keys() <= allowed, "this test does not know the rest"
    resources = [load(folder / name) for name in kustomization.get("resources", [])]
    for name in kustomization.get("components", []):
        component = load(folder / name / "kustomization.yaml")
        assert component["kind"] == "Component"
        for change in component["images"]:
            for container in containers_of(resources):
                if container["image"] == change["name"]:
                    container["image"] = f"{change['newName']}:{change['newTag']}"
    return resources


def containers_of(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    templates = [one["spec"]["template"] for one in resources if "template" in one["spec"]]
    return [container for pod in templates for container in pod["spec"]["containers"]]


def resources_of(folder: Path) -> dict[str, dict[str, Any]]:
    found = [*kustomize(folder / KUBERNETES / "migration")]
    found += kustomize(folder / KUBERNETES / "service")
    return {one["kind"]: one for one in found if one["kind"] != "NetworkPolicy"}


def policies_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the network policies of the Job and of the Deployment, by their component."""
    found = [*kustomize(folder / KUBERNETES / "migration")]
    found += kustomize(folder / KUBERNETES / "service")
    policies = [one for one in found if one["kind"] == "NetworkPolicy"]
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in policies}


def test_manifests_have_the_schema(cluster: Path) -> None:
    found = resources_of(cluster)
    assert found.keys() == {
        "Job",
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
    }
    for resource in (*found.values(), *policies_of(cluster).values()):
        kubernetes_validate.validate(resource, "1.37", strict=True)


def test_pods_talk_to_their_database_only(cluster: Path) -> None:
    """Requests reach the port of the service only."""
    found, policies = resources_of(cluster), policies_of(cluster)
    for component, kind in (("migration", "Job"), ("service", "Deployment")):
        policy = policies[component]["spec"]
        pod = found[kind]["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"] == pod
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        ports = {
            (port["protocol"], port["port"]) for rule in policy["egress"] for port in rule["ports"]
        }
        assert ports == {("UDP", 53), ("TCP", 53), ("TCP", 5432), ("TCP", 6432)}
    container = only(containers_of([found["Deployment"]]))
    port = only(container["ports"])
    asked = [{"ports": [{"protocol": "TCP", "port": port["name"]}]}]
    assert policies["service"]["spec"]["ingress"] == asked
    assert policies["migration"]["spec"]["ingress"] == []
    names = {one["metadata"]["name"] for one in policies.values()}
    assert names == {found["Job"]["metadata"]["name"], found["Deployment"]["metadata"]["name"]}


def test_migration_has_a_deadline(cluster: Path) -> None:
    """It leaves each attempt the time to wait for another migrator, and ends what hangs."""
    job = resources_of(cluster)["Job"]["spec"]
    attempts = job["backoffLimit"] + 1
    assert (
        attempts * defaults(cluster)["migration_timeout"] < job["activeDeadlineSeconds"] <= 6 * 3600
    )


def test_every_manifest_is_applied(cluster: Path) -> None:
    """A file that no kustomization names would be read by nobody."""
    paths = (cluster / KUBERNETES).rglob("*.yaml")
    written = {path for path in paths if path.name != "kustomization.yaml"}
    listed = {
        folder / name
        for folder in (cluster / KUBERNETES).iterdir()
        if folder.is_dir()
        for name in load(folder / "kustomization.yaml").get("resources", [])
    }
    assert written == listed


def test_manifests_belong_together(cluster: Path) -> None:
    found = resources_of(cluster)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    # No request is for the migration, and no budget counts it.
    assert found["Job"]["spec"]["template"]["metadata"]["labels"] != labels
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", cluster.name)
    port = only(found["Service"]["spec"]["ports"])
    container = only(containers_of([found["Deployment"]]))
    assert port["targetPort"] in {one["name"] for one in container["ports"]}
    used = {one["image"] for one in containers_of([found["Job"], found["Deployment"]])}
    assert used == {f"registry.example.com/{cluster.name}:0.1.0"}


def test_rollout_never_has_too_few(cluster: Path) -> None:
    found = resources_of(cluster)
    deployment = found["Deployment"]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    # It would set back what the autoscaler has decided.
    assert "replicas" not in deployment
    scaling = found["HorizontalPodAutoscaler"]["spec"]
    assert scaling["minReplicas"] >= 2
    settings = defaults(cluster)
    connections = settings["workers"] * (settings["pool_size"] + settings["pool_overflow"])
    assert (scaling["maxReplicas"] + 1) * connections <= MAX_CONNECTIONS
    assert found["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


def test_probes_and_the_end_of_a_pod(cluster: Path) -> None:
    pod = resources_of(cluster)["Deployment"]["spec"]["template"]["spec"]
    container = only(pod["containers"])
    paths = {
        name: container[f"{name}Probe"]["httpGet"]["path"]
        for name in ("startup", "liveness", "readiness")
    }
    live, ready = "/health/live", "/health/ready"
    assert paths == {"startup": live, "liveness": live, "readiness": ready}
    settings = defaults(cluster)
    assert container["readinessProbe"]["timeoutSeconds"] > settings["ready_timeout"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause > 0
    assert pod["terminationGracePeriodSeconds"] > pause + settings["shutdown_timeout"]


def test_every_pending_revision_is_applied(copy: Project, url: str, rendered: Render) -> None:
    """By compose and by the Job, whose commands are those of a first deployment as well."""
    add_column(copy, "aaaaaaaaaaaa", "size")
    folder = rendered("deployed", database=copy.database, deploy=["docker"])
    commands = {"compose": services(folder)["migration"]["command"]}
    if copy.database == "postgresql":
        job = resources_of(rendered("cluster", deploy=["kubernetes"]))["Job"]
        commands["Job"] = containers_of([job])[0]["command"]
    for place, command in commands.items():
        assert command[0] == "alembic"
        copy.alembic(url, *command[1:])
        assert "aaaaaaaaaaaa (head)" in copy.alembic(url, "current").stdout, place
        copy.alembic(url, "downgrade", "base")


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_pods_may_do_little(cluster: Path, kind: str) -> None:
    pod = resources_of(cluster)[kind]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = only(pod["containers"])
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} == container["resources"].keys()


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_secrets_by_reference(cluster: Path, kind: str) -> None:
    container = only(containers_of([resources_of(cluster)[kind]]))
    wanted = {"DATABASE_URL": False} | ({"MIGRATION_DATABASE_URL": True} if kind == "Job" else {})
    found = {one["name"]: one for one in container["env"] if "DATABASE_URL" in one["name"]}
    assert found.keys() == wanted.keys()
    for name, optional in wanted.items():
        reference = found[name]["valueFrom"]["secretKeyRef"]
        assert reference["name"] == f"{cluster.name}-database"
        assert (reference["key"], reference.get("optional", False)) == (name, optional)


def test_how_it_is_applied(cluster: Path) -> None:
    """The commands of the README name what there is, the migration before the rest."""
    text = (cluster / KUBERNETES / "README.md").read_text("utf-8")
    commands = [line for line in text.splitlines() if line.startswith("kubectl ")]
    found = resources_of(cluster)
    job, deployment = found["Job"]["metadata"]["name"], found["Deployment"]["metadata"]["name"]
    create, *release = commands
    assert f"secret generic {cluster.name}-database --from-literal=DATABASE_URL=" in create
    assert release == [
        f"kubectl delete job {job} --ignore-not-found",
        f"kubectl apply -k {KUBERNETES / 'migration'}",
        f"kubectl wait --for=condition=complete --timeout=10m job/{job}",
        f"kubectl apply -k {KUBERNETES / 'service'}",
        f"kubectl rollout status deployment/{deployment}",
    ]


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_what_kubernetes_sets_by_itself(image: Image, url: str, rendered: Render) -> None:
    """A Service gives every pod <NAME>_PORT=tcp://..., which is one of the settings, too."""
    address = {"ORDERS_PORT": "tcp://10.0.0.1:80", "DATABASE_URL": url}
    command = ["alembic", "upgrade", "head"]
    done = run(*command, cwd=image.cwd, env=image.settings(**address), code=None)
    assert done.stderr.startswith("ORDERS_PORT: ")
    found = resources_of(rendered(deploy=["kubernetes"]))
    for kind in ("Job", "Deployment"):
        assert found[kind]["spec"]["template"]["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_pods_run(
    image: Image, server: DatabaseServer, url: str, rendered: Render, tmp_path: Path
) -> None:
    """The Job's command, and the probes' paths, with the image and the settings of the pods."""
    found = resources_of(rendered(deploy=["kubernetes"]))
    job = only(containers_of([found["Job"]]))
    service = only(containers_of([found["Deployment"]]))
    port = free_port()
    plain = {one["name"]: one["value"] for one in service["env"] if "value" in one}
    given = image.settings(DATABASE_URL=url, PORT=str(port), **plain)
    run(*job["command"], cwd=image.cwd, env=image.settings(DATABASE_URL=url))
    start = image.command("CMD")
    with serving(*start, cwd=image.cwd, env=given, log_file=tmp_path / "log", port=port) as served:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = service[probe]["httpGet"]["path"]
            assert httpx.get(f"{served.address}{path}").status_code == 200
        # A release later, its migration has run and this pod has not been replaced yet.
        server.query(url, "UPDATE alembic_version SET version_num = 'newer'")
    port = free_port()
    given = given | {"PORT": str(port)}
    with serving(*start, cwd=image.cwd, env=given, log_file=tmp_path / "log", port=port) as served:
        path = service["readinessProbe"]["httpGet"]["path"]
        assert httpx.get(f"{served.address}{path}").status_code == 200
