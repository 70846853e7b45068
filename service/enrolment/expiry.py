"""Templates go by themselves: when the last stay has been over for longer than anybody may appeal."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from service.admissions import Admission
from service.enrolment.references import EXPIRED
from service.enrolment.tables import FaceTemplate
from service.enrolment.templates import active_templates, wipe_templates
from service.facilities import Facility, event_now, facilities_readable
from service.ledger import append
from service.platform.context import Context

Needed = Callable[[Session, str, Collection[str]], Collection[str]]
"""Of these patients of a facility, those whose templates somebody still needs. The rooms above know: they are asked."""


def expire_templates(context: Context, needed: Needed) -> int:
    """Wipes the templates of patients without an open stay whose last discharge is longer ago than
    `template_retention_days`, in the facility's event time, unless `needed`; returns of how many patients.

    What was concluded while they stood is not concluded anew: their proof counts for the stays that are over.
    """
    expired = 0
    now, term = context.clock.now(), timedelta(days=context.settings.template_retention_days)
    with context.database.reading() as session:
        facilities = tuple(facilities_readable(session, None))
    for facility in facilities:
        if facility.clock == "replay" and facility.watermark is None:
            continue  # it has no time yet
        present = event_now(facility, now)
        with context.database.transaction() as session:
            over = _long_discharged(session, facility, present - term)
            for patient_id in sorted(over - set(needed(session, facility.id, over) if over else ())):
                _expire(session, facility, patient_id, present, now)
                expired += 1
    return expired


def _long_discharged(session: Session, facility: Facility, before: datetime) -> set[str]:
    """Patients with a template and a stay, all of whose stays ended before that. Never admitted: not among them."""
    enrolled = select(FaceTemplate.patient_id).where(
        FaceTemplate.facility_id == facility.id, col(FaceTemplate.sealed).is_not(None)
    )
    query = (
        select(
            Admission.patient_id,
            func.count(),
            func.count(col(Admission.discharged_at)),
            func.max(Admission.discharged_at),
        )
        .where(
            Admission.facility_id == facility.id,
            col(Admission.cancelled_at).is_(None),
            col(Admission.patient_id).in_(enrolled),
        )
        .group_by(col(Admission.patient_id))
    )
    return {
        patient_id
        for patient_id, stays, ended, last in session.exec(query)
        if stays == ended and last is not None and last < before
    }


def _expire(session: Session, facility: Facility, patient_id: str, present: datetime, now: datetime) -> None:
    # In event time, unlike other causes: it says for which stays the proof counts.
    wiped = wipe_templates(session, active_templates(session, patient_id), cause=EXPIRED, at=present)
    append(
        session,
        clock_now=now,
        kind="audit",
        actor="system",
        action="enrolment.expired",
        object_kind="patient",
        object_id=patient_id,
        facility_id=facility.id,
        details={"templates_wiped": wiped, "at": present.isoformat()},
    )
