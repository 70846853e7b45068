"""The alert rules that are shipped: every metric in them exists, with the labels and values that they ask for."""

from __future__ import annotations

import re
from typing import Any

import yaml

from service.app import create_app  # noqa: F401 - rooms register their metrics when they are imported
from service.platform import metrics
from service.platform.context import Context
from service.sightings import measure_alarms
from service.sightings.camera_health import Alarm
from service.worker import handlers
from tests.builders import create_facility
from tests.conftest import ROOT

SELECTOR = re.compile(r"(wardwatch_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)(=~?)"([^"]*)"')
LABELS = {
    "wardwatch_camera_alarms": {"facility", "kind"},
    "wardwatch_cameras": {"facility"},
    "wardwatch_jobs_queued": {"kind", "state"},
    "wardwatch_alarm_posts_total": {"result"},
    "wardwatch_messages_waiting": {"kind"},
}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def samples() -> set[str]:
    """Names as a scrape gives them: a counter's ends in `_total`."""
    found: set[str] = set()
    for family in metrics.REGISTRY.collect():
        found |= {f"{family.name}_total"} if family.type == "counter" else {family.name}
    return found


def test_every_metric_and_label_of_the_rules_exists() -> None:
    seen = set()
    for rule in rules():
        for name, labels in SELECTOR.findall(rule["expr"]):
            assert name in samples(), rule["alert"]
            asked = {label: value.split("|") for label, _, value in LABEL.findall(labels)}
            assert asked.keys() <= LABELS[name], rule["alert"]
            if name == "wardwatch_camera_alarms":
                seen |= set(asked["kind"])
            if name == "wardwatch_jobs_queued":
                assert set(asked.get("kind", ())) <= handlers().keys()
    assert seen == {alarm.value for alarm in Alarm}  # no kind of alarm stays unheard


def test_each_rule_says_what_to_do_and_how_urgent_it_is() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "description"}


def test_the_gauges_hold_no_more_than_facilities_and_kinds(context: Context) -> None:
    with context.database.transaction() as session:
        create_facility(session, code="h1")
        create_facility(session, code="h2")
    with context.database.reading() as session:
        measure_alarms(session, None)
    (family,) = [each for each in metrics.REGISTRY.collect() if each.name == "wardwatch_camera_alarms"]
    assert {tuple(sorted(sample.labels.items())) for sample in family.samples} == {
        (("facility", code), ("kind", alarm.value)) for code in ("h1", "h2") for alarm in Alarm
    }
