"""Heartbeats of devices: kept, so that a camera's blind time can be told from them afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func
from sqlmodel import Session, col, select

from service.access import Actor, issue_nonce
from service.contracts import Heartbeat, HeartbeatAccepted
from service.facilities import Camera, event_now, facility_by_id, find_camera
from service.facilities.device_config import OpenRollCalls, device_config
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.metrics import counter
from service.sightings.device_tables import CameraAlarm, DeviceHeartbeat
from service.sightings.errors import CameraUnknown

KEEP = timedelta(days=90)

heartbeats_total = counter("heartbeats_total", "Heartbeats of devices")


@dataclass(frozen=True, slots=True)
class LastHeard:
    """A device's last heartbeat: when, which version of the agent it runs, and what became of its last update."""

    at: datetime
    version: str
    update: str


def record_heartbeat(
    context: Context, actor: Actor, beat: Heartbeat, open_roll_calls: OpenRollCalls | None = None
) -> HeartbeatAccepted:
    """Keeps a heartbeat and answers with the server's clock and a nonce. Raises `CameraUnknown`."""
    now = context.clock.now()
    facility_id = actor.facility_id or ""
    with context.database.transaction(durable=False) as session:
        camera = camera_of_device(session, actor, beat.camera_id)
        session.add(
            DeviceHeartbeat(
                facility_id=facility_id,
                camera_id=camera.id if camera else None,
                device_id=actor.id if actor.kind == "device" else None,
                received_at=now,
                offset_ms=_offset_ms(beat.clock, now),
                spool_depth=beat.spool_depth,
                refused=beat.refused,
                dropped=sum(beat.dropped.values()),
                captured=beat.captured,
                camera_away=beat.camera_away,
                oldest_waiting_at=beat.oldest_waiting_at,
                temperature_c=beat.temperature_c,
                versions=dict(beat.versions),
            )
        )
        version = None
        if camera is not None:
            at = event_now(facility_by_id(session, camera.facility_id), now)
            version = device_config(session, camera, at, open_roll_calls).version
    heartbeats_total.inc()
    nonce = issue_nonce(context.keys, actor.id, now) if actor.kind == "device" else ""
    return HeartbeatAccepted(server_time=now, nonce=nonce, config_version=version)


def heartbeats(session: Session, facility_id: str, interval: Interval) -> tuple[DeviceHeartbeat, ...]:
    """Heartbeats that came in `interval`, in order."""
    query = (
        select(DeviceHeartbeat)
        .where(
            DeviceHeartbeat.facility_id == facility_id,
            col(DeviceHeartbeat.received_at) >= interval.start,
            col(DeviceHeartbeat.received_at) < interval.end,
        )
        .order_by(col(DeviceHeartbeat.received_at))
    )
    return tuple(session.exec(query))


def last_heard(session: Session, facility_id: str | None) -> dict[str, LastHeard]:
    """What each paired device said last, by the device's id; of one facility, or of all (None)."""
    newest = select(col(DeviceHeartbeat.device_id), func.max(col(DeviceHeartbeat.received_at)).label("at"))
    if facility_id is not None:
        newest = newest.where(DeviceHeartbeat.facility_id == facility_id)
    each = newest.where(col(DeviceHeartbeat.device_id).is_not(None)).group_by(col(DeviceHeartbeat.device_id)).subquery()
    query = select(DeviceHeartbeat).join(
        each,
        and_(
            col(DeviceHeartbeat.device_id) == each.c.device_id,
            col(DeviceHeartbeat.received_at) == each.c.at,
        ),
    )
    return {
        beat.device_id: LastHeard(
            beat.received_at, str(beat.versions.get("wardwatch", "")), str(beat.versions.get("update", ""))
        )
        for beat in session.exec(query)
        if beat.device_id is not None
    }


def latest_heartbeat(session: Session, camera_id: str) -> DeviceHeartbeat | None:
    """The last heartbeat of a camera's box."""
    query = select(DeviceHeartbeat).where(DeviceHeartbeat.camera_id == camera_id)
    return session.exec(query.order_by(col(DeviceHeartbeat.received_at).desc()).limit(1)).first()


def purge_heartbeats_job(context: Context, _payload: dict[str, Any]) -> None:
    """Forgets heartbeats, and alarms that are over, that no question goes back to. The ledger keeps the latter."""
    before = context.clock.now() - KEEP
    with context.database.transaction() as session:
        session.execute(delete(DeviceHeartbeat).where(col(DeviceHeartbeat.received_at) < before))
        session.execute(delete(CameraAlarm).where(col(CameraAlarm.cleared_at) < before))


def camera_of_device(session: Session, actor: Actor, id_or_code: str | None) -> Camera | None:
    """The camera that the device names, or its own; none for a kiosk. Raises `CameraUnknown`."""
    wanted = id_or_code or actor.camera_id
    if wanted is None and actor.kiosk_id is not None:
        return None
    found = find_camera(session, actor.facility_id or "", wanted) if wanted and actor.facility_id else None
    if found is None or actor.camera_id not in (None, found.id):
        raise CameraUnknown(
            "no such camera for this device",
            field="camera_id",
            remedy="use the camera's id or code, and a device or token of its own",
            message_zh="该设备没有此摄像头",
            remedy_zh="请使用该摄像头的编号或代码",
        )
    return found


def _offset_ms(clock: datetime, now: datetime) -> int:
    limit = 2**31 - 1
    return max(-limit, min(limit, round((now - clock).total_seconds() * 1000)))
