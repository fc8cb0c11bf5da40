"""The files of `deploy`, as compose and kubectl read them."""

import json
from pathlib import Path
from typing import Any

import compose
import yaml

from harness.ci_files import PROGRAMS
from harness.processes import Environment, only, run

KUBERNETES = Path("deploy/kubernetes")
# Docker Compose, as the script that the package installs always ends with 0.
COMPOSE = Path(compose.__file__).with_name("docker-compose")

Resource = dict[str, Any]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def compose_services(folder: Path) -> dict[str, Any]:
    return dict(load(folder / "compose.yaml")["services"])


def merged_compose(folder: Path, *options: str, env: Environment | None = None) -> dict[str, Any]:
    """Return the configuration that Docker Compose reads from the files of these options."""
    command = (COMPOSE, *options, "config", "--format", "json")
    return dict(json.loads(run(*command, cwd=folder, env=env).stdout))


def kubectl_kustomize(folder: Path) -> list[Resource]:
    """Return the resources of a kustomization, built by kubectl."""
    built = run(PROGRAMS / "kubectl", "kustomize", folder, cwd=folder).stdout
    return list(yaml.safe_load_all(built))


def kustomize(folder: Path) -> list[Resource]:
    """Return the resources of a kustomization as `kubectl apply -k` sends them."""
    kustomization = load(folder / "kustomization.yaml")
    allowed = {"apiVersion", "kind", "resources", "components", "images"}
    assert kustomization.keys() <= allowed, "this function does not know the rest"
    resources = [load(folder / name) for name in kustomization.get("resources", [])]
    for name in kustomization.get("components", []):
        component = load(folder / name / "kustomization.yaml")
        assert component["kind"] == "Component"
        for image in component["images"]:
            set_image(resources, image)
    return resources


def set_image(resources: list[Resource], image: dict[str, str]) -> None:
    for resource in resources:
        if "template" in resource["spec"]:
            container = container_of(resource)
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"


def pod_of(resource: Resource) -> dict[str, Any]:
    """Return the specification of the pods of a Job or a Deployment."""
    return dict(resource["spec"]["template"]["spec"])


def container_of(resource: Resource) -> dict[str, Any]:
    """Return the container of the pods of a Job or a Deployment; each has a single one."""
    return only(pod_of(resource)["containers"])


def all_resources(folder: Path) -> list[Resource]:
    kubernetes = folder / KUBERNETES
    return kustomize(kubernetes / "migration") + kustomize(kubernetes / "service")


def resources_of(folder: Path) -> dict[str, Resource]:
    """Return the resources by their kind, which each has of its own, but the network policies."""
    resources = {}
    for resource in all_resources(folder):
        if resource["kind"] != "NetworkPolicy":
            resources[resource["kind"]] = resource
    return resources


def policies_of(folder: Path) -> dict[str, Resource]:
    """Return the network policies of the Job and of the Deployment, by their component."""
    policies = {}
    for resource in all_resources(folder):
        if resource["kind"] == "NetworkPolicy":
            policies[resource["metadata"]["labels"]["app.kubernetes.io/component"]] = resource
    return policies
