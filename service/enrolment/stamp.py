"""The mark by which every process notices that a facility's gallery changed."""

from __future__ import annotations

from sqlmodel import Session

from service.enrolment.tables import GalleryStamp
from service.kit.ids import new_id


def restamp(session: Session, facility_id: str) -> None:
    """Gives the facility's gallery a new mark, in the transaction that changes it."""
    row = session.get(GalleryStamp, facility_id)
    if row is None:
        session.add(GalleryStamp(facility_id=facility_id, stamp=new_id()))
    else:
        row.stamp = new_id()
        session.add(row)
    session.flush()


def stamp_of(session: Session, facility_id: str) -> str:
    """The gallery's mark; empty before the first change."""
    row = session.get(GalleryStamp, facility_id)
    return row.stamp if row is not None else ""
