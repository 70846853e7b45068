"""Which reports a cancellation takes back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from service.admissions.stay_events import Event, EventKind


def without_cancelled(said: Sequence[Event], kind: EventKind, cancel: EventKind) -> list[Event]:
    """The events of `kind` that no cancellation took back; `said` in the order in which things were stated.

    A cancellation names the time of what it cancels (EVN-6 of a cancelling message is that, HL7 v2.5.1 section
    3.4.1.6); when nothing has that time, it is about the latest one. It never reaches what was stated after it.
    """
    live: list[Event] = []
    known: set[datetime] = set()
    for event in said:
        if event.kind is kind:
            live.append(event)
            known.add(event.event_at)
        elif event.kind is cancel and live:
            gone = cancelled_by(event, live, known)
            live = [one for one in live if one not in gone]
    return live


def cancelled_by(cancellation: Event, live: Sequence[Event], known: Collection[datetime]) -> list[Event]:
    """Of the reports that stand, those that the cancellation takes back: one thing, however often it was reported.

    `known`: times of all reports so far. A cancellation of one that was taken back already was sent twice: it does not
    reach for another.
    """
    target, refers_at = cancellation.facts.target, cancellation.facts.refers_at
    if target is not None:
        return [one for one in live if one.facts.target == target]
    if refers_at in known:
        return [one for one in live if one.event_at == refers_at]
    before = [one for one in live if one.event_at <= cancellation.stated_at] or list(live)
    latest = max(before, key=lambda one: one.happened).event_at
    return [one for one in live if one.event_at == latest]
