"""The alerts and the dashboard of `deploy/prometheus`, in a Prometheus that scrapes a service."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from harness.deployment import load
from harness.expressions import alerts, grouping, panels, queries, selectors
from harness.measured_service import measured
from harness.processes import only, wait_for
from harness.programs import program
from harness.project import Project
from harness.prometheus import Prometheus, free_ports, pushgateway, running

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

# Labels that Prometheus adds.
OF_THE_SCRAPE = {"instance", "job"}


def configure(project: Project, folder: Path, *targets: str) -> Path:
    """Write the configuration of a project for targets on loopback, without its waiting times."""
    source = project.folder / "deploy/prometheus"
    configuration = load(source / "prometheus.yaml")
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(source / name) for name in configuration["rule_files"]]
    for job, target in zip(configuration["scrape_configs"], targets, strict=True):
        job["static_configs"] = [{"targets": [target]}]
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump(configuration), "utf-8")
    return path


@pytest.fixture(scope="module")
def service(light_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return measured(light_project, tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def monitoring(service: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Yield a Prometheus that has scraped requests, failed requests and a migration."""
    folder = tmp_path_factory.mktemp("monitoring")
    port, own_port = free_ports(2), free_ports(1)
    settings = {"ORDERS_METRICS_PORT": str(port)}
    server = program("prometheus", package="prometheus")
    address = f"127.0.0.1:{own_port}"
    with (
        pushgateway(folder) as gateway,
        service.serve("python", "-m", "app", env=settings, log=folder / "log") as running_service,
    ):
        service.run("alembic", "upgrade", "head", env={"ORDERS_PUSHGATEWAY_URL": gateway})
        targets = (f"127.0.0.1:{port}", gateway.removeprefix("http://"))
        options = [
            f"--config.file={configure(service, folder, *targets)}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        ]
        with running([server, *options], f"http://{address}", folder):
            prometheus = Prometheus(f"http://{address}")
            wait_for(
                lambda: has_failures(running_service.address, prometheus),
                "failed requests are scraped",
            )
            yield prometheus


def has_failures(address: str, prometheus: Prometheus) -> bool:
    """Send requests, some of which fail; return whether Prometheus has seen enough for an alert."""
    for path in ("/reports/1", "/reports/1/error", "/nothing"):
        httpx.get(f"{address}{path}", timeout=10)
    failed = 'increase(http_request_duration_seconds_count{status="5xx"}[1h])'
    # More than the alert needs, as the first value of increase() is extrapolated, too high.
    return prometheus.value(f"sum({failed})") > 30


def labels_of(prometheus: Prometheus, name: str) -> set[str]:
    """Return the labels that the series of a metric of this service have."""
    labels: set[str] = set()
    for series in prometheus.query(f'{name}{{job="orders"}}'):
        labels |= series["metric"].keys()
    return labels


def expressions(project: Project) -> list[str]:
    """Return the queries of the alerts and of the dashboard."""
    rules = [rule["expr"] for rule in alerts(project.folder)]
    return rules + list(itertools.chain(*map(queries, panels(project.folder))))


def test_the_service_has_every_metric_and_label_of_the_queries(
    service: Project, monitoring: Prometheus
) -> None:
    for expression in expressions(service):
        known = set(OF_THE_SCRAPE)
        for name, selected in selectors(expression).items():
            labels = labels_of(monitoring, name)
            assert selected <= labels, f"{name} of {expression}"
            known |= labels
        assert grouping(expression) <= known, expression


def test_every_panel_shows_data(service: Project, monitoring: Prometheus) -> None:
    for panel in panels(service.folder):
        for query in queries(panel):
            assert monitoring.query(query), f"{panel['title']}: {query}"


def test_thresholds_of_latency_are_buckets(service: Project, monitoring: Prometheus) -> None:
    """Between two buckets a quantile is only estimated."""
    rule = only(rule for rule in alerts(service.folder) if rule["alert"] == "LatencyHigh")
    threshold = rule["expr"].partition(" > ")[2].split()[0]
    bucket = f'http_request_duration_seconds_bucket{{le=~"{threshold}([.]0)?"}}'
    assert monitoring.query(bucket)


def test_prometheus_evaluates_the_alerts(service: Project, monitoring: Prometheus) -> None:
    """One fires: a third of the requests have failed."""

    def rules() -> dict[str, dict[str, str]]:
        answer = httpx.get(f"{monitoring.address}/api/v1/rules", timeout=10).json()
        return {rule["name"]: rule for rule in answer["data"]["groups"][0]["rules"]}

    wait_for(lambda: rules()["ErrorRateHigh"]["state"] == "firing", "ErrorRateHigh fires")
    assert rules().keys() == {rule["alert"] for rule in alerts(service.folder)}
    assert {rule["health"] for rule in rules().values()} == {"ok"}
    firing = [name for name, rule in rules().items() if rule["state"] != "inactive"]
    assert firing == ["ErrorRateHigh"]
