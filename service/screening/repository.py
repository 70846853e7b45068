"""All queries about findings."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import false, or_
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.kit.errors import NotFound
from service.screening.tables import Finding


def findings_of(session: Session, facility_id: str) -> dict[tuple[str, str], Finding]:
    """(admission, rule) -> finding, raised and withdrawn ones."""
    rows = session.exec(select(Finding).where(Finding.facility_id == facility_id))
    return {(row.admission_id, row.rule): row for row in rows}


def readable_by(
    session: Session,
    actor: Actor,
    *,
    facility_id: str | None = None,
    state: str | None = None,
    rule: str | None = None,
    admission_id: str | None = None,
) -> Sequence[Finding]:
    """Findings that the caller may see, the latest first. Those made in shadow mode stay inside: only people who belong
    to that very facility see them, not those who stand above all of them."""
    query = select(Finding)
    allowed = actor.facilities(Permission.FINDINGS_READ)
    if allowed is not None:
        query = query.where(col(Finding.facility_id).in_(sorted(allowed)) if allowed else false())
    inside = sorted({grant.facility_id for grant in actor.grants if grant.facility_id} | {actor.facility_id or ""})
    if actor.kind != "system":
        query = query.where(or_(col(Finding.in_shadow).is_(False), col(Finding.facility_id).in_(inside)))
    for column, value in (
        (col(Finding.facility_id), facility_id),
        (col(Finding.state), state),
        (col(Finding.rule), rule),
        (col(Finding.admission_id), admission_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return session.exec(query.order_by(col(Finding.event_at).desc(), col(Finding.id)).limit(5000)).all()


def finding_readable_by(session: Session, actor: Actor, finding_id: str) -> Finding:
    """One finding, for whoever may see it. Raises `NotFound`."""
    found = session.get(Finding, finding_id)
    if found is not None:
        inside = actor.works_at(found.facility_id) or not found.in_shadow
        if inside and actor.knows(found.facility_id):
            actor.require(Permission.FINDINGS_READ, found.facility_id)
            return found
    raise NotFound("no such finding", field="id", remedy="GET /api/v1/findings lists those you may see")
