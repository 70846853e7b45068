"""The append-only log of what was said about stays, and its reading back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from service.admissions.repository import assignments_of, leaves_of, off_ward_of, patient_by_id
from service.admissions.stay_events import ATTRIBUTES, CANCELS, Event, EventKind, Facts
from service.admissions.tables import (
    Admission,
    BedAssignment,
    LeaveOfAbsence,
    OffWardActivity,
    PatientMerge,
    StayEvent,
)
from service.facilities import Facility, event_now

Said = Callable[[EventKind, datetime, datetime, Facts], Event]
"""Makes an event of (kind, event time, time of record, facts)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a statement came from: a kept message, a file, or a person at the API."""

    source: str
    message_id: str | None = None


def received(facility: Facility, now: datetime, event_at: datetime) -> datetime:
    """When something was learned, in the facility's event time; a replay that has not begun learns all in time."""
    if facility.clock == "replay" and facility.watermark is None:
        return event_at
    return event_now(facility, now)


def log_events(
    session: Session,
    facility: Facility,
    admission_no: str,
    events: Iterable[Event],
    origin: Origin,
    *,
    fresh: bool = False,
) -> list[StayEvent]:
    """Appends what is not in the log yet; returns the rows that are new. `fresh`: the stay has no log yet."""
    rows = {row.fingerprint: row for row in (_row(facility, admission_no, event, origin) for event in events)}
    if not rows:
        return []
    if fresh:
        session.add_all(rows.values())
        return list(rows.values())
    known = session.exec(
        select(StayEvent.fingerprint).where(
            StayEvent.facility_id == facility.id, col(StayEvent.fingerprint).in_(list(rows))
        )
    )
    for fingerprint in known:
        del rows[fingerprint]
    session.add_all(rows.values())
    session.flush()
    return list(rows.values())


def stay_rows(
    session: Session, facility_id: str, admission_no: str, as_of: datetime | None = None
) -> tuple[StayEvent, ...]:
    """The stay's rows of the log; with `as_of` only those received until then."""
    query = select(StayEvent).where(StayEvent.facility_id == facility_id, StayEvent.admission_no == admission_no)
    if as_of is not None:
        query = query.where(col(StayEvent.received_at) <= as_of)
    return tuple(session.exec(query.order_by(col(StayEvent.received_at), col(StayEvent.id))))


def event_of(row: StayEvent) -> Event:
    """The event that a row keeps."""
    return Event(
        kind=EventKind(row.kind),
        event_at=row.event_at,
        stated_at=row.stated_at,
        received_at=row.received_at,
        trigger=row.trigger,
        control_id=row.control_id,
        facts=Facts.from_json(row.facts),
    )


def next_statement(session: Session, facility_id: str, admission_no: str, learned: datetime) -> datetime:
    """When somebody at a desk says something: now, and after all that was said of the stay before."""
    query = select(func.max(StayEvent.stated_at)).where(
        StayEvent.facility_id == facility_id, StayEvent.admission_no == admission_no
    )
    newest = session.exec(query).first()
    return learned if newest is None else max(learned, newest + timedelta(microseconds=1))


def begin_log(session: Session, facility: Facility, admission: Admission) -> None:
    """Writes what is recorded of a stay from before there was a log of it, as if said when it was recorded."""
    known = select(StayEvent.id).where(
        StayEvent.facility_id == facility.id, StayEvent.admission_no == admission.admission_no
    )
    if session.exec(known.limit(1)).first() is not None:
        return
    events = recorded_events(
        facility,
        admission,
        patient_by_id(session, admission.patient_id).patient_no,
        assignments_of(session, [admission.id]).get(admission.id, []),
        leaves_of(session, admission.id),
        off_ward_of(session, admission.id),
    )
    for row in log_events(session, facility, admission.admission_no, events, Origin("record")):
        row.admission_id = admission.id
        session.add(row)
    session.flush()


def recorded_events(
    facility: Facility,
    admission: Admission,
    patient_no: str,
    assignments: Sequence[BedAssignment],
    leaves: Sequence[LeaveOfAbsence] = (),
    off_ward: Sequence[OffWardActivity] = (),
    *,
    stated_at: datetime | None = None,
    received_at: datetime | None = None,
    trigger: str = "record",
) -> list[Event]:
    """The rows of a stay as events. Without `stated_at`, each was stated when it was recorded (a replay: happened)."""

    def said(kind: EventKind, event_at: datetime, recorded_at: datetime, facts: Facts) -> Event:
        moment = event_at if facility.clock == "replay" else recorded_at
        return Event(kind, event_at, stated_at or moment, received_at or moment, trigger, facts=facts)

    start = admission.admitted_at
    facts = Facts(
        patient_no=patient_no,
        inpatient=True,
        admitted_at=start,
        bed_id=assignments[0].bed_id if assignments and assignments[0].from_at <= start else None,
    )
    attributes = {name: getattr(admission, name) for name in ATTRIBUTES if name != "discharge_disposition"}
    events = [said(EventKind.ADMIT, start, admission.recorded_at, replace(facts, **attributes))]
    for assignment in assignments[1:] if facts.bed_id else assignments:
        moved = Facts(bed_id=assignment.bed_id)
        events.append(said(EventKind.TRANSFER, assignment.from_at, assignment.recorded_at, moved))
    if admission.discharged_at is not None:
        ended = Facts(discharged_at=admission.discharged_at, discharge_disposition=admission.discharge_disposition)
        events.append(said(EventKind.DISCHARGE, admission.discharged_at, admission.updated_at, ended))
    if admission.cancelled_at is not None:
        events.append(said(EventKind.CANCEL_ADMIT, start, admission.cancelled_at, Facts()))
    for leave in leaves:
        events += _leave_events(leave, said)
    for activity in off_ward:
        going = Facts(target=activity.id, off_ward_kind=activity.kind, to_at=activity.to_at)
        events.append(said(EventKind.OFF_WARD, activity.from_at, activity.recorded_at, going))
        if activity.cancelled_at is not None:
            named = Facts(target=activity.id)
            events.append(said(EventKind.CANCEL_OFF_WARD, activity.from_at, activity.cancelled_at, named))
    return events


def _leave_events(leave: LeaveOfAbsence, said: Said) -> list[Event]:
    facts = Facts(
        target=leave.id,
        expected_return_at=leave.expected_return_at,
        approved_by=leave.approved_by,
        signed_at=leave.signed_at,
        reason=leave.reason,
    )
    events = [said(EventKind.LEAVE, leave.from_at, leave.recorded_at, facts)]
    named = Facts(target=leave.id)
    if leave.to_at is not None:
        events.append(said(EventKind.RETURN, leave.to_at, leave.recorded_at, named))
    if leave.cancelled_at is not None:
        events.append(said(EventKind.CANCEL_LEAVE, leave.from_at, leave.cancelled_at, named))
    return events


def surviving_number(session: Session, facility_id: str, patient_no: str, as_of: datetime | None = None) -> str:
    """The number under which the person with `patient_no` is kept now, after all merges (A40)."""
    merges = session.exec(select(PatientMerge).where(PatientMerge.facility_id == facility_id))
    known = [merge for merge in merges if as_of is None or merge.received_at <= as_of]
    return _follow(_merged(known), patient_no)


def numbers_merged_into(session: Session, facility_id: str, patient_no: str) -> frozenset[str]:
    """All numbers that are, or were, of the person kept as `patient_no`, this one too."""
    merges = list(session.exec(select(PatientMerge).where(PatientMerge.facility_id == facility_id)))
    leads_to = _merged(merges)
    everyone = {number for merge in merges for number in (merge.prior_no, merge.surviving_no)}
    return frozenset({patient_no} | {number for number in everyone if _follow(leads_to, number) == patient_no})


def _merged(merges: Iterable[PatientMerge]) -> dict[str, str]:
    """Prior number -> number that replaced it. Of two that contradict each other, the one stated last holds."""
    leads_to: dict[str, str] = {}
    for merge in sorted(merges, key=lambda one: (one.stated_at, one.control_id, one.prior_no, one.surviving_no)):
        # Whoever survives now is nobody's past any more; so there are no circles.
        leads_to.pop(merge.surviving_no, None)
        if merge.prior_no != merge.surviving_no:
            leads_to[merge.prior_no] = merge.surviving_no
    return leads_to


def _follow(leads_to: dict[str, str], number: str) -> str:
    seen = set()
    while number in leads_to and number not in seen:
        seen.add(number)
        number = leads_to[number]
    return number


def is_cancel(row: StayEvent) -> bool:
    """Whether the row takes something back."""
    return EventKind(row.kind) in CANCELS


def _row(facility: Facility, admission_no: str, event: Event, origin: Origin) -> StayEvent:
    said = event.facts.as_json()
    content = json.dumps(
        [
            admission_no,
            event.kind.value,
            event.trigger,
            event.control_id,
            event.event_at.isoformat(),
            event.stated_at.isoformat(),
            said,
        ],
        sort_keys=True,
        ensure_ascii=False,
    )
    return StayEvent(
        facility_id=facility.id,
        admission_no=admission_no,
        message_id=origin.message_id,
        source=origin.source,
        kind=event.kind.value,
        trigger=event.trigger,
        control_id=event.control_id,
        event_at=event.event_at,
        stated_at=event.stated_at,
        received_at=event.received_at,
        facts=said,
        fingerprint=hashlib.sha256(content.encode()).hexdigest(),
    )
