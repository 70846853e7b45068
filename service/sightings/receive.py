"""A snapshot comes in: checked before it is accepted, on the disk before it is acknowledged, one however often sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service.access import Actor, Permission
from service.contracts import SnapshotMeta
from service.facilities import Camera, facility_by_id, find_camera
from service.kit.ids import new_id
from service.platform.context import Context
from service.platform.jobs import enqueue, queue_depths
from service.platform.metrics import counter
from service.sightings.clocks import CaptureTime, capture_time
from service.sightings.command_answers import trust_in_call
from service.sightings.errors import CameraInactive, CameraUnknown, ImplausibleTime, PicturesNotTransmitted, QueueFull
from service.sightings.repository import find_snapshot
from service.sightings.statements import Verified, keep_statement, trust_of, verify_statement
from service.sightings.tables import Snapshot
from service.vision import ImageInfo, ImageLimits, probe

CLOCK_AHEAD = timedelta(minutes=10)
"""How far ahead of the server a live camera's corrected clock may be. A frame from the future would excuse a check."""
OLDEST = timedelta(days=31)
"""The oldest frame a live facility takes: longer than any retention, so that nothing honest in a spool is lost."""
RETRY_AFTER_SECONDS = 15
ANALYSE = "sightings.analyse"
"""The kind of the job that reads a picture: {snapshot_id}."""

snapshots_total = counter("snapshots_total", "Snapshots posted, by result: accepted, duplicate, refused", ("result",))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The frame and its job are durable. `duplicate`: they already were."""

    snapshot_id: str
    duplicate: bool


def accept_snapshot(context: Context, actor: Actor, data: bytes, meta: SnapshotMeta) -> Accepted:
    """Takes one picture of a camera. When this returns, it will be analysed, whatever happens to the process.

    Raises an `ImageError` (limits and structure, by the header only), `CameraUnknown`, `CameraInactive`,
    `ImplausibleTime`, `StatementRefused`, `QueueFull`, or `StorageFull`.
    """
    try:
        return _accept(context, actor, data, meta)
    except Exception:
        snapshots_total.labels("refused").inc()
        raise


def _accept(context: Context, actor: Actor, data: bytes, meta: SnapshotMeta) -> Accepted:
    sha256 = hashlib.sha256(data).hexdigest()
    with context.database.reading() as session:
        camera = camera_of(session, actor, meta.camera_id)
        refuse_pictures(session, camera)
        known = find_snapshot(session, camera.id, meta.sequence, sha256)
        if known is not None:
            return duplicate_of(known)
        stated = verify_statement(session, context.keys, actor, camera, meta, sha256)
        taken = time_of(session, camera, meta, context.clock.now())
        _check_queue(session, context.settings.max_queued_snapshots)
    info = probe(data, image_limits(context))
    blob_key = context.blobs.put(data)
    snapshot = _row(camera, meta, taken, info, blob_key, sha256, len(data), context.clock.now())
    try:
        with context.database.transaction() as session:
            snapshot.trust = trust_for(session, camera, stated, snapshot)
            session.add(snapshot)
            session.flush()
            if stated is not None:
                keep_statement(session, snapshot, stated)
            request_analysis(session, snapshot.id, context.clock.now())
    except IntegrityError:
        # The same post came twice at once, and the other was first. Its frame is the same bytes.
        context.blobs.delete(blob_key)
        with context.database.reading() as session:
            known = find_snapshot(session, camera.id, meta.sequence, sha256)
        if known is None:
            raise
        return duplicate_of(known)
    except BaseException:
        context.blobs.delete(blob_key)
        raise
    snapshots_total.labels("accepted").inc()
    return Accepted(snapshot.id, duplicate=False)


def image_limits(context: Context) -> ImageLimits:
    """The limits that the settings put on pictures."""
    settings = context.settings
    return ImageLimits(settings.max_image_bytes, settings.max_image_pixels, settings.max_image_side)


def request_analysis(session: Session, snapshot_id: str, now: datetime) -> None:
    """Asks for the snapshot to be analysed; asking again while the job waits adds nothing."""
    enqueue(session, ANALYSE, {"snapshot_id": snapshot_id}, now=now, dedupe_key=analysis_key(snapshot_id))


def analysis_key(snapshot_id: str) -> str:
    """Held by the job that waits to analyse the snapshot."""
    return f"{ANALYSE}:{snapshot_id}"


def camera_of(session: Session, actor: Actor, id_or_code: str) -> Camera:
    """The camera that the sender may speak for. Raises `CameraUnknown`, `CameraInactive`."""
    unknown = CameraUnknown(
        f"no camera {id_or_code[:64]!r} for this token",
        field="meta.camera_id",
        remedy="use the camera's id or code, and a token of its facility with the scope snapshots:post",
        message_zh=f"该令牌下没有摄像头 {id_or_code[:64]!r}",
        remedy_zh="请使用该摄像头的编号或代码，以及其机构的令牌（权限 snapshots:post）",
    )
    if actor.facility_id is None or not actor.may(Permission.SNAPSHOTS_POST, actor.facility_id):
        raise unknown
    camera = find_camera(session, actor.facility_id, id_or_code)
    if camera is None or actor.camera_id not in (None, camera.id):
        raise unknown
    if not camera.is_active:
        raise CameraInactive(
            "the camera is registered as out of use",
            field="meta.camera_id",
            remedy="set is_active in the layout, or stop the camera",
            message_zh="该摄像头登记为停用",
            remedy_zh="请在布局中启用该摄像头，或停止其上传",
        )
    return camera


def refuse_pictures(session: Session, camera: Camera) -> None:
    """Raises `PicturesNotTransmitted` where pictures must not leave the ward's box."""
    if facility_by_id(session, camera.facility_id).transmission_basis == "readings":
        raise PicturesNotTransmitted(
            "this site's pictures stay on the ward box",
            field="image",
            remedy="run the agent with --matching local; docs/edge-matching.md says how",
            message_zh="本机构的图像不得离开病区设备",
            remedy_zh="请以 --matching local 方式运行采集端，见 docs/edge-matching.md",
        )


def time_of(session: Session, camera: Camera, meta: SnapshotMeta, now: datetime) -> CaptureTime:
    """When it was taken, by the corrected clock. Raises `ImplausibleTime`."""
    if facility_by_id(session, camera.facility_id).clock == "replay":
        return CaptureTime(meta.captured_at, meta.clock_offset_ms)
    taken = capture_time(session, camera, meta, now)
    _check_time(taken.captured_at, now)
    return taken


def trust_for(session: Session, camera: Camera, stated: Verified | None, snapshot: Snapshot) -> str:
    """`live`, `chained` or `late`, see `trust_of`; `unproven`, see `trust_in_call`."""
    trust = "live"  # of a replay: event time and the real clock have nothing to do with each other
    if facility_by_id(session, camera.facility_id).clock != "replay":
        trust = trust_of(session, camera, stated, snapshot.captured_at, snapshot.received_at)
    return trust_in_call(session, camera.id, snapshot.captured_at, trust)


def _check_time(captured_at: datetime, now: datetime) -> None:
    if captured_at > now + CLOCK_AHEAD:
        raise ImplausibleTime(
            f"captured_at is ahead of the server's clock, {now.isoformat(timespec='seconds')}",
            field="meta.captured_at",
            remedy="correct the device's clock by the offset that heartbeats return",
            message_zh=f"拍摄时间晚于服务器时间 {now.isoformat(timespec='seconds')}",
            remedy_zh="请按心跳返回的时差校正设备时钟",
        )
    if captured_at < now - OLDEST:
        raise ImplausibleTime(
            f"captured_at is more than {OLDEST.days} days ago",
            field="meta.captured_at",
            remedy="drop frames that old, and check the device's clock",
            message_zh=f"拍摄时间早于 {OLDEST.days} 天前",
            remedy_zh="请丢弃过旧的画面，并检查设备时钟",
        )


def _check_queue(session: Session, most: int) -> None:
    waiting = sum(
        depth.count for depth in queue_depths(session) if depth.kind == ANALYSE and depth.state in ("queued", "running")
    )
    if waiting >= most:
        raise QueueFull(
            f"{waiting} snapshots wait for analysis",
            remedy=f"send it again after {RETRY_AFTER_SECONDS} s; the box keeps it meanwhile",
            retry_after=RETRY_AFTER_SECONDS,
            message_zh=f"有 {waiting} 张图片等待分析",
            remedy_zh=f"请在 {RETRY_AFTER_SECONDS} 秒后重发，期间由设备保存",
        )


def _row(
    camera: Camera,
    meta: SnapshotMeta,
    taken: CaptureTime,
    info: ImageInfo,
    blob_key: str,
    sha256: str,
    size: int,
    now: datetime,
) -> Snapshot:
    return Snapshot(
        id=new_id(),
        facility_id=camera.facility_id,
        camera_id=camera.id,
        sequence=meta.sequence,
        sha256=sha256,
        media_type=f"image/{info.format.value}",
        byte_count=size,
        captured_at=taken.captured_at,
        clock_offset_ms=taken.offset_ms,
        clock_flag=taken.flag,
        received_at=now,
        blob_key=blob_key,
    )


def duplicate_of(known: Snapshot) -> Accepted:
    """The answer to what was here before."""
    snapshots_total.labels("duplicate").inc()
    return Accepted(known.id, duplicate=True)
