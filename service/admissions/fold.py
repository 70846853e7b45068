"""Events of a stay into its state: a pure function of the set of events, whatever the order in which they came.

Three orders are used, each for what it is good for. What *happened* is laid out by event time. Of contradicting
statements about one thing the one *stated* last holds (EVN-2, MSH-7, lastUpdated). When something was *received* plays
no part: it only limits which events an `as of` question looks at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from service.admissions.fold_absences import fold_leaves, fold_off_ward
from service.admissions.fold_cancels import without_cancelled
from service.admissions.stay_events import ATTRIBUTES, Event, EventKind
from service.admissions.stay_state import BedSpan, StayState

_REPLACED = frozenset({EventKind.ADMIT, EventKind.TRANSFER, EventKind.DISCHARGE, EventKind.UPDATE})


def fold(events: Iterable[Event]) -> StayState:
    """The stay that the events tell of."""
    said = _current_versions(sorted(dict.fromkeys(events), key=lambda event: event.stated))
    counted, cancelled = _since_cancellation(said)
    admitted_at = _admitted_at(counted, said)
    sex, birth_date, demographics_at = _demographics(said)
    known = StayState(
        patient_no=_patient_no(counted) or _patient_no(said),
        sex=sex,
        birth_date=birth_date,
        demographics_at=demographics_at,
        admitted_at=admitted_at,
        cancelled_at=cancelled.stated_at if cancelled else None,
    )
    if admitted_at is None:
        return known
    discharged_at, contradictions = _discharged_at(counted, admitted_at)
    attributes: dict[str, Any] = {name: _latest(said, name) for name in ATTRIBUTES}
    attributes["category"] = attributes["category"] or "general"
    if discharged_at is None:
        attributes["discharge_disposition"] = None
    return StayState(
        patient_no=known.patient_no,
        sex=sex,
        birth_date=birth_date,
        demographics_at=demographics_at,
        admitted_at=admitted_at,
        discharged_at=discharged_at,
        cancelled_at=known.cancelled_at,
        **attributes,
        beds=_beds(counted, admitted_at, discharged_at),
        leaves=fold_leaves(counted),
        off_ward=fold_off_ward(counted),
        contradictions=contradictions,
    )


def _current_versions(said: Sequence[Event]) -> list[Event]:
    """Without what an older version of a document says: a whole-state source replaces what it said before."""
    newest: dict[str, datetime] = {}
    for event in said:
        document = event.facts.document
        if document is not None:
            newest[document] = max(newest.get(document, event.stated_at), event.stated_at)
    return [
        event
        for event in said
        if event.facts.document is None
        or event.kind not in _REPLACED
        or event.stated_at == newest[event.facts.document]
    ]


def _since_cancellation(said: Sequence[Event]) -> tuple[list[Event], Event | None]:
    """What counts, and the cancellation of the admission if it stands.

    A number used again after its admission was cancelled begins anew: what was said before belongs to the stay that
    did not happen. While the cancellation stands, what was said of the stay is kept for whoever looks at it.
    """
    last = max((at for at, event in enumerate(said) if event.kind is EventKind.CANCEL_ADMIT), default=None)
    if last is None:
        return list(said), None
    after = [event for event in said[last + 1 :] if event.kind is not EventKind.CANCEL_ADMIT]
    if any(event.kind is EventKind.ADMIT for event in after):
        return after, None
    return [event for event in said if event.kind is not EventKind.CANCEL_ADMIT], said[last]


def _admitted_at(counted: Sequence[Event], said: Sequence[Event]) -> datetime | None:
    admits = [event for event in counted if event.kind is EventKind.ADMIT]
    if not admits and not any(event.facts.inpatient and event.facts.admitted_at for event in counted):
        return None
    if not admits and any(event.kind is EventKind.CANCEL_ADMIT for event in said):
        # A straggler of a cancelled stay does not bring it back.
        return next((e.facts.admitted_at for e in reversed(counted) if e.facts.admitted_at), None)
    explicit = [event.facts.admitted_at for event in counted if event.facts.admitted_at is not None]
    return explicit[-1] if explicit else admits[-1].event_at


def _discharged_at(counted: Sequence[Event], admitted_at: datetime) -> tuple[datetime | None, tuple[str, ...]]:
    end: datetime | None = None
    for event in counted:
        if event.kind is EventKind.DISCHARGE:
            end = event.facts.discharged_at or event.event_at
        elif event.kind is EventKind.CANCEL_DISCHARGE:
            end = None
        elif event.kind is EventKind.UPDATE and end is not None:
            end = event.facts.discharged_at or end
    if end is not None and end <= admitted_at:
        return None, (f"the discharge at {end.isoformat()} is not after the admission at {admitted_at.isoformat()}",)
    return end, ()


def _beds(counted: Sequence[Event], admitted_at: datetime, discharged_at: datetime | None) -> tuple[BedSpan, ...]:
    moves = _moves(counted, admitted_at)
    spans: list[BedSpan] = []
    for at, bed_id in moves:
        at = max(at, admitted_at)
        if discharged_at is not None and at >= discharged_at:
            continue
        if spans and spans[-1].bed_id == bed_id:
            continue
        if spans and spans[-1].from_at == at:
            spans.pop()
            if spans and spans[-1].bed_id == bed_id:
                spans[-1] = BedSpan(bed_id, spans[-1].from_at, discharged_at)
                continue
        elif spans:
            spans[-1] = BedSpan(spans[-1].bed_id, spans[-1].from_at, at)
        spans.append(BedSpan(bed_id, at, discharged_at))
    return tuple(spans)


def _moves(counted: Sequence[Event], admitted_at: datetime) -> list[tuple[datetime, str]]:
    """Times and beds in order. Only what reports a place moves a patient; an update fills in what nobody said."""
    transfers = without_cancelled(counted, EventKind.TRANSFER, EventKind.CANCEL_TRANSFER)
    returns = without_cancelled(counted, EventKind.RETURN, EventKind.CANCEL_RETURN)
    admits = [event for event in counted if event.kind is EventKind.ADMIT]
    others = [e for e in counted if e.kind in (EventKind.UPDATE, EventKind.DISCHARGE, EventKind.LEAVE)]
    moves: list[tuple[datetime, str]] = []
    first = next((event.facts.bed_id for event in reversed(admits) if event.facts.bed_id), None)
    if first is not None:
        moves.append((admitted_at, first))
    for event in sorted([*transfers, *returns, *others], key=lambda event: event.happened):
        bed_id = event.facts.bed_id
        if bed_id is None:
            continue
        if event.kind in (EventKind.TRANSFER, EventKind.RETURN):
            moves.append((event.event_at, bed_id))
        elif not moves:
            # Nobody reported the admission: the first that names a bed is taken for where the patient was all along.
            moves.append((event.event_at if admits else admitted_at, bed_id))
    return moves


def _patient_no(events: Sequence[Event]) -> str | None:
    admits = [event.facts.patient_no for event in events if event.kind is EventKind.ADMIT and event.facts.patient_no]
    named = admits or [event.facts.patient_no for event in events if event.facts.patient_no]
    return named[-1] if named else None


def _demographics(said: Sequence[Event]) -> tuple[Any, Any, datetime | None]:
    spoken = [event.stated_at for event in said if event.facts.sex or event.facts.birth_date]
    return _latest(said, "sex"), _latest(said, "birth_date"), spoken[-1] if spoken else None


def _latest(said: Sequence[Event], name: str) -> Any:
    return next((value for event in reversed(said) if (value := getattr(event.facts, name)) is not None), None)
