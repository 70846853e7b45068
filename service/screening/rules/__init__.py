"""The rules: pure functions `(facts, parameters) -> Suspicion | None`."""

from service.screening.rules.bed_swap import BedSwapParameters, bed_swap_unrecorded
from service.screening.rules.beds import StaffInBedParameters, TwoOnOneBedParameters, staff_in_bed, two_on_one_bed
from service.screening.rules.cameras import BackfillParameters, TamperingParameters, camera_tampering, late_backfill
from service.screening.rules.census import OvercapacityParameters, overcapacity
from service.screening.rules.corrections import CorrectionParameters, corrected_after_notice
from service.screening.rules.empty_bed import EmptyBedParameters, empty_bed_admission
from service.screening.rules.ghost import GhostParameters, ghost_admission
from service.screening.rules.identities import (
    DuplicateIdentityParameters,
    EnrolmentSwapParameters,
    TwoPlacesParameters,
    duplicate_identity,
    enrolment_swap,
    two_places_at_once,
)
from service.screening.rules.impersonation import ImpersonationParameters, impersonation
from service.screening.rules.leaves import LateReturnParameters, OvernightLeaveParameters, late_return, overnight_leave
from service.screening.rules.money import (
    AfterAbsenceParameters,
    PerDiemParameters,
    SplitParameters,
    per_diem_gap,
    split_admission,
    stay_after_absence,
)
from service.screening.rules.peers import (
    AboveParameters,
    BlindnessParameters,
    ConfirmationParameters,
    alternative_inflation,
    confirmation_rate,
    excuse_inflation,
    exemption_rate,
    late_signed_leave,
    selective_blindness,
)
from service.screening.rules.phantom import PhantomParameters, phantom_admission
from service.screening.rules.repeated_faces import RepeatedFaceParameters, repeated_face
from service.screening.rules.unregistered import UnregisteredParameters, unregistered_person

__all__ = [
    "AboveParameters",
    "AfterAbsenceParameters",
    "BackfillParameters",
    "BedSwapParameters",
    "BlindnessParameters",
    "ConfirmationParameters",
    "CorrectionParameters",
    "DuplicateIdentityParameters",
    "EmptyBedParameters",
    "EnrolmentSwapParameters",
    "GhostParameters",
    "ImpersonationParameters",
    "LateReturnParameters",
    "OvercapacityParameters",
    "OvernightLeaveParameters",
    "PerDiemParameters",
    "PhantomParameters",
    "RepeatedFaceParameters",
    "SplitParameters",
    "StaffInBedParameters",
    "TamperingParameters",
    "TwoOnOneBedParameters",
    "TwoPlacesParameters",
    "UnregisteredParameters",
    "alternative_inflation",
    "bed_swap_unrecorded",
    "camera_tampering",
    "confirmation_rate",
    "corrected_after_notice",
    "duplicate_identity",
    "empty_bed_admission",
    "enrolment_swap",
    "excuse_inflation",
    "exemption_rate",
    "ghost_admission",
    "impersonation",
    "late_backfill",
    "late_return",
    "late_signed_leave",
    "overcapacity",
    "overnight_leave",
    "per_diem_gap",
    "phantom_admission",
    "repeated_face",
    "selective_blindness",
    "split_admission",
    "staff_in_bed",
    "stay_after_absence",
    "two_on_one_bed",
    "two_places_at_once",
    "unregistered_person",
]
