"""Privacy pauses: the curtain is drawn. Nothing is read of the bed for half an hour at most, and each pause is counted.

A pause hides, so it is itself a way to cheat: pauses tapped while one runs reach no further than the first one's half
hour, a blind bed is looked at by hand all the same, and the wards' counts stand beside each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from service.kit.intervals import Interval, union
from service.occupancy.hand_tables import LoggedPause
from service.sightings import Reading, Sighting
from service.vision import BedState

LONGEST = timedelta(minutes=30)
"""Domain, section 3, `selective_blindness`: a logged privacy pause of up to 30 minutes."""

_ROW = timedelta(days=1)
"""How far back a row of pauses without half an hour between their beginnings is followed."""

PRIVACY_PAUSE = "privacy_pause"
"""The cause of a reading of a pause."""


@dataclass(frozen=True, slots=True)
class PrivacyPause:
    """A logged pause. `span`: how far it really hides, half an hour at most, nothing beyond an earlier one's half hour.

    `started_by`: the person's id. `during_check`: people were being counted just then.
    """

    pause_id: str
    ward_id: str
    bed_id: str | None
    camera_id: str | None
    span: Interval
    started_by: str
    during_check: bool
    noted_at: datetime


def privacy_pauses(session: Session, facility_id: str, interval: Interval) -> tuple[PrivacyPause, ...]:
    """The pauses of which some part lies in `interval`, in order of time; those that hide nothing more stand by their
    start."""
    return tuple(
        PrivacyPause(
            row.id,
            row.ward_id,
            row.bed_id,
            row.camera_id,
            _hidden(row),
            row.person_id,
            row.during_check,
            row.recorded_at,
        )
        for row in logged(session, facility_id, interval)
        if _hidden(row).end > interval.start or row.starts_at >= interval.start
    )


def logged(session: Session, facility_id: str, interval: Interval) -> Sequence[LoggedPause]:
    """The rows that may hide something in [start, end], in order of time."""
    query = select(LoggedPause).where(
        LoggedPause.facility_id == facility_id,
        col(LoggedPause.starts_at) > interval.start - LONGEST,
        col(LoggedPause.starts_at) <= interval.end,
    )
    return session.exec(query.order_by(col(LoggedPause.starts_at), col(LoggedPause.id))).all()


def deciding(session: Session, facility_id: str, interval: Interval) -> Sequence[LoggedPause]:
    """The rows that may hide something in [start, end], and those before them that decide how far these reach: with
    which pause a row of them begins must not depend on which time is asked for."""
    before = interval.start - LONGEST
    rows = logged(session, facility_id, Interval(before, interval.end))
    if all(row.starts_at >= before for row in rows):
        return rows
    return logged(session, facility_id, Interval(before - _ROW, interval.end))


@dataclass(frozen=True, slots=True)
class Curtains:
    """When beds and cameras were hidden, to be asked reading by reading."""

    beds: dict[str, list[LoggedPause]]
    cameras: dict[str, list[LoggedPause]]

    @classmethod
    def of(cls, rows: Iterable[LoggedPause]) -> Curtains:
        """The curtains that these pauses draw."""
        beds: dict[str, list[LoggedPause]] = defaultdict(list)
        cameras: dict[str, list[LoggedPause]] = defaultdict(list)
        for row in rows:
            if row.bed_id is not None:
                beds[row.bed_id].append(row)
            elif row.camera_id is not None:
                cameras[row.camera_id].append(row)
        return cls(beds, cameras)

    def spans(self, bed_id: str, camera_ids: Collection[str]) -> tuple[Interval, ...]:
        """When these cameras could not see the bed for a pause. Pauses of bed and camera that overlap are one: half an
        hour from the first one's start."""
        rows = [*self.beds.get(bed_id, ()), *(row for key in camera_ids for row in self.cameras.get(key, ()))]
        limit: datetime | None = None
        found = []
        for row in sorted(rows, key=lambda item: (item.starts_at, item.id)):
            if limit is None or row.starts_at >= limit:
                limit = row.starts_at + LONGEST
            end = min(_hidden(row).end, limit)
            if end > row.starts_at:
                found.append(Interval(row.starts_at, end))
        return union(found)

    def touches(self, bed_id: str, camera_ids: Collection[str]) -> bool:
        """Whether any pause is of the bed or of one of these cameras."""
        return bed_id in self.beds or not self.cameras.keys().isdisjoint(camera_ids)

    def number(self, bed_id: str, camera_ids: Collection[str], interval: Interval) -> int:
        """How many pauses of the bed or of these cameras began in `interval`."""
        rows = [*self.beds.get(bed_id, ()), *(row for key in camera_ids for row in self.cameras.get(key, ()))]
        return sum(interval.contains(row.starts_at) for row in rows)

    def hides(self, bed_id: str, camera_id: str, at: datetime) -> bool:
        """Whether a picture of the bed by the camera at `at` lies in a pause."""
        if bed_id not in self.beds and camera_id not in self.cameras:
            return False
        return any(span.contains(at) for span in self.spans(bed_id, (camera_id,)))


def curtains(session: Session, facility_id: str, interval: Interval) -> Curtains | None:
    """What is hidden in `interval`; None when nothing is, which is nearly always."""
    rows = deciding(session, facility_id, interval)
    return Curtains.of(rows) if rows else None


def hide_paused(session: Session, facility_id: str, found: Sequence[Reading]) -> tuple[Reading, ...]:
    """The readings, those of a privacy pause unobserved because of it, whatever the picture showed."""
    return _hidden_by(_around(session, facility_id, [item.captured_at for item in found]), found)


def hide_paused_apart(
    session: Session, facility_id: str, groups: Sequence[Sequence[Reading]]
) -> tuple[tuple[Reading, ...], ...]:
    """As `hide_paused` of each group by itself; the pauses are asked for once."""
    drawn = _around(session, facility_id, [item.captured_at for found in groups for item in found])
    return tuple(_hidden_by(drawn, found) for found in groups)


def _hidden_by(drawn: Curtains | None, found: Sequence[Reading]) -> tuple[Reading, ...]:
    if drawn is None:
        return tuple(found)
    return tuple(
        replace(
            item,
            state=BedState.UNOBSERVED,
            cause=PRIVACY_PAUSE,
            recognised_patient_id=None,
            recognised_staff_id=None,
            lone=True,
        )
        if drawn.hides(item.bed_id, item.camera_id, item.captured_at)
        else item
        for item in found
    )


def paused_sightings(session: Session, facility_id: str, found: Sequence[Sighting]) -> tuple[Sighting, ...]:
    """The sightings without those of a privacy pause."""
    drawn = _around(session, facility_id, [item.at for item in found])
    if drawn is None:
        return tuple(found)
    return tuple(item for item in found if not drawn.hides(item.bed_id, item.camera_id, item.at))


def _around(session: Session, facility_id: str, instants: Sequence[datetime]) -> Curtains | None:
    return curtains(session, facility_id, Interval(min(instants), max(instants))) if instants else None


def _hidden(row: LoggedPause) -> Interval:
    end = min(row.ends_at, row.limit_at, row.starts_at + LONGEST)
    if row.ended_at is not None:
        end = min(end, row.ended_at)
    return Interval(row.starts_at, max(row.starts_at, end))
