"""The bed check of an admission: asked at once when it is announced, answered by a face or a person, else `unanswered`.

It never says "absent": who has not come yet may be in theatre, and what is missing later the ordinary checks tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from service.admissions import Admission, BedAssignment
from service.facilities import CheckKind, bed_by_id, facility_by_id, watermark
from service.kit.intervals import Interval
from service.occupancy.due import Book, book_of
from service.occupancy.looks import Look, deciding_find
from service.occupancy.outcome import AskCause, PresenceState
from service.occupancy.repository import chunks, looks_on
from service.occupancy.tables import DirectedCheck, PresenceCheck
from service.occupancy.trusted import judged_sightings
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.sightings import Sighting

_APART = timedelta(seconds=1)
"""After the admission's own instant, so that it never is the instant of a check at a full minute."""
_OLDEST = timedelta(hours=24)
"""A stay announced longer after it began is seen by the ordinary checks already."""
_KEPT_OPEN = timedelta(days=2)
"""So long after the deadline late pictures may still say that somebody came."""


def admission_opened_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `admission.opened` {facility_id, admission_id}: a stay was announced. Done twice, it is one check."""
    facility_id = str(payload["facility_id"])
    with context.database.transaction() as session:
        admission = session.get(Admission, str(payload["admission_id"]))
        if admission is None or admission.facility_id != facility_id or admission.cancelled_at is not None:
            return
        book = book_of(session, facility_by_id(session, facility_id))
        now = context.clock.now()
        made = open_check(session, book, admission, watermark(book.facility, context.clock), now)
        if made is not None:
            key = f"presence.advance:{made.id}"
            enqueue(
                session,
                "presence.advance",
                {"facility_id": facility_id},
                now=now,
                run_after=max(now, made.window_end) if book.facility.clock == "live" else now,
                dedupe_key=key,
            )


def open_check(
    session: Session, book: Book, admission: Admission, event_now: datetime, now: datetime
) -> PresenceCheck | None:
    """The admission's bed check with its request to look; None when it has one, or is too old to be asked for."""
    known = select(PresenceCheck.id).where(
        PresenceCheck.admission_id == admission.id, PresenceCheck.kind == CheckKind.ADMISSION.value
    )
    if event_now - admission.admitted_at > _OLDEST or session.exec(known).first() is not None:
        return None
    policy = book.at(admission.admitted_at).policy
    due_at = admission.admitted_at + _APART
    until = max(due_at, event_now) + policy.grace_of(admission.category) + policy.admission_deadline
    bed_id = _first_bed(session, admission.id)
    request = DirectedCheck(
        facility_id=admission.facility_id,
        admission_id=admission.id,
        bed_id=bed_id,
        due_at=due_at,
        cause=AskCause.ADMISSION.value,
        deadline_at=until,
        opened_at=max(due_at, event_now),
        recorded_at=now,
    )
    session.add(request)
    session.flush()
    check = PresenceCheck(
        facility_id=admission.facility_id,
        ward_id=bed_by_id(session, bed_id).ward_id if bed_id else None,
        bed_id=bed_id,
        admission_id=admission.id,
        kind=CheckKind.ADMISSION.value,
        due_at=due_at,
        window_start=due_at,
        window_end=until,
        outcome=PresenceState.IN_GRACE.value,
        directed_check_id=request.id,
        policy_version=policy.version,
        computed_at=now,
    )
    session.add(check)
    session.flush()
    return check


def judge_admissions(context: Context, facility_id: str, upto: datetime) -> int:
    """Judges the bed checks of admissions that are open, or were a short time ago; returns how many changed."""
    with context.database.reading() as session:
        wanted = _verdicts(session, facility_id, upto)
    if not wanted:
        return 0
    now = context.clock.now()
    with context.database.transaction() as session:
        for row, verdict in _verdicts(session, facility_id, upto):
            if verdict is None:
                session.delete(row)
                continue
            state, method, reading_ids, details = verdict
            row.outcome, row.method, row.reading_ids, row.details = state.value, method, reading_ids, details
            row.computed_at = now
            session.add(row)
    return len(wanted)


Verdict = tuple[PresenceState, str | None, list[str], dict[str, Any]]


def _verdicts(session: Session, facility_id: str, upto: datetime) -> list[tuple[PresenceCheck, Verdict | None]]:
    """The checks of which the verdict changed; None: the admission was cancelled."""
    # Found through the requests to look, which are few: among the checks of a month they would be sought for long.
    query = (
        select(PresenceCheck, Admission)
        .join(DirectedCheck, col(DirectedCheck.id) == col(PresenceCheck.directed_check_id))
        .join(Admission, col(Admission.id) == col(PresenceCheck.admission_id))
        .where(
            DirectedCheck.facility_id == facility_id,
            DirectedCheck.cause == AskCause.ADMISSION.value,
            col(DirectedCheck.deadline_at) > upto - _KEPT_OPEN,
            PresenceCheck.admission_id == DirectedCheck.admission_id,
            PresenceCheck.due_at == DirectedCheck.due_at,
            PresenceCheck.kind == CheckKind.ADMISSION.value,
        )
    )
    rows = [(check, admission) for check, admission in session.exec(query)]
    if not rows:
        return []
    faces = _faces(session, facility_id, rows)
    requests: list[DirectedCheck] = []
    for ids in chunks([check.directed_check_id for check, _ in rows if check.directed_check_id]):
        requests += session.exec(select(DirectedCheck).where(col(DirectedCheck.id).in_(ids)))
    looks = looks_on(session, requests)
    found: list[tuple[PresenceCheck, Verdict | None]] = []
    for check, admission in rows:
        verdict = None
        if admission.cancelled_at is None:
            verdict = _judge(check, faces.get(admission.patient_id, ()), looks.get(admission.id, ()), upto)
            if verdict == (PresenceState(check.outcome), check.method, check.reading_ids, check.details):
                continue
        found.append((check, verdict))
    return found


def _judge(check: PresenceCheck, faces: Sequence[Sighting], looks: Sequence[Look], upto: datetime) -> Verdict:
    seen = [face for face in faces if check.window_start <= face.at <= check.window_end]
    if seen:
        return PresenceState.PRESENT_VERIFIED, "face", [seen[0].reading_id], {}
    own = [look for look in looks if look.looked_at <= check.window_end]
    ids = [look.look_id for look in own]
    find = deciding_find(own)
    if find is not None:
        return PresenceState.PRESENT_ALTERNATIVE, find.method.value, [], {"look_ids": [find.look_id]}
    if upto < check.window_end:
        return PresenceState.IN_GRACE, None, [], {"look_ids": ids} if ids else {}
    if own:
        return PresenceState.NOT_SEEN, None, [], {"look_ids": ids}
    return PresenceState.UNANSWERED, None, [], {"unanswered": True}


def _faces(
    session: Session, facility_id: str, rows: Sequence[tuple[PresenceCheck, Admission]]
) -> Mapping[str, list[Sighting]]:
    whole = Interval(min(check.window_start for check, _ in rows), max(check.window_end for check, _ in rows))
    found: dict[str, list[Sighting]] = {}
    for face in judged_sightings(session, facility_id, {admission.patient_id for _, admission in rows}, [whole]):
        found.setdefault(face.patient_id, []).append(face)
    return found


def _first_bed(session: Session, admission_id: str) -> str | None:
    query = (
        select(BedAssignment.bed_id)
        .where(BedAssignment.admission_id == admission_id)
        .order_by(col(BedAssignment.from_at), col(BedAssignment.id))
        .limit(1)
    )
    return session.exec(query).first()
