"""How long pictures behind an open question of presence are held: until the question is closed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select as select_columns
from sqlalchemy import update
from sqlmodel import Session, col, select

from service.admissions import Admission
from service.occupancy.outcome import PresenceState
from service.occupancy.repository import chunks
from service.occupancy.tables import DirectedCheck, PresenceCheck
from service.sightings import Snapshot, ZoneReading

SETTLED = frozenset(
    {
        PresenceState.PRESENT_VERIFIED,
        PresenceState.PRESENT_ALTERNATIVE,
        PresenceState.ON_LEAVE,
        PresenceState.OFF_WARD,
        PresenceState.IN_GRACE,
        PresenceState.EXEMPT,
        PresenceState.NO_REFERENCE,
        PresenceState.UNOBSERVED,
    }
)
"""States that leave no question open: their pictures are kept for the ordinary term."""

AFTER_DISCHARGE = timedelta(days=3)
"""Late messages about a stay come within days of its end; then what nobody asked more about is closed."""


def release_settled(session: Session, facility_id: str, reading_ids: Collection[str], due: Collection[datetime]) -> int:
    """Lets go of the pictures behind these readings, unless another check due around then still asks.

    A frame shows several beds: one patient's answer does not close the neighbour's question. Returns how many pictures.
    """
    if not reading_ids:
        return 0
    asked: set[str] = set()
    around = timedelta(hours=3)  # no window is longer: a roll call's may lie in a routine one's
    query = select(PresenceCheck.reading_ids).where(
        PresenceCheck.facility_id == facility_id,
        col(PresenceCheck.due_at) >= min(due) - around,
        col(PresenceCheck.due_at) <= max(due) + around,
        col(PresenceCheck.outcome).not_in([state.value for state in SETTLED]),
    )
    for ids in session.exec(query):
        asked.update(ids)
    wanted = _pictures(session, reading_ids) - _pictures(session, asked)
    return _let_go(session, wanted)


def close_discharged(session: Session, facility_id: str, upto: datetime) -> int:
    """Closes the questions of stays that ended long enough ago and whose requests to look have run out; returns how
    many pictures were let go. What a finding rests on is frozen apart and stays."""
    ended = select(Admission.id).where(
        Admission.facility_id == facility_id,
        col(Admission.discharged_at).is_not(None),
        col(Admission.discharged_at) <= upto - AFTER_DISCHARGE,
        col(Admission.discharged_at) > upto - AFTER_DISCHARGE - timedelta(days=30),
    )
    ids = set(session.exec(ended))
    waiting: set[str] = set()
    reading_ids: set[str] = set()
    for chosen in chunks(ids):
        late = select(DirectedCheck.admission_id).where(
            col(DirectedCheck.admission_id).in_(chosen), col(DirectedCheck.deadline_at) > upto
        )
        waiting.update(session.exec(late))
        checks = select(PresenceCheck.reading_ids).where(
            col(PresenceCheck.admission_id).in_([item for item in chosen if item not in waiting]),
            col(PresenceCheck.outcome).not_in([state.value for state in SETTLED]),
        )
        for found in session.exec(checks):
            reading_ids.update(found)
    return _let_go(session, _pictures(session, reading_ids))


def _pictures(session: Session, reading_ids: Collection[str]) -> set[str]:
    found: set[str] = set()
    for chosen in chunks(reading_ids):
        query = select_columns(col(ZoneReading.snapshot_id)).where(col(ZoneReading.id).in_(chosen))
        found.update(row[0] for row in session.execute(query))
    return found


def _let_go(session: Session, snapshot_ids: Collection[str]) -> int:
    for chosen in chunks(snapshot_ids):
        session.execute(
            update(Snapshot).where(col(Snapshot.id).in_(chosen), col(Snapshot.is_held)).values(is_held=False)
        )
    return len(snapshot_ids)
