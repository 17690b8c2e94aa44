"""The files under `deploy/`: alert rules and the dashboard name metrics and labels that exist."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import yaml
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pointsman.nodes import conventions as names

DEPLOY = Path(__file__).parents[1] / "deploy"
NAME = re.compile(r"\b(?:pointsman|gen_ai|error)_[a-z0-9_]+\b")


def exported() -> set[str]:
    """Every sample name and label as Prometheus gets them, of the declared metrics."""
    registry = CollectorRegistry()
    provider = MeterProvider(
        [PrometheusMetricReader(registry=registry, scope_info_enabled=False)],
        shutdown_on_exit=False,
    )
    meter = provider.get_meter(names.SCOPE)
    for metric in names.METRICS:
        labels = dict.fromkeys(metric.labels, "x")
        match metric.instrument:
            case "counter":
                meter.create_counter(metric.name, metric.unit).add(1, labels)
            case "histogram":
                meter.create_histogram(metric.name, metric.unit).record(1, labels)
            case _:
                meter.create_gauge(metric.name, metric.unit).set(1, labels)
    found: set[str] = set()
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found |= {sample.name, *sample.labels}
    provider.shutdown()
    return found


@pytest.fixture(scope="module")
def known() -> set[str]:
    """What may be named."""
    return exported()


def rules() -> list[Mapping[str, object]]:
    """The alert rules."""
    read = cast("dict[str, list[dict[str, list[Mapping[str, object]]]]]",
                yaml.safe_load((DEPLOY / "alerts.yml").read_text()))  # fmt: skip
    return [rule for group in read["groups"] for rule in group["rules"]]


def test_alert_rules_name_what_exists(known: set[str]) -> None:
    """Each metric and label in an expression or a text is exported under that very name."""
    for rule in rules():
        named = set(NAME.findall(f"{rule['expr']} {rule['annotations']}"))
        short = {name for name in named if name not in known}
        # A text may name a metric without its suffix.
        assert {n for n in short if not any(k.startswith(n) for k in known)} == set(), rule["alert"]
        assert set(NAME.findall(str(rule["expr"]))) <= known, rule["alert"]


def test_each_alert_says_what_to_do() -> None:
    """A name, a severity, a summary and an action; names are unique."""
    for rule in rules():
        assert cast("Mapping[str, str]", rule["labels"])["severity"] in ("page", "ticket")
        assert set(cast("Mapping[str, str]", rule["annotations"])) == {"summary", "action"}
    alerts = [rule["alert"] for rule in rules()]
    assert len(set(alerts)) == len(alerts)


def test_the_dashboard_names_what_exists(known: set[str]) -> None:
    """Each query of each panel, and the labels of its legends."""
    board = json.loads((DEPLOY / "grafana.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len(panels) > 15
    for panel in panels:
        for target in panel["targets"]:
            named = set(NAME.findall(f"{target['expr']} {target['legendFormat']}"))
            assert named <= known, panel["title"]
            assert named, panel["title"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


def test_the_documentation_names_every_metric_and_attribute() -> None:
    """`docs/telemetry.md` is whole."""
    text = (DEPLOY.parent / "docs" / "telemetry.md").read_text()
    missing = [metric.name for metric in names.METRICS if f"`{metric.name}`" not in text]
    missing += [
        value
        for key, value in vars(names).items()
        if key.isupper() and isinstance(value, str) and value.startswith("pointsman.")
        and f"`{value}`" not in text
    ]  # fmt: skip
    assert missing == []
