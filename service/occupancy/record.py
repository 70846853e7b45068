"""Writing what was judged: rows appear, change or go; a row that says the same is left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col

from service.kit.ids import new_id
from service.kit.intervals import Interval
from service.occupancy.asking import JudgedCheck
from service.occupancy.counts import Cell, apply, cell_of
from service.occupancy.outcome import Outcome
from service.occupancy.place import Place
from service.occupancy.repository import checks_due, requests_between
from service.occupancy.retention import SETTLED, SHOWN, answered_later, close_answered, last_shown, release_settled
from service.occupancy.tables import DirectedCheck, PresenceCheck
from service.occupancy.windows import Window
from service.sightings import hold_frames

_COMPARED = (
    "ward_id",
    "bed_id",
    "kind",
    "window_start",
    "window_end",
    "outcome",
    "method",
    "reading_ids",
    "directed_check_id",
    "details",
    "policy_version",
)


@dataclass(frozen=True, slots=True)
class Changes:
    """How many checks appeared, changed and went, and of which admissions."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    admissions: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
            self.admissions | other.admissions,
        )


def record(
    session: Session,
    place: Place,
    windows: Sequence[Window],
    judged: Sequence[JudgedCheck],
    *,
    only: Collection[str] | None,
    now: datetime,
) -> Changes:
    """Makes the recorded checks of `windows` say what was judged; those of admissions no longer due are removed."""
    if not windows:
        return Changes()
    facility_id = place.facility.id
    requests = _record_requests(session, facility_id, windows, judged, now)
    due = [window.due_at for window in windows]
    old = {(row.admission_id, row.due_at): row for row in checks_due(session, facility_id, due, only)}
    if only is not None:
        old = {key: row for key, row in old.items() if key[0] in only}
    added: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    counts: Counter[Cell] = Counter()
    closed: set[str] = set()
    for item in judged:
        values = _values(place, item, requests)
        row = old.pop((item.facts.stay.admission_id, item.facts.window.due_at), None)
        if row is None:
            added.append({**values, "id": new_id(), "computed_at": now})
            counts[_cell(place, values)] += 1
        elif any(getattr(row, name) != values[name] for name in _COMPARED):
            changed.append({**values, "id": row.id, "computed_at": now})
            counts[_cell(place, values)] += 1
            counts[cell_of(row.due_at, row.ward_id, row.outcome, place.zone)] -= 1
            if row.outcome not in SETTLED and item.outcome.state in SETTLED:
                closed.update(row.reading_ids)
    if added:
        session.execute(insert(PresenceCheck), added, execution_options={"render_nulls": True})
    if changed:
        session.execute(update(PresenceCheck), changed)
    for row in old.values():
        session.execute(delete(PresenceCheck).where(col(PresenceCheck.id) == row.id))
        counts[cell_of(row.due_at, row.ward_id, row.outcome, place.zone)] -= 1
        closed.update(row.reading_ids)
    apply(session, facility_id, counts)
    release_settled(session, facility_id, closed, due)
    shown = {str(values["admission_id"]) for values in (*added, *changed) if values["outcome"] in SHOWN}
    asked = _asked(judged)
    last = last_shown(session, shown | {who for who, _ in asked})
    close_answered(session, facility_id, {who: at for who, at in last.items() if who in shown})
    _hold_asked(session, asked, last)
    touched = {str(values["admission_id"]) for values in (*added, *changed)} | {key[0] for key in old}
    return Changes(len(added), len(changed), len(old), frozenset(touched))


def _asked(judged: Sequence[JudgedCheck]) -> dict[tuple[str, datetime], Outcome]:
    """(admission, due instant) -> what was judged, of the checks that leave a question open."""
    return {
        (item.facts.stay.admission_id, item.facts.window.due_at): item.outcome
        for item in judged
        if item.outcome.state not in SETTLED
    }


def _hold_asked(session: Session, asked: Mapping[tuple[str, datetime], Outcome], last: Mapping[str, datetime]) -> None:
    """Holds the pictures behind the questions that are open: not those that a later check has closed already. `last`:
    as `last_shown` gives it."""
    closed = answered_later([(who, due_at, outcome.state) for (who, due_at), outcome in asked.items()], last)
    hold_frames(session, {one for key, outcome in asked.items() if key not in closed for one in outcome.reading_ids})


def _cell(place: Place, values: dict[str, Any]) -> Cell:
    return cell_of(values["due_at"], values["ward_id"], values["outcome"], place.zone)


def _values(place: Place, item: JudgedCheck, requests: dict[tuple[str, datetime], str]) -> dict[str, Any]:
    stay, window = item.facts.stay, item.facts.window
    held = stay.placements_in(window.span)
    return {
        "facility_id": place.facility.id,
        "ward_id": held[0].ward_id if held else None,
        "bed_id": held[0].bed_id if held else None,
        "admission_id": stay.admission_id,
        "kind": window.kind.value,
        "due_at": window.due_at,
        "window_start": window.span.start,
        "window_end": window.span.end,
        "outcome": item.outcome.state.value,
        "method": item.outcome.method,
        "reading_ids": list(item.outcome.reading_ids),
        "directed_check_id": requests.get((stay.admission_id, window.due_at)),
        "details": item.outcome.details.to_json(),
        "policy_version": place.policy.version,
    }


def _record_requests(
    session: Session, facility_id: str, windows: Sequence[Window], judged: Iterable[JudgedCheck], now: datetime
) -> dict[tuple[str, datetime], str]:
    """(admission, due instant) -> the request to look that belongs to the check. Requests are never removed: somebody
    may be on the way."""
    span = Interval(windows[0].due_at, max(window.due_at for window in windows))
    known = {(row.admission_id, row.due_at): row for row in requests_between(session, facility_id, span)}
    found: dict[tuple[str, datetime], str] = {}
    for item in judged:
        stay, window = item.facts.stay, item.facts.window
        key = (stay.admission_id, window.due_at)
        looked = any(look.due_at == window.due_at for look in item.facts.looks)
        if key in known and (item.cause is not None or looked):
            found[key] = known[key].id
            if item.cause is not None and known[key].cause != item.cause.value:
                known[key].cause = item.cause.value
                session.add(known[key])
        elif item.cause is not None:
            held = stay.placements_in(window.span)
            row = DirectedCheck(
                facility_id=facility_id,
                admission_id=stay.admission_id,
                bed_id=held[0].bed_id if held else None,
                due_at=window.due_at,
                cause=item.cause.value,
                deadline_at=window.deadline,
                respond_by=window.respond_by,
                opened_at=window.span.end,
                recorded_at=now,
            )
            session.add(row)
            found[key] = row.id
    session.flush()
    return found
