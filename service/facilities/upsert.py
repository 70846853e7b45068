"""Making or changing one ward, bed or camera as described, and counting what that did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, SQLModel, select

from service.facilities.event_time import event_now
from service.facilities.layout_checks import hospital_code_of
from service.facilities.layout_schema import BedSpec, CameraSpec, FacilitySpec, WardSpec
from service.facilities.tables import Bed, Camera, Facility, Ward
from service.facilities.zones import ZoneDrawing, redraw
from service.kit.errors import Conflict


@dataclass(slots=True)
class Tally:
    """Counts by kind of thing, and what the reader should know."""

    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def upsert_ward(session: Session, facility: Facility, spec: WardSpec, now: datetime, tally: Tally) -> Ward:
    """The ward as `spec` says, with its beds and cameras."""
    query = select(Ward).where(Ward.facility_id == facility.id, Ward.code == spec.code)
    ward = session.exec(query).first()
    values = given(spec, without={"beds", "cameras"})
    if ward is None:
        ward = Ward(**({"name": spec.code} | values), facility_id=facility.id)
        _insert(session, ward, "ward", tally)
    else:
        assign(session, ward, values, "ward", tally)
    beds = {bed.code: bed for bed in session.exec(select(Bed).where(Bed.ward_id == ward.id))}
    for bed_spec in spec.beds:
        beds[bed_spec.code] = upsert_bed(session, ward, bed_spec, beds.get(bed_spec.code), tally)
    session.flush()
    for camera_spec in spec.cameras:
        upsert_camera(session, facility, ward, camera_spec, beds, now, tally)
    return ward


def upsert_bed(session: Session, ward: Ward, spec: BedSpec, bed: Bed | None, tally: Tally) -> Bed:
    """The bed as `spec` says; `bed` is the recorded one. Raises `Conflict` for a hospital code that another bed has."""
    values = given(spec, without={"hospital_code"})
    if bed is None or spec.hospital_code is not None:
        values["hospital_code"] = hospital_code_of(ward.code, spec.code, spec.hospital_code)
    _refuse_taken(session, ward.facility_id, values.get("hospital_code"), bed)
    if bed is None:
        bed = Bed(**values, facility_id=ward.facility_id, ward_id=ward.id)
        _insert(session, bed, "bed", tally)
    else:
        assign(session, bed, values, "bed", tally)
    return bed


def upsert_camera(
    session: Session,
    facility: Facility,
    ward: Ward,
    spec: CameraSpec,
    beds: dict[str, Bed],
    now: datetime,
    tally: Tally,
) -> None:
    """The camera as `spec` says; `beds` are the ward's by code. Raises `Conflict` for a move that keeps its zones."""
    query = select(Camera).where(Camera.facility_id == facility.id, Camera.code == spec.code)
    camera = session.exec(query).first()
    values = given(spec, without={"zones"}) | {"ward_id": ward.id}
    if camera is None:
        camera = Camera(**values, facility_id=facility.id)
        _insert(session, camera, "camera", tally)
        session.flush()
    else:
        if camera.ward_id != ward.id and spec.zones is None:
            raise Conflict(
                f"camera {spec.code} belongs to another ward",
                field="cameras.code",
                remedy="choose another code, or move it in a layout that draws its zones anew",
                message_zh=f"摄像机 {spec.code} 属于其他病区",
                remedy_zh="请更换编码，或在布局文件中重新绘制其床位区域后再移动",
            )
        assign(session, camera, values, "camera", tally)
    if camera.is_active and not (camera.purpose and camera.sign_text):
        tally.warnings.append(f"camera {camera.code}: give its purpose and the text of its sign before it is used")
    if spec.zones is not None:
        drawings = [ZoneDrawing(beds[zone.bed].id, tuple(zone.polygon), zone.head_edge) for zone in spec.zones]
        upsert_zones(session, facility, camera, drawings, now, tally)


def upsert_zones(
    session: Session, facility: Facility, camera: Camera, drawings: list[ZoneDrawing], now: datetime, tally: Tally
) -> None:
    """Exactly these zones from now on, in the facility's event time."""
    changes = redraw(session, camera.id, drawings, valid_from=event_now(facility, now))
    _count(tally.created, "zone", changes.drawn)
    _count(tally.updated, "zone", changes.closed)
    _count(tally.unchanged, "zone", changes.unchanged)


def given(spec: FacilitySpec | WardSpec | BedSpec | CameraSpec, *, without: set[str]) -> dict[str, Any]:
    """What the file says, and only that: a key left out changes nothing."""
    return {name: getattr(spec, name) for name in spec.model_fields_set if name not in without}


def _insert(session: Session, row: SQLModel, kind: str, tally: Tally) -> None:
    session.add(row)
    session.flush()
    tally.created[kind] += 1


def assign(session: Session, row: SQLModel, values: dict[str, Any], kind: str, tally: Tally) -> None:
    """Gives the row the values that differ."""
    changes = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changes.items():
        setattr(row, name, value)
    if changes:
        session.add(row)
        session.flush()
    (tally.updated if changes else tally.unchanged)[kind] += 1


def _count(counter: Counter[str], kind: str, number: int) -> None:
    if number:
        counter[kind] += number


def _refuse_taken(session: Session, facility_id: str, hospital_code: str | None, bed: Bed | None) -> None:
    if hospital_code is None:
        return
    query = select(Bed).where(Bed.facility_id == facility_id, Bed.hospital_code == hospital_code)
    owner = session.exec(query).first()
    if owner is not None and (bed is None or owner.id != bed.id):
        raise Conflict(
            f"another bed already has the hospital code {hospital_code!r}",
            field="hospital_code",
            remedy="make it unique within the facility",
            message_zh=f"院方床位编码 {hospital_code!r} 已被其他床位使用",
            remedy_zh="请保证编码在机构内唯一",
        )
