"""The same night twice: pictures sent and read at the server, and pictures that stay on the box. Nothing may differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sqlmodel import Session, col, select

from service.admissions.tables import Admission
from service.facilities.tables import Bed
from service.occupancy.tables import PresenceCheck
from service.sightings.device_tables import SnapshotStatement
from service.sightings.edge_tables import EdgeReading, EdgeRequest
from service.sightings.tables import Snapshot, ZoneReading
from service.simulator import Scenario, StudioSetup, parse_scenario
from service.vision import Pack
from tests.simulator.conftest import SCENARIOS
from tests.simulator.playing import played

pytestmark = [pytest.mark.e2e, pytest.mark.models]

NIGHT = """
name: two-wards
title: Two wards for an afternoon
title_zh: 两个病区一个下午
seed: 5
start: 2026-03-02T15:00:00+08:00
days: 0.06
cadence_minutes: 30
dense_minutes: 15
step_minutes: 60
facility:
  code: both
  name: Both
  name_zh: 两种
  level: "1"
  timezone: Asia/Shanghai
  checks:
    - {kind: routine, at: "15:30"}
  wards:
    - code: B1
      name: General
      name_zh: 综合科
      cameras:
        - {code: B1-C1, room: row, beds: ["01", "02", "03", "04"], infrared: true}
    - code: B2
      name: Elderly
      name_zh: 老年科
      cameras:
        - {code: B2-C1, room: aisle, beds: ["01", "02", "03"]}
patients:
  - {patient_no: Q1, admission_no: B1, bed: B1-01, face: f00, sex: female, admitted_at: 2026-02-28T10:00:00+08:00,
     note: honest, expected_findings: []}
  - {patient_no: Q2, admission_no: B2, bed: B1-02, face: f25, sex: male, admitted_at: 2026-02-28T10:00:00+08:00,
     note: honest, expected_findings: []}
  - {patient_no: Q3, admission_no: B3, bed: B1-03, face: f14, sex: female, admitted_at: 2026-02-28T10:00:00+08:00,
     never_there: true, note: nobody, expected_findings: []}
  - {patient_no: Q4, admission_no: B4, bed: B2-01, face: f31, sex: male, admitted_at: 2026-02-28T10:00:00+08:00,
     occupant: f35, note: somebody else lies there, expected_findings: []}
  - {patient_no: Q5, admission_no: B5, bed: B2-02, face: f08, sex: female, admitted_at: 2026-02-28T10:00:00+08:00,
     away: [{kind: imaging, from: 2026-03-02T15:20:00+08:00, to: 2026-03-02T16:05:00+08:00}], note: at the scanner,
     expected_findings: []}
  - {patient_no: Q6, admission_no: B6, bed: B2-03, face: f16, sex: male, admitted_at: 2026-02-28T10:00:00+08:00,
     turned_away: 1.0, note: sleeps with the face to the wall, expected_findings: []}
disturbances:
  - {kind: network_cut, camera: B1-C1, from: 2026-03-02T15:10:00+08:00, to: 2026-03-02T16:00:00+08:00}
  - {kind: covered, camera: B2-C1, from: 2026-03-02T15:35:00+08:00, to: 2026-03-02T15:55:00+08:00}
bounds:
  bed_states: 0.5
  presence: 0.5
"""


@dataclass(frozen=True)
class Told:
    """`pixels`: pictures that are at the server; `edge`: those that a box read; `crops`: outcomes of audits;
    `late`: what waited behind the cut network; `signed`: pictures with a capture statement."""

    pictures: int
    late: int
    signed: int
    pixels: int
    edge: int
    checks: list[tuple[str, str, str]]
    beds: list[tuple[str, str, str, str, str, float]]
    views: list[tuple[str, str, str]]
    traces: int
    crops: list[str | None]


@pytest.fixture
def evening(pictures: Mapping[str, Path]) -> StudioSetup:
    scenario: Scenario = parse_scenario(yaml.safe_load(NIGHT))
    return StudioSetup(scenario, (SCENARIOS / "faces.yaml").read_text(encoding="utf-8"), pictures)


def test_presence_is_the_same_whether_pictures_leave_the_box_or_not(
    tmp_path: Path, evening: StudioSetup, pack: Pack
) -> None:
    sent = _play(tmp_path / "pictures", evening, "server")
    stayed = _play(tmp_path / "readings", evening, "local")
    assert sent.checks == stayed.checks
    # One routine check of six stays on two wards, by the notes of the scenario.
    assert [(stay, outcome) for _, stay, outcome in sent.checks] == [
        ("B1", "present_verified"),
        ("B2", "present_verified"),
        ("B3", "bed_empty"),
        ("B4", "impostor_suspected"),
        ("B5", "off_ward"),
        ("B6", "present_unidentified"),
    ]
    assert sent.beds == stayed.beds
    states = {state for _, _, state, *_ in sent.beds}
    assert states == {"patient", "empty", "other_person", "unidentified", "unobserved"}
    assert (sent.views, sent.traces) == (stayed.views, stayed.traces)
    assert sent.late == stayed.late > 0  # the check at 15:30 lies in the cut
    assert (sent.signed, stayed.signed) == (sent.pictures, stayed.pictures)
    assert (sent.edge, sent.pixels) == (0, sent.pictures)
    assert (stayed.edge, stayed.pixels) == (stayed.pictures, 0)
    assert len(stayed.crops) > 0
    assert set(stayed.crops) <= {"agrees", "inconclusive"}


def _play(folder: Path, setup: StudioSetup, matching: str) -> Told:
    with played(folder, setup, matching, edge_audit_rate=0.3, carry_unchanged=False) as (report, session):
        return _told(session, report.late)


def _told(session: Session, late: int) -> Told:
    """Everything that must not depend on where the pictures were read, under names that both installations share."""
    shots = session.exec(select(Snapshot).order_by(col(Snapshot.captured_at))).all()
    beds = {bed.id: bed.code for bed in session.exec(select(Bed))}
    stays = {stay.id: stay.admission_no for stay in session.exec(select(Admission))}
    patients = {stay.patient_id: stay.admission_no for stay in session.exec(select(Admission))}
    rows = session.exec(select(ZoneReading)).all()
    checks = session.exec(select(PresenceCheck)).all()
    asked = session.exec(select(EdgeRequest).where(EdgeRequest.purpose == "crop")).all()
    return Told(
        pictures=len(shots),
        late=late,
        signed=len(session.exec(select(SnapshotStatement)).all()),
        pixels=sum(row.blob_key is not None for row in shots),
        edge=len(session.exec(select(EdgeReading)).all()),
        checks=sorted((row.due_at.isoformat(), stays[row.admission_id], row.outcome) for row in checks),
        beds=sorted(
            (
                row.captured_at.isoformat(),
                beds[row.bed_id],
                row.state,
                row.cause or "",
                patients.get(row.recognised_patient_id or "", ""),
                round(row.expected_similarity or 0.0, 4),
            )
            for row in rows
        ),
        views=sorted((row.captured_at.isoformat(), row.view_cause or "", row.sha256) for row in shots),
        traces=sum(row.face_trace is not None for row in rows),
        crops=[row.outcome for row in asked],
    )
