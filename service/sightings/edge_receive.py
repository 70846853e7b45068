"""A reading comes in from a box that judges its pictures itself: checked, mapped to people, kept as a snapshot without
a picture. Everything above the readings works as with pictures."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service.access import Actor, device_key
from service.contracts import (
    EdgeFrameReading,
    EdgeReadingPost,
    EdgeZoneReading,
    SnapshotMeta,
    faults_of,
    reading_is_signed_by,
    statement_hash,
)
from service.enrolment import BoxNames, gallery, opened_pack, templates_version
from service.facilities import Camera, facility_by_id
from service.kit.ids import new_id
from service.platform.context import Context
from service.platform.metrics import counter
from service.sightings.analyse import PackAnalyser, record_edge_reading
from service.sightings.edge_asking import ask_again, close_reread, draw_audits, open_request
from service.sightings.edge_errors import EdgePackMismatch, ReadingRefused, ReadingsNotTaken
from service.sightings.edge_rebase import Believed, rebased
from service.sightings.edge_tables import EdgeReading
from service.sightings.receive import Accepted, camera_of, duplicate_of, time_of, trust_for
from service.sightings.repository import find_snapshot
from service.sightings.statements import keep_statement, verify_statement
from service.sightings.tables import Snapshot
from service.vision import BedReading, FrameAnalysis, UnobservedCause, ViewCheck
from service.vision.sequence import PrintUnreadable, ViewPrint

edge_readings_total = counter(
    "edge_readings_total", "Readings judged at the edge, by result: accepted, again, duplicate, refused", ("result",)
)


def accept_reading(context: Context, actor: Actor, post: EdgeReadingPost) -> Accepted:
    """Takes what a box read in one picture; the same picture's reading twice is one, unless the server asked again.

    Raises `CameraUnknown`, `CameraInactive`, `ReadingsNotTaken`, `ImplausibleTime`, `StatementRefused`,
    `ReadingRefused`, `EdgePackMismatch`.
    """
    try:
        accepted, result = _accept(context, actor, post)
    except Exception:
        edge_readings_total.labels("refused").inc()
        raise
    edge_readings_total.labels(result).inc()
    return accepted


def _accept(context: Context, actor: Actor, post: EdgeReadingPost) -> tuple[Accepted, str]:
    meta = SnapshotMeta(
        camera_id=post.camera_id,
        captured_at=post.captured_at,
        sequence=post.sequence,
        clock_offset_ms=post.clock_offset_ms,
        statement=post.statement,
    )
    sha256, now = post.statement.sha256, context.clock.now()
    with context.database.reading() as session:
        camera = camera_of(session, actor, post.camera_id)
        check_basis(session, camera)
        known = find_snapshot(session, camera.id, post.sequence, sha256)
        if known is not None and post.request_id is None:
            return duplicate_of(known), "duplicate"
        stated = verify_statement(session, context.keys, actor, camera, meta, sha256)
        body = _body_of(session, actor, post)
        taken = time_of(session, camera, meta, now)
        asked = open_request(session, actor, post.request_id, "reread") if post.request_id is not None else None
    _check_pack(context, body)
    if known is not None and (asked is None or asked.snapshot_id != known.id):
        return duplicate_of(known), "duplicate"
    snapshot = known or Snapshot(
        id=new_id(),
        facility_id=camera.facility_id,
        camera_id=camera.id,
        sequence=post.sequence,
        sha256=sha256,
        media_type=body.media_type,
        byte_count=body.byte_count,
        captured_at=taken.captured_at,
        clock_offset_ms=taken.offset_ms,
        clock_flag=taken.flag,
        received_at=now,
        judged_at="edge",
    )
    try:
        with context.database.transaction() as session:
            if known is None:
                snapshot.trust = trust_for(session, camera, stated, snapshot)
                session.add(snapshot)
                session.flush()
                if stated is not None:
                    keep_statement(session, snapshot, stated)
            believed = _record(context, session, snapshot, actor.id, body)
            _keep(session, snapshot, actor.id, post, body, now)
            if asked is not None:
                close_reread(session, asked.id, now)
            draw_audits(context, session, snapshot, actor.id, body, _judgements(session, snapshot))
            stale = body.templates != templates_version(session, snapshot.facility_id)
            if stale or believed.is_rebased:
                ask_again(session, snapshot, actor.id, now)
    except IntegrityError:
        with context.database.reading() as session:  # the same post came twice at once
            known = find_snapshot(session, camera.id, post.sequence, sha256)
        if known is None:
            raise
        return duplicate_of(known), "duplicate"
    return Accepted(snapshot.id, duplicate=False), "accepted" if asked is None else "again"


def check_basis(session: Session, camera: Camera) -> None:
    """Raises `ReadingsNotTaken` at a site whose boxes send pictures."""
    if facility_by_id(session, camera.facility_id).transmission_basis != "readings":
        raise ReadingsNotTaken(
            "this site sends pictures",
            field="body",
            remedy="run the agent without --matching local, or set transmission_basis: readings in the layout",
            message_zh="本机构以上传图像方式运行",
            remedy_zh="请去掉 --matching local，或在布局中设置 transmission_basis: readings",
        )


def _check_pack(context: Context, body: EdgeFrameReading) -> None:
    wanted = opened_pack(context).pack_hash
    if body.pack_hash != wanted:
        raise EdgePackMismatch(
            f"the box has the pack {body.pack_hash[:12]}…, the server {wanted[:12]}…",
            field="body.pack_hash",
            remedy="copy the server's model folder to the box, and start the agent again",
            message_zh="设备的模型包与服务器不同",
            remedy_zh="请将服务器的模型目录复制到设备后重启采集端",
        )


def _body_of(session: Session, actor: Actor, post: EdgeReadingPost) -> EdgeFrameReading:
    """The signed text as values. Raises `ReadingRefused`."""
    said = statement_hash(post.statement)
    found = device_key(session, post.key_id)
    if found is None or found[1].id != actor.id:
        raise _refused("its key is not the sender's", "key_id")
    if not reading_is_signed_by(said, post.body, post.signature, base64.b64decode(found[0].public_key)):
        raise _refused("its signature does not hold", "signature")
    try:
        body = EdgeFrameReading.model_validate_json(post.body)
    except ValidationError as error:
        fault = faults_of(error, field="body")[0]
        raise _refused(fault.message, fault.field) from None
    for holds, name in (
        (body.statement == said, "statement"),
        (body.sequence == post.sequence, "sequence"),
        (body.camera == post.camera_id, "camera"),
        (len({zone.zone_id for zone in body.zones}) == len(body.zones), "zones"),
    ):
        if not holds:
            raise _refused(f"its {name} is not the picture's", f"body.{name}")
    if body.unreadable is None and not (body.width and body.height and all(zone.crop for zone in body.zones)):
        # Without a promise nothing could ever be asked for: a box that left it out would never be audited.
        raise _refused("it makes no promise of each bed's crop", "body.zones.crop")
    return body


def _record(context: Context, session: Session, snapshot: Snapshot, device_id: str, body: EdgeFrameReading) -> Believed:
    """The reading as rows, as if the server had read the picture."""
    analyser, threshold = PackAnalyser(context), opened_pack(context).thresholds.same_person
    names = BoxNames.of(context.keys, device_id)
    known = gallery(context, session, snapshot.facility_id)
    people = names.persons(set(known.keys))

    def analysis_of(expected: Mapping[str, str]) -> Believed:
        mine = names.persons(expected.values()) | people
        comparable = {zone_id: who for zone_id, who in expected.items() if who in set(known.keys)}
        return rebased(body, comparable, mine, threshold)

    def analysis(expected: Mapping[str, str]) -> tuple[FrameAnalysis | None, Believed]:
        believed = analysis_of(expected)
        return (None if body.unreadable is not None else _analysis(body, believed.readings)), believed

    return record_edge_reading(context, session, snapshot, analyser, analysis, body.unreadable)


def _analysis(body: EdgeFrameReading, readings: tuple[BedReading, ...]) -> FrameAnalysis:
    try:
        cause = UnobservedCause(body.view_cause) if body.view_cause is not None else None
        seen = ViewPrint.from_bytes(base64.b64decode(body.view_print, validate=True)) if body.view_print else None
    except (ValueError, binascii.Error, PrintUnreadable):
        raise _refused("its view cannot be read", "body.view_print") from None
    return FrameAnalysis(
        view=ViewCheck(cause is None, cause),
        readings=readings,
        strangers=body.strangers,
        pack_hash=body.pack_hash,
        seconds_models=0.0,
        seconds_total=0.0,
        view_print=seen,
    )


def _keep(
    session: Session,
    snapshot: Snapshot,
    device_id: str,
    post: EdgeReadingPost,
    body: EdgeFrameReading,
    now: datetime,
) -> None:
    row = session.get(EdgeReading, snapshot.id)
    if row is not None:
        row.judgements += 1
    else:
        row = EdgeReading(
            snapshot_id=snapshot.id,
            facility_id=snapshot.facility_id,
            camera_id=snapshot.camera_id,
            device_id=device_id,
            templates="",
            body="",
            signature="",
            width=0,
            height=0,
            judged_at=now,
        )
    row.templates, row.body, row.signature = body.templates, post.body, post.signature
    row.width, row.height, row.judged_at = body.width, body.height, now
    # The first promise holds: a box that is asked to judge again may not choose another crop by then.
    row.commitments = {**_commitments(body.zones), **row.commitments}
    session.add(row)
    session.flush()


def _judgements(session: Session, snapshot: Snapshot) -> int:
    return session.get_one(EdgeReading, snapshot.id).judgements


def _commitments(zones: tuple[EdgeZoneReading, ...]) -> dict[str, str]:
    return {zone.zone_id: zone.crop for zone in zones if zone.crop is not None}


def _refused(message: str, field: str) -> ReadingRefused:
    return ReadingRefused(
        message,
        field=field,
        remedy="sign and send a reading as the API's description says",
        message_zh="识别结果与图片声明或设备不符",
        remedy_zh="请按接口说明签名并上传识别结果",
    )
