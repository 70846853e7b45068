"""The presence state of one admission at one check. A pure function: the same facts give the same state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from service.facilities import PresencePolicy
from service.occupancy.looks import Look, LookResult, confirmed_absence, deciding_find
from service.occupancy.pauses import PRIVACY_PAUSE
from service.occupancy.stays import Stay
from service.occupancy.timeline import Observation, debounce, identity_in, wholly_observed, within
from service.occupancy.windows import Window
from service.sightings import Sighting
from service.vision import BedState


class PresenceState(StrEnum):
    """What is known of an admission at a check (domain, section 2), and `in_grace`: too young to be expected."""

    PRESENT_VERIFIED = "present_verified"
    PRESENT_ALTERNATIVE = "present_alternative"
    PRESENT_UNIDENTIFIED = "present_unidentified"
    ON_LEAVE = "on_leave"
    OFF_WARD = "off_ward"
    EXEMPT = "exempt"
    IN_GRACE = "in_grace"
    NOT_SEEN = "not_seen"
    BED_EMPTY = "bed_empty"
    UNANSWERED = "unanswered"
    ABSENT_CONFIRMED = "absent_confirmed"
    IMPOSTOR_SUSPECTED = "impostor_suspected"
    NO_REFERENCE = "no_reference"
    UNOBSERVED = "unobserved"


class AskCause(StrEnum):
    """Why people are asked to look for a patient."""

    NOT_SEEN = "not_seen"
    BED_EMPTY = "bed_empty"
    IMPOSTOR_SUSPECTED = "impostor_suspected"
    BLIND_BED = "blind_bed"
    ADMISSION = "admission"


_ASKED_AFTER = {
    PresenceState.NOT_SEEN: AskCause.NOT_SEEN,
    PresenceState.BED_EMPTY: AskCause.BED_EMPTY,
    PresenceState.IMPOSTOR_SUSPECTED: AskCause.IMPOSTOR_SUSPECTED,
    PresenceState.UNOBSERVED: AskCause.BLIND_BED,
}


def cause_of(state: PresenceState, policy: PresencePolicy) -> AskCause | None:
    """Why this state has people asked to look, if it has. What no camera saw is checked by hand."""
    if state is PresenceState.UNOBSERVED and not policy.hand_check_blind:
        return None
    return _ASKED_AFTER.get(state)


@dataclass(frozen=True, slots=True)
class OutcomeDetails:
    """What a reader of a state wants to know besides; fields that say nothing are left out of the record."""

    verified_at: datetime | None = None
    """The face that a continuously occupied bed still rests on."""
    elsewhere_bed_id: str | None = None
    """The other bed at which the patient's face was recognised."""
    look_ids: tuple[str, ...] = ()
    confirmed_at: datetime | None = None
    unanswered: bool = False
    carer: bool = False
    bed_swap_with: tuple[str, ...] = ()
    """Other admitted patients whose faces were recognised in this bed."""
    activity: str | None = None
    leave_signed_late_minutes: int | None = None
    frames: int = 0
    frames_unobserved: int = 0
    cause: str | None = None
    """Why nothing was observed, when a privacy pause alone is why."""

    def to_json(self) -> dict[str, Any]:
        """The fields that say something, as JSON values."""
        record: dict[str, Any] = {}
        for name in _DETAIL_NAMES:
            value = getattr(self, name)
            if value not in (None, (), False, 0):
                plain = value.isoformat() if isinstance(value, datetime) else value
                record[name] = list(plain) if isinstance(plain, tuple) else plain
        return record


_DETAIL_NAMES = tuple(item.name for item in fields(OutcomeDetails))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A state with the readings it rests on and, for presence, how it was shown."""

    state: PresenceState
    method: str | None = None
    reading_ids: tuple[str, ...] = ()
    details: OutcomeDetails = field(default_factory=OutcomeDetails)


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """Everything one check may use.

    `observations`: of the beds the stay held, each while it held it, from `policy.lookback` before the window to its
    end, raw. `sightings`: of this patient anywhere in the facility, from the window's start to its deadline.
    `looks`: of this stay. `asked`: people were asked because of this check. `admitted_now`: patients with an active
    admission at the time. `watermark`: the event time up to which deadlines have passed.
    """

    stay: Stay
    window: Window
    observations: tuple[Observation, ...]
    sightings: tuple[Sighting, ...]
    looks: tuple[Look, ...]
    admitted_now: frozenset[str]
    watermark: datetime
    asked: bool = False


def judge(facts: CheckFacts, policy: PresencePolicy) -> Outcome:
    """The state of the admission at the check, in the domain's order: what excuses, what shows presence, what people
    found, what the bed looked like. Nothing is called absent for want of a picture or an answer."""
    excused = _excused(facts, policy)
    if excused is not None:
        return excused
    own = tuple(look for look in facts.looks if _answers(look, facts.window))
    for stage in (_verified, _found, _absent, _impostor, _unidentified, _empty):
        outcome = stage(facts, own, policy)
        if outcome is not None:
            return outcome
    return _unseen(facts, own)


def _excused(facts: CheckFacts, policy: PresencePolicy) -> Outcome | None:
    stay, window = facts.stay, facts.window
    # A refusal of consent comes first: there will never be a reference, and the person is verified another way.
    if stay.exempt:
        return Outcome(PresenceState.EXEMPT)
    if stay.reference_since is None or stay.reference_since > window.due_at:
        return Outcome(PresenceState.NO_REFERENCE)
    for leave in stay.excusing_leaves(policy):
        if leave.away.overlap(window.span):
            late = leave.signed_late_by() // timedelta(minutes=1)
            return Outcome(PresenceState.ON_LEAVE, details=OutcomeDetails(leave_signed_late_minutes=late or None))
    for item in stay.activities:
        if item.away.overlap(window.span):
            return Outcome(PresenceState.OFF_WARD, details=OutcomeDetails(activity=item.kind))
    if window.due_at - stay.admitted_at < policy.grace_of(stay.category):
        return Outcome(PresenceState.IN_GRACE)
    return None


def _verified(facts: CheckFacts, _looks: Sequence[Look], policy: PresencePolicy) -> Outcome | None:
    """A face in the window, in whatever bed of the facility; or the identity that a bed occupied since still holds."""
    span = facts.window.span
    own = [item for item in within(facts.observations, span) if item.state is BedState.PATIENT]
    if own:
        ids = tuple(reading_id for item in own for reading_id in item.reading_ids)
        return Outcome(PresenceState.PRESENT_VERIFIED, "face", ids)
    elsewhere = sorted((item for item in facts.sightings if span.start <= item.at <= span.end), key=_by_time)
    if elsewhere:
        details = OutcomeDetails(elsewhere_bed_id=elsewhere[0].bed_id)
        return Outcome(PresenceState.PRESENT_VERIFIED, "face", tuple(i.reading_id for i in elsewhere), details)
    held = identity_in(facts.observations, span, policy)
    if held is None:
        return None
    details = OutcomeDetails(verified_at=held.verified_at)
    return Outcome(PresenceState.PRESENT_VERIFIED, "face_continuity", held.verified_by + held.reading_ids, details)


def _found(facts: CheckFacts, own: Sequence[Look], _policy: PresencePolicy) -> Outcome | None:
    # Whoever answers a roll call too late may have fetched the patient meanwhile.
    span, in_time = facts.window.span, facts.window.answer_by
    meanwhile = [look for look in facts.looks if look not in own and span.start <= look.looked_at <= span.end]
    find = deciding_find([look for look in own if look.looked_at <= in_time]) or deciding_find(meanwhile)
    if find is None:
        return None
    details = OutcomeDetails(look_ids=(find.look_id,))
    return Outcome(PresenceState.PRESENT_ALTERNATIVE, find.method.value, (), details)


def _absent(facts: CheckFacts, own: Sequence[Look], policy: PresencePolicy) -> Outcome | None:
    confirmed = confirmed_absence(facts.stay, own, policy)
    if confirmed is None:
        return None
    # A face recognised between the check and the last look: the patient is in the hospital, whoever found nobody.
    if any(facts.window.due_at <= item.at <= confirmed.at for item in facts.sightings):
        return None
    details = OutcomeDetails(look_ids=confirmed.look_ids, confirmed_at=confirmed.at)
    return Outcome(PresenceState.ABSENT_CONFIRMED, "two_looks", _ids(_inside(facts)), details)


def _impostor(facts: CheckFacts, own: Sequence[Look], policy: PresencePolicy) -> Outcome | None:
    """Good lone faces of somebody else in several frames; another admitted patient there is a swap of beds."""
    if _says_carer(own):
        return None
    # A picture in which nothing has changed is no second look at the face.
    seen = [item for item in _inside(facts) if item.observed and not item.carried]
    strange = [
        item
        for item in seen
        if item.state is BedState.OTHER_PERSON and item.lone and not facts.admitted_now.intersection(item.others)
    ]
    if len(strange) < policy.impostor_frames and 2 * len(strange) <= len(seen):
        return None
    details = OutcomeDetails(
        frames=len(strange), look_ids=tuple(look.look_id for look in own), unanswered=_is_unanswered(facts, own)
    )
    return Outcome(PresenceState.IMPOSTOR_SUSPECTED, None, _ids(strange), details)


def _unidentified(facts: CheckFacts, own: Sequence[Look], policy: PresencePolicy) -> Outcome | None:
    """Somebody lies there. A carer, or a single frame's worth of another face, is not a patient without a face."""
    if _says_carer(own):
        return None
    steady = [item for item in debounce(_inside(facts), policy) if item.state in _SOMEBODY]
    here = [item for item in steady if item.state is BedState.UNIDENTIFIED or not item.lone]
    if not here:
        return None
    return Outcome(PresenceState.PRESENT_UNIDENTIFIED, None, _ids(here), OutcomeDetails(frames=len(here)))


_SOMEBODY = frozenset({BedState.UNIDENTIFIED, BedState.OTHER_PERSON, BedState.PATIENT})


def _empty(facts: CheckFacts, own: Sequence[Look], policy: PresencePolicy) -> Outcome | None:
    """The bed was seen empty through the whole window. Said of one bed only, and not of those who walk about."""
    inside, span = _inside(facts), facts.window.span
    placements = facts.stay.placements_in(span)
    if len({item.bed_id for item in placements}) != 1 or facts.stay.sought_on_ward(span):
        return None
    if any(item.state is not BedState.EMPTY for item in inside if item.observed):
        return None
    if placements[0].held.start > span.start or not wholly_observed(inside, span, policy):
        return None
    blind = sum(not item.observed for item in inside)
    details = OutcomeDetails(
        frames=len(inside) - blind,
        frames_unobserved=blind,
        look_ids=tuple(look.look_id for look in own),
        unanswered=_is_unanswered(facts, own),
        carer=_says_carer(own),
    )
    return Outcome(PresenceState.BED_EMPTY, None, _ids([item for item in inside if item.observed]), details)


def _unseen(facts: CheckFacts, own: Sequence[Look]) -> Outcome:
    """Undecided; unobserved when no frame showed the bed; unanswered when people were asked and nobody looked."""
    inside = _inside(facts)
    seen = [item for item in inside if item.observed]
    swapped = facts.admitted_now.intersection(other for item in seen for other in item.others)
    details = OutcomeDetails(
        frames=len(seen),
        frames_unobserved=len(inside) - len(seen),
        look_ids=tuple(look.look_id for look in own),
        bed_swap_with=tuple(sorted(swapped)),
        carer=_says_carer(own),
        unanswered=_is_unanswered(facts, own),
        cause=PRIVACY_PAUSE if inside and all(item.cause == PRIVACY_PAUSE for item in inside) else None,
    )
    if not seen:
        return Outcome(PresenceState.UNOBSERVED, None, _ids(inside), details)
    state = PresenceState.UNANSWERED if details.unanswered else PresenceState.NOT_SEEN
    return Outcome(state, None, _ids(inside), details)


def _answers(look: Look, window: Window) -> bool:
    return look.due_at == window.due_at and look.looked_at <= window.deadline


def _is_unanswered(facts: CheckFacts, own: Sequence[Look]) -> bool:
    in_time = facts.window.answer_by
    return facts.asked and not any(look.looked_at <= in_time for look in own) and facts.watermark >= in_time


def _says_carer(own: Sequence[Look]) -> bool:
    return any(look.result is LookResult.CARER for look in own)


def _inside(facts: CheckFacts) -> tuple[Observation, ...]:
    return within(facts.observations, facts.window.span)


def _ids(items: Sequence[Observation]) -> tuple[str, ...]:
    return tuple(reading_id for item in items for reading_id in item.reading_ids)


def _by_time(item: Sighting) -> tuple[datetime, str]:
    return item.at, item.reading_id
