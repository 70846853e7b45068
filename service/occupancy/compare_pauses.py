"""Privacy pauses compared: the wards beside each other, and the nights and days in which a bed was hidden too long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import median

from sqlmodel import Session, col, select

from service.facilities import BedZone, Camera, beds_of_facility, facility_by_id
from service.kit.intervals import Interval, total
from service.occupancy.pauses import Curtains, PrivacyPause, logged, privacy_pauses
from service.occupancy.place import Place, place_of
from service.occupancy.windows import nights_between

_A_DAY = timedelta(days=1)


def beyond(spans: Iterable[Interval], parts: Iterable[Interval], most: timedelta) -> tuple[Interval, ...]:
    """What pauses hid of one bed in each of `parts` (nights, or days) after the first `most` of it.

    `spans`: when the bed was hidden, apart from each other and in order of time. Care takes a curtain several times a
    night; one pause after the other until morning is no care, and is counted as blindness.
    """
    hidden, found = tuple(spans), []
    for whole in parts:
        left = most
        for span in hidden:
            part = span.overlap(whole)
            if part is None:
                continue
            if part.length > left:
                found.append(Interval(part.start + left, part.end))
            left = max(timedelta(), left - part.length)
    return tuple(found)


def nights_about(place: Place, interval: Interval) -> tuple[Interval, ...]:
    """The nights of which some part lies in `interval`, whole."""
    about = Interval(interval.start - _A_DAY, interval.end + _A_DAY)
    return tuple(night for _, night in nights_between(place.policy, place.zone, about) if night.overlap(interval))


def days_about(nights: Sequence[Interval]) -> tuple[Interval, ...]:
    """The days between these nights, which follow each other."""
    return tuple(Interval(a.end, b.start) for a, b in pairwise(nights) if a.end < b.start)


@dataclass(frozen=True, slots=True)
class Excused:
    """How much of the nights and days about a time privacy pauses excuse."""

    nights: tuple[Interval, ...]
    days: tuple[Interval, ...]
    of_night: timedelta
    of_day: timedelta

    @classmethod
    def about(cls, place: Place, interval: Interval) -> Excused:
        """By the policy of the place; the nights and days of which some part lies in `interval`, whole."""
        nights = nights_about(place, Interval(interval.start - _A_DAY, interval.end + _A_DAY))
        days = tuple(day for day in days_about(nights) if day.overlap(interval))
        own = tuple(night for night in nights if night.overlap(interval))
        return cls(own, days, place.policy.paused_night, place.policy.paused_day)

    def over(self, spans: Sequence[Interval], beds: int = 1) -> tuple[Interval, ...]:
        """The part of `spans`, when one bed was hidden, that is excused no longer; in order of time.

        `beds`: how many are hidden together, behind one camera: the care of each takes its time (`by_beds`).
        """
        night = beyond(spans, self.nights, by_beds(self.of_night, beds))
        return tuple(sorted((*night, *beyond(spans, self.days, by_beds(self.of_day, beds)))))


_AS_MANY = 6


def by_beds(most: timedelta, beds: int) -> timedelta:
    """How long a camera of so many beds may be hidden, where one bed may be for `most`.

    A camera's pause hides all its beds for the care of one. With six hours of a day and two of a night for a bed, a
    camera of more than six beds has an hour of the day and 20 minutes of the night for each of them: two rounds of
    washing, half an hour a bed [P].
    """
    return most * max(_AS_MANY, beds) / _AS_MANY


def cameras_by_bed(session: Session, facility_id: str, interval: Interval) -> dict[str, set[str]]:
    """Bed id -> the facility's cameras that were to see it before the end of `interval`."""
    cameras: dict[str, set[str]] = defaultdict(set)
    zones = (
        select(BedZone.bed_id, BedZone.camera_id)
        .join(Camera, col(Camera.id) == col(BedZone.camera_id))
        .where(Camera.facility_id == facility_id, col(BedZone.valid_from) < interval.end)
    )
    for bed_id, camera_id in session.exec(zones):
        cameras[bed_id].add(camera_id)
    return cameras


def pauses_over(session: Session, facility_id: str, interval: Interval) -> dict[str, tuple[Interval, ...]]:
    """Bed id, and camera id for pauses of a camera -> when pauses hid it for longer than the policy excuses."""
    rows = logged(session, facility_id, interval)
    if not rows:
        return {}
    drawn, seen_by = Curtains.of(rows), cameras_by_bed(session, facility_id, interval)
    excused = Excused.about(place_of(facility_by_id(session, facility_id), session, interval.end), interval)
    found = {
        bed_id: excused.over(drawn.spans(bed_id, cameras), hidden_together(drawn, cameras, seen_by))
        for bed_id in drawn.beds
        for cameras in [seen_by.get(bed_id, set())]
    }
    return found | {
        camera_id: excused.over(drawn.spans("", (camera_id,)), hidden_together(drawn, {camera_id}, seen_by))
        for camera_id in drawn.cameras
    }


def hidden_together(drawn: Curtains, cameras: Collection[str], seen_by: Mapping[str, Collection[str]]) -> int:
    """How many beds the pauses of these cameras hide at once, of the camera with most: 1 where only beds were paused.

    `seen_by`: bed -> the cameras that see it.
    """
    paused = [camera_id for camera_id in cameras if camera_id in drawn.cameras]
    return max((sum(camera_id in own for own in seen_by.values()) for camera_id in paused), default=1)


@dataclass(slots=True)
class _Over:
    """Of a ward, bed by bed: nights and days in which a bed was hidden for longer than is excused, and for how much
    longer."""

    nights: int = 0
    days: int = 0
    blind: timedelta = timedelta()


def _over(session: Session, facility_id: str, interval: Interval) -> Mapping[str, _Over]:
    """Ward id -> what is beyond the excused, of wards with pauses."""
    rows = logged(session, facility_id, interval)
    found: dict[str, _Over] = defaultdict(_Over)
    if not rows:
        return found
    drawn, seen_by = Curtains.of(rows), cameras_by_bed(session, facility_id, interval)
    excused = Excused.about(place_of(facility_by_id(session, facility_id), session, interval.end), interval)
    for bed in beds_of_facility(session, facility_id):
        cameras = seen_by.get(bed.id, set())
        if drawn.touches(bed.id, cameras):
            spans, ward = drawn.spans(bed.id, cameras), found[bed.ward_id]
            beds = hidden_together(drawn, cameras, seen_by)
            night, day = by_beds(excused.of_night, beds), by_beds(excused.of_day, beds)
            ward.nights += sum(bool(beyond(spans, [part], night)) for part in excused.nights)
            ward.days += sum(bool(beyond(spans, [part], day)) for part in excused.days)
            ward.blind += total(excused.over(spans, beds))
    return found


@dataclass(frozen=True, slots=True)
class WardPauses:
    """A ward's pauses beside the other wards'. `by_bed`: pauses for each bed of the ward. `times_peers`: that over the
    median of the other wards; None when there is nothing to compare with. `nights_over`: how often a bed was hidden in
    a night for longer than the policy excuses (`paused_night`); `days_over`: in a day (`paused_day`). `blind_minutes`:
    what was hidden beyond that, bed by bed: time that the ward itself made blind. It says nothing of any patient."""

    ward_id: str
    pauses: int
    minutes: int
    during_checks: int
    beds: int
    people: int
    by_bed: float
    peers_median: float | None
    times_peers: float | None
    nights_over: int = 0
    days_over: int = 0
    blind_minutes: int = 0


def pauses_by_ward(session: Session, facility_id: str, interval: Interval) -> tuple[WardPauses, ...]:
    """Every ward that has beds, also those without a pause, most pauses a bed first."""
    beds: dict[str, int] = defaultdict(int)
    for bed in beds_of_facility(session, facility_id):
        beds[bed.ward_id] += bed.is_open
    by_ward: dict[str, list[PrivacyPause]] = defaultdict(list)
    for pause in privacy_pauses(session, facility_id, interval):
        if interval.start <= pause.span.start < interval.end:
            by_ward[pause.ward_id].append(pause)
    over = _over(session, facility_id, interval)
    share = {ward_id: len(by_ward[ward_id]) / number for ward_id, number in beds.items() if number}
    found = []
    for ward_id, rate in sorted(share.items(), key=lambda item: (-item[1], item[0])):
        others = [value for other, value in share.items() if other != ward_id]
        usual = float(median(others)) if others else None
        own = by_ward[ward_id]
        found.append(
            WardPauses(
                ward_id=ward_id,
                pauses=len(own),
                minutes=int(sum((item.span.length for item in own), timedelta()).total_seconds() // 60),
                during_checks=sum(item.during_check for item in own),
                beds=beds[ward_id],
                people=len({item.started_by for item in own}),
                by_bed=rate,
                peers_median=usual,
                times_peers=rate / usual if usual else None,
                nights_over=(beyond_it := over.get(ward_id, _Over())).nights,
                days_over=beyond_it.days,
                blind_minutes=int(beyond_it.blind.total_seconds() // 60),
            )
        )
    return tuple(found)
