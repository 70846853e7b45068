"""`camera_tampering` 摄像头异常 and `late_backfill` 断网补传: what cameras show, and when it arrives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from service.screening.facts import Fact, Suspicion
from service.screening.place_facts import CameraEvent, CameraFacts

TAMPERING, BACKFILL = "camera_tampering", "late_backfill"

ALWAYS = frozenset(
    {"frozen", "looped", "swapped_camera", "no_response", "signature", "edge_crop_differs", "edge_crop_withheld"}
)
"""Causes that no ordinary ward explains."""


@dataclass(frozen=True, slots=True)
class TamperingParameters:
    """`ordinary`: how often a covered, black or moved view, or a wrong clock, is seen at checks before it counts."""

    minutes: float = 10.0
    ordinary: int = 2


@dataclass(frozen=True, slots=True)
class BackfillParameters:
    """Late frames excuse and do not prove; many of them at checks are a reason to ask."""

    late_at_checks: int = 4
    share: float = 0.2


def camera_tampering(facts: CameraFacts, parameters: TamperingParameters) -> Suspicion | None:
    """Fires on a picture that cannot be true, or on a view or clock that is wrong at several checks."""
    events = [event for event in facts.events if not _explained(event, parameters)]
    certain = sorted((event for event in events if event.cause in ALWAYS), key=lambda event: event.since)
    ordinary = sorted((e for e in events if e.cause not in ALWAYS and e.at_check), key=lambda event: event.since)
    if not certain and len(ordinary) < parameters.ordinary:
        return None
    counted = certain or ordinary
    first = counted[0] if certain else counted[parameters.ordinary - 1]
    return Suspicion(
        rule=TAMPERING,
        variant="impossible" if certain else "at_checks",
        event_at=first.until,
        facts=(
            Fact("events", len(counted), 1 if certain else parameters.ordinary),
            Fact("causes", sorted({event.cause for event in counted})),
            Fact("event_minutes", round(max(_minutes(event) for event in counted), 1), parameters.minutes),
            Fact("times", [event.since.isoformat() for event in counted[:10]]),
        ),
        evidence_ids=tuple(dict.fromkeys(item for event in counted for item in event.evidence_ids)),
    )


def _explained(event: CameraEvent, parameters: TamperingParameters) -> bool:
    if event.cause == "frozen" and not event.noise_identical:
        return True  # a quiet night
    if event.cause in ("signature", "no_response", "not_answered") or event.cause.startswith("edge_crop_"):
        return False
    return event.pause or _minutes(event) < parameters.minutes


def _minutes(event: CameraEvent) -> float:
    return (event.until - event.since) / timedelta(minutes=1)


def late_backfill(facts: CameraFacts, parameters: BackfillParameters) -> Suspicion | None:
    """A number to look at: how much of what a camera says of checks came later, without the server's chain."""
    if facts.last_late_at is None or facts.late_at_checks < parameters.late_at_checks or not facts.frames:
        return None
    share = facts.late / facts.frames
    if share < parameters.share:
        return None
    return Suspicion(
        rule=BACKFILL,
        variant="late",
        event_at=facts.last_late_at,
        facts=(
            Fact("late_frames", facts.late),
            Fact("late_share", round(share, 3), parameters.share),
            Fact("late_at_checks", facts.late_at_checks, parameters.late_at_checks),
        ),
        evidence_ids=facts.late_ids,
    )
