"""Whom to enrol again: everybody whose templates were made by another model pack than the one that reads pictures now.

A template of one pack means nothing to another, and pictures are not kept: there is no other way than a new picture.
Until then such a patient has no reference and is judged by no rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from service.admissions import Patient
from service.admissions.tables import Admission
from service.enrolment.consent import consent_states
from service.enrolment.person_templates import PersonKind, standing_of_facility
from service.enrolment.tables import FaceTemplate


@dataclass(frozen=True, slots=True)
class DueForEnrolment:
    """Somebody to enrol again. `number`: the patient's, staff member's or delegate's; `packs`: hashes of the packs that
    made what stands; `in_hospital`: an admission is open, so this one comes first."""

    kind: PersonKind
    number: str
    enrolled_at: datetime
    packs: tuple[str, ...]
    in_hospital: bool


def due_for_enrolment(session: Session, facility_id: str, pack_hash: str) -> tuple[DueForEnrolment, ...]:
    """Whose templates `pack_hash` cannot use: patients in hospital first, then by kind and number.

    Whoever withdrew consent is not on the list, nor anybody with one template of the pack already.
    """
    found = [*_patients(session, facility_id, pack_hash), *_persons(session, facility_id, pack_hash)]
    return tuple(sorted(found, key=lambda item: (not item.in_hospital, item.kind.value, item.number)))


def _patients(session: Session, facility_id: str, pack_hash: str) -> list[DueForEnrolment]:
    consents = consent_states(session, facility_id)
    admitted = set(
        session.exec(
            select(Admission.patient_id).where(
                Admission.facility_id == facility_id, col(Admission.discharged_at).is_(None)
            )
        )
    )
    query = (
        select(FaceTemplate.patient_id, Patient.patient_no, FaceTemplate.pack_hash, FaceTemplate.enrolled_at)
        .join(Patient, col(Patient.id) == col(FaceTemplate.patient_id))
        .where(FaceTemplate.facility_id == facility_id, col(FaceTemplate.sealed).is_not(None))
    )
    packs: dict[str, set[str]] = {}
    last: dict[str, tuple[str, datetime]] = {}
    for patient_id, number, pack, at in session.exec(query):
        packs.setdefault(patient_id, set()).add(pack)
        last[patient_id] = (number, max(at, last[patient_id][1]) if patient_id in last else at)
    return [
        DueForEnrolment(PersonKind.PATIENT, number, at, tuple(sorted(packs[key])), key in admitted)
        for key, (number, at) in last.items()
        if pack_hash not in packs[key] and consents.get(key) == "given"
    ]


def _persons(session: Session, facility_id: str, pack_hash: str) -> list[DueForEnrolment]:
    rows = standing_of_facility(session, facility_id, (PersonKind.STAFF, PersonKind.DELEGATE))
    current = {row.person_id for row in rows if row.pack_hash == pack_hash}
    packs: dict[str, set[str]] = {}
    for row in rows:
        packs.setdefault(row.person_id, set()).add(row.pack_hash)
    latest = {row.person_id: row for row in sorted(rows, key=lambda row: row.enrolled_at)}
    return [
        DueForEnrolment(
            PersonKind(row.person_kind), row.person_no, row.enrolled_at, tuple(sorted(packs[key])), in_hospital=False
        )
        for key, row in latest.items()
        if key not in current
    ]
