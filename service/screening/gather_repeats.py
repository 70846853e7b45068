"""Faces that repeat, by stay and month: what the sightings report, put where the rules read it."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlmodel import Session

from service.admissions import AdmissionRecord
from service.enrolment import exempt_patients, reference_since
from service.kit.intervals import Interval
from service.occupancy import Place
from service.platform.context import Context
from service.screening.periods import Period
from service.screening.place_facts import Remarks, RepeatFacts, RepeatSeen
from service.screening.repository_of_places import reading_times
from service.screening.subjects import Subject, SubjectKind
from service.sightings import RepeatedFace, repeated_face_reports
from service.vision.sequence import RepeatKind

_NOON = timedelta(hours=12)
_MONTHS_HELD = 128


class _HeldReports:
    """The reports of a facility's month up to a local midnight. Comparing a month of faces is dear, and a night is over
    once a day. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, datetime], tuple[datetime, tuple[RepeatedFace, ...]]] = OrderedDict()

    def get(self, facility_id: str, counted: Interval) -> tuple[RepeatedFace, ...] | None:
        with self._lock:
            held = self._held.get((facility_id, counted.start))
            return held[1] if held is not None and held[0] == counted.end else None

    def put(self, facility_id: str, counted: Interval, found: tuple[RepeatedFace, ...]) -> None:
        with self._lock:
            self._held[facility_id, counted.start] = (counted.end, found)
            self._held.move_to_end((facility_id, counted.start))
            while len(self._held) > _MONTHS_HELD:
                self._held.popitem(last=False)


_reports = _HeldReports()


def gather_repeats(
    context: Context, session: Session, place: Place, period: Period, stays: Sequence[AdmissionRecord], *, again: bool
) -> Iterator[RepeatFacts]:
    """Stays whose patient's verified face repeats in the month, up to its last local midnight.

    `again`: compare anew although that was done since that midnight (pictures may have come late).
    """
    found = _reported(context, session, place, period, again)
    if not found:
        return
    facility_id, patients = place.facility.id, {report.patient_id for report in found}
    times = reading_times(session, {item for report in found for item in report.reading_ids})
    exempt, since = exempt_patients(session, facility_id), reference_since(session, facility_id, patients)
    by_stay: dict[str, list[RepeatSeen]] = defaultdict(list)
    records = {stay.admission_id: stay for stay in stays}
    for report in found:
        own = [stay for stay in stays if stay.patient_id == report.patient_id]
        for stay in own:
            seen = _seen(report, stay, times, place)
            if seen is not None:
                by_stay[stay.admission_id].append(seen)
    for admission_id, repeats in sorted(by_stay.items()):
        stay = records[admission_id]
        last = max(at for item in repeats for _, at, _ in item.readings)
        yield RepeatFacts(
            subject=Subject(
                SubjectKind.ADMISSION,
                admission_id,
                stay.admission_no,
                admission_id=admission_id,
                bed_id=stay.bed_at(last),
            ),
            period=period.name,
            repeats=tuple(repeats),
            category=stay.category,
            is_exempt=stay.patient_id in exempt,
            has_reference=stay.patient_id in since,
            counter_evidence=Remarks({}),
            policy_version=place.policy.version,
        )


def _reported(
    context: Context, session: Session, place: Place, period: Period, again: bool
) -> tuple[RepeatedFace, ...]:
    counted = Interval(period.span.start, period.until)
    if counted.start >= counted.end:
        return ()
    held = None if again else _reports.get(place.facility.id, counted)
    if held is None:
        held = repeated_face_reports(context, session, place.facility.id, counted)
        _reports.put(place.facility.id, counted, held)
    return held


def _seen(
    report: RepeatedFace, stay: AdmissionRecord, times: Mapping[str, datetime], place: Place
) -> RepeatSeen | None:
    """The part of the report that falls into the stay."""
    known = ((times[item], item) for item in report.reading_ids if item in times)
    own = sorted((at, item) for at, item in known if stay.stay.contains(at))
    if not own:
        return None
    return RepeatSeen(
        is_enrolment=report.kind is RepeatKind.ENROLMENT_PICTURE,
        readings=tuple((reading_id, at, _night(at, place)) for at, reading_id in own),
        shape_distance=report.shape_distance,
        bits_different=report.bits_different,
        similarity_low=report.similarity_low,
        similarity_high=report.similarity_high,
    )


def _night(at: datetime, place: Place) -> date:
    """A night is named by the day on which it began: before noon it is still the night before."""
    return (at.astimezone(place.zone) - _NOON).date()
