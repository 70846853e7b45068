"""Roll calls: who is there at one frozen instant. Opening those that are due, and closing those that ran out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlmodel import Session, col, select

from service.access import SYSTEM, Actor, Permission
from service.admissions import active_admissions
from service.facilities import Bed, Facility, Ward, beds_of_facility, wards_of_facility
from service.kit.ids import new_id
from service.kit.intervals import Interval
from service.ledger import append
from service.occupancy.draw import DrawnCall
from service.occupancy.draws import RENEWED_FOR, calls_due, commit_draw, draws_of, join_late_wards, reveal_due
from service.occupancy.due import Book, book_of
from service.occupancy.due_calls import DueCalls, needs_renewal, uncalled
from service.occupancy.roll_call_tables import RollCall, RollCallDraw, RollCallEntry
from service.occupancy.roll_progress import duplicates_in, entries_of, progress_of_calls
from service.occupancy.tables import PresenceProgress
from service.occupancy.windows import local_day
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.sightings import ask_for_answers

ROUTINE, RANDOM, SURPRISE = "routine", "random", "surprise"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a roll call asks for: one bed, one ward, or a facility whole."""

    name: str = "facility"
    ward_id: str | None = None
    bed_id: str | None = None

    @property
    def key(self) -> str:
        """What tells two calls of one instant apart."""
        return f"{self.name}:{self.bed_id or self.ward_id}" if self.bed_id or self.ward_id else "facility"


@dataclass(frozen=True, slots=True)
class OpenRollCall:
    """An open roll call as a camera box is told of it. `ward_ids` is empty for a whole facility."""

    roll_call_id: str
    opens_at: datetime
    frozen_until: datetime
    closes_at: datetime
    ward_ids: tuple[str, ...]


def scope_of(ward: Ward | None, bed: Bed | None) -> Scope:
    """The narrowest of what is given."""
    if bed is not None:
        return Scope("bed", bed.ward_id, bed.id)
    return Scope("ward", ward.id) if ward is not None else Scope()


def start_surprise(
    context: Context,
    session: Session,
    actor: Actor,
    facility: Facility,
    scope: Scope,
    *,
    at: datetime,
    reason: str = "",
    group_id: str | None = None,
    region: bool = False,
) -> RollCall:
    """Opens a roll call now, at the facility's event time `at`: its instant is frozen, and nobody was told before."""
    actor.require(Permission.ROLL_CALLS_START, facility.id)
    same = select(RollCall).where(
        RollCall.facility_id == facility.id, RollCall.opens_at == at, RollCall.scope_key == scope.key
    )
    known = session.exec(same).first()
    if known is not None:  # asked twice at one instant, it is one count
        return known
    row = _open(session, book_of(session, facility), SURPRISE, scope, at, actor.label, context.clock.now())
    row.group_id, row.reason = group_id or row.id, reason
    if region:
        row.scope = "region"
    session.flush()
    if facility.clock == "live":
        # The ticker would come within half a minute; people should be asked when the cameras have had their time.
        _wake(session, facility.id, row.frozen_until, context.clock.now())
    append(
        session,
        clock_now=context.clock.now(),
        kind="evidence",
        actor=actor.label,
        action="roll_call.opened",
        object_kind="roll_call",
        object_id=row.id,
        facility_id=facility.id,
        details={"kind": row.kind, "scope": row.scope, "opens_at": at.isoformat(), "group": row.group_id},
    )
    return row


def open_calls(context: Context, due: DueCalls, upto: datetime) -> int:
    """Opens the routine and random calls whose instant has come, renews and reveals draws; returns how many opened."""
    book, facility_id, draws = due.book, due.book.facility.id, due.draws
    if due.has_late_wards:
        with context.database.transaction() as session:
            join_late_wards(context, session, facility_id, upto)
            draws = tuple(draws_of(session, facility_id))
    drawn = [
        (item, calls)
        for item in draws
        if item.revealed_at is None
        and item.starts_at <= upto
        and (calls := calls_due(context, book.facility.code, item, due.drawn_since, upto))
    ]
    renews = needs_renewal(draws, book, upto)
    if not (due.routine or drawn or renews or due.to_reveal(upto)):
        return 0
    opened = 0
    now = context.clock.now()
    with context.database.transaction() as session:
        for instant, end in uncalled(session, facility_id, due.routine):  # another worker may have come first
            _open(session, book, ROUTINE, Scope(), instant, SYSTEM.label, now, end=end)
            opened += 1
        for draw, calls in drawn:
            opened += _open_drawn(session, book, draw, calls, now)
        if due.to_reveal(upto):
            reveal_due(context, session, facility_id, upto)
        if renews:
            _renew(context, session, book, upto)
    return opened


def _open_drawn(session: Session, book: Book, draw: RollCallDraw, calls: Sequence[DrawnCall], now: datetime) -> int:
    """Opens those of a draw's calls that are not open yet; returns how many."""
    wards = {ward.code: ward for ward in wards_of_facility(session, book.facility.id)}
    held = set(session.exec(select(RollCall.opens_at, RollCall.ward_id).where(RollCall.draw_id == draw.id)))
    opened = 0
    for call in calls:
        ward = wards.get(call.ward)  # None: its code was taken away since; the others' calls open all the same
        if ward is not None and (call.at, ward.id) not in held:
            row = _open(session, book, RANDOM, Scope("ward", ward.id), call.at, SYSTEM.label, now, draw=draw)
            _wake(session, book.facility.id, row.frozen_until, now)
            opened += 1
    return opened


def close_calls(context: Context, facility_id: str, upto: datetime) -> int:
    """Closes the calls whose time to respond is over and that are judged; keeps what each counted."""
    with context.database.reading() as session:
        if not _to_close(session, facility_id, upto):
            return 0
    with context.database.transaction() as session:
        rows = _to_close(session, facility_id, upto)  # another worker may have come first
        entries = entries_of(session, rows)
        for row, counted in zip(rows, progress_of_calls(session, rows, upto, entries), strict=True):
            row.expected, row.covered = counted.expected, counted.covered
            row.unanswered, row.excused = counted.unanswered, counted.excused
            row.closed_at = row.closes_at
            session.add(row)
        for row in rows:
            duplicates_in(session, row, entries.get(row.id, ()))
            if row.kind != ROUTINE:  # it commanded a change in the picture
                ask_for_answers(
                    session,
                    facility_id=facility_id,
                    ward_id=row.ward_id,
                    roll_call_id=row.id,
                    call=Interval(row.opens_at, row.closes_at),
                    now=context.clock.now(),
                )
    return len(rows)


def roll_calls(session: Session, facility_id: str, interval: Interval) -> tuple[RollCall, ...]:
    """The facility's roll calls opened in `interval`, the latest first."""
    query = select(RollCall).where(
        RollCall.facility_id == facility_id,
        col(RollCall.opens_at) >= interval.start,
        col(RollCall.opens_at) <= interval.end,
    )
    return tuple(session.exec(query.order_by(col(RollCall.opens_at).desc(), col(RollCall.id))))


def roll_call_entries(session: Session, roll_call_id: str) -> tuple[RollCallEntry, ...]:
    """Who was counted in a roll call (of routine calls the presence checks say it)."""
    query = select(RollCallEntry).where(RollCallEntry.roll_call_id == roll_call_id)
    return tuple(session.exec(query.order_by(col(RollCallEntry.id))))


def open_roll_calls(session: Session, camera_ward_ids: Collection[str], at: datetime) -> tuple[OpenRollCall, ...]:
    """The calls in which cameras of these wards are to send a picture at event time `at`: random and surprise ones
    that are open. Before its instant a call is not there."""
    if not camera_ward_ids:
        return ()
    facilities = select(Ward.facility_id).where(col(Ward.id).in_(list(camera_ward_ids))).distinct()
    query = select(RollCall).where(
        col(RollCall.facility_id).in_(facilities),
        col(RollCall.opens_at) <= at,
        col(RollCall.closes_at) > at,
        RollCall.kind != ROUTINE,
    )
    return tuple(
        OpenRollCall(row.id, row.opens_at, row.frozen_until, row.closes_at, (row.ward_id,) if row.ward_id else ())
        for row in session.exec(query.order_by(col(RollCall.opens_at), col(RollCall.id)))
        if row.ward_id is None or row.ward_id in camera_ward_ids
    )


def _open(
    session: Session,
    book: Book,
    kind: str,
    scope: Scope,
    at: datetime,
    by: str,
    now: datetime,
    *,
    draw: RollCallDraw | None = None,
    end: datetime | None = None,
) -> RollCall:
    policy = book.policies.at(at)
    row = RollCall(
        group_id="",
        facility_id=book.facility.id,
        kind=kind,
        scope=scope.name,
        scope_key=scope.key,
        ward_id=scope.ward_id,
        bed_id=scope.bed_id,
        draw_id=draw.id if draw else None,
        opens_at=at,
        frozen_until=end or at + policy.freeze,
        closes_at=end or at + policy.respond,
        called_by=by,
        recorded_at=now,
    )
    row.group_id = row.id
    session.add(row)
    if kind != ROUTINE:
        session.flush()
        _freeze(session, row)
    return row


def _freeze(session: Session, row: RollCall) -> None:
    """Writes down who belongs where at the instant. One person is counted once, under the first of two admissions."""
    at = Interval(row.opens_at, row.opens_at + timedelta(microseconds=1))
    wards = {bed.id: bed.ward_id for bed in beds_of_facility(session, row.facility_id)}
    first: dict[str, str] = {}
    found = []
    for record in active_admissions(session, row.facility_id, at):
        bed_id = record.bed_at(row.opens_at)
        ward_id = wards.get(bed_id or "")
        if row.bed_id is not None and bed_id != row.bed_id:
            continue
        if row.bed_id is None and row.ward_id is not None and ward_id != row.ward_id:
            continue
        second = first.get(record.patient_id)
        first.setdefault(record.patient_id, record.admission_id)
        found.append(
            {"id": new_id(), "roll_call_id": row.id, "admission_id": record.admission_id, "duplicates": []}
            | {"patient_id": record.patient_id, "ward_id": ward_id, "bed_id": bed_id, "second_of": second}
            | {"counted_reading_id": None}
        )
    if found:
        session.execute(insert(RollCallEntry), found, execution_options={"render_nulls": True})


def _renew(context: Context, session: Session, book: Book, upto: datetime) -> None:
    draws = draws_of(session, book.facility.id)
    if not needs_renewal(draws, book, upto):  # another worker did
        return
    last = max(item.last_day for item in draws)
    first = max(last, local_day(upto, book.zone)) + timedelta(days=1)
    commit_draw(context, session, book.facility, book.policies.at(upto), first, RENEWED_FOR.days, SYSTEM)


def _to_close(session: Session, facility_id: str, upto: datetime) -> Sequence[RollCall]:
    query = (
        select(RollCall)
        .join(PresenceProgress, col(PresenceProgress.facility_id) == col(RollCall.facility_id))
        .where(
            RollCall.facility_id == facility_id,
            col(RollCall.closed_at).is_(None),
            col(RollCall.closes_at) <= upto,
            col(RollCall.closes_at) <= col(PresenceProgress.computed_to),
        )
    )
    return session.exec(query).all()


def _wake(session: Session, facility_id: str, at: datetime, now: datetime) -> None:
    enqueue(
        session,
        "presence.advance",
        {"facility_id": facility_id},
        now=now,
        run_after=max(at + timedelta(seconds=1), now),
        dedupe_key=f"presence.advance:{facility_id}:{at.isoformat()}",
    )
