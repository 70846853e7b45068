"""Hospitals full of enrolled inpatients, written in bulk: what roll calls and rates are measured on. No pictures; the
readings that cameras would have led to are written as the analysis writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from service.admissions.tables import Admission, BedAssignment, Patient
from service.enrolment.tables import Consent, FaceTemplate
from service.facilities.tables import Bed, BedZone
from service.kit.ids import new_id
from service.sightings.tables import Snapshot, ZoneReading
from tests import builders

PACK = "fake-pack"
_WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


@dataclass(frozen=True)
class Full:
    """A hospital with every bed taken: (bed id, patient id, admission id, zone id) by ward."""

    facility_id: str
    code: str
    camera_id: str
    wards: tuple[str, ...]
    places: tuple[tuple[str, str, str, str], ...]


def fill(session: Session, beds: int, *, at: datetime, ward_size: int = 34, **values: Any) -> Full:
    """A replay hospital at event time `at` with `beds` inpatients, admitted three days before, all enrolled."""
    facility = builders.create_facility(session, **{"clock": "replay", "watermark": at} | values)
    since = at - timedelta(days=40)
    rows: dict[type[SQLModel], list[dict[str, Any]]] = {
        table: [] for table in (Bed, Patient, Admission, BedAssignment, Consent, FaceTemplate, BedZone)
    }
    wards, places, camera = [], [], None
    for k in range(beds):
        if k % ward_size == 0:
            ward = builders.create_ward(session, facility, code=f"w{k // ward_size:02d}")
            wards.append(ward.id)
            camera = camera or builders.create_camera(session, ward)
        bed_id, patient_id, admission_id, zone_id = (new_id() for _ in range(4))
        places.append((bed_id, patient_id, admission_id, zone_id))
        common = {"facility_id": facility.id}
        rows[Bed].append(
            common | {"id": bed_id, "ward_id": wards[-1], "code": f"b{k}", "hospital_code": f"B{k}", "is_open": True}
        )
        rows[Patient].append(
            common
            | {"id": patient_id, "patient_no": f"P{k:05d}", "display_name": "", "sex": "unknown", "recorded_at": since}
        )
        rows[Admission].append(
            common
            | {"id": admission_id, "patient_id": patient_id, "admission_no": f"A{k:05d}", "category": "general"}
            | {"admitted_at": since, "recorded_at": since, "updated_at": since}
        )
        rows[BedAssignment].append(
            {"id": new_id(), "admission_id": admission_id, "bed_id": bed_id, "from_at": since, "recorded_at": since}
        )
        rows[Consent].append(
            {"id": new_id(), "patient_id": patient_id, "status": "given", "given_at": since}
            | {"recorded_by": "bench", "recorded_at": since}
        )
        rows[FaceTemplate].append(
            common
            | {"id": new_id(), "patient_id": patient_id, "pack_hash": PACK, "sealed": b"sealed", "dimension": 4}
            | {"quality": 0.9, "reasons": [], "reference": "id_card_picture", "photo_sha256": "0" * 64}
            | {"effective_from": since, "enrolled_by": "bench", "enrolled_at": since}
        )
        assert camera is not None
        rows[BedZone].append(
            {"id": zone_id, "camera_id": camera.id, "bed_id": bed_id, "polygon": _WHOLE, "head_edge": 0, "version": 1}
            | {"valid_from": since}
        )
    for table, found in rows.items():
        session.execute(insert(table), found)
    assert camera is not None
    return Full(facility.id, facility.code, camera.id, tuple(wards), tuple(places))


def photograph(
    session: Session, full: Full, instants: Iterable[datetime], state: Callable[[int, datetime], str | None]
) -> int:
    """Readings of every bed at these instants; `state(bed number, instant)`: patient | unidentified | empty |
    unobserved, None for no reading. Returns how many."""
    snapshots, readings = [], []
    for when in instants:
        snapshot_id = new_id()
        snapshots.append(
            {"id": snapshot_id, "facility_id": full.facility_id, "camera_id": full.camera_id}
            | {"sequence": int(when.timestamp()), "sha256": snapshot_id, "media_type": "image/jpeg", "byte_count": 1}
            | {"captured_at": when, "received_at": when, "state": "analysed", "strangers": 0, "is_held": False}
            | {"pack_hash": PACK, "trust": "live", "judged_at": "server"}
        )
        for k, (bed_id, patient_id, _, zone_id) in enumerate(full.places):
            shown = state(k, when)
            if shown is None:
                continue
            readings.append(
                {"id": new_id(), "snapshot_id": snapshot_id, "facility_id": full.facility_id, "bed_id": bed_id}
                | {"camera_id": full.camera_id, "zone_id": zone_id, "captured_at": when, "state": shown}
                | {"confidence": 0.9, "expected_patient_id": patient_id, "quality_reasons": []}
                | {"recognised_patient_id": patient_id if shown == "patient" else None}
            )
    session.execute(insert(Snapshot), snapshots)
    if readings:
        session.execute(insert(ZoneReading), readings)
    return len(readings)
