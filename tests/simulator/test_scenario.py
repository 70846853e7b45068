"""What a scenario file may say, and how a mistake in it is named."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.kit.errors import InvalidInput
from service.simulator import layout, parse_scenario, read_scenario
from tests.simulator.conftest import SCENARIOS


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SCENARIOS / "one-night.yaml").read_text(encoding="utf-8"))
    return deepcopy(found)


def _refusal(document: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_scenario(document)
    return caught.value


def test_an_unknown_key_is_named(document: dict[str, Any]) -> None:
    document["patients"][0]["beds"] = "S1-01"

    assert _refusal(document).field == "patients.0.beds"


def test_a_bed_that_does_not_exist_is_named(document: dict[str, Any]) -> None:
    document["patients"][1]["bed"] = "S1-99"

    assert "Q2: no bed is called S1-99" in _refusal(document).message


def test_two_patients_of_one_number_are_refused(document: dict[str, Any]) -> None:
    document["patients"][1]["patient_no"] = "Q1"

    assert "patient_no: Q1 more than once" in _refusal(document).message


def test_a_time_without_an_offset_is_refused(document: dict[str, Any]) -> None:
    document["start"] = "2026-03-02T06:00:00"

    assert _refusal(document).field == "start"


def test_a_disturbance_that_ends_before_it_begins_is_refused(document: dict[str, Any]) -> None:
    document["disturbances"][0]["to"] = "2026-03-01T00:00:00+08:00"

    assert _refusal(document).field == "disturbances.0"


def test_more_beds_than_the_room_has_are_refused(document: dict[str, Any]) -> None:
    document["facility"]["wards"][0]["cameras"][0]["beds"] = ["01", "02", "03", "04", "05"]

    assert "room row has 4 beds" in _refusal(document).message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_scenario(tmp_path / "none.yaml")

    assert caught.value.field == "scenario"


def test_the_layout_has_every_bed_once_with_a_zone_inside_the_frame(document: dict[str, Any]) -> None:
    made = layout(parse_scenario(document))

    zones = [zone for ward in made["wards"] for camera in ward["cameras"] for zone in camera["zones"]]
    assert [zone["bed"] for zone in zones] == ["01", "02", "03", "04"]
    assert all(0.0 <= value <= 1.0 for zone in zones for point in zone["polygon"] for value in point)
    assert made["facility"]["clock"] == "replay"
