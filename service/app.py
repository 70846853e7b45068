"""The HTTP application: puts the rooms' routers together and opens what they need."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.formparsers import MultiPartParser

from service import operation, worker
from service.access import SignedBodies
from service.access import device_endpoints as devices
from service.access import endpoints as access
from service.admissions import endpoints as admissions
from service.admissions import feed_endpoints as feed
from service.admissions.feed_endpoints import MOST_READ
from service.admissions.fhir import endpoints as fhir
from service.enrolment import endpoints as enrolment
from service.enrolment import person_endpoints as references
from service.facilities import endpoints as facilities
from service.occupancy import endpoints as occupancy
from service.pharmacy import endpoints as pharmacy
from service.platform import migrate
from service.platform.context import Context, open_context
from service.platform.http import install_problem_handlers
from service.platform.jobs import JobRunner
from service.platform.limits import BodyLimit, BodyLimits, Gatekeeper
from service.platform.settings import Settings
from service.screening import endpoints as screening
from service.sightings import edge_endpoints as edge_matching
from service.sightings import endpoints as sightings
from service.sightings import heartbeat_endpoints as heartbeats
from service.sightings import view_endpoints as views
from service.web import pages
from service.web.assets import Assets
from service.web.problem_page import error_page

_MEBIBYTE = 1024 * 1024
_ROOMS = (
    operation,
    access,
    devices,
    facilities,
    admissions,
    feed,
    fhir,
    enrolment,
    references,
    sightings,
    views,
    heartbeats,
    edge_matching,
    occupancy,
    pharmacy,
    screening,
    pages,
)


def create_app(source: Settings | Context) -> FastAPI:
    """The application over an installation: one that it opens and closes itself, or one that the caller opened.

    Nothing is served before the database has the code's version: the start fails with `NotMigrated`.
    """
    settings = source.settings if isinstance(source, Context) else source

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context = source if isinstance(source, Context) else open_context(source)
        migrate.require_current(context)
        app.state.context = context
        app.state.open_roll_calls = worker.open_roll_calls
        runner = JobRunner(context, worker.handlers(), settings.worker_threads)
        ticker = worker.Ticker(context)
        if settings.worker_threads:
            runner.start()
            ticker.start()
        try:
            yield
        finally:
            ticker.stop()
            runner.stop()
            if not isinstance(source, Context):
                context.close()

    app = FastAPI(
        title="wardwatch",
        version=version("wardwatch"),
        lifespan=lifespan,
        # The document is served to those who are logged in (`service.operation`); pages from a CDN are not.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    install_problem_handlers(app, error_page=error_page)
    for room in _ROOMS:
        app.include_router(room.router)
    app.mount("/static", Assets(), name="static")
    https = (settings.public_origin or "").startswith("https://")
    app.add_middleware(SignedBodies)
    app.add_middleware(Gatekeeper, limits=body_limits(settings), https=https)
    # Above this an upload goes through an unencrypted temporary file; a picture never does.
    MultiPartParser.spool_max_size = max(MultiPartParser.spool_max_size, settings.max_image_bytes)
    return app


def body_limits(settings: Settings) -> BodyLimits:
    """How much a request may carry: pictures and imports more than the rest."""
    picture = settings.max_image_bytes + _MEBIBYTE // 16
    return BodyLimits(
        default=_MEBIBYTE,
        by_path=(
            BodyLimit(re.compile(r"/api/v1/snapshots\Z"), picture),
            BodyLimit(re.compile(r"/api/v1/edge-crops\Z"), picture + 2 * _MEBIBYTE),
            BodyLimit(re.compile(r"(/hand-held/[^/]+|/api/v1/directed-checks/[^/]+/handheld-looks)\Z"), picture),
            BodyLimit(re.compile(r"/api/v1/(patients|staff)/[^/]+/enrolments\Z"), 10 * picture),
            BodyLimit(re.compile(r"/api/v1/purchase-(verifications|reconciliations)\Z"), 10 * picture),
            BodyLimit(re.compile(r"/api/v1/delegates/[^/]+/enrolments\Z"), 10 * picture),
            BodyLimit(re.compile(r"/api/v1/imports/enrolments\Z"), 512 * _MEBIBYTE),
            BodyLimit(re.compile(r"/api/v1/imports/"), 32 * _MEBIBYTE),
            BodyLimit(re.compile(r"/api/v1/facilities\Z"), 4 * _MEBIBYTE),
            BodyLimit(re.compile(r"/fhir/r[45]/?\Z"), 8 * _MEBIBYTE),
            # A message that is too large is answered with an HL7 ACK, so that it is read to its end, and thrown away.
            BodyLimit(re.compile(r"/api/v1/adt/hl7v2\Z"), MOST_READ),
        ),
    )
