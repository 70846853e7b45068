"""Alarms of cameras that reach people: they open and clear with patience, and each turn is written into the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, or_, select

from service import ledger
from service.facilities import Facility, cameras_of_facility, facilities_readable, facility_by_id
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.platform.metrics import gauge
from service.sightings.alarm_post import POST_JOB, PRIORITY, is_told
from service.sightings.camera_health import Alarm, cameras_now
from service.sightings.device_tables import CameraAlarm

WATCH_JOB = "cameras.watch"
RAISE_AFTER = timedelta(minutes=1)
"""A cause must stand at two looks, a minute apart. The causes have their own patience besides: two pauses of the
camera, five heartbeats."""
CLEAR_AFTER = timedelta(minutes=5)
"""And be away for so long: an alarm that flickers is one alarm, not twenty."""

alarms_open = gauge(
    "camera_alarms", "Open alarms of cameras, by facility and kind: silent, blind, frozen, …", ("facility", "kind")
)
cameras_in_use = gauge("cameras", "Cameras in use", ("facility",))


@dataclass(frozen=True, slots=True)
class AlarmSeen:
    """An alarm that was raised. `cleared_at`: none while it is open."""

    alarm_id: str
    camera_id: str
    camera_code: str
    ward_id: str
    kind: str
    raised_at: datetime
    cleared_at: datetime | None


def ask_for_watch(session: Session, now: datetime) -> None:
    """A look at the cameras of each facility on the real clock. A replay's boxes speak by another one."""
    for facility in facilities_readable(session, None):
        if facility.clock == "live":
            enqueue(session, WATCH_JOB, {"facility_id": facility.id}, now=now, dedupe_key=f"{WATCH_JOB}:{facility.id}")


def watch_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `cameras.watch` {facility_id}."""
    now = context.clock.now()
    with context.database.transaction() as session:
        watch_cameras(session, facility_by_id(session, str(payload["facility_id"])), now, tell=is_told(context))


def watch_cameras(session: Session, facility: Facility, now: datetime, *, tell: bool = False) -> None:
    """Opens and clears the alarms of a facility's cameras by what is wrong at `now`.

    `tell`: ask for a post of each turn (`alarm_post`).
    """
    cameras = cameras_now(session, facility.id, now)
    codes = {camera.id: camera.code for camera in cameras_of_facility(session, facility.id)}
    standing = {(camera.camera_id, alarm.value) for camera in cameras for alarm in camera.alarms}
    known = {(row.camera_id, row.kind): row for row in _open_rows(session, facility.id)}
    turned: list[tuple[CameraAlarm, str]] = []
    for camera_id, kind in sorted(standing - known.keys()):
        session.add(CameraAlarm(facility_id=facility.id, camera_id=camera_id, kind=kind, seen_since=now))
    for key, row in sorted(known.items()):
        turn = _stands(row, now) if key in standing else _is_quiet(session, row, now)
        if turn:
            turned.append((row, turn))
    session.flush()
    for row, turn in turned:
        _tell(session, facility, row, codes.get(row.camera_id, ""), turn, now, tell=tell)


def _stands(row: CameraAlarm, now: datetime) -> str:
    row.quiet_since = None
    if row.raised_at is None and now - row.seen_since >= RAISE_AFTER:
        row.raised_at = now
        return "raised"
    return ""


def _is_quiet(session: Session, row: CameraAlarm, now: datetime) -> str:
    if row.raised_at is None:
        session.delete(row)
        return ""
    row.quiet_since = row.quiet_since or now
    if now - row.quiet_since < CLEAR_AFTER:
        return ""
    row.cleared_at = now
    return "cleared"


def _tell(
    session: Session, facility: Facility, row: CameraAlarm, camera_code: str, turn: str, now: datetime, *, tell: bool
) -> None:
    ledger.append(
        session,
        clock_now=now,
        kind="audit",
        actor="system",
        action=f"camera_alarm.{turn}",
        object_kind="camera",
        object_id=row.camera_id,
        facility_id=facility.id,
        details={"alarm": row.kind, "alarm_id": row.id, "seen_since": row.seen_since.isoformat()},
    )
    if tell:
        about = {
            "alarm_id": row.id,
            "event": turn,
            "kind": row.kind,
            "facility": facility.code,
            "camera": camera_code,
            "at": now.isoformat(),
            "seen_since": row.seen_since.isoformat(),
        }
        enqueue(session, POST_JOB, {"about": about}, now=now, priority=PRIORITY)


def open_alarms(session: Session, facility_id: str) -> tuple[AlarmSeen, ...]:
    """Those that were raised and are not cleared, the oldest first."""
    rows = [row for row in _open_rows(session, facility_id) if row.raised_at is not None]
    return _seen(session, facility_id, rows)


def alarms_since(session: Session, facility_id: str, since: datetime) -> tuple[AlarmSeen, ...]:
    """Those open, and those that were cleared at `since` or later, in the order in which they were raised."""
    query = select(CameraAlarm).where(
        CameraAlarm.facility_id == facility_id,
        col(CameraAlarm.raised_at).is_not(None),
        or_(col(CameraAlarm.cleared_at).is_(None), col(CameraAlarm.cleared_at) >= since),
    )
    return _seen(session, facility_id, session.exec(query).all())


def measure_alarms(session: Session, facility_ids: Collection[str] | None) -> None:
    """Sets the gauges: every kind of each of these facilities (`None`: of all), so that an alarm that cleared goes back
    to 0. Those of other facilities are gone until they are asked for."""
    alarms_open.clear()
    cameras_in_use.clear()
    for facility in facilities_readable(session, facility_ids):
        counts = Counter(alarm.kind for alarm in open_alarms(session, facility.id))
        for kind in Alarm:
            alarms_open.labels(facility.code, kind.value).set(counts[kind.value])
        in_use = sum(camera.is_active for camera in cameras_of_facility(session, facility.id))
        cameras_in_use.labels(facility.code).set(in_use)


def count_by_ward(alarms: Iterable[AlarmSeen]) -> Mapping[str, int]:
    """Cameras with an alarm, by ward."""
    return Counter(ward_id for _, ward_id in {(alarm.camera_id, alarm.ward_id) for alarm in alarms})


def _open_rows(session: Session, facility_id: str) -> Sequence[CameraAlarm]:
    query = select(CameraAlarm).where(CameraAlarm.facility_id == facility_id, col(CameraAlarm.cleared_at).is_(None))
    return session.exec(query).all()


def _seen(session: Session, facility_id: str, rows: Sequence[CameraAlarm]) -> tuple[AlarmSeen, ...]:
    cameras = {camera.id: camera for camera in cameras_of_facility(session, facility_id)}
    return tuple(
        AlarmSeen(
            alarm_id=row.id,
            camera_id=row.camera_id,
            camera_code=cameras[row.camera_id].code,
            ward_id=cameras[row.camera_id].ward_id,
            kind=row.kind,
            raised_at=row.raised_at,
            cleared_at=row.cleared_at,
        )
        for row in sorted(rows, key=lambda row: (row.raised_at or row.seen_since, row.id))
        if row.raised_at is not None and row.camera_id in cameras
    )
