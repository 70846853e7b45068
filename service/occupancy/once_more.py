"""Second looks that nobody gave in time: asked once more, of somebody drawn by lot; after that they stay undone, and an
inspector sees them. A second look that was not given says nothing about anybody."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, select

from service.access import SYSTEM, Actor, Role, home_ward, ward_staff_of
from service.admissions import Admission
from service.ledger import append
from service.occupancy.hand_tables import Reverification
from service.occupancy.tables import DirectedLook
from service.platform.context import Context

ANSWERED_WITHIN = timedelta(hours=6)
_REACH = timedelta(days=4)
"""What ran out longer ago (the server was off) is not asked again: the patient is another one by now."""

State = Literal["open", "answered", "undone"]


def asked_twice(row: Reverification) -> bool:
    """Whether the second look was asked for once more: only then its time is longer than that of one asking."""
    return row.deadline_at - row.asked_at > ANSWERED_WITHIN


def state_of(row: Reverification, at: datetime) -> State:
    """`undone`: its time is over and nobody looked; a piece of work for an inspector, and no suspicion."""
    if row.result is not None:
        return "answered"
    return "open" if row.deadline_at >= at else "undone"


def may_close(actor: Actor, facility_id: str) -> bool:
    """Whether what was left undone is this person's to close: an inspector's, and nobody's who works on the wards."""
    here = {grant.role for grant in actor.grants if grant.facility_id in (None, facility_id)}
    return actor.kind == "user" and Role.INSPECTOR in here and Role.WARD_STAFF not in here


def ask_once_more(context: Context, facility_id: str, upto: datetime) -> int:
    """Asks again, once, for the second looks that ran out before `upto`, while the patient is in the house; returns for
    how many. For each the lot names one person of another ward; who else may look again may answer too."""
    with context.database.reading() as session:
        if not _ran_out(session, facility_id, upto):
            return 0
    with context.database.transaction() as session:
        rows = _ran_out(session, facility_id, upto, held=True)
        for row in rows:
            row.person_id, row.deadline_at = _drawn(session, row), upto + ANSWERED_WITHIN
            session.add(row)
            append(
                session,
                clock_now=context.clock.now(),
                kind="evidence",
                actor=SYSTEM.label,
                action="reverification.asked_again",
                object_kind="reverification",
                object_id=row.id,
                facility_id=facility_id,
                details={"drawn": row.person_id or "", "deadline": row.deadline_at.isoformat(), "look": row.look_id},
            )
    return len(rows)


def _ran_out(session: Session, facility_id: str, upto: datetime, *, held: bool = False) -> list[Reverification]:
    """`held`: until the transaction ends, so that two workers do not both ask."""
    query = (
        select(Reverification)
        .join(Admission, col(Admission.id) == col(Reverification.admission_id))
        .where(
            Reverification.facility_id == facility_id,
            col(Reverification.asked_at) > upto - _REACH,
            col(Reverification.deadline_at) < upto,
            col(Reverification.result).is_(None),
            col(Admission.discharged_at).is_(None) | (col(Admission.discharged_at) > upto),
            col(Admission.cancelled_at).is_(None),
        )
        .order_by(col(Reverification.id))
    )
    if held:
        query = query.with_for_update(of=Reverification)
    return [row for row in session.exec(query) if not asked_twice(row)]


def _drawn(session: Session, row: Reverification) -> str | None:
    """The id of somebody with another ward on record than the patient's and the first finder's; None where there is
    nobody. The lot is a fingerprint of both ids: anybody can make it again."""
    first = session.get_one(DirectedLook, row.look_id).person_id
    barred = {row.ward_id, home_ward(session, first, row.facility_id), None}
    able = [
        user.id
        for user, ward_id in ward_staff_of(session, row.facility_id)
        if user.is_active and user.id != first and ward_id not in barred
    ]
    return min(able, key=lambda user_id: hashlib.sha256(f"{row.id}:{user_id}".encode()).digest(), default=None)
