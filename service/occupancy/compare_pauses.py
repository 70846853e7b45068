"""Privacy pauses compared: the wards beside each other, and the nights in which a bed was hidden for too long."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from sqlmodel import Session, col, select

from service.facilities import BedZone, Camera, beds_of_facility, facility_by_id
from service.kit.intervals import Interval
from service.occupancy.gather import Place, place_of
from service.occupancy.pauses import Curtains, PrivacyPause, logged, privacy_pauses
from service.occupancy.windows import nights_between

_A_DAY = timedelta(days=1)


def beyond(spans: Iterable[Interval], nights: Iterable[Interval], most: timedelta) -> tuple[Interval, ...]:
    """What pauses hid of one bed in each night after the first `most` of that night.

    `spans`: when the bed was hidden, apart from each other and in order of time. Care takes a curtain several times a
    night; one pause after the other until morning is no care, and is counted as blindness.
    """
    hidden, found = tuple(spans), []
    for night in nights:
        left = most
        for span in hidden:
            part = span.overlap(night)
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


def _nights_over(session: Session, facility_id: str, interval: Interval) -> Mapping[str, int]:
    """Ward id -> nights of its beds, counted bed by bed, in which pauses hid the bed for longer than is excused."""
    rows = logged(session, facility_id, interval)
    if not rows:
        return {}
    drawn, seen_by = Curtains.of(rows), cameras_by_bed(session, facility_id, interval)
    place = place_of(facility_by_id(session, facility_id), session, interval.end)
    nights = nights_about(place, interval)
    found: Counter[str] = Counter()
    for bed in beds_of_facility(session, facility_id):
        cameras = seen_by.get(bed.id, set())
        if drawn.touches(bed.id, cameras):
            spans = drawn.spans(bed.id, cameras)
            found[bed.ward_id] += sum(bool(beyond(spans, [night], place.policy.paused_night)) for night in nights)
    return found


@dataclass(frozen=True, slots=True)
class WardPauses:
    """A ward's pauses beside the other wards'. `by_bed`: pauses for each bed of the ward. `times_peers`: that over the
    median of the other wards; None when there is nothing to compare with. `nights_over`: how often a bed was hidden in
    a night for longer than the policy excuses (`paused_night`)."""

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


def pauses_by_ward(session: Session, facility_id: str, interval: Interval) -> tuple[WardPauses, ...]:
    """Every ward that has beds, also those without a pause, most pauses a bed first."""
    beds: dict[str, int] = defaultdict(int)
    for bed in beds_of_facility(session, facility_id):
        beds[bed.ward_id] += bed.is_open
    by_ward: dict[str, list[PrivacyPause]] = defaultdict(list)
    for pause in privacy_pauses(session, facility_id, interval):
        if interval.start <= pause.span.start < interval.end:
            by_ward[pause.ward_id].append(pause)
    over = _nights_over(session, facility_id, interval)
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
                nights_over=over.get(ward_id, 0),
            )
        )
    return tuple(found)
