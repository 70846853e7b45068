"""Who is an inpatient, where and when, and what excuses an absence. This room never sees a face."""

from service.admissions.bill_import import import_bills
from service.admissions.billing_records import charges_of, corrections_of, orders_of
from service.admissions.census.importing import ImportReport, RowReport, RowStatus, import_census
from service.admissions.changes import beds_changed, presence_changed
from service.admissions.delimited import Line, Table, read_table
from service.admissions.errors import StayConflict, TableUnreadable
from service.admissions.event_log import surviving_number
from service.admissions.excuses import cancel_leave, cancel_off_ward, end_leave, grant_leave, record_off_ward
from service.admissions.hl7.intake import answerer, refuser, take_hl7
from service.admissions.hl7.mllp import ListenOptions, MllpServer, mutual_tls, networks, serve_until
from service.admissions.hl7.routes import Routes, parse_clients, parse_routes
from service.admissions.hl7.unclaimed import claim_message, routed, waiting_messages
from service.admissions.issue import Issue
from service.admissions.local_time import parse_local_instant
from service.admissions.messages import (
    Wanted,
    effects_of_message,
    kept_messages,
    message_by_id,
    readable,
    replay_message,
    replay_messages,
    show_message,
)
from service.admissions.records import (
    FOREVER,
    AdmissionRecord,
    Assigned,
    BedStay,
    ChargeRecord,
    CorrectionRecord,
    LeaveRecord,
    OffWardRecord,
    OrderRecord,
)
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
from service.admissions.retention import dismiss_message, measure_messages, purge_messages_job
from service.admissions.stays import cancel_admission, cancel_discharge, discharge, transfer_admission
from service.admissions.tables import (
    Admission,
    BedAssignment,
    InboundMessage,
    LeaveOfAbsence,
    OffWardActivity,
    Patient,
    UnclaimedMessage,
)
from service.admissions.vital_status import (
    VitalStatus,
    deaths_on_record,
    notices_of,
    record_vital_status,
    same_persons,
    vital_status_of,
)
from service.admissions.vital_tables import VitalNotice

__all__ = [
    "FOREVER",
    "Admission",
    "AdmissionRecord",
    "Assigned",
    "BedAssignment",
    "BedStay",
    "ChargeRecord",
    "CorrectionRecord",
    "ImportReport",
    "InboundMessage",
    "Issue",
    "LeaveOfAbsence",
    "LeaveRecord",
    "Line",
    "ListenOptions",
    "MllpServer",
    "OffWardActivity",
    "OffWardRecord",
    "OrderRecord",
    "Patient",
    "Routes",
    "RowReport",
    "RowStatus",
    "StayConflict",
    "Table",
    "TableUnreadable",
    "UnclaimedMessage",
    "VitalNotice",
    "VitalStatus",
    "Wanted",
    "active_admissions",
    "admission_by_no",
    "admission_record",
    "admission_records",
    "admissions_of_patient",
    "answerer",
    "assigned_patient",
    "assigned_patients",
    "beds_changed",
    "cancel_admission",
    "cancel_discharge",
    "cancel_leave",
    "cancel_off_ward",
    "charges_of",
    "claim_message",
    "corrections_of",
    "deaths_on_record",
    "discharge",
    "dismiss_message",
    "effects_of_message",
    "end_leave",
    "grant_leave",
    "import_bills",
    "import_census",
    "kept_messages",
    "measure_messages",
    "message_by_id",
    "mutual_tls",
    "networks",
    "notices_of",
    "orders_of",
    "parse_clients",
    "parse_local_instant",
    "parse_routes",
    "patient_by_id",
    "patient_by_no",
    "patient_numbers",
    "patients_by_no",
    "presence_changed",
    "purge_messages_job",
    "read_table",
    "readable",
    "record_off_ward",
    "record_vital_status",
    "refuser",
    "replay_message",
    "replay_messages",
    "routed",
    "same_persons",
    "serve_until",
    "show_message",
    "surviving_number",
    "take_hl7",
    "transfer_admission",
    "vital_status_of",
    "waiting_messages",
]
