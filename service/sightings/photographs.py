"""Photographs in beds: what is kept of verified faces for it, and the reports on faces that repeat.

Of people who match nobody nothing is kept. A report states facts for a person to look at; it accuses nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

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
    by_patient: dict[str, list[ZoneReading]] = defaultdict(list)
    for row in _verified(session, facility_id, interval):
        by_patient[row.recognised_patient_id or ""].append(row)
    enrolled = enrolment_signatures(context.keys, session, sorted(by_patient))
    found: list[RepeatedFace] = []
    for patient_id, rows in sorted(by_patient.items()):
        chosen = _chosen(rows, zone, policy)
        faces = [face for row in chosen if (face := _face(context.keys, row, zone)) is not None]
        beds = {row.id: row.bed_id for row in rows}
        for report in repeat_faces(faces, enrolled.get(patient_id, ()), policy):
            found.append(_repeated(patient_id, report, beds, policy))
    return tuple(found)


def seal_trace(keys: KeyRing, row: ZoneReading, trace: FaceTrace | None) -> bytes | None:
    """The trace sealed for this reading alone; `None` when there is none."""
    return keys.seal(trace.data, _context(row)) if trace is not None else None


def _verified(session: Session, facility_id: str, interval: Interval) -> Iterable[ZoneReading]:
    query = select(ZoneReading).where(
        ZoneReading.facility_id == facility_id,
        ZoneReading.state == BedState.PATIENT.value,
        col(ZoneReading.captured_at) >= interval.start,
        col(ZoneReading.captured_at) < interval.end,
        col(ZoneReading.face_trace).is_not(None),
        col(ZoneReading.recognised_patient_id).is_not(None),
    )
    return session.exec(query.order_by(col(ZoneReading.captured_at), col(ZoneReading.id)))


def _chosen(rows: Sequence[ZoneReading], zone: ZoneInfo, policy: RepeatPolicy) -> list[ZoneReading]:
    """Some of each night, evenly spread, and whatever is as near to the template as only the same picture is."""
    nights: dict[date, list[ZoneReading]] = defaultdict(list)
    for row in rows:
        nights[_night(row, zone)].append(row)
    chosen: dict[str, ZoneReading] = {}
    for found in nights.values():
        count = min(len(found), _MOST_A_NIGHT)
        near = [row for row in found if (row.expected_similarity or 0.0) >= policy.enrolment_similarity]
        for row in (*(found[k * len(found) // count] for k in range(count)), *near[:_MOST_A_NIGHT]):
            chosen[row.id] = row
    return list(chosen.values())


def _night(row: ZoneReading, zone: ZoneInfo) -> date:
    return (row.captured_at.astimezone(zone) - _NOON).date()


def _face(keys: KeyRing, row: ZoneReading, zone: ZoneInfo) -> FacePrint | None:
    if row.face_trace is None or row.expected_similarity is None:
        return None
    trace = FaceTrace(keys.open(row.face_trace, _context(row)))
    return FacePrint(row.id, row.captured_at, _night(row, zone), trace.shape, trace.signature, row.expected_similarity)


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
