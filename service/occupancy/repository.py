"""All queries about checks, requests to look and looks. Every one is bound to a facility or an id found through one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.occupancy.looks import Look, LookMethod, LookResult
from service.occupancy.tables import DirectedCheck, DirectedLook, PresenceCheck, PresenceProgress

_CHUNK = 500
T = TypeVar("T")


def checks_due(
    session: Session, facility_id: str, due: Collection[datetime], admission_ids: Collection[str] | None = None
) -> Sequence[PresenceCheck]:
    """The recorded checks due at these instants; of these admissions, if given."""
    found: list[PresenceCheck] = []
    for instants in _chunks(due):
        query = select(PresenceCheck).where(
            PresenceCheck.facility_id == facility_id, col(PresenceCheck.due_at).in_(instants)
        )
        if admission_ids is not None and len(admission_ids) <= _CHUNK:
            query = query.where(col(PresenceCheck.admission_id).in_(list(admission_ids)))
        found += session.exec(query)
    return found


def checks_of(session: Session, facility_id: str, admission_ids: Collection[str] | None) -> Sequence[PresenceCheck]:
    """Every recorded check of these admissions (None: of all), in order of time."""
    query = select(PresenceCheck).where(PresenceCheck.facility_id == facility_id)
    if admission_ids is None:
        return session.exec(query.order_by(col(PresenceCheck.due_at))).all()
    found: list[PresenceCheck] = []
    for chosen in _chunks(admission_ids):
        found += session.exec(query.where(col(PresenceCheck.admission_id).in_(chosen)))
    return sorted(found, key=lambda check: check.due_at)


def admissions_with(session: Session, facility_id: str, outcomes: Collection[str]) -> frozenset[str]:
    """The admissions of which some check had one of these outcomes."""
    query = select(PresenceCheck.admission_id).where(
        PresenceCheck.facility_id == facility_id, col(PresenceCheck.outcome).in_(list(outcomes))
    )
    return frozenset(session.exec(query.distinct()))


def find_checks(
    session: Session,
    facility_id: str,
    interval: Interval,
    *,
    ward_id: str | None = None,
    admission_id: str | None = None,
    outcome: str | None = None,
    most: int = 1000,
) -> Sequence[PresenceCheck]:
    """The checks due in `interval`, in order of time."""
    query = select(PresenceCheck).where(
        PresenceCheck.facility_id == facility_id,
        col(PresenceCheck.due_at) >= interval.start,
        col(PresenceCheck.due_at) < interval.end,
    )
    if ward_id is not None:
        query = query.where(PresenceCheck.ward_id == ward_id)
    if admission_id is not None:
        query = query.where(PresenceCheck.admission_id == admission_id)
    if outcome is not None:
        query = query.where(PresenceCheck.outcome == outcome)
    return session.exec(query.order_by(col(PresenceCheck.due_at), col(PresenceCheck.id)).limit(most)).all()


def outcome_counts(
    session: Session, facility_id: str, ward_id: str | None, interval: Interval
) -> Iterator[tuple[str | None, datetime, str, int]]:
    """(ward, due instant, outcome, number of checks), counted by the database."""
    query = select_columns(
        col(PresenceCheck.ward_id), col(PresenceCheck.due_at), col(PresenceCheck.outcome), func.count()
    ).where(
        col(PresenceCheck.facility_id) == facility_id,
        col(PresenceCheck.due_at) >= interval.start,
        col(PresenceCheck.due_at) < interval.end,
    )
    if ward_id is not None:
        query = query.where(col(PresenceCheck.ward_id) == ward_id)
    grouped = query.group_by(col(PresenceCheck.ward_id), col(PresenceCheck.due_at), col(PresenceCheck.outcome))
    yield from session.execute(grouped)


def last_checks(session: Session, admission_ids: Collection[str], upto: datetime) -> dict[str, PresenceCheck]:
    """Admission id -> its latest check due at `upto` at the latest."""
    latest: dict[str, PresenceCheck] = {}
    for chosen in _chunks(admission_ids):
        newest = (
            select_columns(col(PresenceCheck.admission_id), func.max(PresenceCheck.due_at).label("due_at"))
            .where(col(PresenceCheck.admission_id).in_(chosen), col(PresenceCheck.due_at) <= upto)
            .group_by(col(PresenceCheck.admission_id))
            .subquery()
        )
        query = select(PresenceCheck).join(
            newest,
            (col(PresenceCheck.admission_id) == newest.c.admission_id) & (col(PresenceCheck.due_at) == newest.c.due_at),
        )
        latest.update({check.admission_id: check for check in session.exec(query)})
    return latest


def requests_between(session: Session, facility_id: str, due: Interval) -> Sequence[DirectedCheck]:
    """Requests to look whose checks were due in [start, end]."""
    query = select(DirectedCheck).where(
        DirectedCheck.facility_id == facility_id,
        col(DirectedCheck.due_at) >= due.start,
        col(DirectedCheck.due_at) <= due.end,
    )
    return session.exec(query.order_by(col(DirectedCheck.due_at), col(DirectedCheck.id))).all()


def requests_expiring(session: Session, facility_id: str, span: Interval) -> Sequence[DirectedCheck]:
    """Requests to look whose deadline lies in [start, end]."""
    query = select(DirectedCheck).where(
        DirectedCheck.facility_id == facility_id,
        col(DirectedCheck.deadline_at) >= span.start,
        col(DirectedCheck.deadline_at) <= span.end,
    )
    return session.exec(query).all()


def looks_on(session: Session, requests: Iterable[DirectedCheck]) -> dict[str, tuple[Look, ...]]:
    """Admission id -> the looks at these requests, in order of time."""
    by_id = {request.id: request for request in requests}
    found: dict[str, list[Look]] = {}
    for chosen in _chunks(by_id):
        for row in session.exec(select(DirectedLook).where(col(DirectedLook.directed_check_id).in_(chosen))):
            request = by_id[row.directed_check_id]
            found.setdefault(request.admission_id, []).append(_look(row, request))
    return {key: tuple(sorted(looks, key=lambda look: (look.looked_at, look.look_id))) for key, looks in found.items()}


def looks_of(session: Session, facility_id: str, admission_ids: Collection[str]) -> dict[str, tuple[Look, ...]]:
    """Admission id -> every look at its patient."""
    requests: list[DirectedCheck] = []
    for chosen in _chunks(admission_ids):
        query = select(DirectedCheck).where(
            DirectedCheck.facility_id == facility_id, col(DirectedCheck.admission_id).in_(chosen)
        )
        requests += session.exec(query)
    return looks_on(session, requests)


def directed_checks(session: Session, facility_id: str, *, admission_id: str | None = None) -> Sequence[DirectedCheck]:
    """The facility's requests to look, the latest first."""
    query = select(DirectedCheck).where(DirectedCheck.facility_id == facility_id)
    if admission_id is not None:
        query = query.where(DirectedCheck.admission_id == admission_id)
    return session.exec(query.order_by(col(DirectedCheck.due_at).desc(), col(DirectedCheck.id)).limit(2000)).all()


def directed_readable_by(session: Session, actor: Actor, permission: Permission, check_id: str) -> DirectedCheck:
    """The request to look, for whoever has `permission` at its facility. Raises `NotFound` or `Forbidden`."""
    found = session.get(DirectedCheck, check_id)
    if found is None:
        raise NotFound("no such directed check", field="id", remedy="GET /api/v1/directed-checks lists them")
    actor.require(permission, found.facility_id)
    return found


def asked_ids(session: Session, directed_ids: Collection[str]) -> frozenset[str]:
    """Of these requests, those that a check still refers to."""
    found: set[str] = set()
    for chosen in _chunks(directed_ids):
        query = select(PresenceCheck.directed_check_id).where(col(PresenceCheck.directed_check_id).in_(chosen))
        found.update(item for item in session.exec(query) if item)
    return frozenset(found)


def progress_of(session: Session, facility_id: str) -> PresenceProgress:
    """How far the facility's checks have been judged; an unsaved row when nothing has been yet."""
    return session.get(PresenceProgress, facility_id) or PresenceProgress(facility_id=facility_id)


def _look(row: DirectedLook, request: DirectedCheck) -> Look:
    return Look(
        look_id=row.id,
        due_at=request.due_at,
        person_id=row.person_id,
        role=row.role,
        looked_at=row.looked_at,
        result=LookResult(row.result),
        method=LookMethod(row.method),
        ward_searched=row.ward_searched,
        patient_called=row.patient_called,
    )


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    ordered = list(dict.fromkeys(items))
    for at in range(0, len(ordered), _CHUNK):
        yield ordered[at : at + _CHUNK]
