"""Who is an inpatient, where and when, and what excuses an absence. This room never sees a face."""

from service.admissions.census_import import ImportReport, RowReport, RowStatus, import_census
from service.admissions.changes import beds_changed, presence_changed
from service.admissions.delimited import Issue, Line, Table, read_table
from service.admissions.errors import StayConflict, TableUnreadable
from service.admissions.excuses import cancel_leave, cancel_off_ward, end_leave, grant_leave, record_off_ward
from service.admissions.local_time import parse_local_instant
from service.admissions.records import FOREVER, AdmissionRecord, Assigned, BedStay, LeaveRecord, OffWardRecord
from service.admissions.repository import (
    active_admissions,
    admission_by_no,
    admission_record,
    admission_records,
    admissions_of_patient,
    assigned_patient,
    assigned_patients,
    patient_by_id,
    patient_by_no,
    patient_numbers,
    patients_by_no,
)
from service.admissions.stays import cancel_admission, cancel_discharge, discharge, transfer_admission
from service.admissions.tables import Admission, BedAssignment, LeaveOfAbsence, OffWardActivity, Patient

__all__ = [
    "FOREVER",
    "Admission",
    "AdmissionRecord",
    "Assigned",
    "BedAssignment",
    "BedStay",
    "ImportReport",
    "Issue",
    "LeaveOfAbsence",
    "LeaveRecord",
    "Line",
    "OffWardActivity",
    "OffWardRecord",
    "Patient",
    "RowReport",
    "RowStatus",
    "StayConflict",
    "Table",
    "TableUnreadable",
    "active_admissions",
    "admission_by_no",
    "admission_record",
    "admission_records",
    "admissions_of_patient",
    "assigned_patient",
    "assigned_patients",
    "beds_changed",
    "cancel_admission",
    "cancel_discharge",
    "cancel_leave",
    "cancel_off_ward",
    "discharge",
    "end_leave",
    "grant_leave",
    "import_census",
    "parse_local_instant",
    "patient_by_id",
    "patient_by_no",
    "patient_numbers",
    "patients_by_no",
    "presence_changed",
    "read_table",
    "record_off_ward",
    "transfer_admission",
]
