"""Boxes that leave a commanded change of the picture unanswered: counted, flagged, and believed less for that call.

It says something about a box and never about a patient: pictures of lower trust show somebody, and prove nobody absent
(docs/roll-calls.md).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from service.facilities import cameras_of_facility, facility_by_id
from service.kit.clock import parse_instant
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.sightings.commanded import (
    DENIED,
    UNANSWERED,
    CommandedChange,
    change_of,
    commanded_changes,
    picture_commands_total,
)
from service.sightings.device_tables import SnapshotStatement
from service.sightings.edge_tables import PictureCommand
from service.sightings.notices import AFTER_ANALYSES, presence_changed
from service.sightings.statements import LOWER_TRUST
from service.sightings.tables import Snapshot, ZoneReading

UNPROVEN = "unproven"
"""The trust of pictures of a call whose commanded change was not answered or is not in them."""
JOB = "sightings.commands"
DOUBTFUL = frozenset({"not_seen", DENIED, UNANSWERED})
"""One of these is a reason to look at the box."""
OUTCOMES = ("seen", "not_seen", "hidden", "no_pictures", "unsupported", DENIED, "failed", UNANSWERED)
"""All that `CommandedChange.outcome` may be."""
_FAILING = frozenset({"failed", "no_pictures"})
"""Two of these within the time: a hook that fails once, or a line that was down, is an ordinary thing."""
RECENT = timedelta(days=7)
_HEARD = timedelta(minutes=3)
"""Before a call's end. A box whose pictures came by then had the time to hear of the call (it looks every 5 s), to
change the picture five times (up to 17 s each) and to say so."""


@dataclass(frozen=True, slots=True)
class CameraAnswers:
    """What became of the changes commanded of one camera. `counts`: by `CommandedChange.outcome`."""

    camera_id: str
    camera_code: str
    counts: dict[str, int]
    last_at: datetime
    doubtful: bool

    @property
    def commands(self) -> int:
        """How many there were."""
        return sum(self.counts.values())


def ask_for_answers(
    session: Session,
    *,
    facility_id: str,
    ward_id: str | None,
    roll_call_id: str,
    call: Interval,
    now: datetime,
) -> None:
    """Asks, when a roll call that commanded a change is over, for the boxes' answers to be looked at."""
    payload = {
        "facility_id": facility_id,
        "ward_id": ward_id,
        "roll_call_id": roll_call_id,
        "from": call.start.isoformat(),
        "to": call.end.isoformat(),
    }
    enqueue(session, JOB, payload, now=now, dedupe_key=f"{JOB}:{roll_call_id}", priority=AFTER_ANALYSES)


def settle_answers_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `sightings.commands`: notes who did not answer, and lowers the trust of what those cameras showed meanwhile;
    an answer that comes later, and is seen in the pictures, raises it again.

    Done again, it changes nothing.
    """
    call = Interval(parse_instant(payload["from"], field="from"), parse_instant(payload["to"], field="to"))
    facility_id, ward_id, roll_call_id = str(payload["facility_id"]), payload["ward_id"], str(payload["roll_call_id"])
    now = context.clock.now()
    with context.database.transaction() as session:
        is_live = facility_by_id(session, facility_id).clock == "live"
        for camera in cameras_of_facility(session, facility_id):
            if not camera.is_active or ward_id not in (None, camera.ward_id):
                continue
            query = select(PictureCommand).where(
                PictureCommand.camera_id == camera.id, PictureCommand.roll_call_id == roll_call_id
            )
            row = session.exec(query).first()
            if row is None:
                device_id = _who_was_there(session, camera.id, call, is_live=is_live)
                if device_id is None:
                    continue
                row = _unanswered(camera.facility_id, camera.id, device_id, roll_call_id, call, now)
                session.add(row)
                picture_commands_total.labels(UNANSWERED).inc()
            outcome = change_of(session, row).outcome
            if outcome in DOUBTFUL:
                _believe(session, camera.id, call, now, ("live", "chained"), UNPROVEN)
            elif outcome == "seen":  # the answer came after a line was down
                _believe(session, camera.id, call, now, (UNPROVEN,), "chained")


def trust_in_call(session: Session, camera_id: str, captured_at: datetime, trust: str) -> str:
    """`trust`, or `unproven` for a picture of a roll call that the box left unanswered, however late it arrives."""
    if trust in LOWER_TRUST:
        return trust
    query = select(PictureCommand.id).where(
        PictureCommand.camera_id == camera_id,
        PictureCommand.outcome == UNANSWERED,
        col(PictureCommand.since) <= captured_at,
        col(PictureCommand.until) >= captured_at,
    )
    return UNPROVEN if session.exec(query.limit(1)).first() is not None else trust


def _who_was_there(session: Session, camera_id: str, call: Interval, *, is_live: bool) -> str | None:
    """The paired box that signed a picture of the call, and delivered it while there was time to answer.

    One without a key cannot answer, one that was cut off could not hear. On a replay's clock, what is here when the
    call ends came in time.
    """
    query = (
        select(SnapshotStatement.device_id)
        .join(Snapshot, col(Snapshot.id) == col(SnapshotStatement.snapshot_id))
        .where(
            Snapshot.camera_id == camera_id,
            col(Snapshot.captured_at) >= call.start,
            col(Snapshot.captured_at) <= call.end - _HEARD,
        )
    )
    if is_live:
        query = query.where(col(Snapshot.received_at) <= call.end - _HEARD)
    return session.exec(query.order_by(col(Snapshot.captured_at)).limit(1)).first()


def _unanswered(
    facility_id: str, camera_id: str, device_id: str, roll_call_id: str, call: Interval, now: datetime
) -> PictureCommand:
    return PictureCommand(
        facility_id=facility_id,
        camera_id=camera_id,
        device_id=device_id,
        roll_call_id=roll_call_id,
        outcome=UNANSWERED,
        since=call.start,
        until=call.end,
        reported_at=now,
    )


def _believe(
    session: Session, camera_id: str, call: Interval, now: datetime, before: tuple[str, ...], trust: str
) -> None:
    """Gives the camera's pictures of the call that trust, if they had one of those `before`."""
    query = select(Snapshot).where(
        Snapshot.camera_id == camera_id,
        col(Snapshot.captured_at) >= call.start,
        col(Snapshot.captured_at) <= call.end,
        col(Snapshot.trust).in_(before),
    )
    for snapshot in session.exec(query).all():
        snapshot.trust = trust
        session.add(snapshot)
        beds = session.exec(select(ZoneReading.bed_id).where(ZoneReading.snapshot_id == snapshot.id)).all()
        presence_changed(session, snapshot, [bed_id for bed_id in beds if bed_id], now)


def command_answers(session: Session, facility_id: str, interval: Interval) -> tuple[CameraAnswers, ...]:
    """What became of the changes commanded in `interval`, for each camera of which any was, by its code."""
    found: dict[str, list[CommandedChange]] = defaultdict(list)
    for change in commanded_changes(session, facility_id, interval):
        found[change.camera_id].append(change)
    codes = {camera.id: camera.code for camera in cameras_of_facility(session, facility_id)}
    answers = (
        CameraAnswers(
            camera_id=camera_id,
            camera_code=codes.get(camera_id, ""),
            counts=dict(Counter(change.outcome for change in changes)),
            last_at=max(change.since for change in changes),
            doubtful=_is_doubtful(changes),
        )
        for camera_id, changes in found.items()
    )
    return tuple(sorted(answers, key=lambda one: one.camera_code))


def leaves_unanswered(session: Session, camera_id: str, now: datetime) -> bool:
    """Whether what became of the changes commanded of the camera in the last seven days is a reason to look at it."""
    query = select(PictureCommand).where(
        PictureCommand.camera_id == camera_id, col(PictureCommand.since) >= now - RECENT
    )
    rows: Sequence[PictureCommand] = session.exec(query).all()
    return _is_doubtful(change_of(session, row) for row in rows)


def _is_doubtful(changes: Iterable[CommandedChange]) -> bool:
    outcomes = [change.outcome for change in changes]
    return any(outcome in DOUBTFUL for outcome in outcomes) or sum(outcome in _FAILING for outcome in outcomes) >= 2
