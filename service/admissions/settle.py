"""Rows of a stay from its log: computed whole, compared with what is recorded, and only the difference published."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from service.admissions.changes import beds_changed, presence_changed, screening_wanted
from service.admissions.differences import Difference, difference
from service.admissions.event_log import event_of, is_cancel, stay_rows, surviving_number
from service.admissions.fold import fold
from service.admissions.records import AdmissionRecord
from service.admissions.repository import admission_record, assignments_of, leaves_of, off_ward_of
from service.admissions.stay_events import ATTRIBUTES
from service.admissions.stay_state import StayState
from service.admissions.tables import (
    Admission,
    BedAssignment,
    ChargeItem,
    ClinicalOrder,
    LeaveOfAbsence,
    OffWardActivity,
    Patient,
    StayEvent,
)
from service.facilities import Facility, event_now
from service.platform.jobs import enqueue

CORRECTION_TOLERANCE = timedelta(hours=1)
"""How late a report may come and still be the ordinary course of work, not a correction of the past."""
_OPENED_WITHIN = timedelta(hours=24)
"""A stay that began longer ago gets no bed check of its own: a history that is loaded is no arrival."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a stay. `admission` None: what was said is kept and waits for the admission."""

    admission: Admission | None
    difference: Difference
    contradictions: tuple[str, ...] = ()


def settle(session: Session, facility: Facility, admission_no: str, new: Sequence[StayEvent], now: datetime) -> Settled:
    """Brings the stay's rows in line with its log, of which `new` has just come in, and tells the rooms above."""
    state = fold(event_of(row) for row in stay_rows(session, facility.id, admission_no))
    admission = _find(session, facility.id, admission_no)
    known = admission is not None
    before = _picture(session, admission)
    if state.admitted_at is None or state.patient_no is None:
        return Settled(admission, Difference((), (), ""), state.contradictions)
    patient = patient_with(session, facility, surviving_number(session, facility.id, state.patient_no), state, now)
    admission = _write(session, facility, admission, admission_no, patient, state, now)
    after = _picture(session, admission)
    found = difference(before, after)
    _mark(session, facility, admission, new, found, known)
    _publish(session, facility, admission, found, changed=before != after, now=now)
    if not known:
        link_bills(session, facility.id, admission)
        opened(session, facility, admission, now)
    return Settled(admission, found, state.contradictions)


def opened(session: Session, facility: Facility, admission: Admission, now: datetime) -> None:
    """Asks for a check of the bed of a stay that has just begun (C10)."""
    if admission.cancelled_at is not None or (facility.clock == "replay" and facility.watermark is None):
        return
    if timedelta(hours=-1) <= event_now(facility, now) - admission.admitted_at <= _OPENED_WITHIN:
        enqueue(
            session,
            "admission.opened",
            {"facility_id": facility.id, "admission_id": admission.id},
            now=now,
            dedupe_key=f"admission.opened:{admission.id}",
            priority=50,
        )


def link_bills(session: Session, facility_id: str, admission: Admission) -> None:
    """Orders and charges that came before the admission find their stay."""
    for table in (ClinicalOrder, ChargeItem):
        session.exec(
            update(table)
            .where(
                col(table.facility_id) == facility_id,
                col(table.admission_no) == admission.admission_no,
                col(table.admission_id).is_(None),
            )
            .values(admission_id=admission.id)
        )


def link_all_bills(session: Session, facility_id: str, admissions: Sequence[Admission]) -> None:
    """The same for many stays; when no bill waits, which is the rule, one look is enough."""
    for table in (ClinicalOrder, ChargeItem):
        query = select(table.admission_no).where(
            col(table.facility_id) == facility_id, col(table.admission_id).is_(None)
        )
        waiting = set(session.exec(query.distinct()).all())
        for admission in admissions if waiting else ():
            if admission.admission_no in waiting:
                link_bills(session, facility_id, admission)


def _find(session: Session, facility_id: str, admission_no: str) -> Admission | None:
    query = select(Admission).where(Admission.facility_id == facility_id, Admission.admission_no == admission_no)
    return session.exec(query).first()


def _picture(session: Session, admission: Admission | None) -> AdmissionRecord | None:
    if admission is None or admission.cancelled_at is not None:
        return None
    return admission_record(session, admission.id)


def patient_with(session: Session, facility: Facility, number: str, state: StayState, now: datetime) -> Patient:
    """The patient with that number, made when new; sex and birth as `state` says, unless something newer is known."""
    query = select(Patient).where(Patient.facility_id == facility.id, Patient.patient_no == number)
    patient = session.exec(query).first()
    if patient is None:
        patient = Patient(facility_id=facility.id, patient_no=number, recorded_at=now)
    spoken = state.demographics_at
    if spoken is not None and (patient.demographics_at is None or patient.demographics_at <= spoken):
        patient.sex = state.sex or patient.sex
        patient.birth_date = state.birth_date or patient.birth_date
        patient.demographics_at = spoken
    session.add(patient)
    session.flush()
    return patient


def _write(
    session: Session,
    facility: Facility,
    admission: Admission | None,
    admission_no: str,
    patient: Patient,
    state: StayState,
    now: datetime,
) -> Admission:
    if state.admitted_at is None:
        raise ValueError("a stay without an admission has no rows")
    if admission is None:
        admission = Admission(
            facility_id=facility.id,
            patient_id=patient.id,
            admission_no=admission_no,
            admitted_at=state.admitted_at,
            recorded_at=now,
            updated_at=now,
        )
    wanted = {name: getattr(state, name) for name in (*ATTRIBUTES, "admitted_at", "discharged_at")}
    wanted |= {"patient_id": patient.id}
    if (admission.cancelled_at is None) != (state.cancelled_at is None):
        wanted["cancelled_at"] = state.cancelled_at
    for name, value in wanted.items():
        if getattr(admission, name) != value:
            setattr(admission, name, value)
            admission.updated_at = now
    session.add(admission)
    session.flush()
    _write_beds(session, admission, state, now)
    _write_leaves(session, admission, state, now)
    _write_off_ward(session, admission, state, now)
    session.flush()
    return admission


def _write_beds(session: Session, admission: Admission, state: StayState, now: datetime) -> None:
    rows = {(row.bed_id, row.from_at): row for row in assignments_of(session, [admission.id]).get(admission.id, [])}
    for span in state.beds:
        row = rows.pop((span.bed_id, span.from_at), None)
        if row is None:
            row = BedAssignment(
                admission_id=admission.id, bed_id=span.bed_id, from_at=span.from_at, to_at=span.to_at, recorded_at=now
            )
        row.to_at = span.to_at
        session.add(row)
    for row in rows.values():
        session.delete(row)


def _write_leaves(session: Session, admission: Admission, state: StayState, now: datetime) -> None:
    rows = {row.id: row for row in leaves_of(session, admission.id)}
    for leave in state.leaves:
        row_id = _row_id(admission, "leave", leave.key)
        row = rows.pop(row_id, None) or LeaveOfAbsence(
            id=row_id,
            admission_id=admission.id,
            from_at=leave.from_at,
            expected_return_at=leave.expected_return_at,
            approved_by=leave.approved_by,
            signed_at=leave.signed_at,
            recorded_at=now,
        )
        row.from_at, row.expected_return_at, row.to_at = leave.from_at, leave.expected_return_at, leave.to_at
        row.approved_by, row.signed_at, row.reason = leave.approved_by, leave.signed_at, leave.reason
        row.cancelled_at = _kept(row.cancelled_at, leave.cancelled_at)
        session.add(row)
    for row in rows.values():
        row.cancelled_at = row.cancelled_at or now
        session.add(row)


def _write_off_ward(session: Session, admission: Admission, state: StayState, now: datetime) -> None:
    rows = {row.id: row for row in off_ward_of(session, admission.id)}
    for activity in state.off_ward:
        row_id = _row_id(admission, "off_ward", activity.key)
        row = rows.pop(row_id, None) or OffWardActivity(
            id=row_id,
            admission_id=admission.id,
            kind=activity.kind,
            from_at=activity.from_at,
            recorded_by="hospital system",
            recorded_at=now,
        )
        row.kind, row.from_at, row.to_at = activity.kind, activity.from_at, activity.to_at
        row.cancelled_at = _kept(row.cancelled_at, activity.cancelled_at)
        session.add(row)
    for row in rows.values():
        row.cancelled_at = row.cancelled_at or now
        session.add(row)


def _kept(recorded: datetime | None, told: datetime | None) -> datetime | None:
    """The time of a cancellation as first recorded, while it stands."""
    return (recorded or told) if told is not None else None


def _row_id(admission: Admission, what: str, key: str) -> str:
    """The row's own id when the API gave it one, else one that the same report always leads to."""
    if "@" not in key:
        return key
    return hashlib.sha256(f"{admission.id}|{what}|{key}".encode()).hexdigest()[:32]


def _mark(
    session: Session,
    facility: Facility,
    admission: Admission,
    new: Sequence[StayEvent],
    found: Difference,
    known: bool,
) -> None:
    for row in new:
        row.effect = found.words
        late = row.event_at < row.received_at - CORRECTION_TOLERANCE
        row.corrects = known and bool(found.words) and (is_cancel(row) or late)
        session.add(row)
    session.flush()
    session.exec(
        update(StayEvent)
        .where(
            col(StayEvent.facility_id) == facility.id,
            col(StayEvent.admission_no) == admission.admission_no,
            col(StayEvent.admission_id).is_(None),
        )
        .values(admission_id=admission.id)
    )


def _publish(
    session: Session,
    facility: Facility,
    admission: Admission,
    found: Difference,
    *,
    changed: bool,
    now: datetime,
) -> None:
    for span in found.spans:
        presence_changed(session, facility, span.start, span.end, now, [admission.id])
    beds_changed(session, facility, found.beds, now)
    if changed and not found.spans:
        screening_wanted(session, facility, [admission.id], now)
