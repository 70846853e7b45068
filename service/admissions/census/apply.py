"""What one census row does to the recorded stays. Everything is checked before anything is changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlmodel import Session

from service.admissions.census.issues import (
    against_record,
    cancelled,
    older_than_record,
    other_patient,
    transfer_time_unknown,
    unknown_bed,
)
from service.admissions.census.rows import CensusRow
from service.admissions.errors import RowRefused
from service.admissions.records import FOREVER
from service.admissions.repository import admissions_by_no, assignments_of, patients_by_no
from service.admissions.stay_events import ATTRIBUTES
from service.admissions.tables import Admission, BedAssignment, Patient
from service.facilities import Bed, beds_of_facility
from service.kit.intervals import Interval, union


@dataclass(frozen=True, slots=True)
class Change:
    """A recorded value that a row replaced; kept in the audit log, so that a correction after a notice shows."""

    admission_no: str
    what: str
    old: str
    new: str

    def as_json(self) -> list[str]:
        """The change as a short list."""
        return [self.admission_no, self.what, self.old, self.new]


@dataclass(slots=True)
class Effects:
    """What became stale: event time from which conclusions changed, and beds whose expected patient changed."""

    since: datetime | None = None
    beds: list[tuple[str, Interval]] = field(default_factory=list)

    def touch(self, at: datetime) -> None:
        """Conclusions from `at` on are stale."""
        self.since = at if self.since is None else min(self.since, at)

    def bed(self, bed_id: str, start: datetime, end: datetime | None) -> None:
        """Somebody else belongs into the bed than was thought."""
        until = end or FOREVER
        if start < until:
            self.touch(start)
            self.beds.append((bed_id, Interval(start, until)))

    def add(self, other: Effects) -> None:
        """These and those."""
        if other.since is not None:
            self.touch(other.since)
        self.beds += other.beds

    def merged_beds(self) -> list[tuple[str, Interval]]:
        """Each bed's spans, joined where they touch."""
        spans: dict[str, list[Interval]] = defaultdict(list)
        for bed_id, span in self.beds:
            spans[bed_id].append(span)
        return [(bed_id, span) for bed_id, found in spans.items() for span in union(found)]


@dataclass(slots=True)
class CensusState:
    """The recorded rows that a file may touch, loaded at once and written at once: a query a row would be slow.

    `new` are rows not yet given to the database, in an order in which each refers only to those before its kind.
    """

    facility_id: str = ""
    new: tuple[list[Patient], list[Admission], list[BedAssignment]] = field(default_factory=lambda: ([], [], []))
    beds: dict[str, Bed] = field(default_factory=dict)
    patients: dict[str, Patient] = field(default_factory=dict)
    admissions: dict[str, Admission] = field(default_factory=dict)
    assignments: dict[str, list[BedAssignment]] = field(default_factory=dict)

    @classmethod
    def load(cls, session: Session, facility_id: str, rows: Sequence[CensusRow]) -> CensusState:
        """What is recorded about the rows' beds, patients and admissions."""
        admissions = admissions_by_no(session, facility_id, (row.admission_no for row in rows))
        return cls(
            facility_id=facility_id,
            beds={bed.hospital_code: bed for bed in beds_of_facility(session, facility_id)},
            patients=patients_by_no(session, facility_id, (row.patient_no for row in rows)),
            admissions=admissions,
            assignments=dict(assignments_of(session, (admission.id for admission in admissions.values()))),
        )

    def flush(self, session: Session) -> None:
        """Writes what is new: patients, then admissions, then assignments."""
        for rows in self.new:
            session.add_all(rows)
            session.flush()
            rows.clear()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row did."""

    status: Literal["created", "updated", "unchanged"]
    admission_id: str
    changes: tuple[Change, ...] = ()


def apply_row(state: CensusState, row: CensusRow, effective: datetime, now: datetime, effects: Effects) -> Outcome:
    """Puts the row, true at event time `effective`, into `state`. Raises `RowRefused`; then nothing has changed."""
    bed = state.beds.get(row.bed)
    if bed is None:
        raise RowRefused(unknown_bed(row.bed))
    admission = state.admissions.get(row.admission_no)
    if admission is None:
        return _create(state, row, bed, now, effects)
    stays = state.assignments.setdefault(admission.id, [])
    _check(state, row, admission, stays)
    move = _find_move(row, admission, stays, bed, effective)
    changes = _update_patient(state, row)
    changes += _update_stay(row, admission, stays, effects)
    changes += _move(state, admission, stays, bed, move, now, effects)
    if changes:
        admission.updated_at = now
    return Outcome("updated" if changes else "unchanged", admission.id, tuple(changes))


def _create(state: CensusState, row: CensusRow, bed: Bed, now: datetime, effects: Effects) -> Outcome:
    changes = _update_patient(state, row)
    patient = state.patients.get(row.patient_no)
    if patient is None:
        patient = Patient(
            facility_id=state.facility_id,
            patient_no=row.patient_no,
            sex=row.sex or "unknown",
            birth_date=row.birth_date,
            recorded_at=now,
        )
        state.new[0].append(patient)
    admission = Admission(
        facility_id=state.facility_id,
        patient_id=patient.id,
        admission_no=row.admission_no,
        category=row.category or "general",
        admitted_at=row.admitted_at,
        discharged_at=row.discharged_at,
        recorded_at=now,
        updated_at=now,
        **_particulars(row),
    )
    assignment = BedAssignment(
        admission_id=admission.id,
        bed_id=bed.id,
        from_at=row.admitted_at,
        to_at=row.discharged_at,
        recorded_at=now,
    )
    state.new[1].append(admission)
    state.new[2].append(assignment)
    state.patients[row.patient_no] = patient
    state.admissions[row.admission_no] = admission
    state.assignments[admission.id] = [assignment]
    effects.bed(bed.id, row.admitted_at, row.discharged_at)
    return Outcome("created", admission.id, tuple(changes))


def _check(state: CensusState, row: CensusRow, admission: Admission, stays: Sequence[BedAssignment]) -> None:
    patient = state.patients.get(row.patient_no)
    if patient is None or patient.id != admission.patient_id:
        raise RowRefused(other_patient())
    if admission.cancelled_at is not None:
        raise RowRefused(cancelled())
    first_end = stays[0].to_at if stays else None
    if row.admitted_at != admission.admitted_at and first_end is not None and row.admitted_at >= first_end:
        raise RowRefused(against_record("admitted_at", first_end))
    discharge = row.discharged_at or admission.discharged_at
    if discharge is not None and discharge <= max([row.admitted_at] + [stay.from_at for stay in stays[1:]]):
        raise RowRefused(against_record("discharged_at", max(stay.from_at for stay in stays)))


@dataclass(frozen=True, slots=True)
class _Move:
    """Another bed: from `at` on, or (`at` None) instead of the one of the assignment."""

    current: BedAssignment
    at: datetime | None


def _find_move(
    row: CensusRow, admission: Admission, stays: Sequence[BedAssignment], bed: Bed, effective: datetime
) -> _Move | None:
    if not stays:
        return None
    current = next((stay for stay in reversed(stays) if stay.from_at <= effective), stays[0])
    if current.bed_id == bed.id:
        return None
    if current is not stays[-1]:
        raise RowRefused(older_than_record(stays[-1].from_at))
    if effective <= max(current.from_at, row.admitted_at if len(stays) == 1 else current.from_at):
        return _Move(current, None)
    discharge = row.discharged_at or admission.discharged_at
    if discharge is not None and effective >= discharge:
        raise RowRefused(transfer_time_unknown())
    return _Move(current, effective)


def _update_patient(state: CensusState, row: CensusRow) -> list[Change]:
    patient = state.patients.get(row.patient_no)
    if patient is None:
        return []
    return _assign(patient, row.admission_no, {"sex": row.sex, "birth_date": row.birth_date})


def _update_stay(
    row: CensusRow, admission: Admission, stays: Sequence[BedAssignment], effects: Effects
) -> list[Change]:
    old_start, old_end = admission.admitted_at, admission.discharged_at
    wanted = {"category": row.category, "admitted_at": row.admitted_at, "discharged_at": row.discharged_at}
    wanted |= _particulars(row)
    changes = _assign(admission, row.admission_no, wanted)
    if row.category is not None and any(change.what == "category" for change in changes):
        effects.touch(admission.admitted_at)
    if admission.admitted_at != old_start:
        if stays:
            stays[0].from_at = admission.admitted_at
            effects.bed(stays[0].bed_id, *sorted((old_start, admission.admitted_at)))
        effects.touch(min(old_start, admission.admitted_at))
    if admission.discharged_at != old_end and admission.discharged_at is not None:
        if stays:
            stays[-1].to_at = admission.discharged_at
            effects.bed(stays[-1].bed_id, *sorted((old_end or FOREVER, admission.discharged_at)))
        effects.touch(min(old_end or FOREVER, admission.discharged_at))
    return changes


def _particulars(row: CensusRow) -> dict[str, Any]:
    """Columns of the admission that the row may state and that move nobody."""
    return {name: getattr(row, name) for name in ATTRIBUTES if name != "category"}


def _move(
    state: CensusState,
    admission: Admission,
    stays: list[BedAssignment],
    bed: Bed,
    move: _Move | None,
    now: datetime,
    effects: Effects,
) -> list[Change]:
    if move is None:
        return []
    current, old_bed = move.current, move.current.bed_id
    start = current.from_at if move.at is None else move.at
    effects.bed(old_bed, start, current.to_at)
    effects.bed(bed.id, start, current.to_at)
    if move.at is None:
        current.bed_id = bed.id
    else:
        state.new[2].append(transfer(admission, stays, bed.id, move.at, now))
    return [Change(admission.admission_no, "bed", old_bed, f"{bed.id} from {start.isoformat()}")]


def transfer(
    admission: Admission, stays: list[BedAssignment], bed_id: str, at: datetime, now: datetime
) -> BedAssignment:
    """Ends the last assignment at `at` and begins one in the other bed, which the caller has to add."""
    if stays:
        stays[-1].to_at = at
    assignment = BedAssignment(
        admission_id=admission.id, bed_id=bed_id, from_at=at, to_at=admission.discharged_at, recorded_at=now
    )
    stays.append(assignment)
    return assignment


def _assign(row: Patient | Admission, admission_no: str, values: dict[str, Any]) -> list[Change]:
    changes = []
    for name, value in values.items():
        old = getattr(row, name)
        if value is not None and value != old:
            setattr(row, name, value)
            changes.append(Change(admission_no, name, _text(old), _text(value)))
    return changes


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value or "")
