"""Consent to face matching: given, refused, withdrawn; and what each of them does."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, select

from service.admissions import Patient
from service.enrolment.errors import ConsentInvalid
from service.enrolment.notices import judgement_changed
from service.enrolment.stamp import restamp
from service.enrolment.tables import Consent
from service.enrolment.templates import active_templates, wipe_templates
from service.facilities import event_now, facility_by_id
from service.kit.clock import utc
from service.ledger import append

ConsentStatus = Literal["given", "refused", "withdrawn"]
GUARDIAN_AGE = 14
"""Below it a guardian consents (Personal Information Protection Law of the PRC, article 31)."""
_AHEAD = timedelta(days=1)
"""How far in the future a consent may be dated: clocks and time zones differ, years do not."""


def record_consent(
    session: Session,
    patient: Patient,
    *,
    status: ConsentStatus,
    given_at: datetime,
    actor: str,
    now: datetime,
    given_by: Literal["patient", "guardian"] = "patient",
    document_ref: str = "",
) -> Consent:
    """Records what the patient, or the guardian of a child, decided at `given_at`. The same decision twice is one.

    The latest decision by `given_at` stands. A refusal or withdrawal that stands wipes every template at once. `actor`
    is a label for the audit log. Raises `ConsentInvalid`.
    """
    given_at = utc(given_at)
    facility = facility_by_id(session, patient.facility_id)
    _check(patient, status, given_by, given_at, latest=max(now, event_now(facility, now)) + _AHEAD)
    for known in consents_of(session, patient.id):
        if (known.status, known.given_at, known.given_by) == (status, given_at, given_by):
            return known
    row = Consent(
        patient_id=patient.id,
        status=status,
        given_by=given_by,
        document_ref=document_ref[:200],
        given_at=given_at,
        withdrawn_at=given_at if status == "withdrawn" else None,
        recorded_by=actor,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    wiped = 0
    if standing_consent(session, patient.id) != "given":
        wiped = wipe_templates(session, active_templates(session, patient.id), cause="consent_withdrawn", at=now)
    restamp(session, facility.id)
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action=f"consent.{status}",
        object_kind="patient",
        object_id=patient.id,
        facility_id=facility.id,
        details={"given_at": given_at.isoformat(), "given_by": given_by, "templates_wiped": wiped},
    )
    judgement_changed(session, facility, patient.id, given_at, now)
    return row


def consents_of(session: Session, patient_id: str) -> tuple[Consent, ...]:
    """The patient's decisions, in the order in which they were made."""
    query = select(Consent).where(Consent.patient_id == patient_id)
    return tuple(session.exec(query.order_by(col(Consent.given_at), col(Consent.recorded_at), col(Consent.id))))


def standing_consent(session: Session, patient_id: str) -> str | None:
    """given, refused or withdrawn; `None` when nobody was asked."""
    decisions = consents_of(session, patient_id)
    return decisions[-1].status if decisions else None


def consent_states(session: Session, facility_id: str, patient_ids: Collection[str] | None = None) -> dict[str, str]:
    """Patient id -> the decision that stands, for every patient of the facility who was asked; of these, if given."""
    query = (
        select(Consent.patient_id, Consent.status)
        .join(Patient, col(Patient.id) == col(Consent.patient_id))
        .where(Patient.facility_id == facility_id)
        .order_by(col(Consent.given_at), col(Consent.recorded_at), col(Consent.id))
    )
    if patient_ids is not None:
        query = query.where(col(Consent.patient_id).in_(sorted(patient_ids)))
    return _fold(session.exec(query))


def exempt_patients(session: Session, facility_id: str, patient_ids: Collection[str] | None = None) -> set[str]:
    """Ids of patients who refused or withdrew, among these if given: they are verified another way, counted apart."""
    return {
        patient_id
        for patient_id, status in consent_states(session, facility_id, patient_ids).items()
        if status in ("refused", "withdrawn")
    }


def under_guardian_age(birth_date: date, at: datetime) -> bool:
    """Whether somebody born then is under 14 at that instant (by the date in UTC, a day's difference at most)."""
    day = at.date()
    had_birthday = (day.month, day.day) >= (birth_date.month, birth_date.day)
    return day.year - birth_date.year - (0 if had_birthday else 1) < GUARDIAN_AGE


def _fold(decisions: Iterable[tuple[str, str]]) -> dict[str, str]:
    # Not dict(decisions): a result has keys(), and would be taken for a mapping.
    return {patient_id: status for patient_id, status in decisions}


def _check(patient: Patient, status: str, given_by: str, given_at: datetime, *, latest: datetime) -> None:
    if status not in ("given", "refused", "withdrawn"):
        raise ConsentInvalid("not a decision", field="consent.status", remedy="given, refused or withdrawn")
    if given_by not in ("patient", "guardian"):
        raise ConsentInvalid("not somebody who can consent", field="consent.given_by", remedy="patient or guardian")
    if given_at > latest:
        raise ConsentInvalid("lies in the future", field="consent.given_at", remedy="give the time of signing")
    if status != "given" or given_by != "patient" or patient.birth_date is None:
        return
    if under_guardian_age(patient.birth_date, given_at):
        raise ConsentInvalid(
            f"the patient is under {GUARDIAN_AGE}: a guardian has to consent",
            field="consent.given_by",
            remedy="ask the guardian, then send given_by: guardian",
        )
