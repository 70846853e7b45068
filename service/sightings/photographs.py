"""Photographs in beds: what is kept of verified faces for it, and the reports on faces that repeat.

Of people who match nobody nothing is kept. A report states facts for a person to look at; it accuses nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from service.enrolment import enrolment_signatures
from service.facilities import facility_by_id
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.crypto import KeyRing
from service.sightings.tables import ZoneReading
from service.vision import BedState
from service.vision.sequence import FacePrint, RepeatKind, RepeatPolicy, RepeatReport, repeat_faces
from service.vision.trace import FaceTrace

_NOON = timedelta(hours=12)
"""A night is named by the day on which it began: before noon it is still the night before."""
_MOST_A_NIGHT = 8
"""Faces of one patient and night that are compared, spread over it: a photograph repeats in all of them, and comparing
every one with every one of a fortnight would take minutes."""


@dataclass(frozen=True, slots=True)
class RepeatedFace:
    """Facts about one patient's face that repeats too well, with their evidence: a cue to go and look, no finding.

    `nights`: local dates on which each night began. `shape_distance`, `bits_different`: the greatest differences among
    the readings, of which one photograph gives .03 and .10 at most; `similarity_low`, `similarity_high`: to the
    template.
    """

    patient_id: str
    bed_ids: tuple[str, ...]
    kind: RepeatKind
    reading_ids: tuple[str, ...]
    nights: tuple[date, ...]
    shape_distance: float
    bits_different: float
    similarity_low: float
    similarity_high: float
    policy_version: str


def repeated_face_reports(
    context: Context, session: Session, facility_id: str, interval: Interval, policy: RepeatPolicy | None = None
) -> tuple[RepeatedFace, ...]:
    """Patients whose verified face repeats night after night, or is the enrolment picture, in `interval`.

    From the readings that are believed: a frozen or looped view is reported as that, not as a photograph.
    """
    policy = policy or RepeatPolicy()
    zone = ZoneInfo(facility_by_id(session, facility_id).timezone)
    # A month of a large house is millions of readings: they pass by one patient at a time, and few are opened.
    passing = groupby(_verified(session, facility_id, interval), key=lambda row: row.patient_id)
    chosen = {patient_id: _chosen(list(rows), zone, policy) for patient_id, rows in passing}
    enrolled = enrolment_signatures(context.keys, session, sorted(chosen))
    found: list[RepeatedFace] = []
    for patient_id, ids in sorted(chosen.items()):
        rows = [row for part in _parts(ids) for row in session.exec(_by_id(part))]
        faces = [face for row in rows if (face := _face(context.keys, row, zone)) is not None]
        beds = {row.id: row.bed_id for row in rows}
        for report in repeat_faces(faces, enrolled.get(patient_id, ()), policy):
            found.append(_repeated(patient_id, report, beds, policy))
    return tuple(found)


def seal_trace(keys: KeyRing, row: ZoneReading, trace: FaceTrace | None) -> bytes | None:
    """The trace sealed for this reading alone; `None` when there is none."""
    return keys.seal(trace.data, _context(row)) if trace is not None else None


class _Shown(NamedTuple):
    """What chooses a reading; its trace stays where it is."""

    reading_id: str
    patient_id: str
    captured_at: datetime
    similarity: float | None


def _verified(session: Session, facility_id: str, interval: Interval) -> Iterator[_Shown]:
    """By patient, in order of time."""
    wanted = (ZoneReading.id, ZoneReading.recognised_patient_id, ZoneReading.captured_at)
    query = (
        select_columns(*(col(column) for column in wanted), col(ZoneReading.expected_similarity))
        .where(
            col(ZoneReading.facility_id) == facility_id,
            col(ZoneReading.state) == BedState.PATIENT.value,
            col(ZoneReading.captured_at) >= interval.start,
            col(ZoneReading.captured_at) < interval.end,
            col(ZoneReading.face_trace).is_not(None),
            col(ZoneReading.recognised_patient_id).is_not(None),
        )
        .order_by(col(ZoneReading.recognised_patient_id), col(ZoneReading.captured_at), col(ZoneReading.id))
    )
    for row in session.execute(query, execution_options={"yield_per": 5000}):
        yield _Shown(*row)


def _chosen(rows: Sequence[_Shown], zone: ZoneInfo, policy: RepeatPolicy) -> list[str]:
    """Some of each night, evenly spread, and whatever is as near to the template as only the same picture is: ids."""
    nights: dict[date, list[_Shown]] = defaultdict(list)
    for row in rows:
        nights[_night(row.captured_at, zone)].append(row)
    chosen: dict[str, None] = {}
    for found in nights.values():
        count = min(len(found), _MOST_A_NIGHT)
        near = [row for row in found if (row.similarity or 0.0) >= policy.enrolment_similarity]
        for row in (*(found[k * len(found) // count] for k in range(count)), *near[:_MOST_A_NIGHT]):
            chosen[row.reading_id] = None
    return list(chosen)


def _parts(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))


def _by_id(ids: Sequence[str]) -> SelectOfScalar[ZoneReading]:
    return select(ZoneReading).where(col(ZoneReading.id).in_(ids))


def _night(at: datetime, zone: ZoneInfo) -> date:
    return (at.astimezone(zone) - _NOON).date()


def _face(keys: KeyRing, row: ZoneReading, zone: ZoneInfo) -> FacePrint | None:
    if row.face_trace is None or row.expected_similarity is None:
        return None
    trace = FaceTrace(keys.open(row.face_trace, _context(row)))
    return FacePrint(
        row.id, row.captured_at, _night(row.captured_at, zone), trace.shape, trace.signature, row.expected_similarity
    )


def _repeated(patient_id: str, report: RepeatReport, beds: dict[str, str], policy: RepeatPolicy) -> RepeatedFace:
    return RepeatedFace(
        patient_id=patient_id,
        bed_ids=tuple(sorted({beds[reading] for reading in report.readings})),
        kind=report.kind,
        reading_ids=report.readings,
        nights=report.nights,
        shape_distance=round(report.shape_distance, 4),
        bits_different=round(report.bits_different, 4),
        similarity_low=round(report.similarity_low, 4),
        similarity_high=round(report.similarity_high, 4),
        policy_version=policy.version,
    )


def _context(row: ZoneReading) -> str:
    return f"face-trace:{row.facility_id}:{row.id}"
