"""Excusing an absence with one tap on the board: "in CT". Every tap is counted, by person and ward."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from service.access import SYSTEM, Actor, Permission
from service.admissions import Admission, OffWardActivity, assigned_patients, record_off_ward
from service.facilities import Facility, bed_by_id, facility_by_id, watermark
from service.kit.clock import Clock
from service.kit.errors import Conflict
from service.kit.intervals import Interval
from service.ledger import append
from service.occupancy.hand_tables import ExcuseTap
from service.occupancy.place import place_of
from service.occupancy.roll_call_tables import RollCall
from service.occupancy.windows import windows_between


class TapKind(StrEnum):
    """What a tap says: where the patient is, or that the patient is back."""

    IMAGING = "imaging"
    THEATRE = "theatre"
    DIALYSIS = "dialysis"
    THERAPY = "therapy"
    BACK = "back"


def tap(session: Session, actor: Actor, bed_id: str, kind: TapKind, clock: Clock) -> ExcuseTap:
    """The patient of the bed left the ward now, or is back. Raises `Conflict` when the bed is nobody's, or nobody is
    away who could be back. The same tap twice while away is one."""
    bed = bed_by_id(session, bed_id)
    actor.require(Permission.DIRECTED_ANSWER, bed.facility_id)
    facility = facility_by_id(session, bed.facility_id)
    at, now = watermark(facility, clock), clock.now()
    holder = assigned_patients(session, [bed.id], at).get(bed.id)
    if holder is None:
        raise Conflict("nobody is admitted to this bed", field="bed", remedy="choose the patient's bed")
    admission = session.get_one(Admission, holder.admission_id)
    away = _open_activity(session, admission.id)
    if kind is TapKind.BACK and away is None:
        raise Conflict("the patient is not recorded as away", field="kind", remedy="reload the board")
    if kind is not TapKind.BACK and away is not None and away.kind == kind.value:
        known = select(ExcuseTap).where(ExcuseTap.activity_id == away.id, ExcuseTap.kind == kind.value)
        found = session.exec(known).first()
        if found is not None:
            return found
    # The ward's people may say no more of a stay than this; the house writes it down for them.
    for_them = replace(SYSTEM, name=actor.name)
    activity = away
    if away is not None:  # also on the way from one place to the next
        record_off_ward(
            session, facility, admission, kind=away.kind, from_at=away.from_at, to_at=at, actor=for_them, now=now
        )
    if kind is not TapKind.BACK:
        activity = record_off_ward(
            session, facility, admission, kind=kind.value, from_at=at, to_at=None, actor=for_them, now=now
        )
    row = ExcuseTap(
        facility_id=facility.id,
        ward_id=bed.ward_id,
        admission_id=admission.id,
        activity_id=activity.id if activity is not None else None,
        kind=kind.value,
        person_id=actor.id,
        tapped_at=at,
        during_check=during_check(session, facility, at),
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor=actor.label,
        action="excuse.tapped",
        object_kind="excuse_tap",
        object_id=row.id,
        facility_id=facility.id,
        details={"kind": row.kind, "during_check": row.during_check},
    )
    return row


def away_now(session: Session, admission_ids: set[str]) -> dict[str, str]:
    """Admission id -> the kind of an activity off the ward that nobody has ended."""
    query = select(OffWardActivity).where(
        col(OffWardActivity.admission_id).in_(list(admission_ids)),
        col(OffWardActivity.to_at).is_(None),
        col(OffWardActivity.cancelled_at).is_(None),
    )
    return {row.admission_id: row.kind for row in session.exec(query.order_by(col(OffWardActivity.from_at)))}


def _open_activity(session: Session, admission_id: str) -> OffWardActivity | None:
    query = select(OffWardActivity).where(
        OffWardActivity.admission_id == admission_id,
        col(OffWardActivity.to_at).is_(None),
        col(OffWardActivity.cancelled_at).is_(None),
    )
    return session.exec(query.order_by(col(OffWardActivity.from_at).desc())).first()


def during_check(session: Session, facility: Facility, at: datetime) -> bool:
    """Whether people are being counted right now: then an excuse is worth a second thought."""
    policy = place_of(facility, session, at).policy
    around = Interval(at, at + policy.window)
    if any(window.due_at <= at for window in windows_between(policy, ZoneInfo(facility.timezone), around)):
        return True
    open_call = select(RollCall.id).where(
        RollCall.facility_id == facility.id, col(RollCall.opens_at) <= at, col(RollCall.closes_at) > at
    )
    return session.exec(open_call).first() is not None
