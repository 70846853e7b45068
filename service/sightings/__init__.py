"""Snapshots in; who was seen where, when, how surely. This room decides nothing about presence."""

from service.sightings.alarm_post import post_alarm_job
from service.sightings.alarms import (
    AlarmSeen,
    alarms_since,
    ask_for_watch,
    count_by_ward,
    measure_alarms,
    open_alarms,
    watch_job,
)
from service.sightings.analyse import Analyser, PackAnalyser, analyse_job, analyse_snapshot
from service.sightings.camera_health import BlindSpan, CameraHealth, CameraNow, camera_health, cameras_now
from service.sightings.clocks import clock_faults, late_frames
from service.sightings.command_answers import OUTCOMES as ANSWER_OUTCOMES
from service.sightings.command_answers import CameraAnswers, ask_for_answers, command_answers, settle_answers_job
from service.sightings.commanded import CommandedChange, commanded_changes
from service.sightings.edge_asking import ask_for_crops, measure_edge_requests
from service.sightings.edge_audit import EdgeAudit, doubtful_audits, edge_audits
from service.sightings.edge_receive import accept_reading
from service.sightings.edge_tables import EdgeBox, EdgeReading, EdgeRequest
from service.sightings.errors import CameraInactive, CameraUnknown, ImplausibleTime, QueueFull, StatementRefused
from service.sightings.facts import Reading, Sighting
from service.sightings.heartbeats import LastHeard, heartbeats, last_heard, purge_heartbeats_job
from service.sightings.keep import (
    freeze_frames,
    hold_frames,
    patients_in_kept_pictures,
    purge_frames,
    purge_job,
    release_frames,
    rename_patient,
    reread_job,
)
from service.sightings.over_time import ask_for_judgement, judge_job
from service.sightings.photographs import RepeatedFace, repeated_face_reports
from service.sightings.picture import evidence_picture
from service.sightings.receive import Accepted, accept_snapshot
from service.sightings.repository import (
    first_captured_at,
    last_recognitions,
    latest_readings,
    pack_hashes,
    reading_pack,
    readings,
    sightings_of,
    with_lateness,
)
from service.sightings.statements import (
    LOWER_TRUST,
    signature_faults,
    statement_gaps,
    statements_of_camera,
    verify_kept_statements,
)
from service.sightings.tables import Snapshot, SnapshotPrint, ZoneReading
from service.sightings.views import ViewEvent, view_events

__all__ = [
    "ANSWER_OUTCOMES",
    "LOWER_TRUST",
    "Accepted",
    "AlarmSeen",
    "Analyser",
    "BlindSpan",
    "CameraAnswers",
    "CameraHealth",
    "CameraInactive",
    "CameraNow",
    "CameraUnknown",
    "CommandedChange",
    "EdgeAudit",
    "EdgeBox",
    "EdgeReading",
    "EdgeRequest",
    "ImplausibleTime",
    "LastHeard",
    "PackAnalyser",
    "QueueFull",
    "Reading",
    "RepeatedFace",
    "Sighting",
    "Snapshot",
    "SnapshotPrint",
    "StatementRefused",
    "ViewEvent",
    "ZoneReading",
    "accept_reading",
    "accept_snapshot",
    "alarms_since",
    "analyse_job",
    "analyse_snapshot",
    "ask_for_answers",
    "ask_for_crops",
    "ask_for_judgement",
    "ask_for_watch",
    "camera_health",
    "cameras_now",
    "clock_faults",
    "command_answers",
    "commanded_changes",
    "count_by_ward",
    "doubtful_audits",
    "edge_audits",
    "evidence_picture",
    "first_captured_at",
    "freeze_frames",
    "heartbeats",
    "hold_frames",
    "judge_job",
    "last_heard",
    "last_recognitions",
    "late_frames",
    "latest_readings",
    "measure_alarms",
    "measure_edge_requests",
    "open_alarms",
    "pack_hashes",
    "patients_in_kept_pictures",
    "post_alarm_job",
    "purge_frames",
    "purge_heartbeats_job",
    "purge_job",
    "reading_pack",
    "readings",
    "release_frames",
    "rename_patient",
    "repeated_face_reports",
    "reread_job",
    "settle_answers_job",
    "sightings_of",
    "signature_faults",
    "statement_gaps",
    "statements_of_camera",
    "verify_kept_statements",
    "view_events",
    "watch_job",
    "with_lateness",
]
