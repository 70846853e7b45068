"""The routes of operation: health, readiness, metrics, and the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from service.access import Actor, Permission, allow
from service.operation.openapi import document
from service.operation.readiness import Readiness
from service.platform import metrics
from service.platform.http import ContextDep, ReadSession
from service.platform.jobs import queue_depths
from service.sightings import measure_edge_requests

router = APIRouter(tags=["operation"])


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
def read_metrics(_actor: Annotated[Actor, allow(Permission.OPERATE)], session: ReadSession) -> Response:
    """Counters and histograms in Prometheus' text format. A scraper sends a token with the scope `operate`."""
    metrics.jobs_queued.clear()
    for depth in queue_depths(session):
        metrics.jobs_queued.labels(depth.kind, depth.state).set(depth.count)
    measure_edge_requests(session)
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)


@router.get("/api/openapi.json", include_in_schema=False)
def read_openapi(_actor: Annotated[Actor, allow()], request: Request) -> dict[str, Any]:
    """The OpenAPI document of this server."""
    cached: dict[str, Any] | None = getattr(request.app.state, "openapi", None)
    if cached is None:
        cached = request.app.state.openapi = document(request.app)
    return cached
