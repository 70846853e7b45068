"""The API of boxes that judge their pictures themselves (docs/edge-matching.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from pydantic import AwareDatetime, BaseModel, Field
from sqlmodel import Session

from service.access import Actor, Permission, allow
from service.contracts import (
    EdgeAnswerAccepted,
    EdgeCropMeta,
    EdgeReadingPost,
    EdgeRequests,
    PictureCommandNoted,
    PictureCommandReport,
    SealedGallery,
    SealingKeyAccepted,
    SealingKeyRequest,
    SnapshotAccepted,
    read_message,
    seal_for_box,
)
from service.enrolment import ward_gallery
from service.facilities import Camera, Facility, camera_by_id, event_now, facility_by_id, facility_for
from service.kit.clock import utc
from service.kit.errors import InvalidInput
from service.kit.intervals import Interval
from service.ledger import append
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.sightings.command_answers import OUTCOMES, ask_for_answers, command_answers
from service.sightings.commanded import note_command
from service.sightings.edge_asking import requests_for
from service.sightings.edge_audit import edge_audits
from service.sightings.edge_crops import take_crop
from service.sightings.edge_errors import DeviceOnly, SealingKeyMissing
from service.sightings.edge_receive import accept_reading, check_basis
from service.sightings.edge_tables import EdgeBox
from service.sightings.spans import span_asked

router = APIRouter(prefix="/api/v1", tags=["edge matching"])

Box = Annotated[Actor, allow(Permission.SNAPSHOTS_POST)]
_LONGEST = timedelta(days=92)


@router.post("/devices/me/sealing-key", summary="Say for which key the gallery is sealed")
def put_sealing_key(
    wanted: SealingKeyRequest, actor: Box, context: ContextDep, session: WriteSession
) -> SealingKeyAccepted:
    """Takes the public half of the box's X25519 key. Sent again, it changes nothing; another key replaces it."""
    camera = _camera(session, actor)
    now, row = context.clock.now(), session.get(EdgeBox, actor.id)
    if row is None or row.sealing_key != wanted.public_key:
        _check_key(wanted.public_key)
        row = row or EdgeBox(device_id=actor.id, facility_id=camera.facility_id, sealing_key="", registered_at=now)
        row.sealing_key, row.registered_at, row.gallery_version = wanted.public_key, now, None
        session.add(row)
        _audit(session, actor, camera, now, "device.sealing_key", {"key": wanted.public_key})
    return SealingKeyAccepted(public_key=wanted.public_key)


@router.get(
    "/devices/me/gallery",
    summary="The faces that the box may recognise, sealed for it",
    response_model=SealedGallery,
    responses={
        304: {"description": "Nothing changed."},
        409: {"description": "No sealing key, or a site of pictures."},
    },
)
def my_gallery(
    request: Request, response: Response, actor: Box, context: ContextDep, session: WriteSession
) -> SealedGallery | Response:
    """Templates of the ward's admitted patients with consent, and of staff. Send the ETag back as If-None-Match.

    Each version that is given out is recorded. It expires; a box wipes what has expired.
    """
    camera = _camera(session, actor)
    box = session.get(EdgeBox, actor.id)
    if box is None:
        raise SealingKeyMissing(
            "there is no key to seal it for",
            remedy="POST /api/v1/devices/me/sealing-key first",
            message_zh="尚未登记用于加密的公钥",
            remedy_zh="请先调用 POST /api/v1/devices/me/sealing-key",
        )
    check_basis(session, camera)  # where pictures are sent, no box needs to know a face
    facility, now = facility_by_id(session, camera.facility_id), context.clock.now()
    at = event_now(facility, now)
    found = ward_gallery(context, session, camera, actor.id, at)
    etag = f'"{found.version}"'
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known:
        return Response(status_code=304, headers={"ETag": etag})
    if box.gallery_version != found.version:
        box.gallery_version, box.gallery_given_at = found.version, now
        session.add(box)
        _audit(session, actor, camera, now, "gallery.given", {"version": found.version, "persons": len(found.persons)})
    response.headers["ETag"] = etag
    sealed = seal_for_box(found.model_dump_json().encode(), box.sealing_key, actor.id)
    return SealedGallery(version=found.version, pack_hash=found.pack_hash, expires_at=found.expires_at, sealed=sealed)


@router.get("/devices/me/edge-requests", summary="What the server wants to know of pictures that the box keeps")
def my_requests(actor: Box, context: ContextDep, session: ReadSession) -> EdgeRequests:
    """Open requests: to judge a picture again, or to show the crop behind a reading."""
    _camera(session, actor)
    return EdgeRequests(requests=requests_for(session, actor.id, context.clock.now()))


@router.post("/edge-readings", summary="Post what the box read in a picture", status_code=202)
def post_reading(post: EdgeReadingPost, actor: Box, context: ContextDep) -> SnapshotAccepted:
    """Takes a signed reading in the place of a picture, at sites whose pictures stay on the box. The same picture's
    reading posted again is one."""
    _device_only(actor)
    accepted = accept_reading(context, actor, post)
    return SnapshotAccepted(snapshot_id=accepted.snapshot_id, duplicate=accepted.duplicate)


@router.post("/edge-crops", summary="Show the crop behind a reading")
def post_crop(
    actor: Box,
    context: ContextDep,
    meta: Annotated[str, Form(max_length=2_000_000, description="JSON: EdgeCropMeta.")],
    image: Annotated[UploadFile | None, File(description="PNG. Left out when the picture is gone.")] = None,
) -> EdgeAnswerAccepted:
    """Takes the answer to a request: the bed's crop, other people's faces blurred, or that the picture is gone."""
    _device_only(actor)
    message = read_message(EdgeCropMeta, meta, field="meta")
    data = image.file.read(context.settings.max_image_bytes + 1) if image is not None else None
    return EdgeAnswerAccepted(request_id=take_crop(context, actor, message, data))


@router.post("/picture-commands", summary="Say what became of a commanded change", status_code=202)
def post_command(
    report: PictureCommandReport, request: Request, actor: Box, context: ContextDep, session: WriteSession
) -> PictureCommandNoted:
    """Takes what a box did when a roll call commanded dark and bright pictures, once a roll call, within its time.
    The server looks for the change."""
    camera, now = _camera(session, actor), context.clock.now()
    held = note_command(
        session,
        actor,
        camera,
        report,
        now,
        event_at=event_now(facility_by_id(session, camera.facility_id), now),
        open_roll_calls=getattr(request.app.state, "open_roll_calls", None),
    )
    if held is not None:
        ask_for_answers(
            session,
            facility_id=camera.facility_id,
            ward_id=camera.ward_id,
            roll_call_id=report.roll_call_id,
            call=held,
            now=now,
        )
    return PictureCommandNoted(roll_call_id=report.roll_call_id)


@dataclass(frozen=True, slots=True)
class AskedAbout:
    """The facility, of which the caller may read, and the time that a question is about."""

    place: Facility
    span: Interval


def _asked(
    actor: Annotated[Actor, allow(Permission.OCCUPANCY_READ)],
    context: ContextDep,
    session: ReadSession,
    facility: Annotated[str, Query(max_length=64, description="The facility's code.")],
    since: Annotated[AwareDatetime | None, Query(alias="from", description="Default: 32 days before to.")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Default: a day from now.")] = None,
) -> AskedAbout:
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    end = utc(until) if until else event_now(place, context.clock.now()) + timedelta(days=1)
    return AskedAbout(place, span_asked(since, end, usual=timedelta(days=32), longest=_LONGEST))


Asked = Annotated[AskedAbout, Depends(_asked)]


class CameraAnswersOut(BaseModel):
    """What became of the changes in the picture that roll calls commanded of one camera."""

    camera_id: str
    camera_code: str
    commands: int = Field(description="How many changes were commanded and delivered, answered or not.")
    seen: int
    not_seen: int = Field(description="Done, says the box; the pictures do not show it.")
    hidden: int = Field(description="Done, says the box; the pictures are black, covered or out of focus.")
    no_pictures: int = Field(description="Done, says the box; pictures of both levels did not arrive.")
    unsupported: int
    denied: int = Field(description="Unsupported, says the box; the camera did it before, or the box says that it can.")
    failed: int
    unanswered: int = Field(description="Nothing said, though pictures of that roll call arrived in time.")
    last_at: datetime
    doubtful: bool = Field(description="A reason to look at the camera and its box, and nothing against a patient.")


@router.get("/picture-commands", summary="Whether cameras change their picture when a roll call commands it")
def read_commands(asked: Asked, session: ReadSession) -> list[CameraAnswersOut]:
    """Counts for each camera of which roll calls between two instants commanded a change."""
    return [
        CameraAnswersOut(
            camera_id=one.camera_id,
            camera_code=one.camera_code,
            commands=one.commands,
            last_at=one.last_at,
            doubtful=one.doubtful,
            **{outcome: one.counts.get(outcome, 0) for outcome in OUTCOMES},
        )
        for one in command_answers(session, asked.place.id, asked.span)
    ]


class EdgeAuditOut(BaseModel):
    """A crop that a box was asked for, and what it showed."""

    request_id: str
    camera_id: str
    reading_id: str | None
    captured_at: datetime
    asked_at: datetime
    answered_at: datetime | None
    reason: str
    outcome: str
    said: str | None
    found: str | None


@router.get("/edge-audits", summary="Whether boxes say what their pictures show")
def read_audits(asked: Asked, context: ContextDep, session: ReadSession) -> list[EdgeAuditOut]:
    """Crops asked of the facility's boxes, of pictures taken between two instants."""
    found = edge_audits(session, asked.place.id, asked.span, context.clock.now())
    return [EdgeAuditOut.model_validate(audit, from_attributes=True) for audit in found]


def _camera(session: Session, actor: Actor) -> Camera:
    """The box's camera."""
    _device_only(actor)
    return camera_by_id(session, actor.camera_id or "")


def _device_only(actor: Actor) -> None:
    if actor.kind != "device" or actor.camera_id is None:
        raise DeviceOnly(
            "this needs a paired device of a camera, not a token",
            remedy="pair it: wardwatch devices pair, then wardwatch-edge pair",
            message_zh="需要已配对的摄像头设备，令牌不可用",
            remedy_zh="请先执行 wardwatch devices pair 与 wardwatch-edge pair",
        )


def _check_key(public_key: str) -> None:
    try:
        seal_for_box(b"", public_key, "")
    except ValueError:
        raise InvalidInput(
            "that is no X25519 public key",
            field="public_key",
            remedy="send 32 bytes in Base64",
            message_zh="不是有效的 X25519 公钥",
        ) from None


def _audit(
    session: Session, actor: Actor, camera: Camera, now: datetime, action: str, details: dict[str, object]
) -> None:
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action=action,
        object_kind="device",
        object_id=actor.id,
        facility_id=camera.facility_id,
        details=details,
    )
