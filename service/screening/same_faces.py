"""Patients of a facility who share a face, with what excuses them: twins, newborns, one person whose numbers were
merged."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection

from sqlmodel import Session, col, or_, select

from service.admissions import Admission, Patient, surviving_number
from service.enrolment import collisions
from service.platform.context import Context
from service.screening.facts import Twin
from service.screening.repository import chunks

_CHILD_OF = re.compile(r"(之[子女]|\bbaby (boy|girl|of)\b|\b(son|daughter) of\b|新生儿)", re.IGNORECASE)
"""How a newborn is written down before it has a name of its own."""


def same_faces(context: Context, session: Session, facility_id: str) -> dict[str, tuple[Twin, ...]]:
    """Patient -> the facility's other patients with the same enrolled face."""
    found = collisions(context, session, facility_id)
    if not found:
        return {}
    people = _people(session, {key for pair in found for key in (pair.key_a, pair.key_b)})
    newborns = _newborns(session, people)
    alike: dict[str, list[Twin]] = defaultdict(list)
    for pair in found:
        first, second = people[pair.key_a], people[pair.key_b]
        excused = (
            bool({first.id, second.id} & newborns)
            or _may_be_twins(first, second)
            or _merged(session, facility_id, first, second)
        )
        alike[first.id].append(Twin(second.id, second.patient_no, pair.similarity, excused))
        alike[second.id].append(Twin(first.id, first.patient_no, pair.similarity, excused))
    return {patient_id: tuple(twins) for patient_id, twins in alike.items()}


def _people(session: Session, patient_ids: Collection[str]) -> dict[str, Patient]:
    return {
        patient.id: patient
        for chosen in chunks(patient_ids)
        for patient in session.exec(select(Patient).where(col(Patient.id).in_(chosen)))
    }


def _newborns(session: Session, people: dict[str, Patient]) -> set[str]:
    found = {patient.id for patient in people.values() if _CHILD_OF.search(patient.display_name)}
    for chosen in chunks(people):
        query = select(Admission.patient_id).where(
            col(Admission.patient_id).in_(chosen),
            or_(col(Admission.category) == "newborn", col(Admission.admission_type) == "newborn"),
        )
        found.update(session.exec(query))
    return found


def _may_be_twins(first: Patient, second: Patient) -> bool:
    """Born on one day, and not of one name: two records of one name and birthday are one person's, not twins'."""
    if first.birth_date is None or first.birth_date != second.birth_date:
        return False
    return not first.display_name.strip() or first.display_name.strip() != second.display_name.strip()


def _merged(session: Session, facility_id: str, first: Patient, second: Patient) -> bool:
    """Whether the hospital knows already that both numbers are one person's (A40)."""
    numbers = [surviving_number(session, facility_id, patient.patient_no) for patient in (first, second)]
    return numbers[0] == numbers[1]
