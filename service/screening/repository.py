"""All queries about findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import String, cast, distinct, false, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.admissions import Admission, AdmissionRecord, BedAssignment, Patient, admissions_of_patient
from service.enrolment import FaceTemplate
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.occupancy import DirectedCheck, DirectedLook, PresenceCheck, judged_readings
from service.screening.facts import Face, TemplateChange
from service.screening.tables import Finding
from service.sightings import LOWER_TRUST, Snapshot, ZoneReading
from service.vision import BedState


def chunks(ids: Collection[str], size: int = 500) -> Iterator[list[str]]:
    """The ids in parts that a query's list can hold."""
    ordered = sorted(ids)
    for at in range(0, len(ordered), size):
        yield ordered[at : at + size]


class Key(NamedTuple):
    """What names a finding: one a rule, subject and period."""

    rule: str
    subject_kind: str
    subject_id: str
    period: str


def key_of(row: Finding) -> Key:
    """The finding's key."""
    return Key(row.rule, row.subject_kind, row.subject_id, row.period)


def findings_of(
    session: Session, facility_id: str, *, state: str | None = None, admission_ids: Collection[str] | None = None
) -> dict[Key, Finding]:
    """The facility's findings, raised and withdrawn ones unless `state` says which; about these admissions only, if
    given."""
    query = select(Finding).where(Finding.facility_id == facility_id)
    if state is not None:
        query = query.where(Finding.state == state)
    if admission_ids is not None:
        query = query.where(Finding.subject_kind == "admission", col(Finding.subject_id).in_(sorted(admission_ids)))
    return {key_of(row): row for row in session.exec(query)}


def readable_by(
    session: Session,
    actor: Actor,
    *,
    facility_id: str | None = None,
    state: str | None = None,
    rule: str | None = None,
    admission_id: str | None = None,
    subject_kind: str | None = None,
    kind: str | None = None,
) -> Sequence[Finding]:
    """Findings that the caller may see, the latest first. Those made in shadow mode stay inside: only people who belong
    to that very facility see them, not those who stand above all of them."""
    query = select(Finding)
    allowed = actor.facilities(Permission.FINDINGS_READ)
    if allowed is not None:
        query = query.where(col(Finding.facility_id).in_(sorted(allowed)) if allowed else false())
    inside = sorted({grant.facility_id for grant in actor.grants if grant.facility_id} | {actor.facility_id or ""})
    if actor.kind != "system":
        query = query.where(or_(col(Finding.in_shadow).is_(False), col(Finding.facility_id).in_(inside)))
    for column, value in (
        (col(Finding.facility_id), facility_id),
        (col(Finding.state), state),
        (col(Finding.rule), rule),
        (col(Finding.admission_id), admission_id),
        (col(Finding.subject_kind), subject_kind),
        (col(Finding.kind), kind),
    ):
        if value is not None:
            query = query.where(column == value)
    return session.exec(query.order_by(col(Finding.event_at).desc(), col(Finding.id)).limit(5000)).all()


def finding_readable_by(session: Session, actor: Actor, finding_id: str) -> Finding:
    """One finding, for whoever may see it. Raises `NotFound`."""
    found = session.get(Finding, finding_id)
    if found is not None:
        inside = actor.works_at(found.facility_id) or not found.in_shadow
        if inside and actor.knows(found.facility_id):
            actor.require(Permission.FINDINGS_READ, found.facility_id)
            return found
    raise NotFound("no such finding", field="id", remedy="GET /api/v1/findings lists those you may see")


def late_readings(session: Session, facility_id: str, bed_id: str, span: Interval) -> frozenset[str]:
    """Readings of the bed from frames that came late, without the server's chain."""
    query = (
        select(ZoneReading.id)
        .join(Snapshot, col(Snapshot.id) == col(ZoneReading.snapshot_id))
        .where(
            col(ZoneReading.facility_id) == facility_id,
            col(ZoneReading.bed_id) == bed_id,
            col(ZoneReading.captured_at) >= span.start,
            col(ZoneReading.captured_at) <= span.end,
            col(Snapshot.trust).in_(LOWER_TRUST),
        )
    )
    return frozenset(session.exec(query))


def checks_by_stay(session: Session, admission_ids: Collection[str]) -> dict[str, list[PresenceCheck]]:
    """Admission -> its checks in order of time. Sought by admission alone: with the facility besides, SQLite would walk
    through all of the facility's checks."""
    found: dict[str, list[PresenceCheck]] = defaultdict(list)
    for chosen in chunks(admission_ids):
        query = select(PresenceCheck).where(col(PresenceCheck.admission_id).in_(chosen))
        for row in session.exec(query.order_by(col(PresenceCheck.due_at))):
            found[row.admission_id].append(row)
    return found


def looked_for(session: Session, facility_id: str) -> frozenset[str]:
    """Admissions that people looked for without finding them."""
    query = (
        select(DirectedCheck.admission_id)
        .join(DirectedLook, col(DirectedLook.directed_check_id) == col(DirectedCheck.id))
        .where(DirectedCheck.facility_id == facility_id, col(DirectedLook.result) == "not_found")
        .distinct()
    )
    return frozenset(session.exec(query))


def checks_in_other_beds(session: Session, facility_id: str) -> frozenset[str]:
    """Admissions seen in another bed, or in whose bed another patient was seen."""
    details = cast(col(PresenceCheck.details), String)
    query = (
        select(PresenceCheck.admission_id)
        .where(
            PresenceCheck.facility_id == facility_id,
            or_(details.contains("elsewhere_bed_id"), details.contains("bed_swap_with")),
        )
        .distinct()
    )
    return frozenset(session.exec(query))


def cancelled_among(session: Session, admission_ids: Collection[str]) -> frozenset[str]:
    """Which of these admissions were cancelled."""
    found: set[str] = set()
    for chosen in chunks(admission_ids):
        query = select(Admission.id).where(col(Admission.id).in_(chosen), col(Admission.cancelled_at).is_not(None))
        found.update(session.exec(query))
    return frozenset(found)


def verified_at(session: Session, admission_ids: Collection[str]) -> dict[str, tuple[datetime, ...]]:
    """Admission -> when checks verified the patient there."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for chosen in chunks(admission_ids):
        query = select(PresenceCheck.admission_id, PresenceCheck.due_at).where(
            col(PresenceCheck.admission_id).in_(chosen), PresenceCheck.outcome == "present_verified"
        )
        for admission_id, due_at in session.exec(query):
            found[admission_id].append(due_at)
    return {admission_id: tuple(sorted(times)) for admission_id, times in found.items()}


def facility_of(session: Session, record: AdmissionRecord) -> str:
    """Whose stay it is."""
    return session.exec(select(Admission.facility_id).where(Admission.id == record.admission_id)).one()


def faces_in_own_bed(session: Session, record: AdmissionRecord, about: Interval) -> tuple[Face, ...]:
    """When the stay's patient was verified by face in the bed that the stay held, at checks or between them.

    Compared 1:1, and by that very picture: a face that was only recognised somewhere suggests and does not count; nor
    does a picture that others of its time spoke for, one that came late, one that was taken over from an earlier one,
    or one of a privacy pause.
    """
    facility_id = facility_of(session, record)
    found: dict[str, datetime] = {}
    for bed_id, held in record.assignments:
        span = held.overlap(about)
        if span is None:
            continue
        for reading in judged_readings(session, facility_id, [bed_id], [span]):
            own = reading.state is BedState.PATIENT and reading.recognised_patient_id == record.patient_id
            if own and not reading.late and not reading.carried:
                found[reading.reading_id] = reading.captured_at
    return tuple(sorted(set(_by_themselves(session, found))))


def _by_themselves(session: Session, found: Mapping[str, datetime]) -> Iterator[Face]:
    for chosen in chunks(found):
        query = select(
            ZoneReading.id, ZoneReading.seen_state, ZoneReading.expected_similarity, ZoneReading.threshold
        ).where(col(ZoneReading.id).in_(chosen))
        for reading_id, alone, similarity, threshold in session.exec(query):
            if alone not in (None, BedState.PATIENT.value):
                continue
            if similarity is None or threshold is None:
                yield Face(found[reading_id])
            else:
                yield Face(found[reading_id], similarity - threshold)


def same_people_elsewhere(
    session: Session, facility_id: str, patient_ids: Collection[str] | None
) -> dict[str, tuple[AdmissionRecord, ...]]:
    """Patient -> stays in other facilities of the same person: number and date of birth agree, and so does the sex; and
    where both houses gave a name, the names do not differ. A hospital's own numbers repeat from house to house."""
    other = aliased(Patient)
    query = (
        select(Patient.id, Patient.display_name, other.id, other.display_name)
        .join(
            other,
            (col(other.patient_no) == col(Patient.patient_no))
            & (col(other.birth_date) == col(Patient.birth_date))
            & (col(other.facility_id) != col(Patient.facility_id)),
        )
        .where(Patient.facility_id == facility_id, col(Patient.sex) == col(other.sex))
    )
    if patient_ids is not None:
        query = query.where(col(Patient.id).in_(sorted(patient_ids)))
    found: dict[str, tuple[AdmissionRecord, ...]] = {}
    for patient_id, name, other_id, other_name in session.exec(query):
        if _differ(name, other_name):
            continue
        stays = admissions_of_patient(session, other_id)
        if stays:
            found[patient_id] = (*found.get(patient_id, ()), *stays)
    return found


def _differ(name: str, other: str) -> bool:
    """Whether both say a name, and not the same one: spaces and capitals say nothing."""
    first, second = ("".join(item.split()).casefold() for item in (name, other))
    return bool(first and second) and first != second


def holding(session: Session, facility_id: str, bed_ids: Collection[str], patient_ids: Collection[str]) -> set[str]:
    """Admissions that ever held one of the beds, or belong to one of the patients."""
    query = (
        select(BedAssignment.admission_id)
        .join(Admission, col(Admission.id) == col(BedAssignment.admission_id))
        .where(
            Admission.facility_id == facility_id,
            or_(col(BedAssignment.bed_id).in_(sorted(bed_ids)), col(Admission.patient_id).in_(sorted(patient_ids))),
        )
    )
    return set(session.exec(query))


def template_changes(
    session: Session, facility_id: str, patient_ids: Collection[str] | None = None
) -> dict[str, tuple[TemplateChange, ...]]:
    """Patient -> references that took the place of an older one of the same person.

    The same photograph read by a new model pack is no change. Electronic credentials and a second person's confirmation
    speak for the new one; so does a comparison with the old one that enrolment wrote down (`matches_previous` among its
    reasons).
    """
    changed = (
        select(FaceTemplate.patient_id)
        .where(FaceTemplate.facility_id == facility_id)
        .group_by(col(FaceTemplate.patient_id))
        .having(func.count(distinct(col(FaceTemplate.photo_sha256))) > 1)
    )
    if patient_ids is not None:
        changed = changed.where(col(FaceTemplate.patient_id).in_(sorted(patient_ids)))
    rows = session.exec(
        select(FaceTemplate)
        .where(FaceTemplate.facility_id == facility_id, col(FaceTemplate.patient_id).in_(changed))
        .order_by(col(FaceTemplate.effective_from), col(FaceTemplate.id))
    )
    by_patient: dict[str, list[FaceTemplate]] = defaultdict(list)
    for row in rows:
        by_patient[row.patient_id].append(row)
    return {patient_id: _changes(own) for patient_id, own in by_patient.items()}


def _changes(rows: Sequence[FaceTemplate]) -> tuple[TemplateChange, ...]:
    found: list[TemplateChange] = []
    for earlier, later in pairwise(rows):
        replaced = earlier.revoked_at is not None and earlier.revoked_cause in ("superseded", "replaced")
        at_once = earlier.enrolled_at == later.enrolled_at  # several pictures of one enrolment
        if replaced and not at_once and earlier.photo_sha256 != later.photo_sha256:
            found.append(
                TemplateChange(
                    template_id=later.id,
                    at=later.effective_from,
                    matched_old="matches_previous" in later.reasons,
                    second_person=later.confirmed_by is not None,
                )
            )
    return tuple(found)
