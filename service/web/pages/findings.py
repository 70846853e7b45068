"""Findings: the list, one of them with everything for and against it, and its pictures."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import NoResultFound

from service import ledger
from service.access import Actor, FormGuard, Permission, allow
from service.facilities import facility_by_id, facility_for
from service.kit.clock import parse_instant
from service.kit.errors import InvalidInput, NotFound
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.screening import Verdict, decide, finding_readable_by, readable_by
from service.sightings import evidence_picture
from service.web.findings_seen import finding_detail, finding_lines
from service.web.places import facility_choices, in_shadow, readable
from service.web.render import page, reader_of
from service.web.views import Choice

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Actor, allow(Permission.FINDINGS_READ)]
Id = Annotated[str, Path(max_length=32)]
State = Literal["raised", "withdrawn", "dismissed"]
STATES = ("raised", "dismissed", "withdrawn", "all")


@router.get("/findings")
def show_findings(
    request: Request,
    actor: Viewer,
    session: ReadSession,
    facility: str = "",
    state: str = "raised",
) -> Response:
    """The findings that the reader may see, the latest first."""
    reader = reader_of(request, actor)
    if state not in STATES:
        raise InvalidInput(
            f"{state[:20]!r} is no state of a finding",
            field="state",
            remedy=f"use one of {' '.join(STATES)}",
            message_zh=f"{state[:20]!r} 不是疑点状态",
            remedy_zh=f"请使用 {' '.join(STATES)} 之一",
        )
    known = {item.id: item for item in readable(session, actor, Permission.FINDINGS_READ)}
    chosen = facility_for(session, actor, Permission.FINDINGS_READ, facility) if facility else None
    if chosen is None and len(known) == 1:
        chosen = next(iter(known.values()))
    wanted = None if state == "all" else cast(State, state)
    found = readable_by(session, actor, facility_id=chosen.id if chosen else None, state=wanted)
    shown = [chosen] if chosen else list(known.values())
    zones = {item.timezone for item in shown}
    return page(
        request,
        "findings.html",
        actor,
        zone=zones.pop() if len(zones) == 1 else "UTC",
        findings=finding_lines(session, found, known, reader.language),
        facilities=facility_choices(session, actor, Permission.FINDINGS_READ, chosen, reader.language),
        states=tuple(Choice(item, reader.t(f"findings.state.{item}"), item == state) for item in STATES),
        shadow=any(in_shadow(item) for item in shown),
        shadow_until=chosen.shadow_until if chosen else None,
    )


@router.get("/findings/{finding_id}")
def show_finding(
    finding_id: Id, request: Request, actor: Viewer, session: ReadSession, context: ContextDep
) -> Response:
    """One finding. That it was read is noted in the ledger."""
    finding = finding_readable_by(session, actor, finding_id)
    facility = facility_by_id(session, finding.facility_id)
    detail = finding_detail(session, finding, facility, actor, reader_of(request, actor).words(facility.timezone))
    session.rollback()  # the reader's snapshot of the database must not outlive the note that follows
    with context.database.transaction() as noting:
        ledger.append(
            noting,
            clock_now=context.clock.now(),
            kind="audit",
            actor=actor.label,
            action="finding.read",
            object_kind="finding",
            object_id=finding.id,
            facility_id=facility.id,
        )
    return page(request, "finding.html", actor, zone=facility.timezone, finding=detail)


@router.post("/findings/{finding_id}/decisions", dependencies=[FormGuard])
def decide_finding(
    finding_id: Id,
    actor: Annotated[Actor, allow(Permission.FINDINGS_DECIDE)],
    session: WriteSession,
    context: ContextDep,
    verdict: Annotated[Verdict, Form()],
    seen: Annotated[str, Form(max_length=40)],
    reason: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Records what the reader decided about the finding that they read."""
    finding = finding_readable_by(session, actor, finding_id)
    decide(session, actor, finding, verdict, reason, context.clock, seen=_instant(seen))
    return RedirectResponse(f"/findings/{finding_id}#decisions", 303)


def _instant(text: str) -> datetime:
    return parse_instant(text, field="seen")


@router.get("/findings/{finding_id}/evidence/{reading_id}.jpg")
def show_evidence(
    finding_id: Id,
    reading_id: Id,
    actor: Annotated[Actor, allow(Permission.FRAMES_READ)],
    session: ReadSession,
    context: ContextDep,
) -> Response:
    """A picture behind a finding. Whoever opens it is noted in the ledger before it is sent."""
    finding = finding_readable_by(session, actor, finding_id)
    actor.require(Permission.FRAMES_READ, finding.facility_id)
    if reading_id not in finding.evidence_ids:
        raise _no_picture()
    try:
        picture = evidence_picture(context, reading_id)
    except NoResultFound:  # the evidence is somebody's look, not a camera's reading
        raise _no_picture() from None
    with context.database.transaction() as noting:
        ledger.append(
            noting,
            clock_now=context.clock.now(),
            kind="audit",
            actor=actor.label,
            action="frame.viewed",
            object_kind="zone_reading",
            object_id=reading_id,
            facility_id=finding.facility_id,
            details={"finding": finding.id},
        )
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


def _no_picture() -> NotFound:
    return NotFound(
        "this finding has no such picture",
        field="reading_id",
        remedy="open pictures from the finding's page",
        message_zh="该疑点没有这张图片",
        remedy_zh="请从疑点页面打开图片",
    )
