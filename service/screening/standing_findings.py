"""Of whom a finding stands: what it rests on is kept until it is settled."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from service.admissions import Admission
from service.screening.subjects import SubjectKind
from service.screening.tables import Finding


def patients_with_findings(session: Session, facility_id: str, patient_ids: Collection[str]) -> frozenset[str]:
    """Those of the facility's patients about whom, or about a stay of whom, a raised finding stands."""
    found: set[str] = set()
    ordered = sorted(patient_ids)
    for at in range(0, len(ordered), 500):
        chosen = ordered[at : at + 500]
        of_stays = (
            select(Admission.patient_id)
            .join(
                Finding,
                or_(
                    col(Finding.admission_id) == col(Admission.id),
                    and_(
                        col(Finding.subject_kind) == SubjectKind.ADMISSION.value,
                        col(Finding.subject_id) == col(Admission.id),
                    ),
                ),
            )
            .where(Finding.facility_id == facility_id, Finding.state == "raised", col(Admission.patient_id).in_(chosen))
        )
        of_persons = select(Finding.subject_id).where(
            Finding.facility_id == facility_id, Finding.state == "raised", col(Finding.subject_id).in_(chosen)
        )
        found.update(session.exec(of_stays))
        found.update(session.exec(of_persons))
    return frozenset(found)
