"""The manifests of `deploy/kubernetes/telemetry`, built by kubectl."""

import copy
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from harness.ci_files import check_own_schema
from harness.deployment import (
    KUBERNETES,
    Resource,
    container_of,
    kubectl_kustomize,
    kustomize,
    load,
)
from harness.processes import only, run
from harness.template import ROOT, TELEMETRY_PARTS, Render, choices, render

SCHEMAS = ROOT / "tests/deploy/schemas"
TELEMETRY = KUBERNETES / "telemetry"
OPERATOR = TELEMETRY / "operator"
SELECTIONS = [parts for parts in choices("telemetry") if parts]
KINDS = {"migration": "Job", "service": "Deployment"}
# Variables that each part adds to the Deployment and to the Job.
VARIABLES = {
    "opentelemetry": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "prometheus": "ORDERS_(METRICS_PORT|PUSHGATEWAY_URL)",
    "sentry": "SENTRY_DSN",
}
# Without quotes, `null` is no string in YAML.
NAMES = ["orders", "null"]

Built = dict[str, list[Resource]]


@pytest.fixture(scope="module", params=NAMES)
def cluster(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    answers = {
        "service_name": request.param,
        "deploy": ["kubernetes"],
        "telemetry": TELEMETRY_PARTS,
    }
    return render(source, tmp_path_factory.mktemp("cluster") / request.param, answers)


@pytest.fixture(scope="module")
def built(cluster: Path) -> Built:
    """Return the resources of the service and of the migration."""
    return {name: kubectl_kustomize(cluster / TELEMETRY / name) for name in KINDS}


def of_kind(resources: list[Resource], kind: str) -> Resource:
    return only(resource for resource in resources if resource["kind"] == kind)


def policies(built: Built, component: str) -> list[Resource]:
    """Return the network policies of a component's pods."""
    resources = built[component]
    labels = of_kind(resources, KINDS[component])["spec"]["template"]["metadata"]["labels"]
    selected = []
    for resource in resources:
        if resource["kind"] == "NetworkPolicy":
            selector = resource["spec"]["podSelector"]["matchLabels"]
            if selector.items() <= labels.items():
                selected.append(resource)
    return selected


def allowed(built: Built, component: str, direction: str) -> set[int | str]:
    """Return the ports of TCP that all policies together allow."""
    ports = set()
    for policy in policies(built, component):
        for rule in policy["spec"].get(direction, []):
            for port in rule["ports"]:
                if port["protocol"] == "TCP":
                    ports.add(port["port"])
    return ports


def variables(resource: Resource) -> dict[str, Any]:
    values = {}
    for variable in container_of(resource)["env"]:
        values[variable["name"]] = variable.get("value", variable.get("valueFrom"))
    return values


def without_telemetry(resource: Resource) -> Resource:
    """Return a Deployment or a Job without what telemetry may add."""
    bare = copy.deepcopy(resource)
    template = bare["spec"]["template"]
    template["metadata"].pop("annotations", None)
    container = only(template["spec"]["containers"])
    container["ports"] = [port for port in container.get("ports", []) if port["name"] != "metrics"]
    container["env"] = [
        variable
        for variable in container["env"]
        if not re.search("OTEL|POD_NAME|METRICS|PUSHGATEWAY|SENTRY", variable["name"])
    ]
    return bare


@pytest.mark.parametrize("component", KINDS)
def test_manifests_have_the_schema(built: Built, component: str) -> None:
    for resource in built[component]:
        kubernetes_validate.validate(resource, "1.37", strict=True)


def test_both_jobs_have_the_same_telemetry(cluster: Path, built: Built) -> None:
    after = of_kind(kubectl_kustomize(cluster / TELEMETRY / "after-rollout"), "Job")
    assert variables(after) == variables(of_kind(built["migration"], "Job"))


@pytest.mark.parametrize("component", KINDS)
def test_only_telemetry_is_added(cluster: Path, built: Built, component: str) -> None:
    plain = kubectl_kustomize(cluster / KUBERNETES / component)
    resources = built[component]
    for resource in plain:
        if resource["kind"] == KINDS[component]:
            changed = without_telemetry(of_kind(resources, resource["kind"]))
            assert changed == without_telemetry(resource)
        else:
            assert resource in resources
    added = {resource["kind"] for resource in resources if resource not in plain}
    assert added == {KINDS[component], "NetworkPolicy"}


def test_kustomize_of_the_tests_agrees_with_kubectl(cluster: Path) -> None:
    for component in KINDS:
        folder = cluster / KUBERNETES / component
        expected = kubectl_kustomize(folder)
        resources = kustomize(folder)
        assert len(resources) == len(expected)
        for resource in resources:
            assert resource in expected


@pytest.mark.parametrize("parts", SELECTIONS, ids="+".join)
def test_each_selection_of_parts_builds(rendered: Render, parts: list[str]) -> None:
    folder = rendered(deploy=["kubernetes"], telemetry=parts) / TELEMETRY
    for component, kind in KINDS.items():
        names = "\n".join(variables(of_kind(kubectl_kustomize(folder / component), kind)))
        for part, pattern in VARIABLES.items():
            assert bool(re.search(pattern, names)) is (part in parts), part


def test_pods_reach_their_receivers_only(built: Built) -> None:
    base = {53, 5432, 6432}
    assert allowed(built, "service", "egress") == base | {4318, 443}
    assert allowed(built, "migration", "egress") == base | {4318, 443, 9091}
    assert allowed(built, "migration", "ingress") == set()
    deployment = of_kind(built["service"], "Deployment")
    endpoint = variables(deployment)["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert endpoint.endswith(":4318")


def test_metrics_are_for_prometheus_only(built: Built) -> None:
    """Requests come from everywhere, scrapes from its namespace."""
    rules = {}
    for policy in policies(built, "service"):
        for rule in policy["spec"].get("ingress", []):
            rules[only(rule["ports"])["port"]] = rule
    assert rules.keys() == {"http", "metrics"}
    assert "from" not in rules["http"]
    namespace = only(rules["metrics"]["from"])["namespaceSelector"]["matchLabels"]
    assert namespace == {"kubernetes.io/metadata.name": "monitoring"}


def test_prometheus_finds_the_port(cluster: Path, built: Built) -> None:
    """By the annotations of the pods, or by the Service that the ServiceMonitor selects."""
    deployment = of_kind(built["service"], "Deployment")
    ports = {port["name"]: port["containerPort"] for port in container_of(deployment)["ports"]}
    prefix = cluster.name.upper()
    assert variables(deployment)[f"{prefix}_METRICS_PORT"] == str(ports["metrics"])
    assert variables(deployment)[f"{prefix}_METRICS_HOST"] == "0.0.0.0"
    template = deployment["spec"]["template"]["metadata"]
    assert template["annotations"]["prometheus.io/port"] == str(ports["metrics"])
    resources = kubectl_kustomize(cluster / OPERATOR)
    service = of_kind(resources, "Service")
    assert service["spec"]["selector"] == template["labels"]
    port = only(service["spec"]["ports"])
    assert port["targetPort"] in ports
    monitor = of_kind(resources, "ServiceMonitor")
    labels = service["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"] == labels
    assert only(monitor["spec"]["endpoints"])["port"] == port["name"]
    assert labels[monitor["spec"]["jobLabel"]] == cluster.name
    kubernetes_validate.validate(service, "1.37", strict=True)


def test_resources_of_the_operator_have_the_schema(cluster: Path, tmp_path: Path) -> None:
    """The command in the comment sends the alerts of deploy/prometheus, indented."""
    check_own_schema(SCHEMAS / "service-monitor.yaml", cluster / OPERATOR / "service-monitor.yaml")
    comment = (cluster / OPERATOR / "prometheus-rule.yaml").read_text("utf-8")
    command = only(re.findall(r"(?m)^# +(sed .*) \| kubectl apply -f -$", comment))
    sent = run("sh", "-c", command, cwd=cluster).stdout
    (tmp_path / "rule.yaml").write_text(sent, "utf-8")
    check_own_schema(SCHEMAS / "prometheus-rule.yaml", tmp_path / "rule.yaml")
    rule = yaml.safe_load(sent)
    assert rule["metadata"]["name"] == cluster.name
    assert rule["spec"] == load(cluster / "deploy/prometheus/alerts.yaml")


def test_every_manifest_is_used(cluster: Path) -> None:
    written, listed = set(), {cluster / OPERATOR / "prometheus-rule.yaml"}
    for path in (cluster / TELEMETRY).rglob("*.yaml"):
        if path.name != "kustomization.yaml":
            written.add(path)
            continue
        kustomization = load(path)
        for name in kustomization.get("resources", []):
            listed.add(path.parent / name)
        for patch in kustomization.get("patches", []):
            listed.add(path.parent / patch["path"])
    assert written == {path for path in listed if path.suffix}


def test_sampling_is_not_for_migrations(built: Built) -> None:
    """A migration is rare: its trace must not depend on chance."""
    sampled = set()
    for component, kind in KINDS.items():
        if "OTEL_TRACES_SAMPLER" in variables(of_kind(built[component], kind)):
            sampled.add(component)
    assert sampled == {"service"}


def test_service_starts_without_the_secret_of_sentry(cluster: Path, built: Built) -> None:
    for component, kind in KINDS.items():
        reference = variables(of_kind(built[component], kind))["SENTRY_DSN"]["secretKeyRef"]
        assert reference == {
            "name": f"{cluster.name}-sentry",
            "key": "SENTRY_DSN",
            "optional": True,
        }
    comment = (cluster / TELEMETRY / "sentry/kustomization.yaml").read_text("utf-8")
    assert f"secret generic {cluster.name}-sentry --from-literal=SENTRY_DSN=" in comment


def test_how_it_is_applied(cluster: Path) -> None:
    text = (cluster / TELEMETRY / "README.md").read_text("utf-8")
    folders = re.findall(r"(?m)^kubectl apply -k (\S+)$", text)
    components = ("migration", "service", "after-rollout")
    assert folders == [str(TELEMETRY / component) for component in components]
