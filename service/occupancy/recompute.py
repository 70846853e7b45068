"""Judging checks as time passes and as facts change. The same facts give the same rows, in whatever order they came."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import CursorResult, update
from sqlmodel import Session, col

from service.facilities import Facility, facility_by_id, watermark
from service.kit.clock import Clock, parse_instant
from service.kit.intervals import Interval
from service.occupancy.admission_checks import judge_admissions
from service.occupancy.asking import JudgedCheck, judge_in_order
from service.occupancy.bed_checks import JudgedBed, judge_beds, record_beds
from service.occupancy.due import Book, book_of, due_between
from service.occupancy.due_calls import due_calls
from service.occupancy.errors import PresenceBusy
from service.occupancy.escalation import escalate
from service.occupancy.gather import are_few, gather
from service.occupancy.once_more import ask_once_more
from service.occupancy.place import Place
from service.occupancy.record import Changes, record
from service.occupancy.repository import admissions_touched, looks_on, progress_of, requests_expiring
from service.occupancy.retention import close_discharged
from service.occupancy.roll_calls import close_calls, open_calls
from service.occupancy.tables import PresenceProgress
from service.occupancy.trusted import judged_apart
from service.occupancy.windows import Window
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.platform.metrics import histogram
from service.sightings import Reading, first_captured_at

_ATTEMPTS = 8
_STEP = timedelta(hours=24)
_AFTER_PRESENCE = 120
"""Rules run when presence has settled."""
_FEW_TOUCHED = 50
"""Up to so many admissions, only they are screened again."""

recompute_seconds = histogram("presence_recompute_seconds", "Judging the checks of one facility, one step", ())


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change of facts concerns: these beds and these admissions; nothing named means the whole facility."""

    bed_ids: frozenset[str] = frozenset()
    admission_ids: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """Whether nothing is named."""
        return not self.bed_ids and not self.admission_ids

    @classmethod
    def of(cls, payload: dict[str, Any]) -> Touched:
        """What a job's payload names."""
        one = payload.get("admission_id")
        admissions = {str(item) for item in payload.get("admission_ids") or ()} | ({str(one)} if one else set())
        return cls(frozenset(str(item) for item in payload.get("bed_ids") or ()), frozenset(admissions))


@dataclass(frozen=True, slots=True)
class _Step:
    """Windows to judge under one policy, for these admissions and beds only if given (None: all); and how far
    everything is judged when it is done. `is_last`: after it nothing is due."""

    place: Place
    windows: tuple[Window, ...]
    only: frozenset[str] | None = None
    beds: frozenset[str] | None = None
    covers: Interval | None = None
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class _Judged:
    checks: Sequence[JudgedCheck] = ()
    beds: Sequence[JudgedBed] = field(default=())


def dirty_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `presence.dirty` {facility_id, from, to, bed_ids?, admission_ids?}: facts of that time changed; with beds or
    admissions named, only theirs."""
    changed = Interval(parse_instant(payload["from"], field="from"), parse_instant(payload["to"], field="to"))
    touched = Touched.of(payload)
    facility_id = str(payload["facility_id"])
    for part in _days(changed):
        _run(context, facility_id, partial(_affected, part, touched))
    if touched.everything:
        _after(context, facility_id)
        return
    with context.database.reading() as session:
        upto = judged_upto(facility_by_id(session, facility_id), context.clock)
        begun = progress_of(session, facility_id).computed_from
    if begun is None or changed.start < begun:
        _after(context, facility_id)  # facts from before everything that is judged
    elif upto is not None:  # what time alone makes due, the next tick does
        judge_admissions(context, facility_id, upto)


def advance_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `presence.advance` {facility_id}: event time has moved on."""
    _after(context, str(payload["facility_id"]))


def _after(context: Context, facility_id: str) -> None:
    """Roll calls that are due are opened, what has fallen due is judged, a day at a time (a long way takes several
    transactions), and what has run out is closed."""
    with context.database.reading() as session:
        facility = facility_by_id(session, facility_id)
        upto = judged_upto(facility, context.clock)
        if upto is None:
            return
        due = due_calls(session, book_of(session, facility), upto)
    open_calls(context, due, upto)
    while _run(context, facility_id, _next_step):
        pass
    judge_admissions(context, facility_id, upto)
    escalate(context, facility_id, upto)
    ask_once_more(context, facility_id, upto)
    close_calls(context, facility_id, upto)


Plan = Callable[[Session, Book, PresenceProgress, datetime], Sequence[_Step]]


def _run(context: Context, facility_id: str, plan: Plan) -> bool:
    """Plans and judges from a consistent view, then writes in a short transaction; whether more may be due.

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
            book = book_of(session, facility)
            progress = progress_of(session, facility_id)
            revision = progress.revision
            steps = plan(session, book, progress, upto)
            judged = [_judge(session, step, upto) for step in steps]
        if not steps:
            return False
        if _write(context, facility_id, revision, steps, judged):
            recompute_seconds.observe(time.perf_counter() - started)
            return not any(step.is_last for step in steps)
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


def _judge(session: Session, step: _Step, upto: datetime) -> _Judged:
    found: list[JudgedCheck] = []
    beds: Sequence[JudgedBed] = ()
    shown: Sequence[Sequence[Reading]] = ()  # of all beds: the same for the admissions and for the beds
    if step.beds is None or not are_few(step.only):
        shown = judged_apart(session, step.place.facility.id, [window.span for window in step.windows])
    if step.only is None or step.only:
        for admission in gather(session, step.place, step.windows, upto, step.only, shown):
            found += judge_in_order(admission.checks, step.place.policy, earlier=admission.earlier)
    if step.beds is None or step.beds:
        beds = judge_beds(session, step.place, step.windows, step.beds, shown)
    return _Judged(found, beds)


def _write(
    context: Context, facility_id: str, revision: int, steps: Sequence[_Step], judged: Sequence[_Judged]
) -> bool:
    now = context.clock.now()
    with context.database.transaction() as session:
        progress = _claimed(session, facility_id, revision)
        if progress is None:
            return False
        changes, beds_changed, everything = Changes(), False, False
        for step, found in zip(steps, judged, strict=True):
            if step.only is None or step.only:
                made = record(session, step.place, step.windows, found.checks, only=step.only, now=now)
                everything |= bool(made) and step.only is None
                changes += made
            if step.beds is None or step.beds:
                beds_changed |= record_beds(session, step.place, step.windows, found.beds, only=step.beds, now=now)
            if step.covers is not None:
                _extend(progress, step.covers)
                close_discharged(session, facility_id, step.covers.end)
        if changes or beds_changed:
            few = () if everything or beds_changed else changes.admissions
            _screen(session, facility_id, few, now)
    return True


def _screen(session: Session, facility_id: str, admissions: Collection[str], now: datetime) -> None:
    """Has the rules run: over these admissions, or over everything when they are many or none is named."""
    payload: dict[str, Any] = {"facility_id": facility_id}
    key = f"screening.run:{facility_id}"
    if admissions and len(admissions) <= _FEW_TOUCHED:
        payload["admission_ids"] = sorted(admissions)
        key += ":" + hashlib.sha256(" ".join(payload["admission_ids"]).encode()).hexdigest()[:32]
    enqueue(session, "screening.run", payload, now=now, dedupe_key=key, priority=_AFTER_PRESENCE)


def _claimed(session: Session, facility_id: str, revision: int) -> PresenceProgress | None:
    """How far the facility is judged, if nobody has written since `revision` was read; from now until the commit nobody
    else will."""
    progress = progress_of(session, facility_id)
    if progress not in session:
        session.add(progress)
        session.flush()
    result = session.execute(
        update(PresenceProgress)
        .where(col(PresenceProgress.facility_id) == facility_id, col(PresenceProgress.revision) == revision)
        .values(revision=revision + 1)
    )
    return progress if isinstance(result, CursorResult) and result.rowcount == 1 else None


def _extend(progress: PresenceProgress, covers: Interval) -> None:
    progress.computed_from = min(progress.computed_from or covers.start, covers.start)
    progress.computed_to = max(progress.computed_to or covers.end, covers.end)


def _next_step(session: Session, book: Book, progress: PresenceProgress, upto: datetime) -> Sequence[_Step]:
    """The next day of checks that are due and not judged; with it, the requests whose deadline passed in that time."""
    start = _begins(session, book.facility)
    if start is None or start > upto:
        return ()
    if progress.computed_from is None or progress.computed_to is None:
        return _covering(session, book, Interval(start, min(upto, start + _STEP)), until=upto)
    if start < progress.computed_from:
        before = Interval(max(start, progress.computed_from - _STEP), progress.computed_from)
        return _covering(session, book, before)
    if progress.computed_to >= upto:
        return ()
    span = Interval(progress.computed_to, min(upto, progress.computed_to + _STEP))
    return (*_covering(session, book, span, until=upto), *_expired(session, book, span))


def _begins(session: Session, facility: Facility) -> datetime | None:
    """Where judging begins: with the first picture, or when a live facility was set up. Nothing is said of before."""
    first = first_captured_at(session, facility.id)
    if facility.clock == "replay":
        return first
    return min(first, facility.created_at) if first is not None else facility.created_at


def _covering(session: Session, book: Book, span: Interval, *, until: datetime | None = None) -> tuple[_Step, ...]:
    """`until`: to where there is something to judge, where nothing is left to judge before `span`."""
    steps = [_Step(batch.place, batch.windows) for batch in due_between(session, book, span)]
    done = _Step(book.at(span.end), (), frozenset(), frozenset(), covers=span, is_last=span.end == until)
    return (*steps, done)


def _expired(session: Session, book: Book, span: Interval) -> list[_Step]:
    """Checks whose request to look ran out in `span`: an unanswered one is judged again."""
    by_due: dict[datetime, set[str]] = {}
    for request in requests_expiring(session, book.facility.id, span):
        by_due.setdefault(request.due_at, set()).add(request.admission_id)
    return _targeted(session, book, by_due)


def _targeted(session: Session, book: Book, by_due: dict[datetime, set[str]]) -> list[_Step]:
    steps = []
    for due_at, admissions in sorted(by_due.items()):
        around = Interval(due_at, due_at + book.at(due_at).policy.window)
        for batch in due_between(session, book, around):
            windows = tuple(window for window in batch.windows if window.due_at == due_at)
            if windows:
                steps.append(_Step(batch.place, windows, frozenset(admissions), frozenset()))
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
    changed: Interval, touched: Touched, session: Session, book: Book, progress: PresenceProgress, upto: datetime
) -> Sequence[_Step]:
    """The judged checks that facts of `changed` may change: their window or the time before it touches it, or people
    looked for the patient then."""
    facility_id = book.facility.id
    if progress.computed_from is None or progress.computed_to is None:
        return ()
    policy = book.at(changed.end).policy
    start = max(changed.start, progress.computed_from)
    end = min(changed.end + policy.lookback + policy.window, progress.computed_to, upto)
    if start > end:
        return ()
    only = beds = None
    if not touched.everything:
        reach = Interval(changed.start, end)
        only = touched.admission_ids | admissions_touched(session, facility_id, touched.bed_ids, changed, reach)
        beds = touched.bed_ids
    steps: list[_Step] = []
    seen: set[datetime] = set()
    for batch in due_between(session, book, Interval(start, end)):
        windows = tuple(window for window in batch.windows if window.due_at - policy.lookback <= changed.end)
        seen.update(window.due_at for window in windows)
        if windows:
            steps.append(_Step(batch.place, windows, only, beds))
    by_due = _looked_for(session, book, changed, seen)
    if only is not None:
        by_due = {due_at: ids & only for due_at, ids in by_due.items() if ids & only}
    return [*steps, *_targeted(session, book, by_due)]


def _looked_for(
    session: Session, book: Book, changed: Interval, already: Collection[datetime]
) -> dict[datetime, set[str]]:
    """Checks whose looks may be contradicted by a face seen in `changed`, after the window."""
    reach = book.at(changed.end).policy.directed_deadline
    requests = [
        item
        for item in requests_expiring(session, book.facility.id, Interval(changed.start, changed.end + reach))
        if item.due_at not in already and item.opened_at <= changed.end
    ]
    looks = looks_on(session, requests)
    by_due: dict[datetime, set[str]] = {}
    for request in requests:
        if any(look.due_at == request.due_at for look in looks.get(request.admission_id, ())):
            by_due.setdefault(request.due_at, set()).add(request.admission_id)
    return by_due
