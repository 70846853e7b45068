"""Two numbers turn out to be one person: what becomes of the templates and the consent under the number that goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlmodel import Session

from service.admissions import Patient
from service.enrolment.consent import consents_of, standing_consent
from service.enrolment.look_alikes import resembles
from service.enrolment.notices import judgement_changed
from service.enrolment.stamp import restamp
from service.enrolment.tables import FaceTemplate
from service.enrolment.templates import (
    MATCHES_PREVIOUS,
    active_templates,
    open_templates,
    reseal_for,
    templates_of_patient,
    wipe_templates,
)
from service.facilities import facility_by_id
from service.ledger import append
from service.platform.crypto import KeyRing


def carry_over(
    session: Session,
    keys: KeyRing,
    prior_id: str,
    surviving_id: str,
    now: datetime,
    threshold: Callable[[str], float],
) -> bool:
    """What stands under the patient `prior_id` becomes the survivor's, or is wiped; whether it was carried over.

    Templates and decisions are carried over when the faces agree, or one of the two has none. Faces that differ, or
    cannot be compared because different packs made them, say that somebody has to look: the prior one's templates are
    wiped, and the ledger says so. Of all decisions the latest stands, as always. Doing it again changes nothing.
    `threshold`: of a pack, by its hash (`threshold_of`).
    """
    prior, survivor = session.get(Patient, prior_id), session.get(Patient, surviving_id)
    if prior is None or survivor is None or prior.id == survivor.id or prior.facility_id != survivor.facility_id:
        return False
    facility = facility_by_id(session, survivor.facility_id)
    moving, standing = active_templates(session, prior.id), active_templates(session, survivor.id)
    rows, decisions = templates_of_patient(session, prior.id), consents_of(session, prior.id)
    if not rows and not decisions:
        return True
    since = min([row.effective_from for row in rows] + [decision.given_at for decision in decisions])
    agree = not moving or not standing or _agree(keys, moving, standing, threshold)
    if agree:
        for row in rows:
            if row.sealed is not None and standing:
                row.reasons = [*row.reasons, MATCHES_PREVIOUS]
            reseal_for(keys, row, survivor.id)
            session.add(row)
        for decision in decisions:
            decision.patient_id = survivor.id
            session.add(decision)
        session.flush()
        if standing_consent(session, survivor.id) in ("refused", "withdrawn"):
            wipe_templates(session, active_templates(session, survivor.id), cause="consent_withdrawn", at=now)
    else:
        wipe_templates(session, moving, cause="merged", at=now)
    restamp(session, facility.id)
    append(
        session,
        clock_now=now,
        kind="audit",
        actor="system",
        action="enrolment.carried_over" if agree else "enrolment.merge_differs",
        object_kind="patient",
        object_id=survivor.id,
        facility_id=facility.id,
        details={"prior": prior.id, "templates": len(moving), "consents": len(decisions) if agree else 0},
    )
    judgement_changed(session, facility, survivor.id, since, now)
    return agree


def _agree(
    keys: KeyRing, moving: Sequence[FaceTemplate], standing: Sequence[FaceTemplate], threshold: Callable[[str], float]
) -> bool:
    """Whether each of the one's faces is the other's, pack by pack."""
    for pack_hash in {row.pack_hash for row in moving}:
        own = open_templates(keys, [row for row in moving if row.pack_hash == pack_hash])
        other = open_templates(keys, [row for row in standing if row.pack_hash == pack_hash])
        if not other or not resembles([item.vector for item in own], other, threshold(pack_hash)):
            return False
    return True
