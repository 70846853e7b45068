"""Requests to look that nobody answered: each goes to an inspector from outside. Silence accuses nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from service.access import SYSTEM
from service.kit.intervals import Interval
from service.ledger import append
from service.occupancy.tables import DirectedCheck, DirectedLook, PresenceCheck
from service.platform.context import Context

_REACH = timedelta(days=4)
"""Nobody is given longer than three days to answer."""


def escalate(context: Context, facility_id: str, upto: datetime) -> int:
    """Marks the requests that ran out without a look, and that a check still asks, as gone to an inspector."""
    with context.database.reading() as session:
        waiting = [row.id for row in _silent(session, facility_id, upto)]
    if not waiting:
        return 0
    now = context.clock.now()
    with context.database.transaction() as session:
        rows = _silent(session, facility_id, upto)
        for row in rows:
            row.escalated_at = row.respond_by or row.deadline_at
            session.add(row)
        if rows:
            append(
                session,
                clock_now=now,
                kind="evidence",
                actor=SYSTEM.label,
                action="directed_check.escalated",
                object_kind="directed_check",
                object_id=rows[0].id,
                facility_id=facility_id,
                details={"directed_checks": [row.id for row in rows][:200], "number": len(rows)},
            )
    return len(rows)


def escalated(session: Session, facility_id: str, interval: Interval) -> Sequence[DirectedCheck]:
    """The requests that went to an inspector in `interval`, the latest first."""
    query = select(DirectedCheck).where(
        DirectedCheck.facility_id == facility_id,
        col(DirectedCheck.escalated_at) >= interval.start,
        col(DirectedCheck.escalated_at) <= interval.end,
    )
    return session.exec(query.order_by(col(DirectedCheck.escalated_at).desc(), col(DirectedCheck.id))).all()


def _silent(session: Session, facility_id: str, upto: datetime) -> list[DirectedCheck]:
    runs_out = func.coalesce(col(DirectedCheck.respond_by), col(DirectedCheck.deadline_at))
    looked = select(DirectedLook.id).where(DirectedLook.directed_check_id == DirectedCheck.id).exists()
    asked = (
        select(PresenceCheck.id)
        .where(
            PresenceCheck.admission_id == DirectedCheck.admission_id,
            PresenceCheck.directed_check_id == DirectedCheck.id,
        )
        .exists()
    )
    query = select(DirectedCheck).where(
        DirectedCheck.facility_id == facility_id,
        col(DirectedCheck.deadline_at) > upto - _REACH,
        runs_out <= upto,
        col(DirectedCheck.escalated_at).is_(None),
        ~looked,
        asked,
    )
    return list(session.exec(query.order_by(col(DirectedCheck.id))))
