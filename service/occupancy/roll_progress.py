"""How far a roll call is: who was seen, who was answered for, who is still open. Read from checks and looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import update
from sqlalchemy.orm import InstrumentedAttribute, defer
from sqlmodel import Session, col, select

from service.facilities import CheckKind
from service.kit.intervals import Interval
from service.occupancy.looks import Look
from service.occupancy.outcome import PresenceState
from service.occupancy.repository import chunks, looks_on
from service.occupancy.roll_call_tables import RollCall, RollCallEntry
from service.occupancy.tables import DirectedCheck, PresenceCheck
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
class _Counted:
    """One person to be counted: of routine calls the checks say who."""

    admission_id: str
    ward_id: str | None
    bed_id: str | None
    second_of: str | None = None
    duplicates: int = 0


def progress_of_call(session: Session, call: RollCall, at: datetime) -> RollCallProgress:
    """The call at event time `at`."""
    checks = _checks(session, call)
    looks = _looks(session, list(checks.values()))
    is_open = at < call.closes_at
    if call.kind == CheckKind.ROUTINE.value:
        entries = [_Counted(check.admission_id, check.ward_id, check.bed_id) for check in checks.values()]
    else:
        query = select(RollCallEntry).where(RollCallEntry.roll_call_id == call.id)
        entries = [
            _Counted(row.admission_id, row.ward_id, row.bed_id, row.second_of, len(row.duplicates or ()))
            for row in session.exec(query)
        ]
    lines = [_line(entry, checks.get(entry.admission_id), looks, call, at) for entry in entries]
    ordered = sorted(lines, key=lambda line: (line.ward_id or "", line.bed_id or "", line.admission_id))
    return RollCallProgress(at, is_open, tuple(ordered))


def duplicates_in(session: Session, call: RollCall) -> int:
    """Notes for each person where the face was first seen during the call, and where else later; returns how many
    people were seen at more than one bed. Who was counted in one bed is not counted in another."""
    entries = session.exec(select(RollCallEntry).where(RollCallEntry.roll_call_id == call.id)).all()
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
    check: PresenceCheck | None,
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


def _checks(session: Session, call: RollCall) -> dict[str, PresenceCheck]:
    """Admission id -> its check at the call's instant."""
    query = select(PresenceCheck).where(
        PresenceCheck.facility_id == call.facility_id,
        PresenceCheck.due_at == call.opens_at,
        PresenceCheck.kind != CheckKind.ADMISSION.value,
    )
    if call.bed_id is not None:
        query = query.where(PresenceCheck.bed_id == call.bed_id)
    elif call.ward_id is not None:
        query = query.where(PresenceCheck.ward_id == call.ward_id)
    # Not the lists of readings and reasons: a thousand of them are not worth decoding to be counted.
    plain = query.options(defer(_attribute("reading_ids")), defer(_attribute("details")))
    return {check.admission_id: check for check in session.exec(plain)}


def _attribute(name: str) -> InstrumentedAttribute[Any]:
    return cast("InstrumentedAttribute[Any]", getattr(PresenceCheck, name))


def _looks(session: Session, checks: Sequence[PresenceCheck]) -> Mapping[str, tuple[Look, ...]]:
    requests: list[DirectedCheck] = []
    for ids in chunks([check.directed_check_id for check in checks if check.directed_check_id]):
        requests += session.exec(select(DirectedCheck).where(col(DirectedCheck.id).in_(ids)))
    return looks_on(session, requests)
