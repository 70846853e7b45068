"""The API of the pharmacy's files: delegations, vital status, stock."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from service.access import Actor, Permission, allow
from service.facilities import facility_for
from service.pharmacy.imports import import_delegations, import_stock, import_vital_status
from service.pharmacy.schemas_feeds import FeedOut
from service.platform.http import ContextDep, WriteSession, language

router = APIRouter()

Writer = Annotated[Actor, allow(Permission.REGISTERS_WRITE)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.")]
DryRun = Annotated[bool, Query(description="Report only; nothing is kept.")]

_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file itself; docs/pharmacy.md lists the columns.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


async def raw_body(request: Request) -> bytes:
    """The request's body as it came."""
    return await request.body()


Body = Annotated[bytes, Depends(raw_body)]


@router.post("/imports/delegations", summary="Import delegations", openapi_extra=_FILE)
def post_delegations(
    request: Request,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
    body: Body,
    dry_run: DryRun = False,
) -> FeedOut:
    """Every row gets its answer; a bad one does not stop the others. The same file again changes nothing."""
    place = facility_for(session, actor, Permission.REGISTERS_WRITE, facility)
    report = import_delegations(session, place, body, dry_run=dry_run, actor=actor, now=context.clock.now())
    return FeedOut.of(report, language(request))


@router.post("/imports/vital-status", summary="Import notices of death and their corrections", openapi_extra=_FILE)
def post_vital_statuses(
    request: Request,
    facility: FacilityCode,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
    body: Body,
    dry_run: DryRun = False,
) -> FeedOut:
    """A notice counts when two identifiers agree and none differs. A delivery without deaths is one as well."""
    place = facility_for(session, actor, Permission.REGISTERS_WRITE, facility)
    report = import_vital_status(session, place, body, dry_run=dry_run, actor=actor, now=context.clock.now())
    return FeedOut.of(report, language(request))


@router.post("/imports/stock", summary="Import the stock feed", openapi_extra=_FILE)
def post_stock(
    request: Request,
    facility: FacilityCode,
    actor: Annotated[Actor, allow(Permission.STOCK_WRITE)],
    context: ContextDep,
    session: WriteSession,
    body: Body,
    dry_run: DryRun = False,
) -> FeedOut:
    """Openings, receipts, issues and counts. The same line twice is one; another quantity is a correction."""
    place = facility_for(session, actor, Permission.STOCK_WRITE, facility)
    report = import_stock(session, place, body, dry_run=dry_run, actor=actor, now=context.clock.now())
    return FeedOut.of(report, language(request))
