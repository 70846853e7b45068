"""Whose clock a picture's time is by: the device's, corrected by what was measured, flagged when in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from service.contracts import SnapshotMeta
from service.facilities import Camera
from service.kit.intervals import Interval
from service.sightings.device_tables import DeviceHeartbeat
from service.sightings.tables import Snapshot

TOLERANCE_MS = 2_000
"""A clock that is off by less is right: an ordinary NTP client keeps far below, and no window is that short."""
DISPUTED_MS = 10_000
_MEASURED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """`captured_at` by the server's time. `offset_ms` was added to the device's clock; `flag` says by whom, and doubt:
    `device`, `server`, `disputed` (the device claims another offset than the server measures)."""

    captured_at: datetime
    offset_ms: int | None = None
    flag: str | None = None


def capture_time(session: Session, camera: Camera, meta: SnapshotMeta, now: datetime) -> CaptureTime:
    """When the picture was taken, as well as can be known now.

    The device corrects what it can; for one that never measured, the server takes the offset of its last heartbeat,
    unless the picture is older than that: a clock that was wrong then may be right now.
    """
    claimed = meta.clock_offset_ms
    measured = _measured(session, camera.id, now)
    if claimed is not None:
        flag = "device" if abs(claimed) >= TOLERANCE_MS else None
        fresh = now - meta.captured_at <= _MEASURED_WITHIN
        if measured is not None and fresh and abs(measured.offset_ms - claimed) > DISPUTED_MS:
            flag = "disputed"
        return CaptureTime(meta.captured_at, claimed, flag)
    if measured is None or abs(measured.offset_ms) < TOLERANCE_MS:
        return CaptureTime(meta.captured_at)
    corrected = meta.captured_at + timedelta(milliseconds=measured.offset_ms)
    if abs(now - corrected) > _MEASURED_WITHIN:
        return CaptureTime(meta.captured_at, None, "disputed")
    return CaptureTime(corrected, measured.offset_ms, "server")


def clock_faults(session: Session, facility_id: str, interval: Interval) -> tuple[Snapshot, ...]:
    """Pictures taken in `interval` whose time is in doubt: device and server disagree about the clock."""
    query = (
        select(Snapshot)
        .where(
            Snapshot.facility_id == facility_id,
            Snapshot.clock_flag == "disputed",
            col(Snapshot.captured_at) >= interval.start,
            col(Snapshot.captured_at) < interval.end,
        )
        .order_by(col(Snapshot.captured_at))
    )
    return tuple(session.exec(query))


def late_frames(session: Session, facility_id: str, interval: Interval) -> tuple[Snapshot, ...]:
    """Pictures taken in `interval` that came late and unchained: they excuse, they do not prove."""
    query = (
        select(Snapshot)
        .where(
            Snapshot.facility_id == facility_id,
            Snapshot.trust == "late",
            col(Snapshot.captured_at) >= interval.start,
            col(Snapshot.captured_at) < interval.end,
        )
        .order_by(col(Snapshot.captured_at))
    )
    return tuple(session.exec(query))


def _measured(session: Session, camera_id: str, now: datetime) -> DeviceHeartbeat | None:
    query = (
        select(DeviceHeartbeat)
        .where(
            DeviceHeartbeat.camera_id == camera_id,
            col(DeviceHeartbeat.received_at) > now - _MEASURED_WITHIN,
        )
        .order_by(col(DeviceHeartbeat.received_at).desc())
        .limit(1)
    )
    return session.exec(query).first()
