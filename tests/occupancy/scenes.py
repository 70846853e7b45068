"""Short ways to write down stays, readings and looks. Local time is Asia/Shanghai (UTC+8, no clock changes)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from service.facilities import DEFAULT_POLICY, CheckKind, PresencePolicy
from service.kit.intervals import Interval
from service.occupancy.looks import Look, LookMethod, LookResult
from service.occupancy.outcome import CheckFacts, Outcome, judge
from service.occupancy.stays import Placement, Stay
from service.occupancy.timeline import observe
from service.occupancy.windows import Window
from service.sightings.facts import Reading, Sighting
from service.vision import BedState

ZONE = ZoneInfo("Asia/Shanghai")
FAR = datetime(2027, 1, 1, tzinfo=ZONE)
_numbers = count()

STATES = {
    "P": BedState.PATIENT,
    "U": BedState.UNIDENTIFIED,
    "O": BedState.OTHER_PERSON,
    "E": BedState.EMPTY,
    "X": BedState.UNOBSERVED,
    "?": BedState.UNOBSERVED,
}


def at(text: str) -> datetime:
    """`03 09:00` is 3 March 2026, 09:00 local."""
    return datetime.strptime(f"2026-03-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=ZONE)


def reading(when: datetime, letter: str, **changes: object) -> Reading:
    """One reading of bed B1 by camera C1; `letter` as in STATES, `?` an uncertain frame."""
    state = STATES[letter]
    values: dict[str, object] = {
        "reading_id": f"r{next(_numbers)}",
        "bed_id": "B1",
        "camera_id": "C1",
        "captured_at": when,
        "state": state,
        "expected_patient_id": "P1",
        "recognised_patient_id": "P1" if letter == "P" else None,
        "cause": {"?": "uncertain", "X": "black"}.get(letter),
    }
    values.update(changes)
    return Reading(**values)  # type: ignore[arg-type]


def row(start: str, letters: str, every: int = 5, **changes: object) -> list[Reading]:
    """A reading every `every` minutes from `start` on, one for each letter; a blank is no reading."""
    first = at(start)
    return [
        reading(first + timedelta(minutes=every * k), letter, **changes)
        for k, letter in enumerate(letters)
        if letter != " "
    ]


def stay(**changes: object) -> Stay:
    """Patient P1 in bed B1 since 1 March 08:00, enrolled at once."""
    values: dict[str, object] = {
        "admission_id": "A1",
        "admission_no": "A1",
        "patient_id": "P1",
        "category": "general",
        "admitted_at": at("01 08:00"),
        "discharged_at": None,
        "placements": (Placement("B1", "W1", Interval(at("01 08:00"), FAR)),),
        "reference_since": at("01 08:00"),
    }
    values.update(changes)
    return Stay(**values)  # type: ignore[arg-type]


def window(start: str = "03 09:00", policy: PresencePolicy = DEFAULT_POLICY) -> Window:
    """The check due at `start`."""
    span = Interval(at(start), at(start) + policy.window)
    return Window(CheckKind.ROUTINE, span, span.end + policy.directed_deadline, at(start).time())


def look(
    when: str, result: str = "not_found", *, person: str = "nurse", due: str = "03 09:00", **changes: object
) -> Look:
    """A look by a ward's nurse, asked for by the check due at `due`."""
    values: dict[str, object] = {
        "look_id": f"look-{person}-{when}",
        "due_at": at(due),
        "person_id": person,
        "role": "inspector" if person.startswith("inspector") else "ward_staff",
        "looked_at": at(when),
        "result": LookResult(result),
        "method": LookMethod.BEDSIDE,
        "ward_searched": True,
        "patient_called": True,
    }
    values.update(changes)
    return Look(**values)  # type: ignore[arg-type]


def outcome(
    readings: Iterable[Reading],
    *,
    of: Stay | None = None,
    looks: Iterable[Look] = (),
    sightings: Iterable[Sighting] = (),
    asked: bool = False,
    watermark: str = "03 23:00",
    admitted_now: Iterable[str] = ("P1",),
    due: str = "03 09:00",
    policy: PresencePolicy = DEFAULT_POLICY,
) -> Outcome:
    """The outcome of the check due at `due`."""
    facts = CheckFacts(
        stay=of or stay(),
        window=window(due, policy),
        observations=observe(readings, "P1", policy),
        sightings=tuple(sightings),
        looks=tuple(looks),
        admitted_now=frozenset(admitted_now),
        watermark=at(watermark),
        asked=asked,
    )
    return judge(facts, policy)
