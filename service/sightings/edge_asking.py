"""What the server asks a box about pictures that it keeps: to judge again, and the crop behind a reading.

Which readings are audited is drawn from a secret of the installation and the picture's own hash: the box signs its
reading before anybody could tell it, and it cannot compute it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import exists, func, or_
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from service.access import Actor
from service.contracts import EdgeFrameReading, EdgeRequestOut
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.metrics import gauge
from service.sightings.edge_tables import EdgeReading, EdgeRequest
from service.sightings.tables import Snapshot, ZoneReading

MOST_AT_ONCE = 50

edge_requests_open = gauge("edge_requests_open", "What ward boxes have been asked and not answered", ("purpose",))
_CHUNK = 500
ANSWER_WITHIN = timedelta(hours=24)
"""A box that has not shown the crop behind a reading by then is reported: no cut of a network, which comes back before
its pictures are gone (72 h), but a refusal."""
_A_DAY = timedelta(days=1)
_CROPS_OF_ONE_BED = 3
"""Crops that one question about a bed asks for: the newest pictures. More show the same."""


def draw_audits(
    context: Context, session: Session, snapshot: Snapshot, device_id: str, body: EdgeFrameReading, judgement: int = 1
) -> None:
    """Asks for the crop behind some of the picture's readings, at the settings' rate; and, where a camera's whole day
    (UTC) has passed without, behind one of that day. `judgement`: the how manyeth of the picture; each has a lot of its
    own, or a box could tell the truth first and lie when it is asked to judge again."""
    now, secret = context.clock.now(), context.keys.derived("edge-audit")[0]
    drawn = [z.zone_id for z in body.zones if z.crop and _lot(secret, snapshot, z.zone_id, judgement) < _rate(context)]
    rows = _readings(session, [snapshot.id])
    for row in rows:
        if row.zone_id in drawn:
            _ask(session, snapshot, device_id, row, "audit", now)
    _draw_for_yesterday(context, session, snapshot, secret, now)


def _rate(context: Context) -> float:
    return context.settings.edge_audit_rate


def _lot(secret: bytes, snapshot: Snapshot, zone_id: str, judgement: int = 1) -> float:
    """0 included to 1 excluded."""
    text = f"{snapshot.camera_id}\n{snapshot.sequence}\n{snapshot.sha256}\n{zone_id}\n{judgement}"
    return int.from_bytes(hmac.new(secret, text.encode(), hashlib.sha256).digest()[:7], "big") / 2**56


def _draw_for_yesterday(context: Context, session: Session, snapshot: Snapshot, secret: bytes, now: datetime) -> None:
    today = datetime.combine(snapshot.captured_at.astimezone(UTC).date(), time(), UTC)
    if _rate(context) <= 0 or _snapshots(session, snapshot.camera_id, today, snapshot.captured_at, snapshot.id):
        return  # not the first picture of its day
    before = today - _A_DAY
    asked = select(EdgeRequest.id).where(
        EdgeRequest.camera_id == snapshot.camera_id,
        EdgeRequest.reason == "audit",
        col(EdgeRequest.captured_at) >= before,
        col(EdgeRequest.captured_at) < today,
    )
    if session.exec(asked.limit(1)).first() is not None:
        return
    rows = _snapshots(session, snapshot.camera_id, before, today, snapshot.id)
    lots = [(_lot(secret, row, zone), row, kept, zone) for row, kept in rows for zone in kept.commitments]
    if not lots:
        return
    _, row, kept, zone_id = min(lots, key=lambda lot: lot[0])
    for reading in _readings(session, [row.id]):
        if reading.zone_id == zone_id:
            _ask(session, row, kept.device_id, reading, "audit", now)


def _snapshots(
    session: Session, camera_id: str, start: datetime, end: datetime, without: str
) -> list[tuple[Snapshot, EdgeReading]]:
    query = (
        select(Snapshot, EdgeReading)
        .join(EdgeReading, col(EdgeReading.snapshot_id) == col(Snapshot.id))
        .where(
            Snapshot.camera_id == camera_id,
            col(Snapshot.captured_at) >= start,
            col(Snapshot.captured_at) < end,
            col(Snapshot.id) != without,
        )
    )
    return [(snapshot, kept) for snapshot, kept in session.exec(query)]


def ask_for_crops(session: Session, reading_ids: Collection[str], reason: str, now: datetime) -> int:
    """Asks the boxes for the crops behind these readings, as far as a box made them and none was asked for; returns how
    many were asked for. `reason`: check | finding."""
    asked = 0
    by_bed: dict[str, int] = {}
    for row, kept in _edge_readings(session, reading_ids):
        if by_bed.get(row.bed_id, 0) >= _CROPS_OF_ONE_BED or row.zone_id not in kept.commitments:
            continue
        known = select(EdgeRequest.id).where(EdgeRequest.reading_id == row.id, EdgeRequest.purpose == "crop")
        if session.exec(known.limit(1)).first() is None:
            _ask(session, session.get_one(Snapshot, row.snapshot_id), kept.device_id, row, reason, now)
            asked += 1
        by_bed[row.bed_id] = by_bed.get(row.bed_id, 0) + 1
    return asked


def ask_again(session: Session, snapshot: Snapshot, device_id: str, now: datetime) -> None:
    """Asks the box to judge a picture again: who belongs there, or whom it may know, has changed since."""
    waiting = select(EdgeRequest.id).where(
        EdgeRequest.snapshot_id == snapshot.id,
        EdgeRequest.purpose == "reread",
        col(EdgeRequest.outcome).is_(None),
    )
    if session.exec(waiting.limit(1)).first() is None:
        session.add(_request(snapshot, device_id, "reread", "reread", now, now + _A_DAY))
        session.flush()


def ask_boxes_again(
    session: Session, facility_id: str, camera_ids: Collection[str], span: Interval, now: datetime
) -> int:
    """As a picture that is kept here would be read again; returns how many were asked about."""
    query = (
        select(Snapshot, EdgeReading)
        .join(EdgeReading, col(EdgeReading.snapshot_id) == col(Snapshot.id))
        .where(
            Snapshot.facility_id == facility_id,
            col(Snapshot.camera_id).in_(list(camera_ids)),
            col(Snapshot.captured_at) >= span.start,
            col(Snapshot.captured_at) <= span.end,
        )
    )
    found = list(session.exec(query))
    for snapshot, kept in found:
        ask_again(session, snapshot, kept.device_id, now)
    return len(found)


def open_request(session: Session, actor: Actor, request_id: str, purpose: str) -> EdgeRequest | None:
    """The device's own request; `None` when it is answered already. Raises `NotFound`."""
    row = session.get(EdgeRequest, request_id)
    if row is None or row.device_id != actor.id or row.purpose != purpose:
        raise NotFound(
            "no such request",
            field="request_id",
            remedy="answer what GET /api/v1/devices/me/edge-requests lists",
            message_zh="没有该请求",
        )
    return row if row.outcome is None else None


def close_reread(session: Session, request_id: str, now: datetime) -> None:
    """The picture was judged again."""
    row = session.get_one(EdgeRequest, request_id)
    row.outcome, row.answered_at = "answered", now
    session.add(row)


def requests_for(session: Session, device_id: str, now: datetime) -> tuple[EdgeRequestOut, ...]:
    """What is open for the device: judging again first, for readings rest on it; then oldest first.

    An audit waits while the picture is to be judged again: a box that knew of it would mend its reading just then.
    """
    again = aliased(EdgeRequest)
    to_judge = exists().where(
        col(again.snapshot_id) == col(EdgeRequest.snapshot_id),
        col(again.purpose) == "reread",
        col(again.outcome).is_(None),
        col(again.due_at) > now,
    )
    query = (
        select(EdgeRequest, Snapshot)
        .join(Snapshot, col(Snapshot.id) == col(EdgeRequest.snapshot_id))
        .where(EdgeRequest.device_id == device_id, col(EdgeRequest.outcome).is_(None))
        .where(or_(col(EdgeRequest.reason) != "audit", ~to_judge))
        .order_by(col(EdgeRequest.purpose).desc(), col(EdgeRequest.asked_at), col(EdgeRequest.id))
        .limit(MOST_AT_ONCE)
    )
    return tuple(
        EdgeRequestOut(
            request_id=row.id,
            purpose="reread" if row.purpose == "reread" else "crop",
            sequence=snapshot.sequence,
            sha256=snapshot.sha256,
            zone_id=row.zone_id,
            due_at=row.due_at,
        )
        for row, snapshot in session.exec(query)
    )


def measure_edge_requests(session: Session) -> None:
    """Sets the gauge of what is open."""
    edge_requests_open.clear()
    query = select_columns(col(EdgeRequest.purpose), func.count()).where(col(EdgeRequest.outcome).is_(None))
    for purpose, count in session.execute(query.group_by(col(EdgeRequest.purpose))):
        edge_requests_open.labels(purpose).set(count)


def _ask(
    session: Session, snapshot: Snapshot, device_id: str, reading: ZoneReading, reason: str, now: datetime
) -> None:
    row = _request(snapshot, device_id, "crop", reason, now, now + ANSWER_WITHIN)
    row.zone_id, row.reading_id = reading.zone_id, reading.id
    session.add(row)
    session.flush()


def _request(
    snapshot: Snapshot, device_id: str, purpose: str, reason: str, now: datetime, due: datetime
) -> EdgeRequest:
    return EdgeRequest(
        facility_id=snapshot.facility_id,
        camera_id=snapshot.camera_id,
        device_id=device_id,
        snapshot_id=snapshot.id,
        captured_at=snapshot.captured_at,
        purpose=purpose,
        reason=reason,
        asked_at=now,
        due_at=due,
    )


def _readings(session: Session, snapshot_ids: Collection[str]) -> Iterable[ZoneReading]:
    return session.exec(select(ZoneReading).where(col(ZoneReading.snapshot_id).in_(list(snapshot_ids)))).all()


def _edge_readings(session: Session, reading_ids: Collection[str]) -> Iterable[tuple[ZoneReading, EdgeReading]]:
    ids = sorted(set(reading_ids))
    for at in range(0, len(ids), _CHUNK):
        query = (
            select(ZoneReading, EdgeReading)
            .join(EdgeReading, col(EdgeReading.snapshot_id) == col(ZoneReading.snapshot_id))
            .where(col(ZoneReading.id).in_(ids[at : at + _CHUNK]))
            .order_by(col(ZoneReading.captured_at).desc(), col(ZoneReading.id))
        )
        yield from session.exec(query).all()
