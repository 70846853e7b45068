"""All queries about checks, requests to look and looks. Every one is bound to a facility or an id found through one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import and_, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.admissions import Admission, BedAssignment
from service.facilities import CheckKind
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.occupancy.looks import Look, LookMethod, LookResult
from service.occupancy.tables import DirectedCheck, DirectedLook, PresenceCheck, PresenceProgress
from service.sightings import readings

_CHUNK = 500
T = TypeVar("T")


def checks_due(
    session: Session, facility_id: str, due: Collection[datetime], admission_ids: Collection[str] | None = None
) -> Sequence[PresenceCheck]:
    """The recorded checks due at these instants; of these admissions, if given."""
    found: list[PresenceCheck] = []
    for instants in chunks(due):
        # The bed check of an admission is judged by itself.
        query = select(PresenceCheck).where(
            PresenceCheck.facility_id == facility_id,
            col(PresenceCheck.due_at).in_(instants),
            PresenceCheck.kind != CheckKind.ADMISSION.value,
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
    for chosen in chunks(admission_ids):
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
    kind: CheckKind | None = None,
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
    # An admission's bed check stands among the others only when it is asked for.
    is_admission = col(PresenceCheck.kind) == CheckKind.ADMISSION.value
    query = query.where(~is_admission if kind is None else col(PresenceCheck.kind) == kind.value)
    return session.exec(query.order_by(col(PresenceCheck.due_at), col(PresenceCheck.id)).limit(most)).all()


def last_checks(session: Session, admission_ids: Collection[str], upto: datetime) -> dict[str, PresenceCheck]:
    """Admission id -> its latest check due at `upto` at the latest."""
    latest: dict[str, PresenceCheck] = {}
    for chosen in chunks(admission_ids):
        newest = (
            select_columns(col(PresenceCheck.admission_id), func.max(PresenceCheck.due_at).label("due_at"))
            .where(
                col(PresenceCheck.admission_id).in_(chosen),
                col(PresenceCheck.due_at) <= upto,
                col(PresenceCheck.kind) != CheckKind.ADMISSION.value,
            )
            .group_by(col(PresenceCheck.admission_id))
            .subquery()
        )
        query = select(PresenceCheck).join(
            newest,
            (col(PresenceCheck.admission_id) == newest.c.admission_id) & (col(PresenceCheck.due_at) == newest.c.due_at),
        )
        latest.update({check.admission_id: check for check in session.exec(query)})
    return latest


def requests_between(
    session: Session, facility_id: str, due: Interval, admission_ids: Collection[str] | None = None
) -> Sequence[DirectedCheck]:
    """Requests to look whose checks were due in [start, end]; of these admissions, if given."""
    query = select(DirectedCheck).where(
        DirectedCheck.facility_id == facility_id,
        col(DirectedCheck.due_at) >= due.start,
        col(DirectedCheck.due_at) <= due.end,
    )
    if admission_ids is not None and len(admission_ids) <= _CHUNK:
        query = query.where(col(DirectedCheck.admission_id).in_(list(admission_ids)))
    return session.exec(query.order_by(col(DirectedCheck.due_at), col(DirectedCheck.id))).all()


def requests_expiring(session: Session, facility_id: str, span: Interval) -> Sequence[DirectedCheck]:
    """Requests to look of which a deadline lies in [start, end]: the last one, or the one to respond by."""
    last = and_(col(DirectedCheck.deadline_at) >= span.start, col(DirectedCheck.deadline_at) <= span.end)
    first = and_(col(DirectedCheck.respond_by) >= span.start, col(DirectedCheck.respond_by) <= span.end)
    query = select(DirectedCheck).where(
        DirectedCheck.facility_id == facility_id,
        # The index's column; nobody is given longer than three days.
        col(DirectedCheck.deadline_at) >= span.start,
        col(DirectedCheck.deadline_at) <= span.end + timedelta(days=4),
        or_(last, first),
    )
    return session.exec(query).all()


def looks_on(session: Session, requests: Iterable[DirectedCheck]) -> dict[str, tuple[Look, ...]]:
    """Admission id -> the looks at these requests, in order of time."""
    by_id = {request.id: request for request in requests}
    found: list[tuple[str, Look]] = []
    for chosen in chunks(by_id):
        for row in session.exec(select(DirectedLook).where(col(DirectedLook.directed_check_id).in_(chosen))):
            request = by_id[row.directed_check_id]
            found.append((request.admission_id, look_of(row, request)))
    return _in_order(found)


def _in_order(found: Iterable[tuple[str, Look]]) -> dict[str, tuple[Look, ...]]:
    by_admission: dict[str, list[Look]] = {}
    for admission_id, look in found:
        by_admission.setdefault(admission_id, []).append(look)
    return {
        key: tuple(sorted(looks, key=lambda look: (look.looked_at, look.look_id)))
        for key, looks in by_admission.items()
    }


def looks_at(session: Session, request_ids: Iterable[str]) -> dict[str, tuple[Look, ...]]:
    """As `looks_on`, for requests of which only the ids are known."""
    found: list[tuple[str, Look]] = []
    for chosen in chunks(request_ids):
        query = (
            select(DirectedLook, DirectedCheck)
            .join(DirectedCheck, col(DirectedCheck.id) == col(DirectedLook.directed_check_id))
            .where(col(DirectedLook.directed_check_id).in_(chosen))
        )
        found += [(request.admission_id, look_of(row, request)) for row, request in session.exec(query)]
    return _in_order(found)


def looks_of(session: Session, facility_id: str, admission_ids: Collection[str]) -> dict[str, tuple[Look, ...]]:
    """Admission id -> every look at its patient."""
    requests: list[DirectedCheck] = []
    for chosen in chunks(admission_ids):
        query = select(DirectedCheck).where(
            DirectedCheck.facility_id == facility_id, col(DirectedCheck.admission_id).in_(chosen)
        )
        requests += session.exec(query)
    return looks_on(session, requests)


def directed_checks(
    session: Session,
    facility_id: str,
    *,
    admission_id: str | None = None,
    running_at: datetime | None = None,
    escalated: bool = False,
) -> Sequence[DirectedCheck]:
    """The facility's requests to look, the latest first; those only whose time runs at an instant, or that went to an
    inspector, if asked for: of a large house a week of them is long."""
    query = select(DirectedCheck).where(DirectedCheck.facility_id == facility_id)
    if running_at is not None:
        query = query.where(col(DirectedCheck.deadline_at) > running_at)
    if escalated:
        query = query.where(col(DirectedCheck.escalated_at).is_not(None))
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


def admissions_touched(
    session: Session, facility_id: str, bed_ids: Collection[str], changed: Interval, reach: Interval
) -> frozenset[str]:
    """The admissions that readings of these beds in `changed` may concern: those who had a bed at some time of
    `reach`, and those of patients who were recognised in one in `changed`."""
    if not bed_ids:
        return frozenset()
    found: set[str] = set()
    held = (
        select(BedAssignment.admission_id)
        .join(Admission, col(Admission.id) == col(BedAssignment.admission_id))
        .where(
            Admission.facility_id == facility_id,
            col(BedAssignment.bed_id).in_(list(bed_ids)),
            col(BedAssignment.from_at) <= reach.end,
            or_(col(BedAssignment.to_at).is_(None), col(BedAssignment.to_at) > reach.start),
        )
    )
    found.update(session.exec(held))
    patients = {
        reading.recognised_patient_id
        for reading in readings(session, facility_id, bed_ids, [changed])
        if reading.recognised_patient_id is not None
    }
    if patients:
        active = select(Admission.id).where(
            Admission.facility_id == facility_id,
            col(Admission.patient_id).in_(patients),
            col(Admission.admitted_at) <= reach.end,
            or_(col(Admission.discharged_at).is_(None), col(Admission.discharged_at) > reach.start),
        )
        found.update(session.exec(active))
    return frozenset(found)


def asked_ids(session: Session, directed_ids: Collection[str]) -> frozenset[str]:
    """Of these requests, those that a check still refers to."""
    found: set[str] = set()
    for chosen in chunks(directed_ids):
        query = select(PresenceCheck.directed_check_id).where(col(PresenceCheck.directed_check_id).in_(chosen))
        found.update(item for item in session.exec(query) if item)
    return frozenset(found)


def progress_of(session: Session, facility_id: str) -> PresenceProgress:
    """How far the facility's checks have been judged; an unsaved row when nothing has been yet."""
    return session.get(PresenceProgress, facility_id) or PresenceProgress(facility_id=facility_id)


def look_of(row: DirectedLook, request: DirectedCheck) -> Look:
    """The recorded look as rules and judging see it."""
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


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """The items without doubles, in lists that fit into one query."""
    ordered = list(dict.fromkeys(items))
    for at in range(0, len(ordered), _CHUNK):
        yield ordered[at : at + _CHUNK]
