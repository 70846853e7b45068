"""What people found who went to look. Pure functions over looks that were given and never change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.facilities import PresencePolicy
from service.occupancy.stays import Stay


class LookResult(StrEnum):
    """What a person found."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    IDENTITY_MISMATCH = "identity_mismatch"
    CARER = "carer"


class LookMethod(StrEnum):
    """How a person looked."""

    BEDSIDE = "bedside"
    FACE = "face"
    WRISTBAND = "wristband"
    ID_CARD = "id_card"
    WARD_SEARCH = "ward_search"
    HANDHELD = "handheld"


INSPECTOR = "inspector"


@dataclass(frozen=True, slots=True)
class Look:
    """One person's look, asked for by the check due at `due_at`."""

    look_id: str
    due_at: datetime
    person_id: str
    role: str
    looked_at: datetime
    result: LookResult
    method: LookMethod
    ward_searched: bool = False
    patient_called: bool = False


@dataclass(frozen=True, slots=True)
class Confirmation:
    """An absence from the hospital, confirmed by two people: complete at `at`, by these looks."""

    at: datetime
    look_ids: tuple[str, ...]


def deciding_find(looks: Sequence[Look]) -> Look | None:
    """The look by which the patient counts as found, if there is one.

    An inspector's look decides: the hospital's own staff hold no veto. Without one, any look that found the patient is
    enough.
    """
    ordered = sorted(looks, key=lambda look: (look.looked_at, look.look_id))
    inspected = [look for look in ordered if look.role == INSPECTOR]
    if inspected:
        return inspected[-1] if inspected[-1].result is LookResult.FOUND else None
    return next((look for look in ordered if look.result is LookResult.FOUND), None)


def confirmed_absence(stay: Stay, looks: Sequence[Look], policy: PresencePolicy) -> Confirmation | None:
    """The absence that `looks` confirm, if they do: not in the hospital, as far as two people can tell.

    Two different people found nobody, `second_look_after` apart; the ward was searched and the patient was called. A
    look while the patient was on leave, off the ward or discharged says nothing.
    """
    misses = sorted(
        (look for look in looks if look.result is LookResult.NOT_FOUND and _could_be_found(stay, look, policy)),
        key=lambda look: (look.looked_at, look.look_id),
    )
    for k, last in enumerate(misses):
        upto = misses[: k + 1]
        thorough = any(look.ward_searched for look in upto) and any(look.patient_called for look in upto)
        if thorough and any(_independent(first, second, policy) for first in upto for second in upto):
            return Confirmation(last.looked_at, tuple(look.look_id for look in upto))
    return None


def _independent(first: Look, second: Look, policy: PresencePolicy) -> bool:
    apart = second.looked_at - first.looked_at >= policy.second_look_after
    return apart and first.person_id != second.person_id


def _could_be_found(stay: Stay, look: Look, policy: PresencePolicy) -> bool:
    gone = stay.discharged_at is not None and look.looked_at >= stay.discharged_at
    return not gone and not stay.excused_at(look.looked_at, policy)
