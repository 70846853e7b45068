"""Changes that roll calls commanded, and whether they are seen in the pictures. A replay does not get darker.

A box that changed the picture before, or says that it can, and now says `unsupported`, is kept as `denied`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlmodel import Session, col, select

from service.access import Actor
from service.contracts import PictureCommandReport, steps_of
from service.facilities import Camera
from service.facilities.device_config import OpenRollCalls
from service.kit.intervals import Interval
from service.platform.metrics import counter
from service.sightings.device_tables import DeviceHeartbeat
from service.sightings.edge_errors import ReadingRefused
from service.sightings.edge_tables import PictureCommand
from service.sightings.tables import Snapshot, SnapshotPrint
from service.vision.sequence import PrintUnreadable, ViewPrint

LEAST_CHANGE = 8
"""Grey levels of 255 by which the median of every bright picture lies above that of every dark one. Noise and people
who move change a ward's median by less than 3; one stop of exposure changes it by 30 and more."""
LONGEST = timedelta(minutes=5)
UNANSWERED, DENIED = "unanswered", "denied"
_HIDING = frozenset({"black", "over_exposed", "covered", "out_of_focus"})
_SLACK = timedelta(milliseconds=500)
_AROUND = timedelta(minutes=5)
"""How far outside of the call a step may lie: the box's clock, and an answer that needs a second attempt."""
ABILITY = "exposure"
"""The name under which a heartbeat's `versions` say by what the box changes the picture: hook, onvif, or none."""

picture_commands_total = counter(
    "picture_commands_total",
    "Commanded changes of the picture: applied, unsupported, failed, denied, unanswered",
    ("outcome",),
)


@dataclass(frozen=True, slots=True)
class CommandedChange:
    """One camera's answer to one roll call. `outcome`: seen | not_seen | hidden | no_pictures (of both levels) |
    unsupported | failed | denied (unsupported, though the camera can) | unanswered. `change`: darkest bright picture
    less brightest dark one, grey levels."""

    camera_id: str
    roll_call_id: str
    since: datetime
    until: datetime
    outcome: str
    change: int | None = None
    snapshot_ids: tuple[str, ...] = ()


def note_command(
    session: Session,
    actor: Actor,
    camera: Camera,
    report: PictureCommandReport,
    now: datetime,
    *,
    event_at: datetime,
    open_roll_calls: OpenRollCalls | None,
) -> Interval | None:
    """Keeps what a box says it did; the first word of a camera about a roll call counts, but `applied` after
    `unsupported` does too. `event_at`: the facility's time. Returns the call's time if it is over and silence, or that
    it denied what it can, was held against the box. Raises `ReadingRefused`, also for a roll call that was not open at
    this camera's ward when the steps began."""
    _check(report)
    known = select(PictureCommand).where(
        PictureCommand.camera_id == camera.id, PictureCommand.roll_call_id == report.roll_call_id
    )
    row = session.exec(known).first()
    if row is not None and row.outcome != UNANSWERED and not (_is_none(row.outcome) and report.outcome == "applied"):
        return None
    call = _check_call(session, camera, report, event_at, open_roll_calls)
    held = call if row is not None and row.outcome in (UNANSWERED, DENIED) and call.end <= event_at else None
    row = row or PictureCommand(
        facility_id=camera.facility_id,
        camera_id=camera.id,
        device_id=actor.id,
        roll_call_id=report.roll_call_id,
        outcome="",
        since=event_at,
        until=event_at,
        reported_at=now,
    )
    denied = report.outcome == "unsupported" and _can(session, camera.id, actor.id)
    row.device_id, row.reported_at = actor.id, now
    row.outcome = DENIED if denied else report.outcome
    row.steps = [step.model_dump(mode="json") for step in report.steps]
    row.since = report.steps[0].since if report.steps else event_at
    row.until = report.steps[-1].until if report.steps else event_at
    session.add(row)
    picture_commands_total.labels(row.outcome).inc()
    return held


def _is_none(outcome: str) -> bool:
    """Whether the box did nothing so far. Somebody who did it besides may say so: the pictures prove it, or do not."""
    return outcome in ("unsupported", DENIED)


def _can(session: Session, camera_id: str, device_id: str) -> bool:
    """Whether this box changed the camera's picture on command before, or says that it can change it. What another box
    could at this camera says nothing: who replaces a camera by a lesser one pairs anew, and that is on record."""
    before = select(PictureCommand.id).where(
        PictureCommand.camera_id == camera_id,
        PictureCommand.device_id == device_id,
        PictureCommand.outcome == "applied",
    )
    if session.exec(before.limit(1)).first() is not None:
        return True
    said = select(DeviceHeartbeat).where(DeviceHeartbeat.camera_id == camera_id, DeviceHeartbeat.device_id == device_id)
    beat = session.exec(said.order_by(col(DeviceHeartbeat.received_at).desc()).limit(1)).first()
    return beat is not None and beat.versions.get(ABILITY, "none") != "none"


def _check(report: PictureCommandReport) -> None:
    levels = tuple(step.level for step in report.steps)
    ordered = all(a.since <= a.until <= b.since for a, b in zip(report.steps, report.steps[1:], strict=False))
    fits = levels == steps_of(report.roll_call_id) if report.outcome == "applied" else True
    short = not report.steps or timedelta(0) <= report.steps[-1].until - report.steps[0].since <= LONGEST
    if not (ordered and fits and short):
        raise ReadingRefused(
            "these are not the steps that the roll call commands",
            field="steps",
            remedy="hold dark and bright in the order of the roll call's command, one after another",
            message_zh="与点名指令的亮度变化顺序不符",
            remedy_zh="请按点名指令的顺序逐步调整曝光",
        )


def _check_call(
    session: Session,
    camera: Camera,
    report: PictureCommandReport,
    event_at: datetime,
    open_roll_calls: OpenRollCalls | None,
) -> Interval:
    """When the call is open."""
    at = report.steps[0].since if report.steps else event_at
    for near in (at, at - _AROUND, at + _AROUND):
        calls = open_roll_calls(session, camera.ward_id, near) if open_roll_calls else ()
        for call in calls:
            if call.roll_call_id == report.roll_call_id:
                return Interval(call.opens_at, call.closes_at)
    raise ReadingRefused(
        "no such roll call was open for this camera when the steps began",
        field="roll_call_id",
        remedy="answer the roll calls that the device's settings name, at their time and by the server's clock",
        message_zh="在所报时间内，该摄像头没有此点名",
        remedy_zh="请只应答设备配置中列出的点名，并按服务器时间报告",
    )


def commanded_changes(session: Session, facility_id: str, interval: Interval) -> tuple[CommandedChange, ...]:
    """What became of each command whose first step lies in `interval`, in order of time. Late pictures change it."""
    query = select(PictureCommand).where(
        PictureCommand.facility_id == facility_id,
        col(PictureCommand.since) >= interval.start,
        col(PictureCommand.since) < interval.end,
    )
    return tuple(change_of(session, row) for row in session.exec(query.order_by(col(PictureCommand.since))).all())


def change_of(session: Session, row: PictureCommand) -> CommandedChange:
    """What became of one command, by the pictures that are here now."""
    if row.outcome != "applied":
        return CommandedChange(row.camera_id, row.roll_call_id, row.since, row.until, row.outcome)
    report = PictureCommandReport(roll_call_id=row.roll_call_id, outcome="applied", steps=tuple(row.steps))
    seen: dict[str, list[int]] = {"dark": [], "bright": []}
    prints, used = _prints(session, row), []
    for step in report.steps:
        found = [kept for kept in prints if step.since - _SLACK <= kept.captured_at <= step.until + _SLACK]
        lights = [light for kept in found if (light := _light(kept)) is not None]
        if lights:
            seen[step.level].append(round(median(lights)))
            used += [kept.snapshot_id for kept in found]
    if not seen["dark"] or not seen["bright"]:
        return CommandedChange(row.camera_id, row.roll_call_id, row.since, row.until, "no_pictures")
    change = min(seen["bright"]) - max(seen["dark"])
    outcome = "seen" if change >= LEAST_CHANGE else "hidden" if _hidden(session, used) else "not_seen"
    return CommandedChange(row.camera_id, row.roll_call_id, row.since, row.until, outcome, change, tuple(used))


def _hidden(session: Session, snapshot_ids: Sequence[str]) -> bool:
    """Whether most of the pictures show a curtain, or a night without light: nothing can get darker there, and nobody
    is seen there either."""
    query = select(Snapshot.view_cause).where(col(Snapshot.id).in_(snapshot_ids))
    causes = session.exec(query).all()
    return sum(cause in _HIDING for cause in causes) * 2 > len(causes)


def _prints(session: Session, row: PictureCommand) -> Sequence[SnapshotPrint]:
    query = select(SnapshotPrint).where(
        SnapshotPrint.camera_id == row.camera_id,
        col(SnapshotPrint.captured_at) >= row.since - _SLACK,
        col(SnapshotPrint.captured_at) <= row.until + _SLACK,
    )
    return session.exec(query.order_by(col(SnapshotPrint.captured_at))).all()


def _light(kept: SnapshotPrint) -> int | None:
    try:
        return ViewPrint.from_bytes(kept.data).light.p50
    except PrintUnreadable:
        return None
