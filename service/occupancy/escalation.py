"""Requests to look that nobody answered: each goes to an inspector from outside. Silence accuses nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, update
from sqlmodel import Session, col, select

from service.access import SYSTEM
from service.kit.intervals import Interval
from service.ledger import append
from service.occupancy.tables import DirectedCheck, DirectedLook, PresenceCheck
from service.platform.context import Context

_REACH = timedelta(days=4)
"""Nobody is given longer than three days to answer."""

_UNSEEN = {"synchronize_session": False}
"""No row of these is read in the transaction that marks them."""


def escalate(context: Context, facility_id: str, upto: datetime) -> int:
    """Marks the requests that ran out without a look, and that a check still asks, as gone to an inspector."""
    silent = _silent(facility_id, upto)
    with context.database.reading() as session:
        if session.exec(select(DirectedCheck.id).where(*silent).limit(1)).first() is None:
            return 0
    now = context.clock.now()
    with context.database.transaction() as session:
        # Marked by asking once more in the same breath: somebody may have looked, another worker may have come first.
        marking = update(DirectedCheck).where(*silent).values(escalated_at=_runs_out())
        ids = sorted(session.scalars(marking.returning(col(DirectedCheck.id)), execution_options=_UNSEEN))
        if ids:
            append(
                session,
                clock_now=now,
                kind="evidence",
                actor=SYSTEM.label,
                action="directed_check.escalated",
                object_kind="directed_check",
                object_id=ids[0],
                facility_id=facility_id,
                details={"directed_checks": ids[:200], "number": len(ids)},
            )
    return len(ids)


def escalated(session: Session, facility_id: str, interval: Interval) -> Sequence[DirectedCheck]:
    """The requests that went to an inspector in `interval`, the latest first."""
    query = select(DirectedCheck).where(
        DirectedCheck.facility_id == facility_id,
        col(DirectedCheck.escalated_at) >= interval.start,
        col(DirectedCheck.escalated_at) <= interval.end,
    )
    return session.exec(query.order_by(col(DirectedCheck.escalated_at).desc(), col(DirectedCheck.id))).all()


def _runs_out() -> ColumnElement[datetime | None]:
    return func.coalesce(col(DirectedCheck.respond_by), col(DirectedCheck.deadline_at))


def _silent(facility_id: str, upto: datetime) -> tuple[ColumnElement[bool], ...]:
    """What holds of the requests that ran out without a look, that a check still asks, and that are not marked."""
    looked = select(DirectedLook.id).where(DirectedLook.directed_check_id == DirectedCheck.id).exists()
    asked = (
        select(PresenceCheck.id)
        .where(
            PresenceCheck.admission_id == DirectedCheck.admission_id,
            PresenceCheck.directed_check_id == DirectedCheck.id,
        )
        .exists()
    )
    return (
        col(DirectedCheck.facility_id) == facility_id,
        col(DirectedCheck.deadline_at) > upto - _REACH,
        _runs_out() <= upto,
        col(DirectedCheck.escalated_at).is_(None),
        ~looked,
        asked,
    )
