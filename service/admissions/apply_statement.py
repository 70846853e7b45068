"""What a message says, into the log and the rows, in the caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session, col, select

from service.admissions.bills import apply_bills
from service.admissions.event_log import (
    Origin,
    begin_log,
    log_events,
    numbers_merged_into,
    received,
    surviving_number,
)
from service.admissions.repository import patients_by_no
from service.admissions.settle import patient_with, settle
from service.admissions.statements import BedSaid, MergeSaid, Statement, StaySaid, VitalSaid
from service.admissions.stay_state import StayState
from service.admissions.tables import (
    Admission,
    BedStatusNotice,
    FhirIdentity,
    InboundMessage,
    Patient,
    PatientMerge,
)
from service.admissions.vital_status import keep_alive_said, record_vital_status
from service.facilities import Facility, bed_by_id
from service.kit.errors import InvalidInput
from service.platform.jobs import enqueue

_VITAL_SOURCE = "hospital"


def apply_statement(
    session: Session, facility: Facility, statement: Statement, message: InboundMessage, now: datetime
) -> tuple[str, ...]:
    """Records everything that the message says; returns notes for its sender, besides the statement's own."""
    origin = Origin(message.channel.partition("-")[0], message.id)
    notes: list[str] = []
    for identity in statement.identities:
        _remember_identity(session, facility, identity.resource_type, identity.logical_id, identity.local_no, now)
    for said in statement.patients:
        number = surviving_number(session, facility.id, said.patient_no)
        state = StayState(sex=said.sex, birth_date=said.birth_date, demographics_at=said.stated_at)
        patient_with(session, facility, number, state, now)
    if statement.merges:
        _merge(session, facility, statement, message, now)
    for admission_no in dict.fromkeys(said.admission_no for said in statement.stays):
        events = [one for one in statement.stays if one.admission_no == admission_no]
        notes += _apply_stay(session, facility, admission_no, events, origin, now)
    for bed in statement.beds:
        _apply_bed(session, facility, statement, bed, message, now)
    notes += apply_bills(session, facility, statement, origin, now)
    for vital in statement.vitals:
        notes += _apply_vital(session, facility, statement, vital, message, now)
    return tuple(notes)


def _apply_stay(
    session: Session, facility: Facility, admission_no: str, said: Sequence[StaySaid], origin: Origin, now: datetime
) -> list[str]:
    admission = _admission(session, facility, admission_no)
    if admission is not None:
        begin_log(session, facility, admission)
    events = [replace(one.event, received_at=received(facility, now, one.event.event_at)) for one in said]
    new = log_events(session, facility, admission_no, events, origin)
    settled = settle(session, facility, admission_no, new, now)
    notes = list(settled.contradictions)
    if settled.admission is None:
        notes.append(f"kept: the admission {admission_no} is not known yet")
    elif new and not settled.difference.words:
        notes.append("nothing new")
    return notes


def _merge(session: Session, facility: Facility, statement: Statement, message: InboundMessage, now: datetime) -> None:
    for pair in statement.merges:
        stays = _stays_of(session, facility, _everyone(session, facility, pair))
        for admission in stays:
            # Written before the merge is known: under the number that was right until now.
            begin_log(session, facility, admission)
        if not _log_merge(session, facility, pair, statement, message, now):
            continue
        _survive(session, facility, pair, now)
        for admission in stays:
            settle(session, facility, admission.admission_no, (), now)
        _follow_person(session, facility, _everyone(session, facility, pair), now)


def _survive(session: Session, facility: Facility, pair: MergeSaid, now: datetime) -> None:
    """The number that remains comes into being with what is known of the one that goes: everything that rooms above
    keep about a person needs somebody to go to."""
    numbers = _everyone(session, facility, pair)
    known = patients_by_no(session, facility.id, numbers)
    for prior in sorted(known.values(), key=lambda row: row.patient_no):
        surviving = surviving_number(session, facility.id, prior.patient_no)
        if surviving not in known:
            survivor = patient_with(session, facility, surviving, StayState(), now)
            survivor.sex, survivor.birth_date = prior.sex, prior.birth_date
            survivor.demographics_at = prior.demographics_at
            session.add(survivor)
            session.flush()
            known[surviving] = survivor


def _follow_person(session: Session, facility: Facility, numbers: frozenset[str], now: datetime) -> None:
    """Asks for everything that rooms above keep about numbers that are now another's to follow the person."""
    known = patients_by_no(session, facility.id, numbers)
    for number, prior in sorted(known.items()):
        surviving = known.get(surviving_number(session, facility.id, number))
        if surviving is not None and surviving.id != prior.id:
            payload = {
                "facility_id": facility.id,
                "prior_patient_id": prior.id,
                "surviving_patient_id": surviving.id,
            }
            key = f"patient.merged:{prior.id}:{surviving.id}"
            enqueue(session, "patient.merged", payload, now=now, dedupe_key=key)


def _log_merge(
    session: Session, facility: Facility, pair: MergeSaid, statement: Statement, message: InboundMessage, now: datetime
) -> bool:
    content = f"{pair.prior_no}|{pair.surviving_no}|{statement.control_id}|{statement.stated_at.isoformat()}"
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    query = select(PatientMerge).where(PatientMerge.facility_id == facility.id, PatientMerge.fingerprint == fingerprint)
    if session.exec(query).first() is not None:
        return False
    session.add(
        PatientMerge(
            facility_id=facility.id,
            prior_no=pair.prior_no,
            surviving_no=pair.surviving_no,
            stated_at=statement.stated_at,
            received_at=received(facility, now, statement.event_at),
            control_id=statement.control_id,
            message_id=message.id,
            fingerprint=fingerprint,
        )
    )
    session.flush()
    return True


def _everyone(session: Session, facility: Facility, pair: MergeSaid) -> frozenset[str]:
    """Every number whose person may become another one by this merge."""
    found: set[str] = set()
    for number in (pair.prior_no, pair.surviving_no):
        found |= {number, surviving_number(session, facility.id, number)}
    for number in list(found):
        found |= numbers_merged_into(session, facility.id, number)
    return frozenset(found)


def _stays_of(session: Session, facility: Facility, numbers: frozenset[str]) -> list[Admission]:
    query = (
        select(Admission)
        .join(Patient, col(Patient.id) == col(Admission.patient_id))
        .where(Admission.facility_id == facility.id, col(Patient.patient_no).in_(sorted(numbers)))
        .order_by(col(Admission.admission_no))
    )
    return list(session.exec(query))


def _apply_bed(
    session: Session, facility: Facility, statement: Statement, said: BedSaid, message: InboundMessage, now: datetime
) -> None:
    content = f"{said.bed_id}|{said.status}|{statement.control_id}|{statement.event_at}|{statement.stated_at}"
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    query = select(BedStatusNotice).where(BedStatusNotice.facility_id == facility.id)
    if session.exec(query.where(BedStatusNotice.fingerprint == fingerprint)).first() is None:
        session.add(
            BedStatusNotice(
                facility_id=facility.id,
                bed_id=said.bed_id,
                status=said.status,
                event_at=statement.event_at,
                stated_at=statement.stated_at,
                received_at=received(facility, now, statement.event_at),
                control_id=statement.control_id,
                message_id=message.id,
                fingerprint=fingerprint,
            )
        )
        session.flush()
    notices = session.exec(query.where(BedStatusNotice.bed_id == said.bed_id)).all()
    last = max(notices, key=lambda one: (one.event_at, one.stated_at, one.control_id, one.status))
    bed = bed_by_id(session, said.bed_id)
    bed.is_open = last.status != "C"
    session.add(bed)
    session.flush()


def _apply_vital(
    session: Session, facility: Facility, statement: Statement, vital: VitalSaid, message: InboundMessage, now: datetime
) -> list[str]:
    number = surviving_number(session, facility.id, vital.patient_no)
    query = select(Patient).where(Patient.facility_id == facility.id, Patient.patient_no == number)
    patient = session.exec(query).first()
    if patient is None:
        return []
    # A person who types a message by hand is no feed: what the hospital's own system said stands against it.
    by_feed = not message.sender.startswith("user:")
    if not vital.deceased and keep_alive_said(
        session, patient, _VITAL_SOURCE, min(statement.stated_at, now), message.sender, message.id, now, by_feed=by_feed
    ):
        return []
    if vital.deceased and vital.died_at is None and vital.died_on is None:
        return ["the patient is said to be dead without a date: nothing is concluded from it"]
    identifiers = {"patient_no": number}
    if vital.birth_date is not None:
        identifiers["birth_date"] = vital.birth_date.isoformat()
    try:
        record_vital_status(
            session,
            facility.id,
            patient.id,
            source=_VITAL_SOURCE,
            status="died" if vital.deceased else "alive",
            noticed_at=min(statement.stated_at, now),
            identifiers=identifiers,
            actor=message.sender,
            now=now,
            died_at=vital.died_at,
            died_on=vital.died_on,
            reference=message.id,
            by_feed=by_feed,
        )
    except InvalidInput as error:
        return [f"the death is not recorded: {error.line()}"]
    return []


def _remember_identity(
    session: Session, facility: Facility, kind: str, logical_id: str, local_no: str, now: datetime
) -> None:
    row = session.get(FhirIdentity, (facility.id, kind, logical_id))
    if row is None:
        row = FhirIdentity(
            facility_id=facility.id, resource_type=kind, logical_id=logical_id, local_no=local_no, recorded_at=now
        )
    row.local_no = local_no
    session.add(row)
    session.flush()


def _admission(session: Session, facility: Facility, admission_no: str) -> Admission | None:
    query = select(Admission).where(Admission.facility_id == facility.id, Admission.admission_no == admission_no)
    return session.exec(query).first()
