"""How long the rules take: after one late message in a month of 1,000 admissions, and for the facility at once."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert
from sqlmodel import Session, select

from service.admissions.tables import LeaveOfAbsence
from service.enrolment.tables import Consent, FaceTemplate
from service.facilities.tables import Facility
from service.kit.ids import new_id
from service.occupancy.tables import PresenceCheck
from service.platform import migrate
from service.platform.context import Context, open_context
from service.platform.settings import Settings
from service.screening import run_places, run_stays
from tests import builders
from tests.bench.bench_vision import Line, median_seconds

ADMISSIONS, DAYS = 1000, 30
START = datetime(2026, 6, 1, tzinfo=UTC)
MAX_INCREMENT = 0.1
"""Seconds of processor time (design: after one late message, in a month of 1,000 beds)."""


def rows() -> list[Line]:
    """The figures."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), worker_threads=0, log_level="warning")  # type: ignore[call-arg]
        migrate.upgrade(settings)
        context = open_context(settings)
        try:
            facility_id, changed = fill(context)
            run_stays(context, facility_id)
            flip = iter(range(10**6))

            def late_message() -> None:
                """A leave is written and taken back in turns: the finding goes and comes."""
                _excuse(context, changed, next(flip) % 2 == 0)
                run_stays(context, facility_id, [changed])

            increment, processor = both_clocks(late_message, 20)
            whole = median_seconds(lambda: run_stays(context, facility_id), 3)
            places = median_seconds(lambda: run_places(context, facility_id), 3)
        finally:
            context.close()
    return [
        Line("rules after one late message, month of 1,000 admissions: processor", processor, "s", MAX_INCREMENT),
        Line("rules after one late message: by the clock on the wall", increment, "s", None),
        Line("rules of all 1,000 admissions at once", whole, "s", None),
        Line("rules of wards, beds, cameras and people, month", places, "s", None),
    ]


def both_clocks(work: Callable[[], object], times: int) -> tuple[float, float]:
    """The median seconds of `work`, by the clock on the wall and of this process's processor time. A machine that is
    busy with other things stretches the first and not the second."""
    wall, processor = [], []
    work()
    for _ in range(times):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return statistics.median(wall), statistics.median(processor)


def fill(context: Context) -> tuple[str, str]:
    """A month of checks: 30 days, 3 a day, for 1,000 stays; every hundredth patient is gone for good on day 10."""
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="replay", watermark=START + timedelta(days=DAYS))
        checks: list[dict[str, object]] = []
        changed = ""
        for number in range(ADMISSIONS):
            if number % 25 == 0:
                ward = builders.create_ward(session, facility)
            bed = builders.create_bed(session, ward)
            stay = builders.create_admission(session, bed=bed, admitted_at=START)
            _enrol(session, facility, stay.patient_id)
            gone = number % 100 == 0
            changed = stay.id if gone else changed
            checks += [_check(facility.id, ward.id, bed.id, stay.id, k, gone) for k in range(3 * DAYS)]
        session.execute(insert(PresenceCheck), checks)
        return facility.id, changed


def _enrol(session: Session, facility: Facility, patient_id: str) -> None:
    session.add(Consent(patient_id=patient_id, status="given", given_at=START, recorded_by="bench", recorded_at=START))
    session.add(
        FaceTemplate(
            patient_id=patient_id,
            facility_id=facility.id,
            pack_hash="bench",
            sealed=b"sealed",
            dimension=4,
            quality=0.9,
            reference="id_card_picture",
            photo_sha256="0" * 64,
            effective_from=START,
            enrolled_by="bench",
            enrolled_at=START,
        )
    )


def _check(facility_id: str, ward_id: str, bed_id: str, stay_id: str, k: int, gone: bool) -> dict[str, object]:
    due = START + timedelta(hours=8 * k + 1)
    absent = gone and k >= 30
    details = {"confirmed_at": (due + timedelta(hours=3)).isoformat(), "look_ids": ["a", "b"]} if absent else {}
    return {
        "id": new_id(),
        "facility_id": facility_id,
        "ward_id": ward_id,
        "bed_id": bed_id,
        "admission_id": stay_id,
        "kind": "routine",
        "due_at": due,
        "window_start": due,
        "window_end": due + timedelta(minutes=30),
        "outcome": "absent_confirmed" if absent else "present_verified",
        "reading_ids": [],
        "details": details,
        "policy_version": "1",
        "computed_at": due,
    }


def _excuse(context: Context, stay_id: str, written: bool) -> None:
    """What occupancy does after a leave: the checks of one stay are judged again."""
    with context.database.transaction() as session:
        leave = LeaveOfAbsence(
            admission_id=stay_id,
            from_at=START + timedelta(days=10),
            expected_return_at=START + timedelta(days=DAYS),
            approved_by="bench",
            signed_at=START + timedelta(days=10),
            recorded_at=START + timedelta(days=DAYS),
            cancelled_at=None if written else START,
        )
        session.add(leave)
        for row in _gone(session, stay_id):
            row.outcome = "on_leave" if written else "absent_confirmed"


def _gone(session: Session, stay_id: str) -> list[PresenceCheck]:
    query = select(PresenceCheck).where(PresenceCheck.admission_id == stay_id)
    return [row for row in session.exec(query) if row.due_at >= START + timedelta(days=10)]
