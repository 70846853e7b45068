"""FHIR R4 and R5 in: create and update of what tells of stays, and bundles of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import Session

from service.access import Actor, Permission, allow
from service.admissions.errors import MessageRefused
from service.admissions.fhir.answers import (
    MEDIA_TYPE,
    bundle_answer,
    capability_statement,
    outcome_of,
    outcome_of_error,
    status_of,
)
from service.admissions.fhir.intake import Entry, Taken, entries_of, failed, keep_refused, single, take_entry
from service.admissions.fhir.resources import TYPES, Release
from service.admissions.sender import facility_of_sender
from service.facilities import Facility
from service.platform.context import Context
from service.platform.http import ContextDep, WriteSession, language

router = APIRouter(tags=["fhir"])

Writer = Annotated[Actor, allow(Permission.ADMISSIONS_WRITE)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code; default: the token's.")]
LogicalId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9\-.]{1,64}$")]


async def _raw_body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_raw_body)]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a sender delivers, and for which facility. `modified`: the request's `Last-Modified`."""

    request: Request
    actor: Actor
    context: Context
    session: Session
    place: Facility
    body: bytes

    @property
    def modified(self) -> str | None:
        """When the sender says that the resource came to be so."""
        return self.request.headers.get("last-modified")


def _delivered(
    request: Request,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
    body: Body,
    facility: FacilityCode = "",
) -> Delivery:
    return Delivery(request, actor, context, session, facility_of_sender(session, actor, facility), body)


Said = Annotated[Delivery, Depends(_delivered)]


def _body(name: str) -> dict[str, Any]:
    example = {"resourceType": name, "id": "example"}
    content = {MEDIA_TYPE: {"schema": {"type": "object"}, "example": example}}
    return {"requestBody": {"required": True, "description": f"One {name}; see docs/fhir.md.", "content": content}}


def _add(release: Release, kind: str) -> None:
    label = f"FHIR {release.upper()} {kind}"

    def create(said: Said) -> Response:
        return _one(said, release, lambda: single(kind, "POST", said.body, modified=said.modified))

    def update(resource_id: LogicalId, said: Said) -> Response:
        return _one(said, release, lambda: single(kind, "PUT", said.body, resource_id, said.modified))

    common: dict[str, Any] = {"openapi_extra": _body(kind), "response_class": Response}
    router.add_api_route(
        f"/fhir/{release}/{kind}",
        create,
        methods=["POST"],
        status_code=201,
        summary=f"Create {label}",
        description=f"Takes a new {label}; answers with an OperationOutcome.",
        name=f"create_{release}_{kind.lower()}",
        **common,
    )
    router.add_api_route(
        f"/fhir/{release}/{kind}/{{resource_id}}",
        update,
        methods=["PUT"],
        summary=f"Update {label}",
        description=f"Takes a version of a {label}; the newest by meta.lastUpdated counts, whatever the order.",
        name=f"update_{release}_{kind.lower()}",
        **common,
    )


def _add_system(release: Release) -> None:
    def bundle(said: Said) -> Response:
        return _bundle(said, release)

    def metadata(request: Request, actor: Annotated[Actor, allow()]) -> Response:
        base = str(request.url).partition("/metadata")[0]
        return JSONResponse(capability_statement(release, base), media_type=MEDIA_TYPE)

    router.add_api_route(
        f"/fhir/{release}",
        bundle,
        methods=["POST"],
        summary=f"FHIR {release.upper()} bundle",
        description="A transaction (all or nothing) or a batch (each entry for itself) of creates and updates.",
        name=f"bundle_{release}",
        openapi_extra=_body("Bundle"),
        response_class=Response,
    )
    router.add_api_route(
        f"/fhir/{release}/metadata",
        metadata,
        methods=["GET"],
        summary=f"FHIR {release.upper()} capabilities",
        description="The capability statement: which resources and interactions are taken.",
        name=f"metadata_{release}",
        response_class=Response,
    )


def _one(said: Delivery, release: Release, read: Callable[[], Entry]) -> Response:
    tongue = language(said.request)
    try:
        entry = read()
    except MessageRefused as error:
        return JSONResponse(outcome_of_error(error, tongue), 422, media_type=MEDIA_TYPE)
    taken = take_entry(said.context, said.session, said.place, release, entry, actor=said.actor)
    headers = {} if taken.outcome.error else {"Location": f"/fhir/{release}/{entry.kind}/{taken.logical_id}"}
    return JSONResponse(outcome_of(taken.outcome, tongue), status_of(taken), headers, media_type=MEDIA_TYPE)


def _bundle(said: Delivery, release: Release) -> Response:
    tongue, session = language(said.request), said.session
    try:
        kind, entries = entries_of(said.body)
    except MessageRefused as error:
        return JSONResponse(outcome_of_error(error, tongue), 422, media_type=MEDIA_TYPE)
    outer = session.begin_nested()
    taken: list[Taken] = []
    for entry in entries:
        taken.append(take_entry(said.context, session, said.place, release, entry, actor=said.actor))
        if kind == "transaction" and taken[-1].outcome.error is not None:
            break
    wrong = failed(taken) if kind == "transaction" else None
    fault = wrong.outcome.error if wrong is not None else None
    if wrong is None or fault is None:
        outer.commit()
        return JSONResponse(bundle_answer(kind, taken, tongue), media_type=MEDIA_TYPE)
    outer.rollback()
    session.expire_all()
    # All or nothing: what is kept is the entry at fault, so that it can be looked at.
    keep_refused(said.context, session, said.place, release, wrong.entry, fault, actor=said.actor)
    document = outcome_of_error(fault, tongue)
    document["issue"][0]["expression"] = [f"Bundle.entry[{wrong.entry.number}].resource", *filter(None, [fault.field])]
    return JSONResponse(document, 422, media_type=MEDIA_TYPE)


for _release in ("r4", "r5"):
    _add_system(_release)
    for _kind in TYPES:
        _add(_release, _kind)
