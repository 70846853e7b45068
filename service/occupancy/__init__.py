"""Bed states, presence checks and the in-bed rate. This room states facts, never a suspicion."""

from service.facilities import DEFAULT_POLICY, CheckKind, CheckTime, PresencePolicy, policy_of
from service.occupancy.board import BedNow, Board, ward_board
from service.occupancy.directed import Answer, DirectedState, Request, add_look, requests_with_state
from service.occupancy.errors import DirectedCheckClosed, LookRefused, PresenceBusy
from service.occupancy.gather import Place, place_of, stays_of
from service.occupancy.in_bed_rate import in_bed_rate
from service.occupancy.looks import INSPECTOR, Look, LookMethod, LookResult
from service.occupancy.outcome import PresenceState
from service.occupancy.rate_arithmetic import REPORTABLE_COVERAGE, InBedRateRow, rate_of
from service.occupancy.recompute import advance_job, dirty_job, judged_upto
from service.occupancy.repository import admissions_with, checks_of, directed_checks, find_checks, looks_of
from service.occupancy.stays import Activity, Leave, Placement, Stay
from service.occupancy.tables import DirectedCheck, DirectedLook, PresenceCheck, PresenceProgress
from service.occupancy.timeline import Observation, covered, debounce, empty, observe
from service.occupancy.windows import local_day, nights_between

__all__ = [
    "DEFAULT_POLICY",
    "INSPECTOR",
    "REPORTABLE_COVERAGE",
    "Activity",
    "Answer",
    "BedNow",
    "Board",
    "CheckKind",
    "CheckTime",
    "DirectedCheck",
    "DirectedCheckClosed",
    "DirectedLook",
    "DirectedState",
    "InBedRateRow",
    "Leave",
    "Look",
    "LookMethod",
    "LookRefused",
    "LookResult",
    "Observation",
    "Place",
    "Placement",
    "PresenceBusy",
    "PresenceCheck",
    "PresencePolicy",
    "PresenceProgress",
    "PresenceState",
    "Request",
    "Stay",
    "add_look",
    "admissions_with",
    "advance_job",
    "checks_of",
    "covered",
    "debounce",
    "directed_checks",
    "dirty_job",
    "empty",
    "find_checks",
    "in_bed_rate",
    "judged_upto",
    "local_day",
    "looks_of",
    "nights_between",
    "observe",
    "place_of",
    "policy_of",
    "rate_of",
    "requests_with_state",
    "stays_of",
    "ward_board",
]
