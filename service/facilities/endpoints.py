"""The API of places: layouts, wards, beds, cameras, zones, the clock of a replay, and what a device is told."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlmodel import Session

from service.access import Actor, Forbidden, Permission, allow
from service.contracts import DeviceConfig
from service.facilities.device_config import device_config
from service.facilities.edits import put_bed, put_camera, put_ward, redraw_camera
from service.facilities.errors import LayoutInvalid
from service.facilities.event_time import event_now, move_watermark
from service.facilities.layout_checks import zone_issues
from service.facilities.layout_loading import apply_layout
from service.facilities.layout_schema import ZoneSpec, validate_layout
from service.facilities.layout_text import parse_layout_json, parse_layout_text
from service.facilities.releases import offered_release
from service.facilities.repository import (
    beds_of_ward,
    camera_by_id,
    cameras_of,
    facilities_readable,
    facility_by_id,
    facility_for,
    find_facility,
    ward_by_id,
    wards_of_facility,
    zones_of_camera,
)
from service.facilities.schemas import (
    LAYOUT_EXAMPLE,
    BedOut,
    CameraOut,
    FacilityDetail,
    FacilityOut,
    LayoutReportOut,
    NewBed,
    NewCamera,
    NewWard,
    WardDetail,
    WardOut,
    WatermarkIn,
    WatermarkOut,
    ZoneOut,
    ZonesIn,
)
from service.facilities.tables import Camera, Facility, Ward
from service.facilities.zones import ZoneDrawing
from service.kit.clock import utc
from service.kit.errors import NotFound
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.platform.jobs import enqueue

router = APIRouter(prefix="/api/v1", tags=["facilities"])

Reader = Annotated[Actor, allow(Permission.FACILITY_READ)]
Writer = Annotated[Actor, allow(Permission.FACILITY_WRITE)]
Driver = Annotated[Actor, allow(Permission.CLOCK_DRIVE)]
Device = Annotated[Actor, allow(Permission.CONFIG_READ)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code.")]

_LAYOUT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The layout of one facility; docs/layout.md lists the keys.",
        "content": {
            "application/yaml": {"schema": {"type": "string"}, "example": "facility: {code: demo, name: Demo}\n"},
            "application/json": {"schema": {"type": "object"}, "example": LAYOUT_EXAMPLE},
        },
    }
}


async def _raw_body(request: Request) -> bytes:
    return await request.body()


@router.post("/facilities", openapi_extra=_LAYOUT_BODY)
def load_facility(
    request: Request,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
    body: Annotated[bytes, Depends(_raw_body)],
) -> LayoutReportOut:
    """Loads a layout, as YAML or JSON. Loading it again changes nothing; nothing is ever deleted."""
    is_json = "json" in request.headers.get("content-type", "").lower()
    document = parse_layout_json(body) if is_json else parse_layout_text(body)
    facility = find_facility(session, validate_layout(document).facility.code)
    # One answer for a facility that is somebody else's and one that would be new: neither may be learnt.
    if not actor.may(Permission.FACILITY_WRITE, facility.id if facility else None) or (
        facility is None and actor.facilities(Permission.FACILITY_WRITE) is not None
    ):
        raise Forbidden(
            "this needs facility:write at this facility, or everywhere for a new one",
            remedy="ask the operator to load the layout",
            message_zh="需要该机构的 facility:write 权限；新建机构需要全局权限",
            remedy_zh="请联系运营方导入布局",
        )
    report = apply_layout(session, document, context.clock.now(), actor=actor.label)
    return LayoutReportOut.of(report)


@router.get("/facilities")
def list_facilities(actor: Reader, session: ReadSession) -> list[FacilityOut]:
    """The facilities the caller may see, in order of their code."""
    return [FacilityOut.of(row) for row in facilities_readable(session, actor.facilities(Permission.FACILITY_READ))]


@router.get("/facilities/{code}")
def get_facility(code: str, actor: Reader, session: ReadSession) -> FacilityDetail:
    """One facility with its wards."""
    facility = facility_for(session, actor, Permission.FACILITY_READ, code)
    wards = [WardOut.of(ward, facility.code) for ward in wards_of_facility(session, facility.id)]
    return FacilityDetail(**FacilityOut.of(facility).model_dump(), wards=wards)


@router.post("/facilities/{code}/watermark")
def drive_clock(
    code: str, body: WatermarkIn, actor: Driver, context: ContextDep, session: WriteSession
) -> WatermarkOut:
    """Moves the event time of a replay facility forward; deadlines up to it pass. Never backwards."""
    facility = facility_for(session, actor, Permission.CLOCK_DRIVE, code)
    moved = move_watermark(facility, body.to)
    session.add(facility)
    if moved:
        # No dedupe by instant: the job reads the watermark when it runs, so one waiting job covers all moves.
        enqueue(
            session,
            "presence.advance",
            {"facility_id": facility.id},
            now=context.clock.now(),
            dedupe_key=f"presence.advance:{facility.id}",
        )
    return WatermarkOut(watermark=utc(body.to), moved=moved)


@router.post("/facilities/{code}/wards", status_code=201)
def create_ward(code: str, body: NewWard, actor: Writer, context: ContextDep, session: WriteSession) -> WardOut:
    """Makes a ward, or changes the one with this code as far as the body says."""
    facility = facility_for(session, actor, Permission.FACILITY_WRITE, code)
    ward = put_ward(session, facility, body.spec(), context.clock.now(), actor=actor.label)
    return WardOut.of(ward, facility.code)


@router.get("/wards")
def list_wards(actor: Reader, session: ReadSession, facility: FacilityCode = "") -> list[WardOut]:
    """The wards of one facility, or of all that the caller may see."""
    if facility:
        facilities: tuple[Facility, ...] = (facility_for(session, actor, Permission.FACILITY_READ, facility),)
    else:
        facilities = facilities_readable(session, actor.facilities(Permission.FACILITY_READ))
    return [WardOut.of(ward, place.code) for place in facilities for ward in wards_of_facility(session, place.id)]


@router.get("/wards/{ward_id}")
def get_ward(ward_id: str, actor: Reader, context: ContextDep, session: ReadSession) -> WardDetail:
    """A ward with its beds, its cameras and the zones that hold now."""
    facility, ward = _ward(session, actor, Permission.FACILITY_READ, ward_id)
    return WardDetail(
        **WardOut.of(ward, facility.code).model_dump(),
        beds=[BedOut.of(bed) for bed in beds_of_ward(session, ward.id)],
        cameras=_cameras(session, context, facility, ward),
    )


@router.get("/wards/{ward_id}/beds")
def list_beds(ward_id: str, actor: Reader, session: ReadSession) -> list[BedOut]:
    """The ward's beds, closed ones too."""
    _, ward = _ward(session, actor, Permission.FACILITY_READ, ward_id)
    return [BedOut.of(bed) for bed in beds_of_ward(session, ward.id)]


@router.post("/wards/{ward_id}/beds", status_code=201)
def create_bed(ward_id: str, body: NewBed, actor: Writer, context: ContextDep, session: WriteSession) -> BedOut:
    """Makes a bed, or changes the one with this code as far as the body says."""
    _, ward = _ward(session, actor, Permission.FACILITY_WRITE, ward_id)
    return BedOut.of(put_bed(session, ward, body.spec(), context.clock.now(), actor=actor.label))


@router.get("/wards/{ward_id}/cameras")
def list_cameras(ward_id: str, actor: Reader, context: ContextDep, session: ReadSession) -> list[CameraOut]:
    """The ward's cameras with the zones that hold now."""
    facility, ward = _ward(session, actor, Permission.FACILITY_READ, ward_id)
    return _cameras(session, context, facility, ward)


@router.post("/wards/{ward_id}/cameras", status_code=201)
def create_camera(
    ward_id: str, body: NewCamera, actor: Writer, context: ContextDep, session: WriteSession
) -> CameraOut:
    """Makes a camera, or changes the one with this code as far as the body says. Zones are drawn apart."""
    facility, ward = _ward(session, actor, Permission.FACILITY_WRITE, ward_id)
    camera = put_camera(session, facility, ward, body.spec(), context.clock.now(), actor=actor.label)
    return CameraOut.of(camera, _zones(session, context, facility, camera))


@router.put("/cameras/{camera_id}/zones")
def put_zones(
    camera_id: str, body: ZonesIn, actor: Writer, context: ContextDep, session: WriteSession
) -> list[ZoneOut]:
    """Draws the camera's zones anew from an instant on. The old ones stay for what was seen before."""
    camera = _camera(session, actor, Permission.FACILITY_WRITE, camera_id)
    facility = facility_by_id(session, camera.facility_id)
    beds = {bed.code: bed for bed in beds_of_ward(session, camera.ward_id)}
    specs = [ZoneSpec.model_validate(zone.model_dump()) for zone in body.zones]
    issues = [issue for k, zone in enumerate(specs) for issue in zone_issues(f"zones[{k}]", zone, set(beds))]
    if issues:
        raise LayoutInvalid(issues)
    drawings = [ZoneDrawing(beds[zone.bed].id, tuple(zone.polygon), zone.head_edge) for zone in specs]
    now = context.clock.now()
    begins = utc(body.valid_from) if body.valid_from else event_now(facility, now)
    redraw_camera(session, facility, camera, drawings, now, valid_from=begins, actor=actor.label)
    codes = {bed.id: code for code, bed in beds.items()}
    return [ZoneOut.of(zone, codes[zone.bed_id]) for zone in zones_of_camera(session, camera.id, begins)]


@router.get("/devices/me/config", response_model=DeviceConfig, responses={304: {"description": "Nothing changed."}})
def my_config(
    request: Request, response: Response, actor: Device, context: ContextDep, session: ReadSession
) -> DeviceConfig | Response:
    """The calling camera's zones and cadence. Send the ETag back as If-None-Match."""
    if actor.camera_id is None:
        raise NotFound(
            "this token belongs to no camera",
            remedy="make one with: wardwatch tokens add NAME --facility CODE --scope config:read --camera CODE",
            message_zh="该令牌未绑定摄像机",
        )
    camera = _camera(session, actor, Permission.CONFIG_READ, actor.camera_id)
    facility = facility_by_id(session, camera.facility_id)
    roll_calls = getattr(request.app.state, "open_roll_calls", None)
    config = device_config(session, camera, event_now(facility, context.clock.now()), roll_calls)
    etag = f'"{config.version}"'
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return config


@router.get(
    "/devices/me/releases/{release_id}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The bundle."}},
)
def my_release(release_id: str, actor: Device, context: ContextDep, session: ReadSession) -> Response:
    """The bundle of a version that the calling camera's configuration offers."""
    if actor.camera_id is None:
        raise NotFound("this token belongs to no camera", message_zh="该令牌未绑定摄像机")
    camera = _camera(session, actor, Permission.CONFIG_READ, actor.camera_id)
    release = offered_release(session, camera, release_id)
    return Response(context.blobs.get(release.blob_key), media_type="application/octet-stream")


def _ward(session: Session, actor: Actor, permission: Permission, ward_id: str) -> tuple[Facility, Ward]:
    ward = ward_by_id(session, ward_id)
    if not actor.knows(ward.facility_id):
        raise NotFound("no such ward", field="ward", remedy="GET /api/v1/wards lists the wards")
    actor.require(permission, ward.facility_id)
    return facility_by_id(session, ward.facility_id), ward


def _camera(session: Session, actor: Actor, permission: Permission, camera_id: str) -> Camera:
    camera = camera_by_id(session, camera_id)
    if not actor.knows(camera.facility_id):
        raise NotFound("no such camera", field="camera", remedy="GET /api/v1/wards/{id}/cameras lists the cameras")
    actor.require(permission, camera.facility_id)
    return camera


def _cameras(session: Session, context: ContextDep, facility: Facility, ward: Ward) -> list[CameraOut]:
    return [CameraOut.of(camera, _zones(session, context, facility, camera)) for camera in cameras_of(session, ward.id)]


def _zones(session: Session, context: ContextDep, facility: Facility, camera: Camera) -> list[ZoneOut]:
    codes = {bed.id: bed.code for bed in beds_of_ward(session, camera.ward_id)}
    at = event_now(facility, context.clock.now())
    return [ZoneOut.of(zone, codes.get(zone.bed_id, "")) for zone in zones_of_camera(session, camera.id, at)]
