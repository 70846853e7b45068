"""Judging checks as time passes and as facts change. The same facts give the same rows, in whatever order they came."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import CursorResult, update
from sqlmodel import Session, col

from service.facilities import Facility, facility_by_id, watermark
from service.kit.clock import Clock, parse_instant
from service.kit.intervals import Interval
from service.occupancy.asking import JudgedCheck, judge_in_order
from service.occupancy.errors import PresenceBusy
from service.occupancy.gather import Place, gather, place_of
from service.occupancy.record import Changes, record
from service.occupancy.repository import looks_on, progress_of, requests_expiring
from service.occupancy.tables import PresenceProgress
from service.occupancy.windows import Window, windows_between
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.platform.metrics import histogram
from service.sightings import first_captured_at

_ATTEMPTS = 8
_STEP = timedelta(hours=24)
_AFTER_PRESENCE = 120
"""Rules run when presence has settled."""

recompute_seconds = histogram("presence_recompute_seconds", "Judging the checks of one facility, one step", ())


@dataclass(frozen=True, slots=True)
class _Step:
    """Windows to judge, for these admissions only if given; and how far everything is judged when it is done."""

    windows: tuple[Window, ...]
    only: frozenset[str] | None = None
    covers: Interval | None = None


def dirty_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `presence.dirty` {facility_id, from, to, admission_id?}: facts of that time changed."""
    changed = Interval(parse_instant(payload["from"], field="from"), parse_instant(payload["to"], field="to"))
    admission_id = payload.get("admission_id")
    only = frozenset({str(admission_id)}) if admission_id else None
    facility_id = str(payload["facility_id"])
    for part in _days(changed):
        _run(context, facility_id, partial(_affected, part, only))
    _catch_up(context, facility_id)


def advance_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `presence.advance` {facility_id}: event time has moved on."""
    _catch_up(context, str(payload["facility_id"]))


def _catch_up(context: Context, facility_id: str) -> None:
    """Judges what has fallen due and is not judged yet, a day at a time: a long way takes several transactions."""
    while _run(context, facility_id, _next_step):
        pass


Plan = Callable[[Session, Place, datetime], Sequence[_Step]]


def _run(context: Context, facility_id: str, plan: Plan) -> bool:
    """Plans and judges from a consistent view, then writes in a short transaction; whether anything was planned.

    Reading does not keep the database's one writer waiting. If another recomputation was written meanwhile, this one
    may rest on older facts: it is thrown away and done again.
    """
    for _ in range(_ATTEMPTS):
        started = time.perf_counter()
        with context.database.reading() as session:
            facility = facility_by_id(session, facility_id)
            upto = judged_upto(facility, context.clock)
            if upto is None:
                return False
            place = place_of(facility)
            revision = progress_of(session, facility_id).revision
            steps = plan(session, place, upto)
            judged = [_judge(session, place, step, upto) for step in steps]
        if not steps:
            return False
        if _write(context, place, revision, steps, judged):
            recompute_seconds.observe(time.perf_counter() - started)
            return True
    raise PresenceBusy("other recomputations came in between", remedy="it is tried again by itself")


def judged_upto(facility: Facility, clock: Clock) -> datetime | None:
    """The event time up to which checks are due; None for a replay whose clock has not been set.

    A live clock counts in whole minutes: followed to the microsecond, it would have moved on whenever judging is done,
    and catching up would never end.
    """
    if facility.clock == "replay" and facility.watermark is None:
        return None
    now = watermark(facility, clock)
    return now if facility.clock == "replay" else now.replace(second=0, microsecond=0)


def _judge(session: Session, place: Place, step: _Step, upto: datetime) -> list[JudgedCheck]:
    found: list[JudgedCheck] = []
    for admission in gather(session, place, step.windows, upto, step.only):
        found += judge_in_order(admission.checks, place.policy, earlier=admission.earlier)
    return found


def _write(
    context: Context, place: Place, revision: int, steps: Sequence[_Step], judged: Sequence[Sequence[JudgedCheck]]
) -> bool:
    now = context.clock.now()
    facility_id = place.facility.id
    with context.database.transaction() as session:
        if not _claim(session, facility_id, revision):
            return False
        changes = Changes()
        for step, checks in zip(steps, judged, strict=True):
            changes += record(session, place, step.windows, checks, only=step.only, now=now)
            if step.covers is not None:
                _extend(progress_of(session, facility_id), step.covers)
        if changes:
            enqueue(
                session,
                "screening.run",
                {"facility_id": facility_id},
                now=now,
                dedupe_key=f"screening.run:{facility_id}",
                priority=_AFTER_PRESENCE,
            )
    return True


def _claim(session: Session, facility_id: str, revision: int) -> bool:
    """Whether nobody has written since `revision` was read; from now until the commit nobody else will."""
    if session.get(PresenceProgress, facility_id) is None:
        session.add(PresenceProgress(facility_id=facility_id))
        session.flush()
    result = session.execute(
        update(PresenceProgress)
        .where(col(PresenceProgress.facility_id) == facility_id, col(PresenceProgress.revision) == revision)
        .values(revision=revision + 1)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


def _extend(progress: PresenceProgress, covers: Interval) -> None:
    progress.computed_from = min(progress.computed_from or covers.start, covers.start)
    progress.computed_to = max(progress.computed_to or covers.end, covers.end)


def _next_step(session: Session, place: Place, upto: datetime) -> Sequence[_Step]:
    """The next day of checks that are due and not judged; with it, the requests whose deadline passed in that time."""
    start = _begins(session, place)
    progress = progress_of(session, place.facility.id)
    if start is None or start > upto:
        return ()
    if progress.computed_from is None or progress.computed_to is None:
        return (_covering(place, Interval(start, min(upto, start + _STEP))),)
    if start < progress.computed_from:
        return (_covering(place, Interval(max(start, progress.computed_from - _STEP), progress.computed_from)),)
    if progress.computed_to >= upto:
        return ()
    span = Interval(progress.computed_to, min(upto, progress.computed_to + _STEP))
    return (_covering(place, span), *_expired(session, place, span))


def _begins(session: Session, place: Place) -> datetime | None:
    """Where judging begins: with the first picture, or when a live facility was set up. Nothing is said of before."""
    first = first_captured_at(session, place.facility.id)
    if place.facility.clock == "replay":
        return first
    return min(first, place.facility.created_at) if first is not None else place.facility.created_at


def _covering(place: Place, span: Interval) -> _Step:
    return _Step(windows_between(place.policy, place.zone, span), covers=span)


def _expired(session: Session, place: Place, span: Interval) -> list[_Step]:
    """Checks whose request to look ran out in `span`: an unanswered one is judged again."""
    by_due: dict[datetime, set[str]] = {}
    for request in requests_expiring(session, place.facility.id, span):
        by_due.setdefault(request.due_at, set()).add(request.admission_id)
    return _targeted(place, by_due)


def _targeted(place: Place, by_due: dict[datetime, set[str]]) -> list[_Step]:
    steps = []
    for due_at, admissions in sorted(by_due.items()):
        around = Interval(due_at, due_at + place.policy.window)
        windows = tuple(w for w in windows_between(place.policy, place.zone, around) if w.due_at == due_at)
        if windows:
            steps.append(_Step(windows, frozenset(admissions)))
    return steps


def _days(span: Interval) -> Iterator[Interval]:
    """`span` in parts of a day at most: each is judged and written by itself."""
    at = span.start
    while True:
        end = min(at + _STEP, span.end)
        yield Interval(at, end)
        if end >= span.end:
            return
        at = end


def _affected(
    changed: Interval, only: Collection[str] | None, session: Session, place: Place, upto: datetime
) -> Sequence[_Step]:
    """The judged checks that facts of `changed` may change: their window or the time before it touches it, or people
    looked for the patient then."""
    progress = progress_of(session, place.facility.id)
    if progress.computed_from is None or progress.computed_to is None:
        return ()
    policy = place.policy
    start = max(changed.start, progress.computed_from)
    end = min(changed.end + policy.lookback + policy.window, progress.computed_to, upto)
    if start > end:
        return ()
    windows = windows_between(policy, place.zone, Interval(start, end))
    windows = tuple(window for window in windows if window.due_at - policy.lookback <= changed.end)
    chosen = frozenset(only) if only is not None else None
    steps = [_Step(windows, chosen)] if windows else []
    if only is None:
        steps += _targeted(place, _looked_for(session, place, changed, {window.due_at for window in windows}))
    return steps


def _looked_for(
    session: Session, place: Place, changed: Interval, already: Collection[datetime]
) -> dict[datetime, set[str]]:
    """Checks whose looks may be contradicted by a face seen in `changed`, after the window."""
    reach = place.policy.directed_deadline
    requests = [
        item
        for item in requests_expiring(session, place.facility.id, Interval(changed.start, changed.end + reach))
        if item.due_at not in already and item.opened_at <= changed.end
    ]
    looks = looks_on(session, requests)
    by_due: dict[datetime, set[str]] = {}
    for request in requests:
        if any(look.due_at == request.due_at for look in looks.get(request.admission_id, ())):
            by_due.setdefault(request.due_at, set()).add(request.admission_id)
    return by_due
