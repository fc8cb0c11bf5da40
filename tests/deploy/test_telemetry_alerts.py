"""The alerts and the dashboard of `deploy/prometheus`, checked by promtool."""

import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.ci_files import check_own_schema
from harness.deployment import load
from harness.expressions import Rule, alerts, other_words, panels, queries, selectors
from harness.processes import Completed, run
from harness.programs import program
from harness.template import ROOT, render

# promtool is a package of Debian.
pytestmark = [pytest.mark.slow, pytest.mark.seconds(20)]

SCHEMAS = ROOT / "tests/deploy/schemas"
ALERTS = Path("deploy/prometheus/alerts.yaml")
TESTS = Path("deploy/prometheus/alerts-test.yaml")
# Without quotes, `null` is no string in YAML.
NAMES = ["orders", "null"]
THRESHOLD = re.compile(r"(?:>=?|==) ([\d.]+)")
QUANTILE = re.compile(r"quantile\(([\d.]+)")
WINDOW = re.compile(r"\[(\w+)\]")
OTHER_WINDOWS = {"5m": "10m", "10m": "20m", "1h": "30m"}

Case = dict[str, Any]


@pytest.fixture(scope="module", params=NAMES)
def monitored(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    answers = {"service_name": request.param, "telemetry": ["prometheus"]}
    return render(source, tmp_path_factory.mktemp("monitored") / request.param, answers)


@pytest.fixture(scope="module")
def orders(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(
        source, tmp_path_factory.mktemp("orders") / "orders", {"telemetry": ["prometheus"]}
    )


def promtool(folder: Path, *arguments: str | Path, code: int | None = 0) -> Completed:
    return run(program("promtool", package="prometheus"), *arguments, cwd=folder, code=code)


def test_alerts_have_the_syntax(monitored: Path) -> None:
    assert "8 rules found" in promtool(monitored, "check", "rules", ALERTS).stdout


def test_alerts_fire_when_they_should(monitored: Path) -> None:
    """The tests that the service has for them."""
    promtool(monitored, "test", "rules", TESTS)


def test_configuration_of_prometheus_is_valid(monitored: Path) -> None:
    configuration = Path("deploy/prometheus/prometheus.yaml")
    promtool(monitored, "check", "config", configuration)
    names = [job["job_name"] for job in load(monitored / configuration)["scrape_configs"]]
    assert names == [monitored.name, f"{monitored.name}-jobs"]


def test_alerts_say_what_to_do(monitored: Path) -> None:
    for rule in alerts(monitored):
        assert rule["labels"]["service"] == monitored.name
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert monitored.name in rule["annotations"]["summary"]
        assert rule["annotations"]["description"].count(". ") >= 1, rule["alert"]


def test_each_alert_has_a_test_that_it_fires_and_that_it_does_not(orders: Path) -> None:
    fires, rests = set(), set()
    for case in load(orders / TESTS)["tests"]:
        for check in case.get("alert_rule_test", []):
            names = fires if check["exp_alerts"] else rests
            names.add(check["alertname"])
    assert fires == rests == {rule["alert"] for rule in alerts(orders)}


def replaced(match: re.Match[str], number: str) -> str:
    """Return the text that a pattern has matched in, with another number as its first group."""
    return match.string[: match.start(1)] + number + match.string[match.end(1) :]


def changed(rule: Rule) -> Iterator[Rule]:
    """Yield the rule with a higher and a lower number each: thresholds, windows and delays."""
    for match in THRESHOLD.finditer(rule["expr"]):
        number = float(match[1])
        # A metric that is 0 or 1 has no threshold between.
        others = {f"{1 - number:g}"} if match[0].startswith("==") else {f"{2 * number:g}"}
        if not match[0].startswith("=="):
            others.add(f"{number / 2:g}")
        for other in others - {match[1]}:
            yield {**rule, "expr": replaced(match, other)}
    for match in QUANTILE.finditer(rule["expr"]):
        yield {**rule, "expr": replaced(match, "0.99")}
        yield {**rule, "expr": replaced(match, "0.9")}
    for window in set(WINDOW.findall(rule["expr"])):
        yield {**rule, "expr": rule["expr"].replace(f"[{window}]", f"[{OTHER_WINDOWS[window]}]")}
    if "for" in rule:
        minutes = int(rule["for"].removesuffix("m"))
        yield {**rule, "for": f"{2 * minutes}m"}
        yield {**rule, "for": f"{30 * minutes}s"}


def cases_of(folder: Path, name: str) -> list[Case]:
    """Return the tests of an alert, without their checks of others."""
    cases = []
    for case in load(folder / TESTS)["tests"]:
        own = [check for check in case.get("alert_rule_test", []) if check["alertname"] == name]
        queries_of_alert = []
        for check in case.get("promql_expr_test", []):
            if name in check["expr"]:
                queries_of_alert.append(check)
        if own or queries_of_alert:
            cases.append({**case, "alert_rule_test": own, "promql_expr_test": queries_of_alert})
    return cases


def test_each_number_of_the_alerts_is_tested(orders: Path, tmp_path: Path) -> None:
    """Their tests fail with every threshold, window or delay that is twice as high or half as high."""
    unnoticed = []
    for rule in alerts(orders):
        cases = {"rule_files": ["rules.yaml"], "tests": cases_of(orders, rule["alert"])}
        (tmp_path / "cases.yaml").write_text(yaml.safe_dump(cases), "utf-8")
        assert passes(tmp_path, rule)
        for mutant in changed(rule):
            if passes(tmp_path, mutant):
                unnoticed.append((rule["alert"], mutant["expr"], mutant.get("for")))
    assert not unnoticed, "\n".join(map(str, unnoticed))


def passes(folder: Path, rule: Rule) -> bool:
    """Return whether cases.yaml passes with this rule."""
    groups = {"groups": [{"name": "orders", "rules": [rule]}]}
    (folder / "rules.yaml").write_text(yaml.safe_dump(groups), "utf-8")
    command = [program("promtool", package="prometheus"), "test", "rules", "cases.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def test_dashboard_has_the_schema(monitored: Path) -> None:
    check_own_schema(SCHEMAS / "dashboard.yaml", monitored / "deploy/prometheus/dashboard.json")


def test_panels_do_not_overlap(orders: Path) -> None:
    cells = set()
    for panel in panels(orders):
        position = panel["gridPos"]
        columns = range(position["x"], position["x"] + position["w"])
        rows = range(position["y"], position["y"] + position["h"])
        area = set(itertools.product(columns, rows))
        assert not area & cells, panel["title"]
        assert max(columns) < 24
        cells |= area
    assert len({panel["id"] for panel in panels(orders)}) == len(panels(orders))


def test_queries_of_the_dashboard_have_the_syntax(monitored: Path, tmp_path: Path) -> None:
    """promtool needs a server to check a query, so they are checked as recording rules."""
    rules = []
    for query in itertools.chain(*map(queries, panels(monitored))):
        rules.append({"record": f"query:{len(rules)}", "expr": query})
    groups = {"groups": [{"name": "dashboard", "rules": rules}]}
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump(groups), "utf-8")
    assert (
        f"{len(rules)} rules found" in promtool(tmp_path, "check", "rules", "queries.yaml").stdout
    )


def test_queries_select_the_metrics_of_this_service(monitored: Path) -> None:
    expressions = [rule["expr"] for rule in alerts(monitored)]
    for panel in panels(monitored):
        expressions += queries(panel)
    for expression in expressions:
        assert selectors(expression)
        assert not other_words(expression), expression
        selected = re.findall(r"\{([^}]*)\}", expression)
        for labels in selected:
            assert f'job="{monitored.name}"' in labels, expression
