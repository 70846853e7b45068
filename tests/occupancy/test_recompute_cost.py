"""A facility-day of 600 admissions is judged with a handful of queries."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy import event, insert
from sqlmodel import select

from service.admissions.tables import Admission, BedAssignment, Patient
from service.facilities.tables import Bed
from service.kit.ids import new_id
from service.occupancy import advance_job
from service.occupancy.tables import PresenceCheck
from service.platform.context import Context
from service.sightings.tables import Snapshot, ZoneReading
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.chain import enrol

BEDS = 600


def fill(context: Context) -> str:
    """600 beds, each seen every 10 minutes for a day: a face at 20:00, otherwise somebody; every tenth bed empty."""
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="replay", watermark=at("02 20:00"))
        ward = builders.create_ward(session, facility)
        camera = builders.create_camera(session, ward)
        beds, readings, snapshots = [], [], []
        for _ in range(BEDS):
            bed = Bed(facility_id=facility.id, ward_id=ward.id, code=new_id(), hospital_code=new_id())
            patient = Patient(facility_id=facility.id, patient_no=new_id(), recorded_at=at("01 08:00"))
            session.add_all([bed, patient])
            session.flush()
            admission = builders.create_admission(session, bed=bed, patient=patient, admitted_at=at("01 08:00"))
            assert isinstance(admission, Admission)
            enrol(session, patient, at("01 08:00"))
            beds.append((bed.id, patient.id, builders.create_zone(session, camera, bed).id))
        assert len(session.exec(select(BedAssignment)).all()) == BEDS
        for k in range(144):
            when = at("01 20:00") + timedelta(minutes=10 * k)
            snapshot = {"id": new_id(), "facility_id": facility.id, "camera_id": camera.id, "sequence": k}
            snapshots.append(
                snapshot
                | {"sha256": new_id(), "media_type": "image/jpeg", "byte_count": 1, "state": "analysed", "strangers": 0}
                | {"captured_at": when, "received_at": when, "is_held": False, "judged_at": "server"}
            )
            for number, (bed_id, patient_id, zone_id) in enumerate(beds):
                state = "empty" if number % 10 == 0 else "patient" if k == 0 else "unidentified"
                readings.append(
                    {"id": new_id(), "snapshot_id": snapshot["id"], "facility_id": facility.id, "bed_id": bed_id}
                    | {"camera_id": camera.id, "zone_id": zone_id, "captured_at": when, "state": state}
                    | {"confidence": 0.9, "expected_patient_id": patient_id, "quality_reasons": []}
                    | {"recognised_patient_id": patient_id if state == "patient" else None}
                )
        session.execute(insert(Snapshot), snapshots)
        session.execute(insert(ZoneReading), readings)
    return facility.id


def test_a_facility_day_of_600_admissions(context):
    facility_id = fill(context)
    statements: list[str] = []
    asked: Counter[tuple[str, str]] = Counter()

    def count(connection, cursor, statement, parameters, ctx, executemany):
        statements.append(statement)
        if statement.startswith("SELECT"):
            asked[statement, str(parameters)] += 1

    engines = (context.database._reader, context.database._writer)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", count)
    advance_job(context, {"facility_id": facility_id})
    with context.database.reading() as session:
        checks = session.exec(select(PresenceCheck)).all()
    assert len(checks) == 3 * BEDS
    states = {check.outcome for check in checks}
    assert {"bed_empty", "present_verified"} <= states
    assert len(statements) < 150, f"{len(statements)} statements: something is asked once an admission"
    # Before there is anything to do, in the view that is judged, and once more where nobody else writes.
    assert max(asked.values()) <= 3, asked.most_common(1)
