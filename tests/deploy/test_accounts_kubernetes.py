"""The manifests of a service with accounts: its mail, and the CronJob that deletes expired rows."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from harness.deployment import (
    KUBERNETES,
    Resource,
    container_of,
    kubectl_kustomize,
    policies_of,
    resources_of,
)
from harness.processes import only
from harness.template import Render, render

# The ports of mail servers, with STARTTLS and with TLS from the start (RFC 6409, RFC 8314).
MAIL = {587, 465}


@pytest.fixture(scope="module")
def cluster(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    answers = {"auth": "accounts", "deploy": ["kubernetes"]}
    return render(source, tmp_path_factory.mktemp("accounts") / "orders", answers)


@pytest.fixture(scope="module")
def applied(cluster: Path) -> dict[str, Resource]:
    """Return what `kubectl apply -k deploy/kubernetes/accounts` applies, by its kind."""
    resources = {}
    for resource in kubectl_kustomize(cluster / KUBERNETES / "accounts"):
        resources[resource["kind"]] = resource
    return resources


def job_of(cron_job: Resource) -> Resource:
    return dict(cron_job["spec"]["jobTemplate"])


def ports_of(policy: Resource) -> set[int]:
    ports = set()
    for rule in policy["spec"]["egress"]:
        for port in rule["ports"]:
            ports.add(port["port"])
    return ports


def variables_of(resource: Resource) -> dict[str, Any]:
    return {variable["name"]: variable for variable in container_of(resource)["env"]}


def test_manifests_have_the_schema(cluster: Path, applied: dict[str, Resource]) -> None:
    assert applied.keys() == {"CronJob", "NetworkPolicy"}
    service = [*resources_of(cluster).values(), *policies_of(cluster).values()]
    for resource in (*applied.values(), *service):
        kubernetes_validate.validate(resource, "1.37", strict=True)


def test_cron_job_cleans_with_the_image_of_the_service(
    cluster: Path, applied: dict[str, Resource]
) -> None:
    container = container_of(job_of(applied["CronJob"]))
    assert container["command"] == ["python", "-m", "scripts.accounts", "clean"]
    assert container["image"] == "registry.example.com/orders:0.1.0"
    assert (cluster / "scripts/accounts.py").exists()
    assert applied["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"


def test_cron_job_knows_the_database_only(applied: dict[str, Resource]) -> None:
    job, policy = job_of(applied["CronJob"]), applied["NetworkPolicy"]
    variables = variables_of(job)
    assert variables.keys() == {"DATABASE_URL"}
    secret = {"name": "orders-database", "key": "DATABASE_URL"}
    assert variables["DATABASE_URL"]["valueFrom"] == {"secretKeyRef": secret}
    assert ports_of(policy) == {53, 5432, 6432}
    assert policy["spec"]["ingress"] == []
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"] == labels


def test_cron_job_may_do_as_little_as_the_migration(
    cluster: Path, applied: dict[str, Resource]
) -> None:
    migration = resources_of(cluster)["Job"]
    job = job_of(applied["CronJob"])
    for name in ("automountServiceAccountToken", "enableServiceLinks", "securityContext"):
        pods = (job["spec"]["template"]["spec"], migration["spec"]["template"]["spec"])
        assert pods[0][name] == pods[1][name]
    containers = (container_of(job), container_of(migration))
    assert containers[0]["securityContext"] == containers[1]["securityContext"]
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_service_reaches_its_mail_server(cluster: Path) -> None:
    variables = variables_of(resources_of(cluster)["Deployment"])
    references = {}
    for name in ("MAIL_URL", "MAIL_FROM", "MAIL_LINKS_URL"):
        reference = only(variables[f"ORDERS_{name}"]["valueFrom"].items())
        assert (reference[1]["name"], reference[1]["key"]) == ("orders-mail", name)
        references[name] = reference[0]
    # The URL contains a password.
    assert references == {
        "MAIL_URL": "secretKeyRef",
        "MAIL_FROM": "configMapKeyRef",
        "MAIL_LINKS_URL": "configMapKeyRef",
    }
    policies = policies_of(cluster)
    assert ports_of(policies["service"]) == {53, 5432, 6432} | MAIL
    assert not ports_of(policies["migration"]) & MAIL


def test_service_believes_the_addresses_of_its_ingress(cluster: Path) -> None:
    """Without the ConfigMap, the variable is not set, and uvicorn believes 127.0.0.1 only."""
    variables = variables_of(resources_of(cluster)["Deployment"])
    key = {"name": "orders-proxy", "key": "FORWARDED_ALLOW_IPS", "optional": True}
    assert variables["FORWARDED_ALLOW_IPS"]["valueFrom"] == {"configMapKeyRef": key}


def test_readme_creates_what_the_manifests_name(cluster: Path) -> None:
    text = (cluster / KUBERNETES / "README.md").read_text("utf-8")
    commands = re.findall(r"(?m)^kubectl .*", text)
    created = "\n".join(line for line in commands if line.startswith("kubectl create"))
    assert "secret generic orders-mail --from-literal=MAIL_URL=smtp://" in created
    assert "configmap orders-mail --from-literal=MAIL_FROM=" in created
    assert " --from-literal=MAIL_LINKS_URL=https://" in created
    assert "configmap orders-proxy --from-literal=FORWARDED_ALLOW_IPS=" in created
    assert "kubectl apply -k deploy/kubernetes/accounts" in commands
    name = resources_of(cluster)["Deployment"]["metadata"]["name"]
    user = only(line for line in commands if line.startswith("kubectl exec"))
    assert user.startswith(f"kubectl exec --stdin --tty deployment/{name} -- python -m scripts.")


def test_other_services_have_no_cron_job(rendered: Render) -> None:
    folder = rendered(auth="oidc", deploy=["kubernetes"])
    assert not (folder / KUBERNETES / "accounts").exists()
