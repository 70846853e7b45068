"""Which cameras see, and since when those that do not are blind: blind time as data, with its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from service.facilities import Camera, cameras_of_facility
from service.kit.intervals import Interval
from service.sightings.clocks import TOLERANCE_MS
from service.sightings.command_answers import leaves_unanswered
from service.sightings.device_tables import DeviceHeartbeat
from service.sightings.edge_audit import is_untrusted, released_audits
from service.sightings.heartbeats import heartbeats, latest_heartbeat
from service.sightings.tables import Snapshot

SLACK = timedelta(seconds=60)
"""Beyond two pauses: a picture may come a little late by jitter and by the camera's own start."""
BEAT = timedelta(minutes=5)
"""A box that was not heard for so long is silent; it speaks every minute."""
HOT_C = 80.0
_FROZEN_PICTURES = 3


class BlindCause(StrEnum):
    """Why nothing was seen. Other values are causes of the view: covered, black, out_of_focus, frozen, …"""

    SILENT = "silent"  # no picture and no heartbeat: power, network or box
    CAMERA_AWAY = "camera_away"  # the box speaks, its camera gives no picture
    NO_PICTURES = "no_pictures"  # the box speaks and its camera answers: pictures wait, were dropped, or are not taken
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class BlindSpan:
    """`since` included, `until` not; `cause` is a `BlindCause` or a cause of the view."""

    since: datetime
    until: datetime
    cause: str

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.until - self.since).total_seconds()


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """A camera over an interval. `pictures`: taken in it and here."""

    camera_id: str
    camera_code: str
    ward_id: str
    pictures: int
    blind: tuple[BlindSpan, ...]

    @property
    def blind_seconds(self) -> float:
        """All blind time together."""
        return sum(span.seconds for span in self.blind)


class Alarm(StrEnum):
    """What an operator must look at."""

    SILENT = "silent"
    BLIND = "blind"
    FROZEN = "frozen"
    DRIFTING = "drifting"
    DROPPING = "dropping"
    HOT = "hot"
    UNTRUSTED = "untrusted"  # the box says something else than its pictures show, or does not show them
    UNANSWERED = "unanswered"  # a roll call commanded a change in the picture, and the box left it at that
    RELEASED = "released"  # the box was taken out of use before it showed what it was asked for


@dataclass(frozen=True, slots=True)
class CameraNow:
    """A camera at this moment. `offset_ms`: server's time minus the box's."""

    camera_id: str
    camera_code: str
    ward_id: str
    last_picture_at: datetime | None
    last_heartbeat_at: datetime | None
    offset_ms: int | None
    spool_depth: int | None
    dropped: int | None
    temperature_c: float | None
    alarms: tuple[Alarm, ...]


def camera_health(session: Session, facility_id: str, interval: Interval) -> tuple[CameraHealth, ...]:
    """Blind time of each camera in use, by the times at which pictures were taken, however late they came."""
    beats = heartbeats(session, facility_id, interval)
    found = []
    for camera in cameras_of_facility(session, facility_id):
        if camera.is_active:
            pictures = _pictures(session, camera, interval)
            own = [beat for beat in beats if beat.camera_id == camera.id]
            inside = sum(interval.contains(picture.captured_at) for picture in pictures)
            blind = _spans(camera, interval, pictures, own)
            found.append(CameraHealth(camera.id, camera.code, camera.ward_id, inside, blind))
    return tuple(found)


def cameras_now(session: Session, facility_id: str, now: datetime) -> tuple[CameraNow, ...]:
    """Every camera in use with what is wrong with it at this moment."""
    return tuple(_now(session, camera, now) for camera in cameras_of_facility(session, facility_id) if camera.is_active)


def _now(session: Session, camera: Camera, now: datetime) -> CameraNow:
    recent = _latest(session, camera.id)
    beat = latest_heartbeat(session, camera.id)
    if beat is not None and beat.received_at > now:
        beat = None  # a replay's boxes speak by the real clock, which says nothing of the day that is played
    return CameraNow(
        camera_id=camera.id,
        camera_code=camera.code,
        ward_id=camera.ward_id,
        last_picture_at=recent[0].captured_at if recent else None,
        last_heartbeat_at=beat.received_at if beat else None,
        offset_ms=beat.offset_ms if beat else None,
        spool_depth=beat.spool_depth if beat else None,
        dropped=beat.dropped if beat else None,
        temperature_c=beat.temperature_c if beat else None,
        alarms=(
            *_alarms(camera, recent, beat, _beat_before(session, camera.id, now), now),
            *((Alarm.UNTRUSTED,) if is_untrusted(session, camera.id, now) else ()),
            *((Alarm.UNANSWERED,) if leaves_unanswered(session, camera.id, now) else ()),
            *((Alarm.RELEASED,) if released_audits(session, camera.id, now) else ()),
        ),
    )


def _alarms(
    camera: Camera,
    recent: Sequence[Snapshot],
    beat: DeviceHeartbeat | None,
    before: DeviceHeartbeat | None,
    now: datetime,
) -> list[Alarm]:
    found = []
    patience = 2 * timedelta(seconds=camera.cadence_seconds) + SLACK
    no_picture = not recent or now - recent[0].captured_at > patience
    no_beat = beat is None or now - beat.received_at > BEAT
    if no_picture and no_beat:
        found.append(Alarm.SILENT)
    elif no_picture or (recent and recent[0].view_cause is not None):
        found.append(Alarm.BLIND)
    same = len(recent) >= _FROZEN_PICTURES and len({picture.sha256 for picture in recent[:_FROZEN_PICTURES]}) == 1
    if same or (recent and recent[0].view_cause == "frozen"):
        found.append(Alarm.FROZEN)
    if beat is not None and abs(beat.offset_ms) >= TOLERANCE_MS:
        found.append(Alarm.DRIFTING)
    if beat is not None and before is not None and beat.dropped > before.dropped:
        found.append(Alarm.DROPPING)
    if beat is not None and beat.temperature_c is not None and beat.temperature_c >= HOT_C:
        found.append(Alarm.HOT)
    return found


def _spans(
    camera: Camera, interval: Interval, pictures: Sequence[Snapshot], beats: Sequence[DeviceHeartbeat]
) -> tuple[BlindSpan, ...]:
    pause = timedelta(seconds=camera.cadence_seconds)
    found: list[BlindSpan] = []
    seen_until = interval.start
    for picture in pictures:
        if picture.captured_at - seen_until > pause + SLACK:
            found.append(_gap(Interval(seen_until, picture.captured_at), beats))
        seen_until = max(seen_until, picture.captured_at + pause)
        cause = BlindCause.UNREADABLE.value if picture.state == "unreadable" else picture.view_cause
        if cause is not None:
            found.append(BlindSpan(picture.captured_at, seen_until, cause))
    if interval.end - seen_until > pause + SLACK:
        found.append(_gap(Interval(seen_until, interval.end), beats))
    clipped = (
        BlindSpan(max(span.since, interval.start), min(span.until, interval.end), span.cause) for span in _joined(found)
    )
    return tuple(span for span in clipped if span.until > span.since)


def _gap(gap: Interval, beats: Sequence[DeviceHeartbeat]) -> BlindSpan:
    inside = [beat for beat in beats if gap.contains(beat.received_at)]
    expected = max(1, int(gap.length / BEAT))
    if len(inside) < (expected + 1) // 2:
        cause = BlindCause.SILENT
    elif inside[-1].camera_away > inside[0].camera_away:
        cause = BlindCause.CAMERA_AWAY
    else:
        cause = BlindCause.NO_PICTURES
    return BlindSpan(gap.start, gap.end, cause.value)


def _joined(spans: Sequence[BlindSpan]) -> list[BlindSpan]:
    """Neighbours of one cause as one."""
    joined: list[BlindSpan] = []
    for span in sorted(spans, key=lambda span: span.since):
        if joined and joined[-1].cause == span.cause and span.since <= joined[-1].until:
            joined[-1] = BlindSpan(joined[-1].since, max(joined[-1].until, span.until), span.cause)
        else:
            joined.append(span)
    return joined


def _pictures(session: Session, camera: Camera, interval: Interval) -> Sequence[Snapshot]:
    """Those of the interval, and those before that still count at its beginning."""
    since = interval.start - 2 * timedelta(seconds=camera.cadence_seconds) - SLACK
    query = (
        select(Snapshot)
        .where(
            Snapshot.camera_id == camera.id,
            col(Snapshot.captured_at) >= since,
            col(Snapshot.captured_at) < interval.end,
        )
        .order_by(col(Snapshot.captured_at))
    )
    return session.exec(query).all()


def _latest(session: Session, camera_id: str) -> Sequence[Snapshot]:
    query = select(Snapshot).where(Snapshot.camera_id == camera_id)
    return session.exec(query.order_by(col(Snapshot.captured_at).desc()).limit(_FROZEN_PICTURES)).all()


def _beat_before(session: Session, camera_id: str, now: datetime) -> DeviceHeartbeat | None:
    """The last heartbeat of an hour ago; of a box that speaks for less than an hour, its first."""
    at, an_hour_ago = col(DeviceHeartbeat.received_at), now - timedelta(hours=1)
    query = select(DeviceHeartbeat).where(DeviceHeartbeat.camera_id == camera_id)
    before = session.exec(query.where(at <= an_hour_ago).order_by(at.desc()).limit(1)).first()
    return before or session.exec(query.where(at > an_hour_ago, at <= now).order_by(at).limit(1)).first()
