"""How far a roll call is: who was seen, who was answered for, who is still open. Read from checks and looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select as select_columns
from sqlalchemy import update
from sqlmodel import Session, col, select

from service.facilities import CheckKind
from service.kit.intervals import Interval
from service.occupancy.looks import Look
from service.occupancy.outcome import PresenceState
from service.occupancy.repository import chunks, looks_at
from service.occupancy.roll_call_tables import RollCall, RollCallEntry
from service.occupancy.tables import PresenceCheck
from service.occupancy.trusted import judged_sightings
from service.sightings import Sighting


class Standing(StrEnum):
    """Where one person stands in a roll call. `waiting`: cameras still have their time. `second`: counted already."""

    WAITING = "waiting"
    SEEN = "seen"
    ANSWERED = "answered"
    UNIDENTIFIED = "unidentified"
    OPEN = "open"
    UNANSWERED = "unanswered"
    EXCUSED = "excused"
    NO_REFERENCE = "no_reference"
    SECOND = "second"


_BY_STATE = {
    PresenceState.PRESENT_VERIFIED: Standing.SEEN,
    PresenceState.PRESENT_ALTERNATIVE: Standing.ANSWERED,
    PresenceState.PRESENT_UNIDENTIFIED: Standing.UNIDENTIFIED,
    PresenceState.ON_LEAVE: Standing.EXCUSED,
    PresenceState.OFF_WARD: Standing.EXCUSED,
    PresenceState.IN_GRACE: Standing.EXCUSED,
    PresenceState.EXEMPT: Standing.EXCUSED,
    PresenceState.NO_REFERENCE: Standing.NO_REFERENCE,
}


@dataclass(frozen=True, slots=True)
class CallLine:
    """One person in a roll call."""

    admission_id: str
    ward_id: str | None
    bed_id: str | None
    standing: Standing
    outcome: PresenceState | None
    method: str | None
    directed_check_id: str | None
    duplicates: int = 0


class Counted:
    """What the progress of one roll call, and that of a whole region, says by number, without naming anybody."""

    __slots__ = ()

    @property
    def standings(self) -> Counter[Standing]:
        """How many people stand how."""
        raise NotImplementedError

    def count(self, *standings: Standing) -> int:
        """How many people stand so."""
        found = self.standings
        return sum(found[item] for item in standings)

    @property
    def expected(self) -> int:
        """Who had to be there: everybody but the excused, those without a reference, and second entries."""
        return self.standings.total() - self.count(Standing.EXCUSED, Standing.NO_REFERENCE, Standing.SECOND)

    @property
    def covered(self) -> int:
        """Who was seen by a camera, or looked for by a person in time, found or not."""
        return self.count(Standing.SEEN, Standing.ANSWERED)

    @property
    def open(self) -> int:
        """Whom somebody still has to look for, or a camera still to see."""
        return self.count(Standing.OPEN, Standing.WAITING)

    @property
    def unanswered(self) -> int:
        """For whom nobody answered in time."""
        return self.count(Standing.UNANSWERED)

    @property
    def excused(self) -> int:
        """Who had not to be there, for a recorded reason."""
        return self.count(Standing.EXCUSED)


@dataclass(frozen=True, slots=True)
class RollCallProgress(Counted):
    """A roll call at an instant: its lines in order of ward and bed id, and the counts over them."""

    at: datetime
    is_open: bool
    lines: tuple[CallLine, ...]

    @property
    def standings(self) -> Counter[Standing]:
        """How many people stand how."""
        return Counter(line.standing for line in self.lines)

    def by_ward(self) -> dict[str | None, Counter[Standing]]:
        """Ward id -> people by standing."""
        found: dict[str | None, Counter[Standing]] = {}
        for line in self.lines:
            found.setdefault(line.ward_id, Counter())[line.standing] += 1
        return found


@dataclass(frozen=True, slots=True)
class _Check:
    """Of a presence check, what is counted: not its lists of readings and reasons, which are long to decode."""

    due_at: datetime
    admission_id: str
    ward_id: str | None
    bed_id: str | None
    outcome: str
    method: str | None
    directed_check_id: str | None

    def is_of(self, call: RollCall) -> bool:
        """Whether the call asks for it."""
        if self.due_at != call.opens_at:
            return False
        if call.bed_id is not None:
            return self.bed_id == call.bed_id
        return call.ward_id is None or self.ward_id == call.ward_id


@dataclass(frozen=True, slots=True)
class _Counted:
    """One person to be counted: of routine calls the checks say who."""

    admission_id: str
    ward_id: str | None
    bed_id: str | None
    second_of: str | None = None
    duplicates: int = 0


def progress_of_call(session: Session, call: RollCall, at: datetime) -> RollCallProgress:
    """The call at event time `at`."""
    return progress_of_calls(session, [call], at, entries_of(session, [call]))[0]


def progress_of_calls(
    session: Session, calls: Sequence[RollCall], at: datetime, entries: Mapping[str, Sequence[RollCallEntry]]
) -> tuple[RollCallProgress, ...]:
    """These calls of one facility at event time `at`, asked together. `entries`: as `entries_of` gives them."""
    checks = _checks(session, calls)
    looks = looks_at(session, [item.directed_check_id for found in checks for item in found if item.directed_check_id])
    return tuple(
        _progress(call, at, {item.admission_id: item for item in found}, looks, entries.get(call.id, ()))
        for call, found in zip(calls, checks, strict=True)
    )


def entries_of(session: Session, calls: Iterable[RollCall]) -> dict[str, list[RollCallEntry]]:
    """Call id -> whom it counts; of routine calls the presence checks say that."""
    found: dict[str, list[RollCallEntry]] = {}
    for ids in chunks([call.id for call in calls if call.kind != CheckKind.ROUTINE.value]):
        for row in session.exec(select(RollCallEntry).where(col(RollCallEntry.roll_call_id).in_(ids))):
            found.setdefault(row.roll_call_id, []).append(row)
    return found


def _progress(
    call: RollCall,
    at: datetime,
    checks: Mapping[str, _Check],
    looks: Mapping[str, tuple[Look, ...]],
    entries: Sequence[RollCallEntry],
) -> RollCallProgress:
    if call.kind == CheckKind.ROUTINE.value:
        counted = [_Counted(check.admission_id, check.ward_id, check.bed_id) for check in checks.values()]
    else:
        counted = [
            _Counted(row.admission_id, row.ward_id, row.bed_id, row.second_of, len(row.duplicates or ()))
            for row in entries
        ]
    lines = [_line(entry, checks.get(entry.admission_id), looks, call, at) for entry in counted]
    ordered = sorted(lines, key=lambda line: (line.ward_id or "", line.bed_id or "", line.admission_id))
    return RollCallProgress(at, at < call.closes_at, tuple(ordered))


def duplicates_in(session: Session, call: RollCall, entries: Sequence[RollCallEntry]) -> int:
    """Notes for each person where the face was first seen during the call, and where else later; returns how many
    people were seen at more than one bed. Who was counted in one bed is not counted in another."""
    during = Interval(call.opens_at, call.closes_at)
    by_patient: dict[str, list[Sighting]] = {}
    if entries:
        for face in judged_sightings(session, call.facility_id, {entry.patient_id for entry in entries}, [during]):
            by_patient.setdefault(face.patient_id, []).append(face)
    noted: list[dict[str, Any]] = []
    for entry in entries:
        faces = by_patient.get(entry.patient_id, [])
        if faces:
            elsewhere = [
                {"bed_id": face.bed_id, "reading_id": face.reading_id, "at": face.at.isoformat()}
                for face in faces
                if face.bed_id != faces[0].bed_id
            ]
            noted.append({"id": entry.id, "counted_reading_id": faces[0].reading_id, "duplicates": elsewhere})
    if noted:
        session.execute(update(RollCallEntry), noted)
    return sum(bool(item["duplicates"]) for item in noted)


def standing_of(
    state: PresenceState | None, call: RollCall, at: datetime, *, is_second: bool, is_answered: bool
) -> Standing:
    """Where a person stands at `at` whose check at the call's instant says `state` (None: not judged)."""
    if is_second:
        return Standing.SECOND
    if state is None:
        # Who left between the instant and the cameras' time has no check: nobody is asked about them.
        return Standing.WAITING if at < call.closes_at else Standing.EXCUSED
    if state in _BY_STATE:
        return _BY_STATE[state]
    if is_answered:
        return Standing.ANSWERED
    return Standing.OPEN if at < call.closes_at else Standing.UNANSWERED


def _line(
    entry: _Counted,
    check: _Check | None,
    looks: Mapping[str, tuple[Look, ...]],
    call: RollCall,
    at: datetime,
) -> CallLine:
    state = PresenceState(check.outcome) if check is not None else None
    own = [
        look
        for look in looks.get(entry.admission_id, ())
        if look.due_at == call.opens_at and look.looked_at <= call.closes_at
    ]
    standing = standing_of(state, call, at, is_second=entry.second_of is not None, is_answered=bool(own))
    return CallLine(
        entry.admission_id,
        entry.ward_id,
        entry.bed_id,
        standing,
        state,
        check.method if check is not None else None,
        check.directed_check_id if check is not None else None,
        entry.duplicates,
    )


def _checks(session: Session, calls: Sequence[RollCall]) -> tuple[tuple[_Check, ...], ...]:
    """Of each of these calls, the checks at its instant."""
    by_instant: dict[datetime, list[_Check]] = {}
    for instants in chunks([call.opens_at for call in calls]):
        query = select_columns(*(getattr(PresenceCheck, name) for name in _Check.__slots__)).where(
            col(PresenceCheck.facility_id) == calls[0].facility_id,
            col(PresenceCheck.due_at).in_(instants),
            col(PresenceCheck.kind) != CheckKind.ADMISSION.value,
        )
        for row in session.execute(query):
            check = _Check(*row)
            by_instant.setdefault(check.due_at, []).append(check)
    return tuple(tuple(item for item in by_instant.get(call.opens_at, ()) if item.is_of(call)) for call in calls)
