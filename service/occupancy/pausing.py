"""Logging a privacy pause with one tap, and ending it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from service.access import Actor, Permission
from service.facilities import Bed, BedZone, Camera, Facility, facility_by_id, watermark, zones_of_camera
from service.kit.clock import Clock
from service.kit.errors import Conflict, InvalidInput, NotFound
from service.kit.intervals import Interval
from service.ledger import append
from service.occupancy.errors import LookRefused
from service.occupancy.excuse import during_check
from service.occupancy.hand_tables import LoggedPause
from service.occupancy.pauses import LONGEST
from service.platform.jobs import enqueue

_MOST_MINUTES = int(LONGEST / timedelta(minutes=1))


def pause(
    session: Session, actor: Actor, clock: Clock, *, bed: Bed | None = None, camera: Camera | None = None, minutes: int
) -> LoggedPause:
    """Draws the curtain around a bed, or before a camera, from now on for `minutes`.

    Tapped again while a pause runs, it is logged and counted, and reaches no further than half an hour from the first
    one's start. Raises `InvalidInput` for more than half an hour, `LookRefused` for whoever is no person, `NotFound`
    or `Forbidden` for whoever may not answer there.
    """
    place = bed or camera
    if place is None or (bed is not None and camera is not None):
        raise InvalidInput("a pause is of one bed or of one camera", field="bed", remedy="give one of the two")
    actor.require(Permission.DIRECTED_ANSWER, place.facility_id)
    _needs_a_person(actor)
    if not 1 <= minutes <= _MOST_MINUTES:
        raise InvalidInput(
            f"a privacy pause lasts 1 to {_MOST_MINUTES} minutes",
            field="minutes",
            remedy="log another one if the curtain stays drawn",
            message_zh=f"隐私暂停时长为 1 至 {_MOST_MINUTES} 分钟",
            remedy_zh="如帘子仍需拉上，请再次登记",
        )
    facility = facility_by_id(session, place.facility_id)
    at, now = watermark(facility, clock), clock.now()
    limit = _limit(session, facility, bed, camera, at) or at + LONGEST
    row = LoggedPause(
        facility_id=facility.id,
        ward_id=place.ward_id,
        bed_id=bed.id if bed is not None else None,
        camera_id=camera.id if camera is not None else None,
        starts_at=at,
        ends_at=min(at + timedelta(minutes=minutes), limit),
        limit_at=limit,
        person_id=actor.id,
        during_check=during_check(session, facility, at),
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    _judge_again(session, row, Interval(row.starts_at, row.ends_at), now)
    _note(session, row, actor, "privacy_pause.started", now)
    return row


def end_pause(session: Session, actor: Actor, pause_id: str, clock: Clock) -> LoggedPause:
    """The curtain is open again. Raises `NotFound`, `Forbidden`, or `Conflict` when the pause is over already."""
    row = session.get(LoggedPause, pause_id) if pause_id.isprintable() else None
    if row is None:
        raise NotFound("no such pause", field="pause_id", remedy="GET /api/v1/privacy-pauses lists them")
    actor.require(Permission.DIRECTED_ANSWER, row.facility_id)
    _needs_a_person(actor)
    at, now = watermark(facility_by_id(session, row.facility_id), clock), clock.now()
    if row.ended_at is not None or at >= row.ends_at:
        raise Conflict(
            "the pause is over already",
            field="pause_id",
            remedy="reload the board",
            message_zh="该隐私暂停已结束",
            remedy_zh="请刷新看板",
        )
    row.ended_at, row.ended_by = max(at, row.starts_at), actor.id
    session.add(row)
    session.flush()
    _judge_again(session, row, Interval(row.ended_at, row.ends_at), now)
    _note(session, row, actor, "privacy_pause.ended", now)
    return row


def running(session: Session, facility_id: str, at: datetime) -> Sequence[LoggedPause]:
    """The pauses that hide something at `at`, in order of time."""
    query = select(LoggedPause).where(
        LoggedPause.facility_id == facility_id,
        col(LoggedPause.starts_at) > at - LONGEST,
        col(LoggedPause.starts_at) <= at,
        col(LoggedPause.ends_at) > at,
        or_(col(LoggedPause.ended_at).is_(None), col(LoggedPause.ended_at) > at),
    )
    return session.exec(query.order_by(col(LoggedPause.starts_at), col(LoggedPause.id))).all()


def _limit(
    session: Session, facility: Facility, bed: Bed | None, camera: Camera | None, at: datetime
) -> datetime | None:
    """Until when an earlier pause of the same bed or camera (for a bed: also of a camera that sees it) may reach, if
    its half hour is not over, ended early or not."""
    if bed is not None:
        seen_by = (
            select(BedZone.camera_id)
            .where(BedZone.bed_id == bed.id, col(BedZone.valid_from) <= at)
            .where(or_(col(BedZone.valid_to).is_(None), col(BedZone.valid_to) > at))
        )
        same = or_(col(LoggedPause.bed_id) == bed.id, col(LoggedPause.camera_id).in_(seen_by))
    else:
        same = col(LoggedPause.camera_id) == (camera.id if camera is not None else "")
    query = select(LoggedPause.limit_at).where(
        LoggedPause.facility_id == facility.id,
        col(LoggedPause.starts_at) > at - LONGEST,
        col(LoggedPause.starts_at) <= at,
        col(LoggedPause.limit_at) > at,
        same,
    )
    return min(session.exec(query), default=None)


def _judge_again(session: Session, row: LoggedPause, span: Interval, now: datetime) -> None:
    """What was concluded of the beds concerned in `span`, if anything was, is concluded again."""
    beds = [row.bed_id] if row.bed_id else []
    if row.camera_id is not None:
        beds = sorted({zone.bed_id for zone in zones_of_camera(session, row.camera_id, row.starts_at)})
    if beds:
        enqueue(
            session,
            "presence.dirty",
            {
                "facility_id": row.facility_id,
                "from": span.start.isoformat(),
                "to": span.end.isoformat(),
                "bed_ids": beds,
            },
            now=now,
            dedupe_key=f"presence.dirty:pause:{row.id}:{span.start.isoformat()}",
        )


def _note(session: Session, row: LoggedPause, actor: Actor, action: str, now: datetime) -> None:
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor=actor.label,
        action=action,
        object_kind="privacy_pause",
        object_id=row.id,
        facility_id=row.facility_id,
        details={"of": "bed" if row.bed_id else "camera", "during_check": row.during_check},
    )


def _needs_a_person(actor: Actor) -> None:
    if actor.kind != "user":
        raise LookRefused(
            "a program cannot draw a curtain",
            remedy="log in as a person",
            message_zh="程序不能登记隐私暂停",
            remedy_zh="请以个人账号登录",
        )
