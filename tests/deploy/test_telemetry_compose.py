"""The compose files of telemetry, merged by Docker Compose, and the configurations they mount."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.ci_files import check_own_schema, check_schema
from harness.deployment import compose_services, load, merged_compose
from harness.processes import only
from harness.template import DATABASES, ROOT, TELEMETRY_PARTS, Render, choices, render

SCHEMAS = ROOT / "tests/deploy/schemas"
SELECTIONS = [parts for parts in choices("telemetry") if set(parts) - {"sentry"}]
HUB = ("--file", "compose.telemetry.yaml")
PROFILE = (*HUB, "--profile", "telemetry")
TOOLS = {
    "opentelemetry": {"collector", "tempo", "grafana"},
    "prometheus": {"prometheus", "pushgateway", "grafana"},
    "sentry": set(),
}
# Their images have no shell and no client.
WITHOUT_HEALTH_CHECK = {"collector", "tempo"}

Services = dict[str, Any]


@pytest.fixture(scope="module", params=DATABASES)
def containers(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    answers = {"database": request.param, "deploy": ["docker"], "telemetry": TELEMETRY_PARTS}
    return render(source, tmp_path_factory.mktemp("containers") / "orders", answers)


@pytest.fixture(scope="module")
def services(containers: Path) -> Services:
    return dict(merged_compose(containers, *PROFILE)["services"])


def tools(services: Services) -> Services:
    """Return what stores and shows telemetry."""
    names = set().union(*TOOLS.values())
    return {name: services[name] for name in names}


def mounted(service: dict[str, Any], name: str) -> Path:
    """Return the file or folder of the project that is at a path of the container."""
    for volume in service["volumes"]:
        if volume["type"] == "bind" and Path(name).is_relative_to(volume["target"]):
            return Path(volume["source"]) / Path(name).relative_to(volume["target"])
    raise AssertionError(f"{name} is not mounted")


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_compose_files_have_the_schema(containers: Path) -> None:
    names = sorted(path.name for path in containers.glob("compose*.yaml"))
    assert len(names) == 5
    check_schema(containers, "compose-spec", *names)


@pytest.mark.parametrize("parts", SELECTIONS, ids="+".join)
def test_each_selection_has_its_tools(rendered: Render, parts: list[str]) -> None:
    folder = rendered(telemetry=parts)
    names = set(compose_services(folder)).union(*(TOOLS[part] for part in parts))
    assert merged_compose(folder, *PROFILE)["services"].keys() == names


def test_nothing_but_the_service_starts_without_the_profile(containers: Path) -> None:
    started = merged_compose(containers, *HUB)["services"]
    assert started.keys() == compose_services(containers).keys()


def test_plain_compose_knows_no_telemetry(containers: Path) -> None:
    plain = merged_compose(containers)["services"]
    for service in plain.values():
        assert not re.search("OTEL|METRICS|PUSHGATEWAY|SENTRY", json.dumps(service))


def test_variables_of_the_comment_make_telemetry_the_default(rendered: Render) -> None:
    folder = rendered(telemetry=TELEMETRY_PARTS)
    comment = (folder / "compose.telemetry.yaml").read_text("utf-8")
    lines = re.findall(r"(?m)^# +(COMPOSE_\w+=.*)$", comment)
    assert len(lines) == 2
    (folder / ".env").write_text("\n".join(lines), "utf-8")
    assert merged_compose(folder) == merged_compose(folder, *PROFILE)


def test_the_service_stays_as_it_is(containers: Path, services: Services) -> None:
    """Only variables are added, and what the migration waits for."""
    for name, before in merged_compose(containers)["services"].items():
        after = dict(services[name])
        for key in ("environment", "depends_on"):
            added = after.pop(key, None) or {}
            assert added.items() >= (before.pop(key, None) or {}).items()
        assert after == before


def test_the_migration_waits_for_the_tools_that_run(services: Services) -> None:
    """Otherwise what it sends would be lost; without the profile it waits for none."""
    waits = services["migration"]["depends_on"]
    for name in ("collector", "pushgateway"):
        assert waits[name]["required"] is False
    assert waits["pushgateway"]["condition"] == "service_healthy"
    assert not {"collector", "pushgateway"} & services["service"]["depends_on"].keys()


def test_tools_may_do_little(services: Services) -> None:
    for name, tool in tools(services).items():
        assert tool["read_only"] is True, name
        assert tool["cap_drop"] == ["ALL"], name
        assert tool["security_opt"] == ["no-new-privileges:true"], name
        assert ("healthcheck" in tool) is (name not in WITHOUT_HEALTH_CHECK), name
        assert re.fullmatch(r"[a-z-]+/[a-z-]+:v?\d+\.\d+\.\d+", tool["image"]), name
        for volume in tool.get("volumes", []):
            if volume["type"] == "bind":
                assert volume["read_only"] is True
                assert Path(volume["source"]).exists()


def test_only_this_machine_can_connect(services: Services) -> None:
    published = {}
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1"
            published[name] = port["published"]
    assert published == {"service": "8000", "grafana": "3000", "prometheus": "9090"}


def test_grafana_has_no_account(services: Services) -> None:
    variables = services["grafana"]["environment"]
    assert variables["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert variables["GF_AUTH_ANONYMOUS_ORG_ROLE"] in {"Viewer", "Editor"}
    assert not [name for name in variables if "PASSWORD" in name]


@pytest.mark.parametrize(
    "parts", [["opentelemetry"], ["prometheus"], TELEMETRY_PARTS], ids="+".join
)
def test_grafana_has_the_data_sources_and_the_dashboard(rendered: Render, parts: list[str]) -> None:
    services = merged_compose(rendered(telemetry=parts), *PROFILE)["services"]
    grafana = services["grafana"]
    provisioning = mounted(grafana, grafana["environment"]["GF_PATHS_PROVISIONING"])
    types = set()
    for path in (provisioning / "datasources").iterdir():
        source = only(load(path)["datasources"])
        types.add(source["type"])
        assert source["url"].split(":")[1].removeprefix("//") in services
    assert types == {"tempo", "prometheus"} & services.keys()
    dashboards = set()
    for path in provisioning.glob("dashboards/*.yaml"):
        folder = mounted(grafana, only(load(path)["providers"])["options"]["path"])
        dashboards |= {path.name for path in folder.glob("*.json")}
    assert bool(dashboards) is ("prometheus" in parts)


def test_prometheus_scrapes_the_service_and_the_pushgateway(services: Services) -> None:
    prometheus = services["prometheus"]
    options = dict(option.removeprefix("--").split("=") for option in prometheus["command"])
    path = mounted(prometheus, options["config.file"])
    configuration = load(path)
    assert [(path.parent / name).exists() for name in configuration["rule_files"]] == [True]
    targets = {}
    for job in configuration["scrape_configs"]:
        for static in job["static_configs"]:
            targets.update(dict.fromkeys(static["targets"], job))
    variables = services["service"]["environment"]
    assert variables["ORDERS_METRICS_HOST"] == "0.0.0.0"
    assert set(targets) == {f"service:{variables['ORDERS_METRICS_PORT']}", "pushgateway:9091"}
    assert targets["pushgateway:9091"]["honor_labels"] is True
    url = services["migration"]["environment"]["ORDERS_PUSHGATEWAY_URL"]
    assert url == "http://pushgateway:9091"
    # Where the data is, in a volume.
    assert options["storage.tsdb.path"] in {volume["target"] for volume in prometheus["volumes"]}


def test_sampling_is_that_of_the_environment(containers: Path, services: Services) -> None:
    assert services["service"]["environment"]["OTEL_TRACES_SAMPLER"] is None
    sampler = {"OTEL_TRACES_SAMPLER": "always_off"}
    merged = merged_compose(containers, *PROFILE, env=sampler)["services"]
    assert merged["service"]["environment"].items() >= sampler.items()
    # Every migration is recorded.
    assert "OTEL_TRACES_SAMPLER" not in merged["migration"]["environment"]


def test_traces_reach_tempo(services: Services) -> None:
    collector, tempo = services["collector"], services["tempo"]
    received = load(mounted(collector, collector["command"][0].partition("=")[2]))
    stored = load(mounted(tempo, tempo["command"][0].partition("=")[2]))
    check_own_schema(SCHEMAS / "collector.yaml", mounted(collector, "/etc/collector.yaml"))
    check_own_schema(SCHEMAS / "tempo.yaml", mounted(tempo, "/etc/tempo.yaml"))
    endpoint = received["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    for name in ("service", "migration"):
        url = services[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
        assert url == f"http://collector:{port_of(endpoint)}"
    receiver = stored["distributor"]["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert (
        received["exporters"]["otlp_http/tempo"]["endpoint"] == f"http://tempo:{port_of(receiver)}"
    )
    volume = next(volume for volume in tempo["volumes"] if volume["type"] == "volume")
    for store in ("wal", "local"):
        assert Path(stored["storage"]["trace"][store]["path"]).is_relative_to(volume["target"])


def test_pipelines_of_the_collector_use_its_components(
    containers: Path, services: Services
) -> None:
    configuration = load(containers / "deploy/opentelemetry/collector.yaml")
    used: dict[str, set[str]] = {}
    for pipeline in configuration["service"]["pipelines"].values():
        assert pipeline["processors"] == ["memory_limiter", "batch"]
        for kind, names in pipeline.items():
            used.setdefault(kind, set()).update(names)
    assert used == {kind: set(configuration[kind]) for kind in used}
    # The limit of the heap is below that of the container, and the soft one of Go below that.
    limit = configuration["processors"]["memory_limiter"]["limit_mib"]
    collector = services["collector"]
    assert int(collector["environment"]["GOMEMLIMIT"].removesuffix("MiB")) < limit
    assert limit + 50 < int(collector["mem_limit"]) / 2**20


def variables_of_sentry(folder: Path, **variables: str) -> Iterator[dict[str, str]]:
    files = ("--file", "compose.yaml", "--file", "compose.sentry.yaml")
    services = merged_compose(folder, *files, env=variables)["services"]
    for name in ("service", "migration"):
        yield services[name]["environment"]


def test_dsn_of_sentry_comes_from_the_environment(rendered: Render) -> None:
    folder = rendered(telemetry=["sentry"])
    assert not (folder / "compose.telemetry.yaml").exists()
    for variables in variables_of_sentry(folder):
        assert variables["SENTRY_DSN"] is None
    dsn = "https://key@sentry.example.com/1"
    for variables in variables_of_sentry(folder, SENTRY_DSN=dsn):
        assert variables["SENTRY_DSN"] == dsn
