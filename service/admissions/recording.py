"""What people and files change, into the same log as messages: a later message is laid over it, not beside it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from service.admissions.event_log import (
    Origin,
    begin_log,
    event_of,
    log_events,
    next_statement,
    received,
    recorded_events,
    stay_rows,
)
from service.admissions.fold import fold
from service.admissions.repository import assignments_of, leaves_of, off_ward_of, patient_by_id
from service.admissions.settle import CORRECTION_TOLERANCE
from service.admissions.stay_events import CANCELS, Event, EventKind, Facts
from service.admissions.stay_state import StayState
from service.admissions.tables import Admission, BedAssignment
from service.facilities import Facility
from service.kit.ids import new_id


def log_operation(
    session: Session,
    facility: Facility,
    admission: Admission,
    kind: EventKind,
    event_at: datetime,
    facts: Facts,
    *,
    trigger: str,
    effect: str,
    now: datetime,
) -> None:
    """Keeps an operation on a stay, whose rows have been changed already, as an event of its log."""
    begin_log(session, facility, admission)
    learned = received(facility, now, event_at)
    stated = next_statement(session, facility.id, admission.admission_no, learned)
    event = Event(kind, event_at, stated, learned, trigger, control_id=new_id(), facts=facts)
    for row in log_events(session, facility, admission.admission_no, [event], Origin("api")):
        row.admission_id = admission.id
        row.effect = effect
        row.corrects = kind in CANCELS or event_at < learned - CORRECTION_TOLERANCE
        session.add(row)
    session.flush()


def log_census_row(
    session: Session,
    facility: Facility,
    admission: Admission,
    patient_no: str,
    assignments: Iterable[BedAssignment],
    *,
    effect: str,
    is_new: bool,
    now: datetime,
) -> None:
    """Keeps what a census row made of a stay: all of it said anew, over whatever was said before."""
    learned = received(facility, now, admission.admitted_at)
    stated = learned if is_new else next_statement(session, facility.id, admission.admission_no, learned)
    events = recorded_events(
        facility,
        admission,
        patient_no,
        list(assignments),
        stated_at=stated,
        received_at=learned,
        trigger="census",
    )
    for row in log_events(session, facility, admission.admission_no, events, Origin("csv"), fresh=is_new):
        row.admission_id = admission.id
        row.effect = effect[:500]
        row.corrects = not is_new and row.event_at < learned - CORRECTION_TOLERANCE
        session.add(row)


def stay_as_known(session: Session, facility: Facility, admission: Admission, as_of: datetime) -> StayState:
    """What was known of the stay at event time `as_of`; nothing known: a state without admission."""
    rows = stay_rows(session, facility.id, admission.admission_no)
    events = [event_of(row) for row in rows] or recorded_events(
        facility,
        admission,
        patient_by_id(session, admission.patient_id).patient_no,
        assignments_of(session, [admission.id]).get(admission.id, []),
        leaves_of(session, admission.id),
        off_ward_of(session, admission.id),
    )
    return fold(event for event in events if event.received_at <= as_of)
