"""The ward as it is now: each bed's state, whose it is, and what its last check said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from service.admissions import admission_records, assigned_patients
from service.facilities import Ward, beds_of_ward, facility_by_id, watermark
from service.kit.clock import Clock
from service.kit.intervals import Interval
from service.occupancy.outcome import PresenceState
from service.occupancy.pauses import hide_paused
from service.occupancy.place import place_of
from service.occupancy.repository import last_checks
from service.occupancy.tables import PresenceCheck
from service.occupancy.timeline import Observation, debounce, observe
from service.sightings import readings
from service.vision import BedState

NOBODY = ""
"""The patient of a bed that is nobody's: no reading is ever of this one."""


@dataclass(frozen=True, slots=True)
class BedNow:
    """A bed on the board. `since`: the first of the successive readings that show this state; None: unobserved."""

    bed_id: str
    bed_code: str
    state: BedState
    seen_at: datetime | None
    since: datetime | None
    admission_id: str | None
    admission_no: str | None
    outcome: PresenceState | None
    outcome_method: str | None
    checked_at: datetime | None
    directed_check_id: str | None


@dataclass(frozen=True, slots=True)
class Board:
    """A ward at event time `at`, its beds in order of their code."""

    ward_id: str
    at: datetime
    beds: tuple[BedNow, ...]


def ward_board(session: Session, ward: Ward, clock: Clock) -> Board:
    """The ward at the facility's event time. A bed not seen for longer than `max_gap` is unobserved."""
    facility = facility_by_id(session, ward.facility_id)
    at = watermark(facility, clock)
    place = place_of(facility, session, at)
    beds = beds_of_ward(session, ward.id)
    assigned = assigned_patients(session, [bed.id for bed in beds], at)
    records = admission_records(session, ward.facility_id, [item.admission_id for item in assigned.values()])
    numbers = {record.admission_id: record.admission_no for record in records}
    checks = last_checks(session, numbers, at)
    recent = Interval(at - place.policy.max_gap - timedelta(minutes=20), at)
    seen = hide_paused(session, ward.facility_id, readings(session, ward.facility_id, [b.id for b in beds], [recent]))
    found = []
    for bed in beds:
        holder = assigned.get(bed.id)
        own = (reading for reading in seen if reading.bed_id == bed.id)
        observed = observe(own, holder.patient_id if holder else NOBODY, place.policy)
        state, seen_at, since = _now(debounce(observed, place.policy), at, place.policy.max_gap)
        check = checks.get(holder.admission_id) if holder else None
        found.append(
            BedNow(
                bed_id=bed.id,
                bed_code=bed.code,
                state=state,
                seen_at=seen_at,
                since=since,
                admission_id=holder.admission_id if holder else None,
                admission_no=numbers.get(holder.admission_id) if holder else None,
                outcome=PresenceState(check.outcome) if check else None,
                outcome_method=check.method if check else None,
                checked_at=check.due_at if check else None,
                directed_check_id=_open_request(check),
            )
        )
    return Board(ward.id, at, tuple(found))


def _now(
    steady: tuple[Observation, ...], at: datetime, max_gap: timedelta
) -> tuple[BedState, datetime | None, datetime | None]:
    if not steady or at - steady[-1].at > max_gap:
        return BedState.UNOBSERVED, steady[-1].at if steady else None, None
    last = steady[-1]
    since = last.at
    for item in reversed(steady):
        if item.state is not last.state:
            break
        since = item.at
    return last.state, last.at, since if last.observed else None


def _open_request(check: PresenceCheck | None) -> str | None:
    if check is None or check.outcome in (PresenceState.PRESENT_ALTERNATIVE, PresenceState.ABSENT_CONFIRMED):
        return None
    return None if check.outcome == PresenceState.UNANSWERED else check.directed_check_id
