"""One change at a time by API: the same rules as a layout's, each written to the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from service.facilities.layout_schema import BedSpec, CameraSpec, WardSpec
from service.facilities.repository import beds_of_ward
from service.facilities.tables import Bed, Camera, Facility, Ward
from service.facilities.upsert import Tally, upsert_bed, upsert_camera, upsert_ward
from service.facilities.zones import ZoneChanges, ZoneDrawing, redraw
from service.ledger import append


def put_ward(session: Session, facility: Facility, spec: WardSpec, now: datetime, *, actor: str) -> Ward:
    """Makes or changes a ward."""
    tally = Tally()
    ward = upsert_ward(session, facility, spec, now, tally)
    _audit(session, facility.id, "ward", ward.id, tally, now, actor)
    return ward


def put_bed(session: Session, ward: Ward, spec: BedSpec, now: datetime, *, actor: str) -> Bed:
    """Makes or changes a bed. Raises `Conflict` for a hospital code that another bed has."""
    tally = Tally()
    known = {bed.code: bed for bed in beds_of_ward(session, ward.id)}
    bed = upsert_bed(session, ward, spec, known.get(spec.code), tally)
    session.flush()
    _audit(session, ward.facility_id, "bed", bed.id, tally, now, actor)
    return bed


def put_camera(
    session: Session, facility: Facility, ward: Ward, spec: CameraSpec, now: datetime, *, actor: str
) -> Camera:
    """Makes or changes a camera; its zones are left alone. Raises `Conflict` for a camera of another ward."""
    tally = Tally()
    upsert_camera(session, facility, ward, spec, {}, now, tally)
    camera = session.exec(select(Camera).where(Camera.facility_id == facility.id, Camera.code == spec.code)).one()
    _audit(session, facility.id, "camera", camera.id, tally, now, actor)
    return camera


def redraw_camera(
    session: Session,
    facility: Facility,
    camera: Camera,
    drawings: Sequence[ZoneDrawing],
    now: datetime,
    *,
    valid_from: datetime,
    actor: str,
) -> ZoneChanges:
    """Draws the camera's zones anew from `valid_from` on. Raises `Conflict` when a later drawing exists."""
    changes = redraw(session, camera.id, drawings, valid_from=valid_from)
    if changes.drawn or changes.closed:
        details: dict[str, Any] = {
            "drawn": changes.drawn,
            "closed": changes.closed,
            "valid_from": valid_from.isoformat(),
            "zones": [{"bed_id": d.bed_id, "polygon": d.polygon, "head_edge": d.head_edge} for d in drawings],
        }
        _append(session, facility.id, "camera", camera.id, "camera.zones", details, now, actor)
    return changes


def _audit(
    session: Session, facility_id: str, kind: str, object_id: str, tally: Tally, now: datetime, actor: str
) -> None:
    if tally.created or tally.updated:
        details = {"created": dict(tally.created), "updated": dict(tally.updated)}
        _append(session, facility_id, kind, object_id, f"{kind}.put", details, now, actor)


def _append(
    session: Session,
    facility_id: str,
    kind: str,
    object_id: str,
    action: str,
    details: dict[str, Any],
    now: datetime,
    actor: str,
) -> None:
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action=action,
        object_kind=kind,
        object_id=object_id,
        facility_id=facility_id,
        details=details,
    )
