"""A delegation registered at the kiosk, for a person to decide."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from service.access import Actor
from service.contracts import DelegationClaim, DelegationClaimed
from service.facilities import event_now
from service.pharmacy.registers import Entry, NewDelegate, NewDelegation, add_delegate, add_delegation
from service.pharmacy.sites import kiosk_facility

_WISHES = {"valid_to", "uses_per_period", "period_days", "drug_classes"}


def claim_delegation(session: Session, actor: Actor, claim: DelegationClaim, now: datetime) -> DelegationClaimed:
    """Enters the delegate and a delegation that waits for review, with what is wished for: until when, how often, which
    drugs. Whoever approves decides about that. What staff entered is not changed by it.

    A kiosk's claim of being a village doctor or a care home is kept as a claim: without a registration checked by staff
    it excuses nothing.
    """
    facility = kiosk_facility(session, actor)
    entry = Entry(facility, actor.label, now, source="kiosk")
    add_delegate(session, entry, NewDelegate(claim.delegate_no, claim.delegate_name, kind=claim.relation))
    row, created = add_delegation(
        session,
        entry,
        NewDelegation(
            delegate_no=claim.delegate_no,
            patient_no=claim.patient_no,
            valid_from=event_now(facility, now),
            relation=claim.relation,
            documents=claim.documents,
            valid_to=claim.valid_to,
            uses_per_period=claim.uses_per_period,
            period_days=claim.period_days or 30,
            drug_classes=claim.drug_classes,
            wishes=claim.model_dump(mode="json", include=_WISHES, exclude_defaults=True),
        ),
        key=f"claim:{facility.id}:{claim.request_id}",
    )
    return DelegationClaimed(delegation_id=row.id, status="pending_review", duplicate=not created)
