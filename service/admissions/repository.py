"""All queries about patients and their stays. Every one is bound to a facility, or to an id found through one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from service.admissions.records import FOREVER, AdmissionRecord, Assigned, BedStay, LeaveRecord, OffWardRecord
from service.admissions.tables import Admission, BedAssignment, LeaveOfAbsence, OffWardActivity, Patient
from service.kit.errors import NotFound
from service.kit.intervals import Interval

_CHUNK = 500
"""Numbers in one IN (…): far below either back end's limit."""


def active_admissions(session: Session, facility_id: str, interval: Interval) -> tuple[AdmissionRecord, ...]:
    """Stays of the facility that share an instant with `interval`, in order of admission; cancelled ones left out."""
    wanted = and_(
        col(Admission.facility_id) == facility_id,
        col(Admission.cancelled_at).is_(None),
        col(Admission.admitted_at) < interval.end,
        or_(col(Admission.discharged_at).is_(None), col(Admission.discharged_at) > interval.start),
    )
    return _records(session, wanted)


def admission_record(session: Session, admission_id: str) -> AdmissionRecord:
    """One stay by its id, cancelled or not. Raises `NotFound`."""
    found = _records(session, col(Admission.id) == admission_id)
    if not found:
        raise _no_admission(admission_id)
    return found[0]


def admission_records(session: Session, facility_id: str, admission_ids: Iterable[str]) -> tuple[AdmissionRecord, ...]:
    """The facility's stays with these ids, in order of admission."""
    wanted = sorted(set(admission_ids))
    found: list[AdmissionRecord] = []
    for at in range(0, len(wanted), _CHUNK):
        chosen = col(Admission.id).in_(wanted[at : at + _CHUNK])
        found += _records(session, and_(col(Admission.facility_id) == facility_id, chosen))
    return tuple(sorted(found, key=lambda record: (record.admitted_at, record.admission_no)))


def admissions_of_patient(session: Session, patient_id: str) -> tuple[AdmissionRecord, ...]:
    """Every stay of the patient that was not cancelled, in order of admission."""
    return _records(session, and_(col(Admission.patient_id) == patient_id, col(Admission.cancelled_at).is_(None)))


def assigned_patient(session: Session, bed_id: str, at: datetime) -> Assigned | None:
    """Who had the bed at event time `at`; of two, whoever was assigned it last."""
    return assigned_patients(session, [bed_id], at).get(bed_id)


def assigned_patients(session: Session, bed_ids: Collection[str], at: datetime) -> dict[str, Assigned]:
    """Who had each of the beds at event time `at`; beds that nobody had are left out."""
    query = (
        select(BedAssignment.bed_id, Admission.id, Admission.patient_id)
        .join(Admission, col(Admission.id) == col(BedAssignment.admission_id))
        .where(
            col(BedAssignment.bed_id).in_(list(bed_ids)),
            col(BedAssignment.from_at) <= at,
            or_(col(BedAssignment.to_at).is_(None), col(BedAssignment.to_at) > at),
            col(Admission.cancelled_at).is_(None),
            col(Admission.admitted_at) <= at,
            or_(col(Admission.discharged_at).is_(None), col(Admission.discharged_at) > at),
        )
        .order_by(col(BedAssignment.from_at), col(BedAssignment.recorded_at), col(BedAssignment.id))
    )
    return {bed_id: Assigned(admission_id, patient_id) for bed_id, admission_id, patient_id in session.exec(query)}


def patient_by_no(session: Session, facility_id: str, patient_no: str) -> Patient:
    """The facility's patient with this number. Raises `NotFound`."""
    query = select(Patient).where(Patient.facility_id == facility_id, Patient.patient_no == patient_no)
    found = session.exec(query).first() if patient_no.isprintable() else None
    if found is None:
        raise NotFound(
            f"no patient {patient_no[:64]!r} in this facility",
            field="patient_no",
            remedy="import the census first, or correct the number",
            message_zh=f"本机构没有患者 {patient_no[:64]!r}",
            remedy_zh="请先导入在院名单，或更正编号",
        )
    return found


def patients_by_no(session: Session, facility_id: str, numbers: Iterable[str]) -> dict[str, Patient]:
    """The facility's patients with these numbers."""
    wanted = sorted(set(numbers))
    found: dict[str, Patient] = {}
    for at in range(0, len(wanted), _CHUNK):
        chosen = col(Patient.patient_no).in_(wanted[at : at + _CHUNK])
        query = select(Patient).where(Patient.facility_id == facility_id, chosen)
        found.update({patient.patient_no: patient for patient in session.exec(query)})
    return found


def patient_numbers(session: Session, facility_id: str, patient_ids: Iterable[str]) -> dict[str, str]:
    """Patient id -> number, for patients of the facility."""
    wanted = sorted(set(patient_ids))
    found: dict[str, str] = {}
    for at in range(0, len(wanted), _CHUNK):
        chosen = col(Patient.id).in_(wanted[at : at + _CHUNK])
        query = select(Patient.id, Patient.patient_no).where(Patient.facility_id == facility_id, chosen)
        found.update(dict(session.exec(query).all()))
    return found


def patient_by_id(session: Session, patient_id: str) -> Patient:
    """The patient with this id. Raises `NotFound`."""
    found = session.get(Patient, patient_id) if patient_id.isprintable() else None
    if found is None:
        raise NotFound("no such patient", field="patient", remedy="correct the id")
    return found


def admission_by_no(session: Session, facility_id: str, admission_no: str) -> Admission:
    """The facility's admission with this number. Raises `NotFound`."""
    query = select(Admission).where(Admission.facility_id == facility_id, Admission.admission_no == admission_no)
    found = session.exec(query).first() if admission_no.isprintable() else None
    if found is None:
        raise _no_admission(admission_no)
    return found


def admissions_by_no(session: Session, facility_id: str, numbers: Iterable[str]) -> dict[str, Admission]:
    """The facility's admissions with these numbers."""
    wanted = sorted(set(numbers))
    found: dict[str, Admission] = {}
    for at in range(0, len(wanted), _CHUNK):
        chosen = col(Admission.admission_no).in_(wanted[at : at + _CHUNK])
        query = select(Admission).where(Admission.facility_id == facility_id, chosen)
        found.update({admission.admission_no: admission for admission in session.exec(query)})
    return found


def assignments_of(session: Session, admission_ids: Iterable[str]) -> dict[str, list[BedAssignment]]:
    """Admission id -> its bed assignments in order of their start."""
    wanted = sorted(set(admission_ids))
    found: dict[str, list[BedAssignment]] = defaultdict(list)
    for at in range(0, len(wanted), _CHUNK):
        query = (
            select(BedAssignment)
            .where(col(BedAssignment.admission_id).in_(wanted[at : at + _CHUNK]))
            .order_by(col(BedAssignment.from_at), col(BedAssignment.recorded_at), col(BedAssignment.id))
        )
        for assignment in session.exec(query):
            found[assignment.admission_id].append(assignment)
    return found


def leave_by_id(session: Session, admission_id: str, leave_id: str) -> LeaveOfAbsence:
    """The admission's leave with this id. Raises `NotFound`."""
    found = session.get(LeaveOfAbsence, leave_id) if leave_id.isprintable() else None
    if found is None or found.admission_id != admission_id:
        raise NotFound("this admission has no such leave", field="leave", remedy="GET the admission lists its leaves")
    return found


def off_ward_by_id(session: Session, admission_id: str, activity_id: str) -> OffWardActivity:
    """The admission's off-ward activity with this id. Raises `NotFound`."""
    found = session.get(OffWardActivity, activity_id) if activity_id.isprintable() else None
    if found is None or found.admission_id != admission_id:
        raise NotFound("this admission has no such activity", field="activity", remedy="GET the admission lists them")
    return found


def leaves_of(session: Session, admission_id: str) -> tuple[LeaveOfAbsence, ...]:
    """The admission's leaves, cancelled ones too, in order of their start."""
    query = select(LeaveOfAbsence).where(LeaveOfAbsence.admission_id == admission_id)
    return tuple(session.exec(query.order_by(col(LeaveOfAbsence.from_at), col(LeaveOfAbsence.id))))


def off_ward_of(session: Session, admission_id: str) -> tuple[OffWardActivity, ...]:
    """The admission's off-ward activities, cancelled ones too, in order of their start."""
    query = select(OffWardActivity).where(OffWardActivity.admission_id == admission_id)
    return tuple(session.exec(query.order_by(col(OffWardActivity.from_at), col(OffWardActivity.id))))


def _records(session: Session, wanted: ColumnElement[bool]) -> tuple[AdmissionRecord, ...]:
    chosen = select(Admission.id).where(wanted)
    beds: dict[str, list[BedStay]] = defaultdict(list)
    leaves: dict[str, list[LeaveRecord]] = defaultdict(list)
    off_ward: dict[str, list[OffWardRecord]] = defaultdict(list)
    stays = session.exec(
        select(Admission, Patient.patient_no)
        .join(Patient, col(Patient.id) == col(Admission.patient_id))
        .where(wanted)
        .order_by(col(Admission.admitted_at), col(Admission.admission_no))
    ).all()
    ends = {admission.id: admission.discharged_at or FOREVER for admission, _ in stays}
    for bed in session.exec(
        select(BedAssignment)
        .where(col(BedAssignment.admission_id).in_(chosen))
        .order_by(col(BedAssignment.from_at), col(BedAssignment.recorded_at), col(BedAssignment.id))
    ):
        end = min(bed.to_at or FOREVER, ends[bed.admission_id])
        if bed.from_at < end:
            beds[bed.admission_id].append(BedStay(bed.bed_id, Interval(bed.from_at, end)))
    for leave in session.exec(
        select(LeaveOfAbsence)
        .where(col(LeaveOfAbsence.admission_id).in_(chosen), col(LeaveOfAbsence.cancelled_at).is_(None))
        .order_by(col(LeaveOfAbsence.from_at), col(LeaveOfAbsence.id))
    ):
        end = min(leave.to_at or leave.expected_return_at, leave.expected_return_at)
        excused = Interval(leave.from_at, max(end, leave.from_at))
        leaves[leave.admission_id].append(LeaveRecord(excused, leave.signed_at, leave.approved_by, leave.to_at))
    for activity in session.exec(
        select(OffWardActivity)
        .where(col(OffWardActivity.admission_id).in_(chosen), col(OffWardActivity.cancelled_at).is_(None))
        .order_by(col(OffWardActivity.from_at), col(OffWardActivity.id))
    ):
        end = min(activity.to_at or FOREVER, ends[activity.admission_id])
        span = Interval(activity.from_at, max(end, activity.from_at))
        off_ward[activity.admission_id].append(OffWardRecord(activity.kind, span))
    return tuple(
        AdmissionRecord(
            admission_id=admission.id,
            admission_no=admission.admission_no,
            patient_id=admission.patient_id,
            patient_no=patient_no,
            category=admission.category,
            admitted_at=admission.admitted_at,
            discharged_at=admission.discharged_at,
            assignments=tuple(beds[admission.id]),
            leaves=tuple(leaves[admission.id]),
            off_ward=tuple(off_ward[admission.id]),
            admission_type=admission.admission_type,
            diagnosis_code=admission.diagnosis_code,
            diagnosis_text=admission.diagnosis_text,
            discharge_disposition=admission.discharge_disposition,
            attending_doctor=admission.attending_doctor,
            admitting_clerk=admission.admitting_clerk,
            payment_method=admission.payment_method,
            course=admission.course,
        )
        for admission, patient_no in stays
    )


def _no_admission(name: str) -> NotFound:
    return NotFound(
        f"no admission {name[:64]!r} in this facility",
        field="admission_no",
        remedy="import the census first, or correct the number",
        message_zh=f"本机构没有住院号 {name[:64]!r}",
        remedy_zh="请先导入在院名单，或更正编号",
    )
