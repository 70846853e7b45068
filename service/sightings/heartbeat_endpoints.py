"""The API of devices' health: heartbeats in, cameras' health out."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from service.access import Actor, Permission, allow
from service.contracts import Heartbeat, HeartbeatAccepted, LateStatements, LateStatementsAccepted
from service.facilities import facility_for
from service.kit.clock import utc
from service.platform.http import ContextDep, ReadSession
from service.sightings.alarms import AlarmSeen, alarms_since
from service.sightings.camera_health import CameraHealth, CameraNow, camera_health, cameras_now
from service.sightings.heartbeats import record_heartbeat
from service.sightings.late_statements import attach_statements
from service.sightings.spans import span_asked

router = APIRouter(prefix="/api/v1", tags=["devices"])

_LONGEST = timedelta(days=31)


class BlindOut(BaseModel):
    """A time in which a camera saw nothing."""

    since: datetime
    until: datetime
    cause: str = Field(description="silent, camera_away, no_pictures, unreadable, or a cause of the view.")


class CameraHealthOut(BaseModel):
    """A camera now, and its blind time in the interval asked for."""

    camera_id: str
    camera_code: str
    ward_id: str
    alarms: list[str] = Field(
        description="silent, blind, frozen, drifting, dropping, hot, untrusted, unanswered, released."
    )
    last_picture_at: datetime | None
    last_heartbeat_at: datetime | None
    offset_ms: int | None = Field(description="Server's time minus the box's, as last measured.")
    spool_depth: int | None
    dropped: int | None
    temperature_c: float | None
    pictures: int
    blind_seconds: float
    blind: list[BlindOut]

    @classmethod
    def of(cls, now: CameraNow, over: CameraHealth) -> CameraHealthOut:
        """As the wire has it."""
        return cls(
            camera_id=now.camera_id,
            camera_code=now.camera_code,
            ward_id=now.ward_id,
            alarms=[alarm.value for alarm in now.alarms],
            last_picture_at=now.last_picture_at,
            last_heartbeat_at=now.last_heartbeat_at,
            offset_ms=now.offset_ms,
            spool_depth=now.spool_depth,
            dropped=now.dropped,
            temperature_c=now.temperature_c,
            pictures=over.pictures,
            blind_seconds=over.blind_seconds,
            blind=[BlindOut(since=span.since, until=span.until, cause=span.cause) for span in over.blind],
        )


class CameraAlarmOut(BaseModel):
    """An alarm of a camera, from when people were told of it."""

    alarm_id: str
    camera_id: str
    camera_code: str
    ward_id: str
    kind: str = Field(description="silent, blind, frozen, drifting, dropping, hot, untrusted, unanswered, released.")
    raised_at: datetime
    cleared_at: datetime | None = Field(description="None while it is open.")

    @classmethod
    def of(cls, alarm: AlarmSeen) -> CameraAlarmOut:
        """As the wire has it."""
        return cls(**asdict(alarm))


@router.post("/heartbeats", summary="Say how a device is")
def post_heartbeat(
    beat: Heartbeat,
    actor: Annotated[Actor, allow(Permission.SNAPSHOTS_POST, Permission.PURCHASES_VERIFY)],
    context: ContextDep,
    request: Request,
) -> HeartbeatAccepted:
    """Keeps the heartbeat. The answer holds the server's clock, a nonce for capture statements, and the version of the
    device's configuration: fetch it when it differs."""
    return record_heartbeat(context, actor, beat, getattr(request.app.state, "open_roll_calls", None))


@router.post("/snapshots/statements", summary="Hand in statements of pictures that are here")
def post_statements(
    told: LateStatements, actor: Annotated[Actor, allow(Permission.SNAPSHOTS_POST)], context: ContextDep
) -> LateStatementsAccepted:
    """For a device whose server, before it was updated, took pictures without their statements."""
    return attach_statements(context, actor, told)


@router.get("/cameras/health", summary="Which cameras see")
def read_camera_health(
    actor: Annotated[Actor, allow(Permission.OCCUPANCY_READ)],
    context: ContextDep,
    session: ReadSession,
    facility: Annotated[str, Query(max_length=64, description="The facility's code.")],
    since: Annotated[AwareDatetime | None, Query(alias="from", description="Default: 24 hours ago.")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Default: now.")] = None,
) -> list[CameraHealthOut]:
    """Each camera's alarms of this moment and its blind time between two instants, with causes."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    now = context.clock.now()
    end = min(utc(until), now) if until else now
    span = span_asked(since, end, usual=timedelta(hours=24), longest=_LONGEST)
    over = {health.camera_id: health for health in camera_health(session, place.id, span)}
    return [CameraHealthOut.of(camera, over[camera.camera_id]) for camera in cameras_now(session, place.id, now)]


@router.get("/cameras/alarms", summary="Alarms of cameras")
def read_camera_alarms(
    actor: Annotated[Actor, allow(Permission.OCCUPANCY_READ)],
    context: ContextDep,
    session: ReadSession,
    facility: Annotated[str, Query(max_length=64, description="The facility's code.")],
    hours: Annotated[int, Query(ge=0, le=2160, description="Also those cleared in the last hours.")] = 24,
) -> list[CameraAlarmOut]:
    """Those open, and those cleared lately, in the order in which they opened. One opens when its cause stood for a
    minute and clears when the cause was away for five; the ledger keeps both. A replay's cameras have none."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    since = context.clock.now() - timedelta(hours=hours)
    return [CameraAlarmOut.of(alarm) for alarm in alarms_since(session, place.id, since)]
