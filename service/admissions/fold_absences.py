"""Leaves and activities off the ward out of a stay's events: pairing of going and coming back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.admissions.fold_cancels import cancelled_by, without_cancelled
from service.admissions.stay_events import Event, EventKind
from service.admissions.stay_state import LeaveState, OffWardState

UNSTATED_RETURN = timedelta(hours=12)
"""A leave of which nobody said when it ends. Senders' mappings fill it in; this is the last resort."""


@dataclass(slots=True)
class _Absence:
    """What was said of one going away: every report in the order stated, and the cancellation if it stands."""

    key: str
    from_at: datetime
    reports: list[Event] = field(default_factory=list)
    cancelled: Event | None = None
    backs: list[Event] = field(default_factory=list)


def fold_leaves(said: Sequence[Event]) -> tuple[LeaveState, ...]:
    """The leaves, cancelled ones too, in order of their start; `said` in the order stated."""
    absences = _grouped(_without_repeats(said), EventKind.LEAVE, EventKind.CANCEL_LEAVE)
    _pair(absences, without_cancelled(said, EventKind.RETURN, EventKind.CANCEL_RETURN))
    return tuple(_leave(absence) for absence in absences)


def fold_off_ward(said: Sequence[Event]) -> tuple[OffWardState, ...]:
    """The activities off the ward, cancelled ones too, in order of their start; `said` in the order stated."""
    absences = _grouped(said, EventKind.OFF_WARD, EventKind.CANCEL_OFF_WARD)
    _pair(absences, without_cancelled(said, EventKind.ON_WARD, EventKind.CANCEL_ON_WARD))
    found = []
    for at, absence in enumerate(absences):
        last = absence.reports[-1]
        end = _latest_back(absence) or last.facts.to_at
        if end is None and last.facts.target is None:
            # Whoever leaves again was back: an open absence of a feed without A10 must not excuse for ever.
            end = next((later.from_at for later in absences[at + 1 :] if later.cancelled is None), None)
        cancelled_at = absence.cancelled.stated_at if absence.cancelled else None
        found.append(OffWardState(absence.key, last.facts.off_ward_kind or "other", absence.from_at, end, cancelled_at))
    return tuple(found)


def _leave(absence: _Absence) -> LeaveState:
    last = absence.reports[-1]
    facts = last.facts
    return LeaveState(
        key=absence.key,
        from_at=absence.from_at,
        expected_return_at=facts.expected_return_at or absence.from_at + UNSTATED_RETURN,
        to_at=_latest_back(absence),
        approved_by=facts.approved_by or "",
        signed_at=facts.signed_at or last.stated_at,
        reason=facts.reason or "",
        cancelled_at=absence.cancelled.stated_at if absence.cancelled else None,
    )


def _grouped(said: Sequence[Event], kind: EventKind, cancel: EventKind) -> list[_Absence]:
    """One absence for all reports of it: by the id it was given, else by its start (and kind of activity)."""
    absences: dict[str, _Absence] = {}
    for event in said:
        if event.kind is kind:
            key = _key(event)
            absence = absences.setdefault(key, _Absence(key, event.event_at))
            absence.reports.append(event)
            absence.cancelled = None
        elif event.kind is cancel:
            live = {absence.key: absence.reports[-1] for absence in absences.values() if absence.cancelled is None}
            known = {report.event_at for absence in absences.values() for report in absence.reports}
            gone = cancelled_by(event, list(live.values()), known) if live else []
            for key, report in live.items():
                if report in gone:
                    absences[key].cancelled = event
    return sorted(absences.values(), key=lambda absence: (absence.from_at, absence.key))


def _key(event: Event) -> str:
    if event.facts.target is not None:
        return event.facts.target
    return f"{event.facts.off_ward_kind or ''}@{event.event_at.isoformat()}"


def _without_repeats(said: Sequence[Event]) -> list[Event]:
    """Without leaves concluded from a state that merely went on: "on leave" said twice is one leave."""
    repeats: set[int] = set()
    away = False
    for event in sorted(said, key=lambda event: event.happened):
        if event.kind is EventKind.RETURN:
            away = False
        elif event.kind is EventKind.LEAVE:
            if event.facts.implied and away:
                repeats.add(id(event))
            away = True
    return [event for event in said if id(event) not in repeats]


def _pair(absences: Sequence[_Absence], backs: Sequence[Event]) -> None:
    """Gives each coming back to the absence it ends: the one it names, else the last that began before it."""
    live = [absence for absence in absences if absence.cancelled is None]
    for back in backs:
        target = back.facts.target
        if target is not None:
            fitting = [absence for absence in absences if absence.key == target]
        else:
            fitting = [absence for absence in live if absence.from_at <= back.event_at]
        if fitting:
            fitting[-1].backs.append(back)


def _latest_back(absence: _Absence) -> datetime | None:
    """When the person was back: as stated last; of what was only concluded from states, the first."""
    reported = [back for back in absence.backs if not back.facts.implied]
    if reported:
        return reported[-1].event_at
    return min((back.event_at for back in absence.backs), default=None)
