"""How a state looks: a tone and an icon for each, so that colour is never the only sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sign:
    """`tone`: good | info | notice | warn | danger | mute (a CSS class). `icon`: a symbol of icons.svg."""

    tone: str
    icon: str


_UNKNOWN: Final = Sign("mute", "question")

BED_STATES: Final[dict[str, Sign]] = {
    "patient": Sign("good", "person-check"),
    "other_person": Sign("warn", "person-other"),
    "unidentified": Sign("notice", "person-question"),
    "empty": Sign("notice", "bed"),
    "unobserved": Sign("mute", "camera-off"),
    "none": Sign("mute", "dots"),
}
"""The five states of a bed, strongest first, and `none` before the first reading."""

OUTCOMES: Final[dict[str, Sign]] = {
    "present_verified": Sign("good", "check"),
    "present_alternative": Sign("good", "card"),
    "present_unidentified": Sign("notice", "person-question"),
    "on_leave": Sign("info", "leave"),
    "off_ward": Sign("info", "cross"),
    "in_grace": Sign("info", "clock"),
    "exempt": Sign("info", "shield"),
    "not_seen": Sign("notice", "search"),
    "unanswered": Sign("notice", "bell"),
    "bed_empty": Sign("warn", "bed"),
    "absent_confirmed": Sign("danger", "absent"),
    "impostor_suspected": Sign("danger", "person-other"),
    "no_reference": Sign("mute", "question"),
    "unobserved": Sign("mute", "camera-off"),
}
"""The outcomes of a presence check, in the order in which a legend lists them."""

NEEDS_A_LOOK: Final = frozenset(
    {"not_seen", "unanswered", "bed_empty", "absent_confirmed", "impostor_suspected", "other_person"}
)
"""States and outcomes that ask a person to look. Unobserved is not among them: the camera needs one, not the bed."""


def bed_sign(state: str) -> Sign:
    """The sign of a bed state."""
    return BED_STATES.get(state, _UNKNOWN)


def outcome_sign(outcome: str) -> Sign:
    """The sign of a presence outcome."""
    return OUTCOMES.get(outcome, _UNKNOWN)


def card_sign(state: str, last_outcome: str | None) -> Sign:
    """The sign of a bed on the board, calm where nothing is asked for: an empty bed whose patient is excused, and a
    sleeper whose last check showed the patient to be there."""
    sign = bed_sign(state)
    last = outcome_sign(last_outcome).tone if last_outcome is not None else ""
    calm = (state == "empty" and last == "info") or (state == "unidentified" and last == "good")
    return Sign("info", sign.icon) if calm else sign


def severity_tone(severity: str) -> str:
    """The tone of a finding's weight."""
    return {"critical": "danger", "high": "danger", "medium": "warn"}.get(severity, "notice")
