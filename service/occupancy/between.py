"""What upper rooms read of presence over a time: beds, looks by people, excuses in one tap, and what was not seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from service.facilities import beds_of_facility, facility_by_id
from service.kit.intervals import Interval
from service.occupancy.bed_checks import with_looks
from service.occupancy.compare_pauses import Excused, cameras_by_bed, hidden_together
from service.occupancy.hand_tables import ExcuseTap, HandheldPicture, Reverification
from service.occupancy.looks import Look
from service.occupancy.pauses import PRIVACY_PAUSE, Curtains, logged
from service.occupancy.place import place_of
from service.occupancy.repository import chunks, look_of
from service.occupancy.roll_call_tables import BedCheck
from service.occupancy.tables import DirectedCheck, DirectedLook, PresenceCheck
from service.occupancy.windows import nights_between
from service.sightings import ZoneReading
from service.vision import BedState


def bed_checks(session: Session, facility_id: str, interval: Interval) -> tuple[BedCheck, ...]:
    """What was seen at checks due in `interval` in beds without an admission, and staff or two people in any bed; with
    what people found in `details`. Detached: they are for reading."""
    query = select(BedCheck).where(
        BedCheck.facility_id == facility_id,
        col(BedCheck.due_at) >= interval.start,
        col(BedCheck.due_at) < interval.end,
    )
    rows = session.exec(query.order_by(col(BedCheck.due_at), col(BedCheck.bed_id), col(BedCheck.outcome))).all()
    return with_looks(session, rows)


@dataclass(frozen=True, slots=True)
class GivenLook:
    """A look with where it belongs. `identified_by`: face | wristband | id_card, of hand-held looks.

    `reverified`: pending | confirmed | contradicted, when a second person was asked to look again; else None.
    """

    look: Look
    facility_id: str
    admission_id: str
    ward_id: str | None
    directed_check_id: str
    cause: str
    identified_by: str | None = None
    similarity: float | None = None
    reverified: str | None = None
    reverify_reason: str | None = None

    @property
    def person_id(self) -> str:
        """Who looked."""
        return self.look.person_id

    @property
    def method(self) -> str:
        """How the person looked."""
        return self.look.method.value


def looks_between(session: Session, facility_id: str, interval: Interval) -> tuple[GivenLook, ...]:
    """The looks that people took in `interval`, in order of time."""
    query = (
        select(DirectedLook, DirectedCheck)
        .join(DirectedCheck, col(DirectedCheck.id) == col(DirectedLook.directed_check_id))
        .where(
            DirectedCheck.facility_id == facility_id,
            # Nobody is given longer than three days to answer, and an inspector three more.
            col(DirectedLook.looked_at) >= interval.start,
            col(DirectedLook.looked_at) < interval.end,
        )
        .order_by(col(DirectedLook.looked_at), col(DirectedLook.id))
    )
    rows = session.exec(query).all()
    wards = {bed.id: bed.ward_id for bed in beds_of_facility(session, facility_id)}
    ids = [look.id for look, _ in rows]
    pictures = {item.look_id: item for item in _by_look(session, HandheldPicture, ids)}
    again = {item.look_id: item for item in _by_look(session, Reverification, ids)}
    found = []
    for look, request in rows:
        picture, asked = pictures.get(look.id), again.get(look.id)
        found.append(
            GivenLook(
                look=look_of(look, request),
                facility_id=facility_id,
                admission_id=request.admission_id,
                ward_id=wards.get(request.bed_id or ""),
                directed_check_id=request.id,
                cause=request.cause,
                identified_by=picture.identified_by if picture else None,
                similarity=picture.similarity if picture else None,
                reverified=(asked.result or "pending") if asked else None,
                reverify_reason=asked.reason if asked else None,
            )
        )
    return tuple(found)


def excuse_taps(session: Session, facility_id: str, interval: Interval) -> tuple[ExcuseTap, ...]:
    """The excuses given on the board in `interval`, in order of time."""
    query = select(ExcuseTap).where(
        ExcuseTap.facility_id == facility_id,
        col(ExcuseTap.tapped_at) >= interval.start,
        col(ExcuseTap.tapped_at) < interval.end,
    )
    return tuple(session.exec(query.order_by(col(ExcuseTap.tapped_at), col(ExcuseTap.id))))


@dataclass(frozen=True, slots=True)
class BlindShare:
    """How much of a bed was not seen: at checks, and in the nights (seconds between readings that saw nothing count as
    blind, and so does the time without readings).

    What a logged privacy pause hid is kept apart: `paused_checks` and `paused_night_seconds` are in neither of the
    blind ones. What pauses hid of a night or day beyond the policy's `paused_night` and `paused_day` is blind like
    anything else. `pauses`: how many were logged for the bed, or for a camera that sees it.
    """

    bed_id: str
    ward_id: str
    camera_ids: tuple[str, ...]
    checks: int
    blind_checks: int
    night_seconds: int
    blind_night_seconds: int
    paused_checks: int = 0
    paused_night_seconds: int = 0
    pauses: int = 0


def unobserved_share(session: Session, facility_id: str, interval: Interval) -> tuple[BlindShare, ...]:
    """Every bed that some camera of the facility is to see, in order of ward and code."""
    facility = facility_by_id(session, facility_id)
    place = place_of(facility, session, interval.end)
    cameras = cameras_by_bed(session, facility_id, interval)
    whole, blind = _checks_by_bed(session, facility_id, interval)
    drawn = Curtains.of(logged(session, facility_id, interval))
    hidden = {
        bed_id: drawn.spans(bed_id, seen_by) for bed_id, seen_by in cameras.items() if drawn.touches(bed_id, seen_by)
    }
    excused = Excused.about(place, interval) if hidden else None
    over = (
        {
            bed_id: excused.over(spans, hidden_together(drawn, cameras[bed_id], cameras))
            for bed_id, spans in hidden.items()
        }
        if excused is not None
        else {}
    )
    paused = _paused_checks(session, facility_id, interval, over)
    nights = [span for _, span in nights_between(place.policy, place.zone, interval)]
    seen = _seen_seconds(session, facility_id, nights, int(place.policy.max_gap.total_seconds()), hidden)
    length = int(sum(night.length.total_seconds() for night in nights))
    dark = {
        bed_id: _common_seconds(spans, nights) - _common_seconds(over[bed_id], nights)
        for bed_id, spans in hidden.items()
    }
    return tuple(
        BlindShare(
            bed_id=bed.id,
            ward_id=bed.ward_id,
            camera_ids=tuple(sorted(cameras[bed.id])),
            checks=whole.get(bed.id, 0),
            blind_checks=blind.get(bed.id, 0) - paused.get(bed.id, 0),
            night_seconds=length,
            blind_night_seconds=max(0, length - seen.get(bed.id, 0) - dark.get(bed.id, 0)),
            paused_checks=paused.get(bed.id, 0),
            paused_night_seconds=dark.get(bed.id, 0),
            pauses=drawn.number(bed.id, cameras[bed.id], interval),
        )
        for bed in beds_of_facility(session, facility_id)
        if bed.id in cameras
    )


def _checks_by_bed(session: Session, facility_id: str, interval: Interval) -> tuple[dict[str, int], dict[str, int]]:
    """Bed id -> checks, and those of them that no camera saw."""
    whole: dict[str, int] = defaultdict(int)
    blind: dict[str, int] = defaultdict(int)
    for table in (PresenceCheck, BedCheck):
        query = (
            select_columns(col(table.bed_id), col(table.outcome), func.count())
            .where(
                col(table.facility_id) == facility_id,
                col(table.due_at) >= interval.start,
                col(table.due_at) < interval.end,
                col(table.outcome).not_in(["staff_in_bed", "two_in_bed"]),
            )
            .group_by(col(table.bed_id), col(table.outcome))
        )
        for bed_id, outcome, number in session.execute(query):
            if bed_id is not None:
                whole[bed_id] += number
                blind[bed_id] += number if outcome == "unobserved" else 0
    return whole, blind


def _paused_checks(
    session: Session, facility_id: str, interval: Interval, over: Mapping[str, Sequence[Interval]]
) -> dict[str, int]:
    """Bed id -> checks that no camera saw for a privacy pause alone, without those in what is `over` the excused."""
    paused: dict[str, int] = defaultdict(int)
    for table in (PresenceCheck, BedCheck):
        query = select_columns(col(table.bed_id), col(table.due_at)).where(
            col(table.facility_id) == facility_id,
            col(table.due_at) >= interval.start,
            col(table.due_at) < interval.end,
            col(table.outcome) == "unobserved",
            col(table.details)["cause"].as_string() == PRIVACY_PAUSE,
        )
        for bed_id, due_at in session.execute(query):
            paused[bed_id or ""] += not any(span.contains(due_at) for span in over.get(bed_id or "", ()))
    return paused


def _common_seconds(spans: Sequence[Interval], nights: Sequence[Interval]) -> int:
    common = [part for span in spans for night in nights if (part := span.overlap(night)) is not None]
    return int(sum(part.length.total_seconds() for part in common))


def _seen_seconds(
    session: Session,
    facility_id: str,
    nights: Sequence[Interval],
    max_gap: int,
    hidden: Mapping[str, Sequence[Interval]],
) -> dict[str, int]:
    """Bed id -> seconds of the nights between two readings that saw the bed, no more than `max_gap` seconds apart, and
    not `hidden` by a privacy pause."""
    seen: dict[str, int] = defaultdict(int)
    for night in nights:
        query = (
            select_columns(col(ZoneReading.bed_id), col(ZoneReading.captured_at))
            .where(
                col(ZoneReading.facility_id) == facility_id,
                col(ZoneReading.captured_at) >= night.start,
                col(ZoneReading.captured_at) <= night.end,
                col(ZoneReading.state) != BedState.UNOBSERVED.value,
            )
            .order_by(col(ZoneReading.bed_id), col(ZoneReading.captured_at))
        )
        bed, last = "", night.start
        for bed_id, at in session.execute(query):
            pauses = hidden.get(bed_id, ())
            if any(pause.contains(at) for pause in pauses):
                continue
            if bed_id == bed:
                gap = int((at - last).total_seconds())
                seen[bed_id] += gap - _common_seconds(pauses, [Interval(last, at)]) if gap <= max_gap else 0
            bed, last = bed_id, at
    return seen


Kept = TypeVar("Kept", HandheldPicture, Reverification)


def _by_look(session: Session, table: type[Kept], look_ids: Sequence[str]) -> list[Kept]:
    found: list[Kept] = []
    for ids in chunks(look_ids):
        found += session.exec(select(table).where(col(table.look_id).in_(ids)))
    return found
