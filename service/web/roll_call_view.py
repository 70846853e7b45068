"""A roll call for its pages: the line in the list, and the page with its wards and people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from service.admissions import admission_records
from service.facilities import Facility
from service.occupancy import RollCall, RollCallProgress, Standing, progress_of_call
from service.web.places import Places
from service.web.texts import Language

STANDING_TONES = {
    Standing.SEEN: "good",
    Standing.ANSWERED: "good",
    Standing.UNIDENTIFIED: "notice",
    Standing.WAITING: "mute",
    Standing.OPEN: "warn",
    Standing.UNANSWERED: "danger",
    Standing.EXCUSED: "info",
    Standing.NO_REFERENCE: "mute",
    Standing.SECOND: "mute",
}
STANDING_ICONS = {
    Standing.SEEN: "check",
    Standing.ANSWERED: "card",
    Standing.UNIDENTIFIED: "person-question",
    Standing.WAITING: "dots",
    Standing.OPEN: "clock",
    Standing.UNANSWERED: "bell",
    Standing.EXCUSED: "leave",
    Standing.NO_REFERENCE: "question",
    Standing.SECOND: "person-other",
}


@dataclass(frozen=True, slots=True)
class CallRow:
    """A roll call in the list."""

    call_id: str
    kind: str
    place: str
    opens_at: datetime
    closes_at: datetime
    is_open: bool
    expected: int | None
    covered: int | None
    unanswered: int | None
    group_id: str | None = None
    """That of a region's call, which has a page of its own."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person in a roll call, for the page."""

    patient_no: str
    admission_id: str
    place: str
    standing: Standing
    tone: str
    icon: str
    outcome: str | None
    method: str | None
    directed_check_id: str | None
    duplicates: int


@dataclass(frozen=True, slots=True)
class WardRow:
    """A ward's people by standing."""

    name: str
    expected: int
    covered: int
    open: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class CallPage:
    """A roll call as its page shows it."""

    call: CallRow
    frozen_until: datetime
    progress: RollCallProgress
    unidentified: int
    no_reference: int
    wards: tuple[WardRow, ...]
    people: tuple[PersonRow, ...]


def call_row(call: RollCall, places: Places, at: datetime) -> CallRow:
    """The call as the list shows it at event time `at`."""
    place = places.place(call.bed_id) if call.bed_id else places.ward(call.ward_id)
    return CallRow(
        call.id,
        call.kind,
        place,
        call.opens_at,
        call.closes_at,
        at < call.closes_at,
        call.expected,
        call.covered,
        call.unanswered,
        call.group_id if call.scope == "region" else None,
    )


def call_page(session: Session, row: RollCall, place: Facility, at: datetime, language: Language) -> CallPage:
    """The call as its page shows it at event time `at`: whoever is still to be looked for first."""
    places = Places.of(session, place, language)
    progress = progress_of_call(session, row, at)
    records = admission_records(session, place.id, {line.admission_id for line in progress.lines})
    numbers = {record.admission_id: record.patient_no for record in records}
    order = list(STANDING_TONES)
    urgent = [Standing.OPEN, Standing.UNANSWERED, Standing.WAITING, Standing.UNIDENTIFIED]
    people = sorted(
        (
            PersonRow(
                patient_no=numbers.get(line.admission_id, ""),
                admission_id=line.admission_id,
                place=places.place(line.bed_id),
                standing=line.standing,
                tone=STANDING_TONES[line.standing],
                icon=STANDING_ICONS[line.standing],
                outcome=line.outcome.value if line.outcome else None,
                method=line.method,
                directed_check_id=line.directed_check_id,
                duplicates=line.duplicates,
            )
            for line in progress.lines
        ),
        key=lambda item: (item.standing not in urgent, order.index(item.standing), item.place),
    )
    wards = []
    for ward_id, counts in sorted(progress.by_ward().items(), key=lambda item: places.ward(item[0])):
        aside = counts[Standing.EXCUSED] + counts[Standing.NO_REFERENCE] + counts[Standing.SECOND]
        wards.append(
            WardRow(
                places.ward(ward_id),
                sum(counts.values()) - aside,
                counts[Standing.SEEN] + counts[Standing.ANSWERED],
                counts[Standing.OPEN] + counts[Standing.WAITING],
                counts[Standing.UNANSWERED],
            )
        )
    return CallPage(
        call=call_row(row, places, at),
        frozen_until=row.frozen_until,
        progress=progress,
        unidentified=progress.count(Standing.UNIDENTIFIED),
        no_reference=progress.count(Standing.NO_REFERENCE),
        wards=tuple(wards),
        people=tuple(people),
    )
