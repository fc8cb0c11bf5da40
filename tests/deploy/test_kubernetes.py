"""The manifests of `deploy/kubernetes`, as kubectl applies them."""

import re
from pathlib import Path

import kubernetes_validate
import pytest

from harness.deployment import (
    KUBERNETES,
    Resource,
    container_of,
    kubectl_kustomize,
    load,
    pod_of,
    policies_of,
    resources_of,
)
from harness.processes import only
from harness.template import ROOT, Render, defaults, render

# What a PostgreSQL allows by default, without those for its administrators.
MAX_CONNECTIONS = 97
# Without quotes, `null` is no string in YAML.
NAMES = ["orders", "null"]
KINDS = {"Job", "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}


@pytest.fixture(scope="module", params=NAMES)
def cluster(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    answers = {"service_name": request.param, "deploy": ["kubernetes"]}
    return render(source, tmp_path_factory.mktemp("cluster") / request.param, answers)


def pod_labels(resource: Resource) -> dict[str, str]:
    return dict(resource["spec"]["template"]["metadata"]["labels"])


def name_of(resource: Resource) -> str:
    return str(resource["metadata"]["name"])


def test_manifests_have_the_schema(cluster: Path) -> None:
    resources = resources_of(cluster)
    assert resources.keys() == KINDS
    for resource in (*resources.values(), *policies_of(cluster).values()):
        kubernetes_validate.validate(resource, "1.37", strict=True)


def test_pods_talk_to_their_database_only(cluster: Path) -> None:
    """Requests reach the port of the service only."""
    resources, policies = resources_of(cluster), policies_of(cluster)
    for component, kind in (("migration", "Job"), ("service", "Deployment")):
        policy = policies[component]["spec"]
        assert policy["podSelector"]["matchLabels"] == pod_labels(resources[kind])
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        ports = set()
        for rule in policy["egress"]:
            for port in rule["ports"]:
                ports.add((port["protocol"], port["port"]))
        assert ports == {("UDP", 53), ("TCP", 53), ("TCP", 5432), ("TCP", 6432)}
        assert name_of(policies[component]) == name_of(resources[kind])
    assert policies.keys() == {"migration", "service"}
    port = only(container_of(resources["Deployment"])["ports"])
    allowed = [{"ports": [{"protocol": "TCP", "port": port["name"]}]}]
    assert policies["service"]["spec"]["ingress"] == allowed
    assert policies["migration"]["spec"]["ingress"] == []


def test_migration_has_a_deadline(cluster: Path) -> None:
    """It leaves each attempt the time to wait for another migrator, and ends what hangs."""
    job = resources_of(cluster)["Job"]["spec"]
    attempts = job["backoffLimit"] + 1
    wait = attempts * defaults(cluster)["migration_timeout"]
    assert wait < job["activeDeadlineSeconds"] <= 6 * 3600


def test_every_manifest_is_applied(cluster: Path) -> None:
    """Nothing reads a file that no kustomization names."""
    written, listed = set(), set()
    for path in (cluster / KUBERNETES).rglob("*.yaml"):
        if path.name == "kustomization.yaml":
            for name in load(path).get("resources", []):
                listed.add((path.parent / name).resolve())
        else:
            written.add(path.resolve())
    folders = {path for path in listed if path.is_dir()}
    assert written == listed - folders
    assert folders == {(cluster / KUBERNETES / "migration").resolve()}


def test_what_waits_is_applied_by_a_second_job(cluster: Path) -> None:
    """It differs from the first Job only in its name, which is free while the first one exists."""
    job = resources_of(cluster)["Job"]
    after = {}
    for resource in kubectl_kustomize(cluster / KUBERNETES / "after-rollout"):
        after[resource["kind"]] = resource
    assert after.keys() == {"Job", "NetworkPolicy"}
    command = container_of(job)["command"]
    assert command == ["alembic", "-x", "until=rollout", "upgrade", "head"]
    assert name_of(after["Job"]) == f"{cluster.name}-after-rollout"
    after["Job"]["metadata"]["name"] = name_of(job)
    assert container_of(after["Job"])["command"] == ["alembic", "upgrade", "head"]
    pod_of(after["Job"])["containers"][0]["command"] = command
    assert after["Job"] == job
    assert after["NetworkPolicy"] == policies_of(cluster)["migration"]


def test_manifests_belong_together(cluster: Path) -> None:
    resources = resources_of(cluster)
    labels = pod_labels(resources["Deployment"])
    assert resources["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert resources["Service"]["spec"]["selector"] == labels
    assert resources["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    # No request is for the migration, and no budget counts it.
    assert pod_labels(resources["Job"]) != labels
    target = resources["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", cluster.name)
    port = only(resources["Service"]["spec"]["ports"])
    container = container_of(resources["Deployment"])
    assert port["targetPort"] in {container_port["name"] for container_port in container["ports"]}
    for kind in ("Job", "Deployment"):
        image = container_of(resources[kind])["image"]
        assert image == f"registry.example.com/{cluster.name}:0.1.0"


def test_rollout_never_has_too_few(cluster: Path) -> None:
    resources = resources_of(cluster)
    deployment = resources["Deployment"]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    # It would set back what the autoscaler has decided.
    assert "replicas" not in deployment
    scaling = resources["HorizontalPodAutoscaler"]["spec"]
    assert scaling["minReplicas"] >= 2
    settings = defaults(cluster)
    connections = settings["workers"] * (settings["pool_size"] + settings["pool_overflow"])
    assert (scaling["maxReplicas"] + 1) * connections <= MAX_CONNECTIONS
    assert resources["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


def test_probes_and_the_end_of_a_pod(cluster: Path) -> None:
    deployment = resources_of(cluster)["Deployment"]
    pod, container = pod_of(deployment), container_of(deployment)
    assert container["startupProbe"]["httpGet"]["path"] == "/health/live"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    settings = defaults(cluster)
    assert container["readinessProbe"]["timeoutSeconds"] > settings["ready_timeout"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause > 0
    assert pod["terminationGracePeriodSeconds"] > pause + settings["shutdown_timeout"]


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_pods_may_do_little(cluster: Path, kind: str) -> None:
    resource = resources_of(cluster)[kind]
    pod, container = pod_of(resource), container_of(resource)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} == container["resources"].keys()


@pytest.mark.parametrize(
    ("kind", "optional"),
    [
        ("Job", {"DATABASE_URL": False, "MIGRATION_DATABASE_URL": True}),
        ("Deployment", {"DATABASE_URL": False}),
    ],
)
def test_secrets_by_reference(cluster: Path, kind: str, optional: dict[str, bool]) -> None:
    variables = {}
    for variable in container_of(resources_of(cluster)[kind])["env"]:
        if "DATABASE_URL" in variable["name"]:
            variables[variable["name"]] = variable["valueFrom"]["secretKeyRef"]
    assert variables.keys() == optional.keys()
    for name, reference in variables.items():
        assert reference["name"] == f"{cluster.name}-database"
        assert (reference["key"], reference.get("optional", False)) == (name, optional[name])


def test_how_it_is_applied(cluster: Path) -> None:
    """The commands of the README name the resources, the migration before the rest."""
    text = (cluster / KUBERNETES / "README.md").read_text("utf-8")
    create, *release = re.findall(r"(?m)^kubectl .*", text)
    resources = resources_of(cluster)
    job, deployment = name_of(resources["Job"]), name_of(resources["Deployment"])
    assert f"secret generic {cluster.name}-database --from-literal=DATABASE_URL=" in create
    assert release == [
        f"kubectl delete job {job} --ignore-not-found",
        f"kubectl apply -k {KUBERNETES / 'migration'}",
        f"kubectl wait --for=condition=complete --timeout=10m job/{job}",
        f"kubectl apply -k {KUBERNETES / 'service'}",
        f"kubectl rollout status deployment/{deployment}",
        f"kubectl delete job {deployment}-after-rollout --ignore-not-found",
        f"kubectl apply -k {KUBERNETES / 'after-rollout'}",
        f"kubectl wait --for=condition=complete --timeout=10m job/{deployment}-after-rollout",
    ]


def test_guide_names_existing_files(rendered: Render) -> None:
    guide = (ROOT / "docs/how-to/deploy.md").read_text("utf-8")
    hub = rendered(
        "hub", deploy=["docker", "kubernetes"], telemetry=["prometheus"], auth="accounts"
    )
    lab = rendered("lab", deploy=["docker", "kubernetes"], ci="gitlab")
    names = set(re.findall(r"`((?:\.github|\.gitlab|deploy)[\w./-]+|renovate\.json)`", guide))
    assert len(names) >= 9
    for name in names:
        assert (hub / name).exists() or (lab / name).exists(), name
    parts = set(re.findall(r"(?m)^\| `([\w-]+)/` ", guide))
    assert parts == {path.name for path in (hub / KUBERNETES).iterdir() if path.is_dir()}
