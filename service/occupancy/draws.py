"""Committing to a draw of random roll calls, opening it night by night, and revealing it when it is over."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from service.access import SYSTEM, Actor
from service.facilities import Facility, PresencePolicy, wards_of_facility, watermark
from service.kit.errors import Conflict, InvalidInput
from service.ledger import append, details_of
from service.occupancy.draw import SEED_BYTES, DrawnCall, DrawTerms, LateWard, commitment_of, draw
from service.occupancy.errors import DrawSealed
from service.occupancy.roll_call_tables import RollCall, RollCallDraw
from service.occupancy.windows import local_day, local_instant
from service.platform.context import Context
from service.platform.crypto import KeyRing

LONGEST_DAYS = 92
RENEWED_FOR = timedelta(days=28)
_PLANS_HELD = 256


_Nights = tuple[str, date, date, tuple[LateWard, ...]]
"""A draw's id, the first and the last night, and the wards that had joined it."""


class _HeldNights:
    """The nights opened so far by this process: a seed is opened once a night, not at every tick. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[_Nights, tuple[DrawnCall, ...]] = OrderedDict()

    def get(self, key: _Nights) -> tuple[DrawnCall, ...] | None:
        with self._lock:
            return self._held.get(key)

    def put(self, key: _Nights, calls: tuple[DrawnCall, ...]) -> None:
        with self._lock:
            self._held[key] = calls
            while len(self._held) > _PLANS_HELD:
                self._held.popitem(last=False)


_nights = _HeldNights()


def terms_of(policy: PresencePolicy) -> DrawTerms:
    """What a facility's policy has drawn."""
    return DrawTerms(policy.random_per_week_min, policy.random_per_week_max, policy.random_from, policy.random_until)


def commit_draw(
    context: Context, session: Session, facility: Facility, policy: PresencePolicy, first: date, days: int, actor: Actor
) -> RollCallDraw:
    """Draws a seed nobody sees, and publishes its SHA-256. The days begin after today: what is committed to later than
    its first night could be chosen to fit.

    Raises `InvalidInput` for days that have begun or are too many, `Conflict` when some are committed already.
    """
    zone, terms = ZoneInfo(facility.timezone), terms_of(policy)
    last = first + timedelta(days=days - 1)
    starts_at = local_instant(first, terms.since, zone)
    ends_on = last + timedelta(days=1) if terms.until <= terms.since else last
    ends_at = local_instant(ends_on, terms.until, zone)
    event_now = watermark(facility, context.clock)
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(f"{days} days", field="days", remedy=f"commit to 1 to {LONGEST_DAYS} days")
    if local_day(event_now, zone) >= first:
        raise InvalidInput(
            "the first day has begun: a commitment must come before it",
            field="first_day",
            remedy="begin tomorrow or later",
            message_zh="首日已开始：承诺必须在此之前",
            remedy_zh="请从明天或之后开始",
        )
    if any(item.first_day <= last and first <= item.last_day for item in draws_of(session, facility.id)):
        raise Conflict("some of these days are committed to already", field="first_day", remedy="begin after them")
    seed = secrets.token_bytes(SEED_BYTES)
    row = RollCallDraw(
        facility_id=facility.id,
        first_day=first,
        last_day=last,
        starts_at=starts_at,
        ends_at=ends_at,
        timezone=facility.timezone,
        wards=[ward.code for ward in wards_of_facility(session, facility.id)],
        terms=terms.to_json(),
        commitment=commitment_of(seed),
        sealed_seed=b"",
        committed_by=actor.label,
        committed_at=context.clock.now(),
    )
    row.sealed_seed = context.keys.seal(seed, _seal_context(row))
    session.add(row)
    session.flush()
    _note(
        session,
        context,
        row,
        actor.label,
        "roll_call_draw.committed",
        {
            "commitment": row.commitment,
            "first_day": first.isoformat(),
            "last_day": last.isoformat(),
            "wards": row.wards,
        },
    )
    return row


def draws_of(session: Session, facility_id: str) -> Sequence[RollCallDraw]:
    """The facility's draws, the latest first."""
    query = select(RollCallDraw).where(RollCallDraw.facility_id == facility_id)
    return session.exec(query.order_by(col(RollCallDraw.first_day).desc())).all()


def late_wards_of(row: RollCallDraw) -> tuple[LateWard, ...]:
    """The wards that joined the draw after its commitment, in order of joining."""
    return tuple(LateWard.of_json(item) for item in row.late_wards or ())


def wards_to_join(
    session: Session, facility_id: str, draws: Sequence[RollCallDraw], at: datetime
) -> list[tuple[RollCallDraw, list[str]]]:
    """Of the draws that are not over at `at`, those that do not know some of the facility's wards, with their codes."""
    running = [row for row in draws if row.revealed_at is None and row.ends_at > at]
    codes = [ward.code for ward in wards_of_facility(session, facility_id)] if running else []
    found = []
    for row in running:
        known = {*row.wards, *(item.ward for item in late_wards_of(row))}
        if fresh := [code for code in codes if code not in known]:
            found.append((row, fresh))
    return found


def join_late_wards(context: Context, session: Session, facility_id: str, at: datetime) -> int:
    """Takes wards that opened since into the draws that are not over, at event time `at`; returns how many joined.

    Each is drawn for from the seed that is committed to, so its times are as unknown to whoever opened it as any
    other's. That it joined, and when, is in the ledger before the first of its calls.
    """
    joined = 0
    # Two workers who see the ward at once: the second finds it joined. Twice in the ledger would look like forgery.
    session.exec(select(RollCallDraw.id).where(RollCallDraw.facility_id == facility_id).with_for_update()).all()
    for row, codes in wards_to_join(session, facility_id, draws_of(session, facility_id), at):
        fresh = [LateWard(code, at) for code in codes]
        row.late_wards = [*(row.late_wards or ()), *(item.to_json() for item in fresh)]
        session.add(row)
        for item in fresh:
            _note(session, context, row, SYSTEM.label, "roll_call_draw.ward_joined", item.to_json())
        joined += len(fresh)
    return joined


def calls_due(
    context: Context, facility_code: str, row: RollCallDraw, since: datetime, upto: datetime
) -> tuple[DrawnCall, ...]:
    """The draw's calls in (since, upto]. Only the nights up to now are drawn; that the seed is opened for them is in
    the ledger before it is."""
    zone = ZoneInfo(row.timezone)
    first = max(row.first_day, local_day(since, zone) - timedelta(days=1))
    last = min(row.last_day, local_day(upto, zone))
    if last < first:
        return ()
    key = (row.id, first, last, late_wards_of(row))
    calls = _nights.get(key)
    if calls is None:
        details = {"nights": [first.isoformat(), last.isoformat()], "purpose": "roll calls that are due"}
        with context.database.transaction() as session:
            _note(session, context, row, SYSTEM.label, "roll_call_draw.opened", details)
        calls = tuple(call for call in _open(context.keys, row, facility_code) if first <= call.night <= last)
        _nights.put(key, calls)
    return tuple(call for call in calls if since < call.at <= upto)


def reveal_due(context: Context, session: Session, facility_id: str, upto: datetime) -> int:
    """Publishes the seeds of draws that are over; returns how many."""
    rows = [item for item in draws_of(session, facility_id) if item.revealed_at is None and item.ends_at <= upto]
    for row in rows:
        row.seed = context.keys.open(row.sealed_seed, _seal_context(row)).hex()
        row.revealed_at = row.ends_at
        session.add(row)
        _note(session, context, row, SYSTEM.label, "roll_call_draw.revealed", {"seed": row.seed})
    return len(rows)


def plan_of(context: Context, row: RollCallDraw, facility_code: str, actor: Actor) -> tuple[DrawnCall, ...]:
    """The whole draw, once it is over. Raises `DrawSealed` before, for everybody; that somebody asked is noted."""
    if row.seed is not None:
        return _draw(bytes.fromhex(row.seed), row, facility_code)
    with context.database.transaction() as session:
        _note(session, context, row, actor.label, "roll_call_draw.refused", {"commitment": row.commitment})
    raise DrawSealed(
        f"it is revealed after {row.ends_at.isoformat()}",
        remedy="until then its commitment is all that anybody can read",
        message_zh=f"将在 {row.ends_at.isoformat()} 之后公开",
        remedy_zh="在此之前任何人只能看到承诺值",
    )


@dataclass(frozen=True, slots=True)
class Verification:
    """What making the draw again showed. `missing`: drawn and not held; `unexpected`: held and not drawn.

    `wards_hold`: the wards, and when late ones joined, are those of the ledger; True where there is no ledger to ask.
    """

    commitment_holds: bool
    drawn: tuple[DrawnCall, ...]
    missing: tuple[DrawnCall, ...]
    unexpected: tuple[tuple[str, datetime], ...]
    wards_hold: bool = True

    @property
    def holds(self) -> bool:
        """Whether seed, commitment and calls agree."""
        return self.commitment_holds and self.wards_hold and not self.missing and not self.unexpected


def verify_draw(
    facility: str,
    wards: Sequence[str],
    first: date,
    last: date,
    zone: ZoneInfo,
    terms: DrawTerms,
    commitment: str,
    seed: bytes,
    held: Sequence[tuple[str, datetime]],
    late: Sequence[LateWard] = (),
) -> Verification:
    """Makes the draw again and compares it with the calls that were `held`: (ward code, instant). Pure."""
    drawn = draw(seed, facility, wards, first, last, zone, terms, late)
    wanted, had = {(call.ward, call.at): call for call in drawn}, set(held)
    return Verification(
        commitment_of(seed) == commitment,
        drawn,
        tuple(call for key, call in wanted.items() if key not in had),
        tuple(sorted(key for key in had if key not in wanted)),
    )


def held_calls(session: Session, row: RollCallDraw) -> list[tuple[str, datetime]]:
    """(ward code, instant) of the roll calls that the draw had held."""
    codes = {ward.id: ward.code for ward in wards_of_facility(session, row.facility_id)}
    calls = session.exec(select(RollCall).where(RollCall.draw_id == row.id))
    return [(codes[call.ward_id or ""], call.opens_at) for call in calls]


def verify_recorded(session: Session, row: RollCallDraw, facility_code: str) -> Verification:
    """As `verify_draw`, from what is recorded, and beside it the ledger: a ward that is said to have joined later than
    it did would be rid of calls. Raises `DrawSealed` before the draw is revealed."""
    if row.seed is None:
        raise DrawSealed(f"it is revealed after {row.ends_at.isoformat()}", remedy="verify it then")
    found = verify_draw(
        facility_code,
        [str(code) for code in row.wards],
        row.first_day,
        row.last_day,
        ZoneInfo(row.timezone),
        DrawTerms.of_json(row.terms),
        row.commitment,
        bytes.fromhex(row.seed),
        held_calls(session, row),
        late_wards_of(row),
    )
    return replace(found, wards_hold=_wards_hold(session, row))


def _wards_hold(session: Session, row: RollCallDraw) -> bool:
    joined = details_of(session, "roll_call_draw", row.id, "roll_call_draw.ward_joined")
    committed = details_of(session, "roll_call_draw", row.id, "roll_call_draw.committed")
    same = all(item.get("wards", row.wards) == row.wards for item in committed)
    return same and tuple(LateWard.of_json(item) for item in joined) == late_wards_of(row)


def _open(keys: KeyRing, row: RollCallDraw, facility_code: str) -> tuple[DrawnCall, ...]:
    return _draw(keys.open(row.sealed_seed, _seal_context(row)), row, facility_code)


def _draw(seed: bytes, row: RollCallDraw, facility_code: str) -> tuple[DrawnCall, ...]:
    wards = [str(code) for code in row.wards]
    terms = DrawTerms.of_json(row.terms)
    zone = ZoneInfo(row.timezone)
    return draw(seed, facility_code, wards, row.first_day, row.last_day, zone, terms, late_wards_of(row))


def _seal_context(row: RollCallDraw) -> str:
    return f"roll-call-draw:{row.facility_id}:{row.id}"


def _note(
    session: Session, context: Context, row: RollCallDraw, actor: str, action: str, details: Mapping[str, object]
) -> None:
    append(
        session,
        clock_now=context.clock.now(),
        kind="evidence",
        actor=actor,
        action=action,
        object_kind="roll_call_draw",
        object_id=row.id,
        facility_id=row.facility_id,
        details=details,
    )
