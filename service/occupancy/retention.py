"""How long pictures behind an open question of presence are held: until the question is closed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Text, cast, func, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from service.admissions import Admission
from service.occupancy.outcome import PresenceState
from service.occupancy.repository import chunks
from service.occupancy.tables import DirectedCheck, PresenceCheck
from service.sightings import Snapshot, ZoneReading

_UNREAD = cast(col(PresenceCheck.reading_ids), Text)
"""The list as it is stored: only those that are wanted are decoded."""

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

SHOWN = frozenset({PresenceState.PRESENT_VERIFIED, PresenceState.PRESENT_ALTERNATIVE})
"""States that answer the open questions of before: where the patient was is known again."""

ANSWERED_LATER = frozenset(
    {
        PresenceState.NOT_SEEN,
        PresenceState.UNANSWERED,
        PresenceState.PRESENT_UNIDENTIFIED,
        PresenceState.BED_EMPTY,
    }
)
"""Open states that a later check with the patient closes. Another person's face and an absence that two people
confirmed stay open: that the patient is there now does not explain them."""

_LONGEST_OPEN = timedelta(days=30)
"""Nothing is held longer (`open_check_retention_days` at its default)."""

_AROUND = timedelta(hours=3)
"""No window is longer: a roll call's may lie in a routine one's."""

AFTER_DISCHARGE = timedelta(days=3)
"""Late messages about a stay come within days of its end; then what nobody asked more about is closed."""


def release_settled(session: Session, facility_id: str, reading_ids: Collection[str], due: Collection[datetime]) -> int:
    """Lets go of the pictures behind these readings, unless another check due around then still asks.

    A frame shows several beds: one patient's answer does not close the neighbour's question. Returns how many pictures.
    """
    if not reading_ids:
        return 0
    still = _still_asked(session, facility_id, min(due) - _AROUND, max(due) + _AROUND)
    wanted = _pictures(session, reading_ids) - _pictures(session, still)
    return _let_go(session, wanted)


def answered_later(
    questions: Collection[tuple[str, datetime, PresenceState]], last: Mapping[str, datetime]
) -> set[tuple[str, datetime]]:
    """Of these questions (admission, due instant, open state), those that a later check with the patient closed.
    `last`: as `last_shown` gives it for their admissions."""
    closable = [item for item in questions if item[2] in ANSWERED_LATER]
    return {(who, due_at) for who, due_at, _ in closable if who in last and due_at < last[who]}


def close_answered(session: Session, facility_id: str, last: Mapping[str, datetime]) -> int:
    """Lets go of the pictures behind open questions of these admissions that a later check with the patient closed;
    returns how many. `last`: as `last_shown` gives it. What a finding rests on is frozen apart and stays."""
    closed: set[str] = set()
    asked_at: list[datetime] = []
    for chosen in chunks(last):
        asked = select(PresenceCheck.admission_id, PresenceCheck.due_at, _UNREAD).where(
            col(PresenceCheck.admission_id).in_(chosen),
            col(PresenceCheck.outcome).in_([state.value for state in ANSWERED_LATER]),
            col(PresenceCheck.due_at) > max(last.values()) - _LONGEST_OPEN,
        )
        for admission_id, due_at, reading_ids in session.exec(asked):
            if due_at < last[admission_id] and (found := json.loads(reading_ids)):
                closed.update(found)
                asked_at.append(due_at)
    if not closed:
        return 0
    still = _still_asked(session, facility_id, min(asked_at) - _AROUND, max(asked_at) + _AROUND)
    return _let_go(session, _pictures(session, closed) - _pictures(session, still))


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


def _still_asked(session: Session, facility_id: str, since: datetime, until: datetime) -> set[str]:
    """The readings behind questions due in that time that are open still."""
    query = select(PresenceCheck.admission_id, PresenceCheck.due_at, PresenceCheck.outcome, _UNREAD).where(
        PresenceCheck.facility_id == facility_id,
        col(PresenceCheck.due_at) >= since,
        col(PresenceCheck.due_at) <= until,
        col(PresenceCheck.outcome).not_in([state.value for state in SETTLED]),
    )
    rows = session.exec(query).all()
    questions = [(who, due_at, PresenceState(state)) for who, due_at, state, _ in rows]
    last = last_shown(session, {who for who, _, state in questions if state in ANSWERED_LATER})
    closed = answered_later(questions, last)
    return {item for who, due_at, _, ids in rows if (who, due_at) not in closed for item in json.loads(ids)}


def last_shown(session: Session, admission_ids: Collection[str]) -> dict[str, datetime]:
    """Admission -> the last check at which the patient was shown to be there."""
    found: dict[str, datetime] = {}
    for chosen in chunks(admission_ids):
        query = (
            select_columns(col(PresenceCheck.admission_id), func.max(PresenceCheck.due_at))
            .where(
                col(PresenceCheck.admission_id).in_(chosen),
                col(PresenceCheck.outcome).in_([state.value for state in SHOWN]),
            )
            .group_by(col(PresenceCheck.admission_id))
        )
        found.update((row[0], row[1]) for row in session.execute(query))
    return found


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
