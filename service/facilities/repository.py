"""All queries about places."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.facilities.tables import Bed, BedZone, Camera, Facility, Ward
from service.kit.errors import NotFound


def facility_by_code(session: Session, code: str) -> Facility:
    """The facility called `code`. Raises `NotFound`."""
    facility = find_facility(session, code)
    if facility is None:
        raise _unknown_facility(code)
    return facility


def find_facility(session: Session, code: str) -> Facility | None:
    """The facility called `code`, if there is one."""
    if not code.isprintable():  # a NUL is an error of PostgreSQL's driver, not an empty result
        return None
    return session.exec(select(Facility).where(Facility.code == code)).first()


def facility_for(session: Session, actor: Actor, permission: Permission, code: str) -> Facility:
    """The facility called `code`, if `actor` has the permission there.

    A facility that does not exist and one the actor may not know of get the same answer. Raises `NotFound`, or
    `Forbidden` for an actor who belongs there and may not do this.
    """
    facility = facility_by_code(session, code)
    try:
        actor.require(permission, facility.id)
    except NotFound:
        raise _unknown_facility(code) from None
    return facility


def facility_by_id(session: Session, facility_id: str) -> Facility:
    """The facility with this id. Raises `NotFound`."""
    facility = session.get(Facility, facility_id) if facility_id.isprintable() else None
    if facility is None:
        raise NotFound("no such facility", field="facility", remedy="GET /api/v1/facilities lists those you may see")
    return facility


def facilities_readable(session: Session, facility_ids: Iterable[str] | None) -> tuple[Facility, ...]:
    """Facilities with these ids in order of their code; `None` means all."""
    query = select(Facility).order_by(col(Facility.code))
    if facility_ids is not None:
        query = query.where(col(Facility.id).in_(list(facility_ids)))
    return tuple(session.exec(query))


def wards_of_facility(session: Session, facility_id: str) -> tuple[Ward, ...]:
    """The facility's wards in order of their code."""
    return tuple(session.exec(select(Ward).where(Ward.facility_id == facility_id).order_by(col(Ward.code))))


def ward(session: Session, facility_id: str, code: str) -> Ward:
    """The ward called `code` in the facility. Raises `NotFound`."""
    query = select(Ward).where(Ward.facility_id == facility_id, Ward.code == code)
    found = session.exec(query).first() if code.isprintable() else None
    if found is None:
        raise NotFound(f"no ward {code[:64]!r}", field="ward", remedy="GET /api/v1/wards lists the wards")
    return found


def ward_by_id(session: Session, ward_id: str) -> Ward:
    """The ward with this id. Raises `NotFound`."""
    found = session.get(Ward, ward_id) if ward_id.isprintable() else None
    if found is None:
        raise NotFound("no such ward", field="ward", remedy="GET /api/v1/wards lists the wards")
    return found


def beds_of_ward(session: Session, ward_id: str) -> tuple[Bed, ...]:
    """The ward's beds, closed ones too, in order of their code."""
    return tuple(session.exec(select(Bed).where(Bed.ward_id == ward_id).order_by(col(Bed.code))))


def beds_of_facility(session: Session, facility_id: str) -> tuple[Bed, ...]:
    """The facility's beds, closed ones too, in order of ward and code."""
    query = select(Bed).where(Bed.facility_id == facility_id).order_by(col(Bed.ward_id), col(Bed.code))
    return tuple(session.exec(query))


def bed_by_hospital_code(session: Session, facility_id: str, hospital_code: str) -> Bed | None:
    """The bed that the hospital's own system calls so, if there is one."""
    if not hospital_code.isprintable():
        return None
    query = select(Bed).where(Bed.facility_id == facility_id, Bed.hospital_code == hospital_code)
    return session.exec(query).first()


def bed_by_id(session: Session, bed_id: str) -> Bed:
    """The bed with this id. Raises `NotFound`."""
    found = session.get(Bed, bed_id) if bed_id.isprintable() else None
    if found is None:
        raise NotFound("no such bed", field="bed", remedy="GET /api/v1/wards/{id}/beds lists the beds")
    return found


def cameras_of(session: Session, ward_id: str) -> tuple[Camera, ...]:
    """The ward's cameras in order of their code."""
    return tuple(session.exec(select(Camera).where(Camera.ward_id == ward_id).order_by(col(Camera.code))))


def cameras_of_facility(session: Session, facility_id: str) -> tuple[Camera, ...]:
    """The facility's cameras in order of their code."""
    return tuple(session.exec(select(Camera).where(Camera.facility_id == facility_id).order_by(col(Camera.code))))


def camera_by_id(session: Session, camera_id: str) -> Camera:
    """The camera with this id. Raises `NotFound`."""
    found = session.get(Camera, camera_id) if camera_id.isprintable() else None
    if found is None:
        raise NotFound("no such camera", field="camera", remedy="GET /api/v1/wards/{id}/cameras lists the cameras")
    return found


def find_camera(session: Session, facility_id: str, id_or_code: str) -> Camera | None:
    """The facility's camera with this id or, failing that, this code."""
    if not id_or_code.isprintable():
        return None
    query = select(Camera).where(
        Camera.facility_id == facility_id, or_(col(Camera.id) == id_or_code, col(Camera.code) == id_or_code)
    )
    found = session.exec(query).all()
    return next((camera for camera in found if camera.id == id_or_code), found[0] if found else None)


def zones_of_camera(session: Session, camera_id: str, at: datetime) -> tuple[BedZone, ...]:
    """The zones that held in the camera's view at event time `at`, in order of their bed."""
    query = (
        select(BedZone)
        .where(
            BedZone.camera_id == camera_id,
            col(BedZone.valid_from) <= at,
            or_(col(BedZone.valid_to).is_(None), col(BedZone.valid_to) > at),
        )
        .order_by(col(BedZone.bed_id))
    )
    return tuple(session.exec(query))


def zoned_beds(session: Session, facility_id: str, at: datetime) -> frozenset[str]:
    """Ids of the beds that some active camera of the facility sees at event time `at`."""
    query = (
        select(BedZone.bed_id)
        .join(Camera, col(Camera.id) == col(BedZone.camera_id))
        .where(
            Camera.facility_id == facility_id,
            col(Camera.is_active),
            col(BedZone.valid_from) <= at,
            or_(col(BedZone.valid_to).is_(None), col(BedZone.valid_to) > at),
        )
    )
    return frozenset(session.exec(query))


def _unknown_facility(code: str) -> NotFound:
    return NotFound(
        f"no facility {code[:64]!r}",
        field="facility",
        remedy="GET /api/v1/facilities lists those you may see",
        message_zh=f"没有机构 {code[:64]!r}",
        remedy_zh="可用 GET /api/v1/facilities 查看有权访问的机构",
    )
