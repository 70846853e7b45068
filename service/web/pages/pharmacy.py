"""Pages of the pharmacy: the manual queue, where a person decides; purchases; the register of delegations."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import RedirectResponse, Response

from service.access import Actor, FormGuard, Permission, allow
from service.facilities import facilities_readable, facility_for
from service.kit.errors import InvalidInput
from service.pharmacy import (
    decide_delegation,
    decide_review,
    delegation_by_id,
    delegations_readable,
    pharmacy_entry,
    purchases_readable,
    queue,
    record_reasons_read,
    review_for,
    row_readable,
    standing_now,
)
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.web.approval_form import ApprovalForm, is_waiting, limits_of, proposed
from service.web.delegation_form import DOCUMENTS, RELATIONS, DelegationForm, enter
from service.web.pharmacy_seen import delegation_lines, purchase_lines, review_lines
from service.web.places import facility_choices
from service.web.render import page, reader_of

router = APIRouter(include_in_schema=False)

Reader = Annotated[Actor, allow(Permission.PURCHASES_READ)]
Id = Annotated[str, Path(max_length=32)]
_NOTE = Form(max_length=500)


@router.get("/pharmacy/queue")
def show_queue(
    request: Request,
    actor: Annotated[Actor, allow(Permission.PURCHASES_REVIEW)],
    session: WriteSession,
    context: ContextDep,
    facility: str = "",
) -> Response:
    """Purchases that wait for a person, those that wait longest first, and the last ones decided."""
    reader = reader_of(request, actor)
    chosen = facility_for(session, actor, Permission.PURCHASES_REVIEW, facility) if facility else None
    found = queue(session, actor, facility_id=chosen.id if chosen else None, state=None)
    places = {place.id: place for place in facilities_readable(session, {row.facility_id for row, _ in found})}
    record_reasons_read(session, actor, [row for _, row in found], context.clock.now())
    lines = review_lines(session, found, places, reader.language, context.clock.now())
    return page(
        request,
        "pharmacy_queue.html",
        actor,
        zone=_zone([place.timezone for place in places.values()]),
        waiting=[line for line in lines if line.state == "waiting"],
        closed=[line for line in reversed(lines) if line.state != "waiting"][:30],
        facilities=facility_choices(session, actor, Permission.PURCHASES_REVIEW, chosen, reader.language),
    )


@router.post("/pharmacy/queue/{review_id}/decision", dependencies=[FormGuard])
def decide_in_queue(
    review_id: Id,
    actor: Annotated[Actor, allow(Permission.PURCHASES_REVIEW)],
    session: WriteSession,
    context: ContextDep,
    decision: Annotated[Literal["approve", "refuse"], Form()],
    note: Annotated[str, _NOTE] = "",
    attack_seen: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """A person's decision from the page."""
    review = review_for(session, actor, Permission.PURCHASES_REVIEW, review_id)
    decide_review(
        context, session, actor, review, approve=decision == "approve", note=note, attack_seen=bool(attack_seen)
    )
    return RedirectResponse("/pharmacy/queue", 303)


@router.get("/pharmacy/purchases")
def show_purchases(
    request: Request,
    actor: Reader,
    session: WriteSession,
    context: ContextDep,
    facility: str = "",
    verdict: str = "",
) -> Response:
    """Purchases, the latest first; with their reasons for those who decide there, and that is recorded."""
    reader = reader_of(request, actor)
    if verdict not in ("", "approved", "refused", "manual_review", "provisional"):
        raise InvalidInput(f"{verdict[:20]!r} is no verdict", field="verdict", remedy="leave it out")
    chosen = facility_for(session, actor, Permission.PURCHASES_READ, facility) if facility else None
    rows = purchases_readable(session, actor, facility_id=chosen.id if chosen else None, verdict=verdict or None)
    places = {place.id: place for place in facilities_readable(session, {row.facility_id for row in rows})}
    record_reasons_read(session, actor, rows[:200], context.clock.now())
    return page(
        request,
        "pharmacy_purchases.html",
        actor,
        zone=_zone([place.timezone for place in places.values()]),
        lines=purchase_lines(session, rows[:200], places, reader.language, actor),
        facilities=facility_choices(session, actor, Permission.PURCHASES_READ, chosen, reader.language),
        verdict=verdict,
    )


@router.get("/pharmacy")
def show_delegations(
    request: Request, actor: Reader, session: ReadSession, context: ContextDep, patient_no: str = ""
) -> Response:
    """The register: who may buy for whom, and what waits for a person."""
    reader = reader_of(request, actor)
    found = delegations_readable(session, actor, patient_no=patient_no or None)
    places = {place.id: place for place in facilities_readable(session, {row.facility_id for row, _ in found})}
    now = context.clock.now()
    shown = [standing_now(session, places[row.facility_id], row, now, number) for row, number in found[:300]]
    waiting = {row.id: proposed(session, places[row.facility_id], row, now) for row, _ in found if is_waiting(row)}
    return page(
        request,
        "pharmacy_delegations.html",
        actor,
        zone=_zone([place.timezone for place in places.values()]),
        lines=delegation_lines(shown, waiting),
        patient_no=patient_no,
        may_decide=actor.may(Permission.REGISTERS_WRITE),
        own=actor.label,
        facilities=facility_choices(session, actor, Permission.REGISTERS_WRITE, None, reader.language),
        relations=RELATIONS,
        documents=DOCUMENTS,
    )


@router.post("/pharmacy/delegations", dependencies=[FormGuard])
def enter_in_register(
    actor: Annotated[Actor, allow(Permission.REGISTERS_WRITE)],
    session: WriteSession,
    context: ContextDep,
    form: Annotated[DelegationForm, Form()],
) -> Response:
    """Staff enter a delegation; where policy asks for a second person, it waits for one."""
    place = facility_for(session, actor, Permission.REGISTERS_WRITE, form.facility)
    row = enter(session, pharmacy_entry(place, actor, context.clock.now()), form)
    return RedirectResponse(f"/pharmacy?{urlencode({'patient_no': row.patient_no})}", 303)


@router.post("/pharmacy/delegations/{delegation_id}/decision", dependencies=[FormGuard])
def decide_in_register(
    delegation_id: Id,
    actor: Annotated[Actor, allow(Permission.REGISTERS_WRITE)],
    session: WriteSession,
    context: ContextDep,
    form: Annotated[ApprovalForm, Form()],
) -> Response:
    """A person approves or rejects what was registered at a kiosk, or by a colleague, and sets how far it goes."""
    row, place = row_readable(session, actor, Permission.REGISTERS_WRITE, delegation_by_id(session, delegation_id))
    entry, approve = pharmacy_entry(place, actor, context.clock.now()), form.decision == "approve"
    decide_delegation(session, entry, row, approve=approve, note=form.note, limits=limits_of(form, place))
    return RedirectResponse("/pharmacy", 303)


def _zone(zones: list[str]) -> str:
    return zones[0] if len(set(zones)) == 1 else "UTC"
