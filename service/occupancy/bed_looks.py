"""A person looks at a bed because of what a camera saw there. Recorded for ever, beside the check that asked."""

from __future__ import annotations

from sqlmodel import Session, select

from service.access import Actor
from service.facilities import facility_by_id, watermark
from service.kit.clock import Clock
from service.ledger import append
from service.occupancy.directed import role_at
from service.occupancy.errors import LookRefused
from service.occupancy.roll_call_tables import BedCheck, BedLook
from service.platform.jobs import enqueue


def look_at_bed(session: Session, actor: Actor, check: BedCheck, result: str, note: str, clock: Clock) -> BedLook:
    """Records what the person found. The same answer at the same instant is one. Raises `LookRefused` for programs."""
    if actor.kind != "user":
        raise LookRefused("a program cannot look at a bed", remedy="log in as a person")
    facility = facility_by_id(session, check.facility_id)
    at, now = watermark(facility, clock), clock.now()
    known = select(BedLook).where(
        BedLook.bed_id == check.bed_id,
        BedLook.due_at == check.due_at,
        BedLook.person_id == actor.id,
        BedLook.looked_at == at,
    )
    found = session.exec(known).first()
    if found is not None:
        return found
    look = BedLook(
        facility_id=facility.id,
        bed_id=check.bed_id,
        due_at=check.due_at,
        person_id=actor.id,
        role=role_at(actor, facility.id),
        result=result,
        note=note,
        looked_at=at,
        recorded_at=now,
    )
    session.add(look)
    session.flush()
    key = f"screening.run:{facility.id}"
    enqueue(session, "screening.run", {"facility_id": facility.id}, now=now, dedupe_key=key, priority=120)
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor=actor.label,
        action="bed_check.look",
        object_kind="bed_look",
        object_id=look.id,
        facility_id=facility.id,
        details={"result": result, "due_at": check.due_at.isoformat()},
    )
    return look
