"""Bed states, presence checks and the in-bed rate. This room states facts, never a suspicion."""

from service.facilities import DEFAULT_POLICY, CheckKind, CheckTime, PresencePolicy, policy_of
from service.occupancy.admission_checks import admission_opened_job
from service.occupancy.bed_checks import BedOutcome
from service.occupancy.between import (
    BlindShare,
    GivenLook,
    bed_checks,
    excuse_taps,
    looks_between,
    unobserved_share,
)
from service.occupancy.board import BedNow, Board, ward_board
from service.occupancy.compare_pauses import WardPauses, pauses_by_ward, pauses_over
from service.occupancy.counts import recount
from service.occupancy.directed import Answer, DirectedState, Request, add_look, requests_with_state
from service.occupancy.draws import commit_draw, draws_of, verify_recorded
from service.occupancy.errors import DirectedCheckClosed, DrawSealed, HandheldRefused, LookRefused, PresenceBusy
from service.occupancy.escalation import escalated
from service.occupancy.gather import stays_of
from service.occupancy.handheld import purge_handheld_job
from service.occupancy.handheld_seen import HandheldSeen, handheld_picture, handhelds_of
from service.occupancy.in_bed_rate import in_bed_rate, region_rate, target_of
from service.occupancy.labels import LabelSeen, label_text
from service.occupancy.looks import INSPECTOR, Look, LookMethod, LookResult
from service.occupancy.outcome import AskCause, PresenceState
from service.occupancy.pauses import PRIVACY_PAUSE, PrivacyPause, hide_paused, privacy_pauses
from service.occupancy.pausing import end_pause, pause, running
from service.occupancy.place import Place, place_of
from service.occupancy.rate_arithmetic import REPORTABLE_COVERAGE, InBedRateRow, rate_of
from service.occupancy.recompute import advance_job, dirty_job, judged_upto
from service.occupancy.region_calls import (
    CallCounts,
    GroupLine,
    counts_of_call,
    facilities_of_region,
    group_of,
    start_region,
    total_of,
)
from service.occupancy.repository import admissions_with, checks_of, directed_checks, find_checks, looks_of
from service.occupancy.roll_calls import (
    OpenRollCall,
    Scope,
    open_roll_calls,
    roll_call_entries,
    roll_calls,
    start_surprise,
)
from service.occupancy.roll_progress import RollCallProgress, Standing, progress_of_call
from service.occupancy.stays import Activity, Leave, Placement, Stay
from service.occupancy.tables import (
    BedCheck,
    BedLook,
    DirectedCheck,
    DirectedLook,
    ExcuseTap,
    LoggedPause,
    PresenceCheck,
    PresenceProgress,
    Reverification,
    RollCall,
    RollCallDraw,
    RollCallEntry,
)
from service.occupancy.timeline import Observation, covered, debounce, empty, observe, occupied
from service.occupancy.trusted import judged_readings, judged_sightings
from service.occupancy.watched import is_watched
from service.occupancy.windows import local_day, nights_between, windows_between

__all__ = [
    "DEFAULT_POLICY",
    "INSPECTOR",
    "PRIVACY_PAUSE",
    "REPORTABLE_COVERAGE",
    "Activity",
    "Answer",
    "AskCause",
    "BedCheck",
    "BedLook",
    "BedNow",
    "BedOutcome",
    "BlindShare",
    "Board",
    "CallCounts",
    "CheckKind",
    "CheckTime",
    "DirectedCheck",
    "DirectedCheckClosed",
    "DirectedLook",
    "DirectedState",
    "DrawSealed",
    "ExcuseTap",
    "GivenLook",
    "GroupLine",
    "HandheldRefused",
    "HandheldSeen",
    "InBedRateRow",
    "LabelSeen",
    "Leave",
    "LoggedPause",
    "Look",
    "LookMethod",
    "LookRefused",
    "LookResult",
    "Observation",
    "OpenRollCall",
    "Place",
    "Placement",
    "PresenceBusy",
    "PresenceCheck",
    "PresencePolicy",
    "PresenceProgress",
    "PresenceState",
    "PrivacyPause",
    "Request",
    "Reverification",
    "RollCall",
    "RollCallDraw",
    "RollCallEntry",
    "RollCallProgress",
    "Scope",
    "Standing",
    "Stay",
    "WardPauses",
    "add_look",
    "admission_opened_job",
    "admissions_with",
    "advance_job",
    "bed_checks",
    "checks_of",
    "commit_draw",
    "counts_of_call",
    "covered",
    "debounce",
    "directed_checks",
    "dirty_job",
    "draws_of",
    "empty",
    "end_pause",
    "escalated",
    "excuse_taps",
    "facilities_of_region",
    "find_checks",
    "group_of",
    "handheld_picture",
    "handhelds_of",
    "hide_paused",
    "in_bed_rate",
    "is_watched",
    "judged_readings",
    "judged_sightings",
    "judged_upto",
    "label_text",
    "local_day",
    "looks_between",
    "looks_of",
    "nights_between",
    "observe",
    "occupied",
    "open_roll_calls",
    "pause",
    "pauses_by_ward",
    "pauses_over",
    "place_of",
    "policy_of",
    "privacy_pauses",
    "progress_of_call",
    "purge_handheld_job",
    "rate_of",
    "recount",
    "region_rate",
    "requests_with_state",
    "roll_call_entries",
    "roll_calls",
    "running",
    "start_region",
    "start_surprise",
    "stays_of",
    "target_of",
    "total_of",
    "unobserved_share",
    "verify_recorded",
    "ward_board",
    "windows_between",
]
