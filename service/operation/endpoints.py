"""The routes of operation: health, readiness, metrics, and the OpenAPI document."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from service.access import Actor, Permission, allow
from service.admissions import measure_messages
from service.operation.openapi import document
from service.operation.readiness import Readiness
from service.platform import metrics
from service.platform.http import ContextDep, ReadSession
from service.platform.jobs import queue_depths
from service.sightings import measure_alarms, measure_edge_requests

router = APIRouter(tags=["operation"])

_SCRAPE = threading.Lock()
"""Gauges are set for whoever asks: nobody else's answer may be made of them meanwhile."""


@router.get("/healthz", summary="Is the process alive")
def healthz() -> dict[str, str]:
    """Answers as long as the process serves requests."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Can the process do its work",
    responses={503: {"description": "Something fails; `probes` says what", "content": {"application/json": {}}}},
)
def readyz(request: Request, context: ContextDep) -> JSONResponse:
    """Writes to the database, looks at the disk, and runs a real inference; the answer is kept for ten seconds."""
    readiness: Readiness | None = getattr(request.app.state, "readiness", None)
    if readiness is None:
        readiness = request.app.state.readiness = Readiness(context)
    results = readiness.check()
    ready = all(result.ok for result in results)
    body = {
        "status": "ready" if ready else "not ready",
        "probes": {result.name: "ok" if result.ok else "failed" for result in results},
    }
    return JSONResponse(body, 200 if ready else 503)


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def read_metrics(actor: Annotated[Actor, allow(Permission.OPERATE)], session: ReadSession) -> Response:
    """Counters and histograms in Prometheus' text format. A scraper sends a token with the scope `operate`; a token of
    one facility sees the cameras' alarms of that one only."""
    with _SCRAPE:
        metrics.jobs_queued.clear()
        for depth in queue_depths(session):
            metrics.jobs_queued.labels(depth.kind, depth.state).set(depth.count)
        measure_edge_requests(session)
        measure_alarms(session, actor.facilities(Permission.OPERATE))
        measure_messages(session)
        exposed = metrics.exposition()
    return Response(exposed, media_type=metrics.CONTENT_TYPE)


@router.get("/api/openapi.json", include_in_schema=False)
def read_openapi(_actor: Annotated[Actor, allow()], request: Request) -> dict[str, Any]:
    """The OpenAPI document of this server."""
    cached: dict[str, Any] | None = getattr(request.app.state, "openapi", None)
    if cached is None:
        cached = request.app.state.openapi = document(request.app)
    return cached
