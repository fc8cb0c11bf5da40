"""Queries of Prometheus in the alerts and the dashboard of a service."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.deployment import load

# A selector of a metric with its labels.
SELECTOR = re.compile(r"\b([a-z]\w*)\{([^}]*)\}")
LABEL = re.compile(r"(\w+)=\"")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
# Words of queries that are neither metrics nor labels.
WORDS = {"absent", "and", "count", "histogram_quantile", "increase", "max", "min", "or", "rate"}
WORDS |= {"sum", "vector"}

Rule = dict[str, Any]
Panel = dict[str, Any]


def alerts(folder: Path) -> list[Rule]:
    """Return the rules of deploy/prometheus/alerts.yaml."""
    rules: list[Rule] = []
    for group in load(folder / "deploy/prometheus/alerts.yaml")["groups"]:
        rules += group["rules"]
    return rules


def panels(folder: Path) -> list[Panel]:
    """Return the panels of the dashboard that have queries."""
    path = folder / "deploy/prometheus/dashboard.json"
    everything = json.loads(path.read_text("utf-8"))["panels"]
    return [panel for panel in everything if panel["type"] != "row"]


def queries(panel: Panel) -> Iterator[str]:
    """Yield the queries of a panel, with a range in place of Grafana's variable."""
    for target in panel["targets"]:
        yield target["expr"].replace("$__rate_interval", "1m")


def selectors(expression: str) -> dict[str, set[str]]:
    """Return the metrics that a query selects, with the labels that it names."""
    metrics: dict[str, set[str]] = {}
    for name, labels in SELECTOR.findall(expression):
        metrics.setdefault(name, set()).update(LABEL.findall(labels))
    return metrics


def grouping(expression: str) -> set[str]:
    """Return the labels that a query groups by."""
    labels: set[str] = set()
    for names in GROUPING.findall(expression):
        labels.update(names.split(", "))
    return labels


def other_words(expression: str) -> set[str]:
    """Return the words of a query that are no selector, label or function of WORDS."""
    rest = GROUPING.sub("", SELECTOR.sub("", expression))
    return set(re.findall(r"(?<![\w\[.])[a-z_]\w*", rest)) - WORDS
