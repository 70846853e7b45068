"""A surprise roll call in the simulator: cameras whose rendered picture changes on command, and one that replays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml

from service.facilities import facility_by_code
from service.kit.errors import InvalidInput
from service.kit.intervals import Interval
from service.sightings import cameras_now, command_answers
from service.simulator import Studio, StudioSetup, parse_scenario
from service.simulator.schedule import Shot
from service.vision import ImageLimits, Pack, decode
from tests.simulator.conftest import SCENARIOS
from tests.simulator.playing import played

pytestmark = [pytest.mark.e2e, pytest.mark.models]

CALL = """
name: one-call
title: A roll call nobody expected
title_zh: 突击点名
seed: 5
start: 2026-03-02T10:00:00+08:00
days: 0.02
cadence_minutes: 30
dense_minutes: 30
step_minutes: 60
facility:
  code: call
  name: Call
  name_zh: 点名
  level: "1"
  timezone: Asia/Shanghai
  checks:
    - {kind: routine, at: "15:30"}
  wards:
    - code: B1
      name: General
      name_zh: 综合科
      cameras:
        - {code: B1-C1, room: row, beds: ["01", "02"]}
        - {code: B1-C2, room: row, beds: ["03", "04"]}
patients:
  - {patient_no: Q1, admission_no: B1, bed: B1-01, face: f00, sex: female, admitted_at: 2026-02-28T10:00:00+08:00}
disturbances:
  - {kind: replayed, camera: B1-C2, from: 2026-03-02T10:00:00+08:00, to: 2026-03-02T11:00:00+08:00}
roll_calls:
  - {at: 2026-03-02T10:12:00+08:00, ward: B1}
"""


@pytest.fixture
def setup_of_a_call(pictures: Mapping[str, Path]) -> StudioSetup:
    scenario = parse_scenario(yaml.safe_load(CALL))
    return StudioSetup(scenario, (SCENARIOS / "faces.yaml").read_text(encoding="utf-8"), pictures)


def test_the_rendered_room_gets_darker_and_brighter(setup_of_a_call: StudioSetup) -> None:
    studio, at = Studio(setup_of_a_call), setup_of_a_call.scenario.start

    def light(exposure: str) -> float:
        picture = decode(studio.jpeg(Shot("B1-C1", at, exposure=exposure)), ImageLimits())
        return float(np.median(picture.pixels))

    assert light("dark") + 25 < light("") < light("bright") - 25


def test_an_honest_camera_is_seen_to_obey_and_a_replay_is_found(
    tmp_path: Path, setup_of_a_call: StudioSetup, pack: Pack
) -> None:
    """With pictures that stay on their boxes; `tests/e2e/test_roll_call.py` does it with pictures that are sent."""
    with played(tmp_path / "call", setup_of_a_call, "local") as (report, session):
        start = setup_of_a_call.scenario.start
        place = facility_by_code(session, "call")
        span = Interval(start, setup_of_a_call.scenario.span.end)
        told = {one.camera_code: (one.counts, one.doubtful) for one in command_answers(session, place.id, span)}
        alarms = {now.camera_code for now in cameras_now(session, place.id, span.end) if "unanswered" in now.alarms}
    assert told == {"B1-C1": ({"seen": 1}, False), "B1-C2": ({"not_seen": 1}, True)}
    assert alarms == {"B1-C2"}
    assert report.pictures == 2 * (1 + 5)


def test_a_roll_call_names_a_ward_and_an_instant_of_the_scenario() -> None:
    document = yaml.safe_load(CALL)
    for wrong in ({"ward": "X"}, {"at": "2026-03-05T10:12:00+08:00"}):
        with pytest.raises(InvalidInput):
            parse_scenario(document | {"roll_calls": [document["roll_calls"][0] | wrong]})
