"""Beds at a check that no admission answers for: somebody in a bed of nobody's, staff in a bed, two in one bed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, select

from service.admissions import FOREVER, Admission, BedAssignment
from service.facilities import Bed, BedZone, Camera, PresencePolicy, beds_of_facility
from service.kit.ids import new_id
from service.kit.intervals import Interval
from service.occupancy.pauses import PRIVACY_PAUSE
from service.occupancy.place import Place
from service.occupancy.repository import chunks
from service.occupancy.roll_call_tables import BedCheck, BedLook
from service.occupancy.timeline import OCCUPIED, Observation, debounce, observe, occupied, within
from service.occupancy.trusted import judged_readings, proving
from service.occupancy.windows import Window
from service.sightings import Reading, hold_frames
from service.vision import BedState

_NOBODY = ""


class BedOutcome(StrEnum):
    """What was seen in a bed at a check."""

    UNREGISTERED_PERSON = "unregistered_person"
    EMPTY = "empty"
    UNOBSERVED = "unobserved"
    STAFF_IN_BED = "staff_in_bed"
    TWO_IN_BED = "two_in_bed"


ASKS_A_PERSON = frozenset({BedOutcome.UNREGISTERED_PERSON, BedOutcome.STAFF_IN_BED, BedOutcome.TWO_IN_BED})
"""A picture alone decides none of these: a person has to look."""


@dataclass(frozen=True, slots=True)
class BedSeen:
    """One thing seen in one bed at one check. `key`: whose enrolled face it was, if anybody's."""

    outcome: BedOutcome
    key: str | None = None
    occupied_seconds: int = 0
    reading_ids: tuple[str, ...] = ()
    cause: str | None = None


def seen_in_bed(
    found: Iterable[Reading], span: Interval, policy: PresencePolicy, *, has_admission: bool
) -> tuple[BedSeen, ...]:
    """What the readings of a bed from before `span` to its end say. `has_admission`: the bed was somebody's; then only
    staff and a second person are told, since the admission's own check says the rest."""
    own = sorted(found, key=lambda item: (item.captured_at, item.reading_id))
    steady = debounce(observe(own, _NOBODY, policy), policy)
    inside = within(steady, span)
    seen = [*_staff(own, span, policy), *_two(own, span, policy)]
    if has_admission:
        return tuple(seen)
    somebody = [item for item in inside if item.state in OCCUPIED]
    if somebody and not any(item.outcome is BedOutcome.STAFF_IN_BED for item in seen):
        names = Counter(key for item in somebody for key in item.others)
        key = names.most_common(1)[0][0] if names else None
        ids = tuple(reading_id for item in somebody for reading_id in item.reading_ids)
        seen.append(BedSeen(BedOutcome.UNREGISTERED_PERSON, key, _seconds(steady, span, policy), ids))
    elif not seen:
        blind = not any(item.observed for item in inside)
        ids = tuple(reading_id for item in inside for reading_id in item.reading_ids)
        cause = PRIVACY_PAUSE if inside and all(item.cause == PRIVACY_PAUSE for item in inside) else None
        seen.append(BedSeen(BedOutcome.UNOBSERVED if blind else BedOutcome.EMPTY, None, 0, ids, cause))
    return tuple(seen)


def _staff(own: Sequence[Reading], span: Interval, policy: PresencePolicy) -> list[BedSeen]:
    faces = [item for item in own if item.recognised_staff_id and span.start <= item.captured_at <= span.end]
    if not faces:
        return []
    key = Counter(str(item.recognised_staff_id) for item in faces).most_common(1)[0][0]
    ids = tuple(item.reading_id for item in faces)
    inside = [item for item in own if span.start <= item.captured_at <= span.end]
    return [BedSeen(BedOutcome.STAFF_IN_BED, key, _longest(inside, key, policy), ids)]


def _longest(inside: Sequence[Reading], key: str, policy: PresencePolicy) -> int:
    """Seconds of the longest time in which every picture that saw the bed showed that face: the patient's own time in
    the bed is not the nurse's who leans over it."""
    shown: dict[datetime, bool] = {}
    for item in inside:
        if item.state is not BedState.UNOBSERVED:
            shown[item.captured_at] = shown.get(item.captured_at, False) or item.recognised_staff_id == key
    longest, since, last = timedelta(), None, None
    for at, is_there in sorted(shown.items()):
        if not is_there or (last is not None and at - last > policy.max_gap):
            since = None
        if is_there:
            since = since or at
            longest = max(longest, at - since)
        last = at
    return int(longest.total_seconds())


def _two(own: Sequence[Reading], span: Interval, policy: PresencePolicy) -> list[BedSeen]:
    double = [item for item in own if not item.lone and span.start <= item.captured_at <= span.end]
    if len({item.captured_at for item in double if not item.carried}) < policy.debounce:
        return []
    between = double[-1].captured_at - double[0].captured_at
    ids = tuple(item.reading_id for item in double)
    return [BedSeen(BedOutcome.TWO_IN_BED, None, int(between.total_seconds()), ids)]


def _seconds(steady: Sequence[Observation], span: Interval, policy: PresencePolicy) -> int:
    return int(sum(item.length.total_seconds() for item in occupied(steady, span, policy)))


@dataclass(frozen=True, slots=True)
class JudgedBed:
    """What is to be recorded of one bed at one window."""

    bed: Bed
    window: Window
    seen: tuple[BedSeen, ...]


def judge_beds(
    session: Session,
    place: Place,
    windows: Sequence[Window],
    only: Collection[str] | None = None,
    shown: Sequence[Sequence[Reading]] = (),
) -> tuple[JudgedBed, ...]:
    """What was seen in the beds that a camera sees, at each window; in these beds only, if given. `shown`: the readings
    of all beds, window by window, as `judged_apart` gives them; not needed where beds are named."""
    facility_id = place.facility.id
    wanted = select(Bed).where(col(Bed.id).in_(list(only or ())), Bed.facility_id == facility_id)
    beds = beds_of_facility(session, facility_id) if only is None else session.exec(wanted).all()
    if not beds or not windows:
        return ()
    chosen = None if only is None else [bed.id for bed in beds]
    judged = []
    held = _held(session, place, windows, chosen)
    seen_by = _zones(session, facility_id, chosen)
    if chosen is not None:
        # One question over the whole time, not one a window.
        whole = Interval(windows[0].span.start, max(window.span.end for window in windows))
        told = [proving(judged_readings(session, facility_id, chosen, [whole]))] * len(windows)
    else:
        told = [proving(found) for found in shown]
    for window, readings in zip(windows, told, strict=True):
        by_bed: dict[str, list[Reading]] = defaultdict(list)
        span = window.span
        for reading in readings:
            if span.start <= reading.captured_at <= span.end:
                by_bed[reading.bed_id].append(reading)
        for bed in beds:
            zoned = any(zone.contains(window.due_at) for zone in seen_by.get(bed.id, ()))
            if not zoned or not _is_asked(bed, window):
                continue
            spans = [span for span in held.get(bed.id, ()) if span.overlap(window.span)]
            if spans and not any(span.start <= window.span.start and span.end >= window.span.end for span in spans):
                continue  # somebody came or went meanwhile
            found = by_bed.get(bed.id, [])
            if spans and all(item.lone and item.recognised_staff_id is None for item in found):
                continue  # the admission's own check says it all
            judged.append(
                JudgedBed(bed, window, seen_in_bed(found, window.span, place.policy, has_admission=bool(spans)))
            )
    return tuple(judged)


def record_beds(
    session: Session,
    place: Place,
    windows: Sequence[Window],
    judged: Sequence[JudgedBed],
    *,
    only: Collection[str] | None,
    now: datetime,
) -> bool:
    """Makes the recorded bed checks of `windows` say what was judged; whether anything changed."""
    if not windows:
        return False
    query = select(BedCheck).where(
        BedCheck.facility_id == place.facility.id,
        col(BedCheck.due_at).in_([window.due_at for window in windows]),
    )
    if only is not None:
        query = query.where(col(BedCheck.bed_id).in_(list(only)))
    old = {(row.bed_id, row.due_at, row.outcome): row for row in session.exec(query)}
    added, changed = [], []
    for item in judged:
        for seen in item.seen:
            row = old.pop((item.bed.id, item.window.due_at, seen.outcome.value), None)
            values = _values(place, item, seen)
            if row is None:
                added.append({**values, "id": new_id(), "computed_at": now})
            elif any(getattr(row, name) != value for name, value in values.items()):
                changed.append({**values, "id": row.id, "computed_at": now})
    if added:
        session.execute(insert(BedCheck), added, execution_options={"render_nulls": True})
    if changed:
        session.execute(update(BedCheck), changed)
    for gone in chunks([row.id for row in old.values()]):
        session.execute(delete(BedCheck).where(col(BedCheck.id).in_(gone)))
    asking = [seen for item in judged for seen in item.seen if seen.outcome in ASKS_A_PERSON]
    hold_frames(session, {reading_id for seen in asking for reading_id in seen.reading_ids})
    return bool(added or changed or old)


def with_looks(session: Session, rows: Sequence[BedCheck]) -> tuple[BedCheck, ...]:
    """The rows with what people found put into their details: `look_ids`, `seen_by_person`, `carer`, `staff`."""
    looks: dict[tuple[str, datetime], list[BedLook]] = defaultdict(list)
    for beds in chunks({row.bed_id for row in rows}):
        for look in session.exec(select(BedLook).where(col(BedLook.bed_id).in_(beds))):
            looks[look.bed_id, look.due_at].append(look)
    for row in rows:
        own = looks.get((row.bed_id, row.due_at), ())
        if own:
            if row in session:
                session.expunge(row)  # derived for the reader: what is recorded stays as it was judged
            row.details = {**row.details, **_found_by_people(own)}
    return tuple(rows)


def _found_by_people(looks: Sequence[BedLook]) -> dict[str, Any]:
    results = {look.result for look in looks}
    found: dict[str, Any] = {"look_ids": [look.id for look in looks]}
    for key, result in (("seen_by_person", "person"), ("carer", "carer"), ("staff", "staff"), ("was_empty", "empty")):
        if result in results:
            found[key] = True
    return found


def _zones(session: Session, facility_id: str, bed_ids: Collection[str] | None) -> dict[str, list[Interval]]:
    """Bed id -> when an active camera was to see it."""
    query = (
        select(BedZone.bed_id, BedZone.valid_from, BedZone.valid_to)
        .join(Camera, col(Camera.id) == col(BedZone.camera_id))
        .where(Camera.facility_id == facility_id, col(Camera.is_active))
    )
    if bed_ids is not None:
        query = query.where(col(BedZone.bed_id).in_(list(bed_ids)))
    found: dict[str, list[Interval]] = defaultdict(list)
    for bed_id, since, until in session.exec(query):
        found[bed_id].append(Interval(since, max(since, until or FOREVER)))
    return found


def _is_asked(bed: Bed, window: Window) -> bool:
    if window.bed_id is not None:
        return bed.id == window.bed_id
    return window.ward_id is None or bed.ward_id == window.ward_id


def _values(place: Place, item: JudgedBed, seen: BedSeen) -> dict[str, Any]:
    return {
        "facility_id": place.facility.id,
        "ward_id": item.bed.ward_id,
        "bed_id": item.bed.id,
        "due_at": item.window.due_at,
        "window_start": item.window.span.start,
        "window_end": item.window.span.end,
        "outcome": seen.outcome.value,
        "recognised_key": seen.key,
        "occupied_seconds": seen.occupied_seconds,
        "reading_ids": list(seen.reading_ids),
        "details": {"cause": seen.cause} if seen.cause else {},
    }


def _held(
    session: Session, place: Place, windows: Sequence[Window], bed_ids: Collection[str] | None
) -> dict[str, list[Interval]]:
    """Bed id -> when it was somebody's, within the windows' time."""
    first, last = windows[0].span.start, max(window.span.end for window in windows)
    query = (
        select(BedAssignment.bed_id, BedAssignment.from_at, BedAssignment.to_at, Admission.discharged_at)
        .join(Admission, col(Admission.id) == col(BedAssignment.admission_id))
        .where(
            Admission.facility_id == place.facility.id,
            col(Admission.cancelled_at).is_(None),
            col(BedAssignment.from_at) <= last,
        )
    )
    if bed_ids is not None:
        query = query.where(col(BedAssignment.bed_id).in_(list(bed_ids)))
    found: dict[str, list[Interval]] = defaultdict(list)
    for bed_id, since, until, discharged in session.exec(query):
        ends = [item for item in (until, discharged) if item is not None]
        end = min(ends) if ends else None
        if end is None or end > first:
            held = Interval(since, max(end, since)) if end is not None else Interval(since, max(last, since))
            found[bed_id].append(held)
    return found
