"""Directed checks for people: the queue, the form that answers one, the hand-held page for a phone, and excuses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Path, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from service import ledger
from service.access import Actor, FormGuard, Permission, allow
from service.admissions import admission_record
from service.facilities import Facility, bed_by_id, camera_by_id, facility_by_id, watermark
from service.kit.errors import NotFound
from service.occupancy import (
    Answer,
    DirectedCheck,
    LookMethod,
    LookResult,
    add_look,
    end_pause,
    handheld_picture,
    handhelds_of,
    pause,
    requests_with_state,
)
from service.occupancy import Request as Asked
from service.occupancy import directed_checks as requests_of
from service.occupancy.excuse import TapKind, tap
from service.occupancy.handheld import IdentifiedBy, matcher_of, new_challenge, record_handheld
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.web.places import Places, chosen_facility, facility_choices, facility_name
from service.web.render import page, reader_of
from service.web.stay_lines import look_lines
from service.web.views import Choice, LookLine

router = APIRouter(include_in_schema=False)

Reader = Annotated[Actor, allow(Permission.DIRECTED_READ)]
Answerer = Annotated[Actor, allow(Permission.DIRECTED_ANSWER)]
Id = Annotated[str, Path(max_length=32)]
VIEWS = ("open", "escalated", "all")
_MOST = 500


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A request to look in the queue."""

    check_id: str
    patient_no: str
    admission_id: str
    place: str
    cause: str
    state: str
    due_at: datetime
    until: datetime
    escalated_at: datetime | None
    looks: tuple[LookLine, ...]


@router.get("/directed-checks")
def show_queue(
    request: Request,
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    facility: str | None = None,
    view: str = "open",
) -> Response:
    """Who is to be looked for; `view=escalated`: what nobody answered, for an inspector from outside."""
    found = chosen_facility(session, actor, Permission.DIRECTED_READ, facility)
    if found is None:
        return page(request, "overview.html", actor, facilities=[])
    reader = reader_of(request, actor)
    wanted = view if view in VIEWS else "open"
    # Chosen before it is cut: an old one that waits must not stand behind hundreds that do not.
    running = watermark(found, context.clock) if wanted == "open" else None
    asked = requests_of(session, found.id, running_at=running, escalated=wanted == "escalated")
    rows = requests_with_state(session, found, asked if wanted == "open" else asked[:_MOST], context.clock)
    if wanted == "open":
        rows = [item for item in rows if item.state == "open"][:_MOST]
    places = Places.of(session, found, reader.language)
    return page(
        request,
        "directed_checks.html",
        actor,
        zone=found.timezone,
        facility_code=found.code,
        facility_name=facility_name(found, reader.language),
        facilities=facility_choices(session, actor, Permission.DIRECTED_READ, found, reader.language),
        views=tuple(Choice(item, reader.t(f"directed.view.{item}"), item == wanted) for item in VIEWS),
        lines=tuple(_line(session, item, places) for item in rows),
    )


@router.get("/directed-checks/{check_id}")
def show_check(check_id: Id, request: Request, actor: Reader, session: ReadSession, context: ContextDep) -> Response:
    """One request with the looks so far, and the form for who may answer."""
    row, place = _readable(session, actor, Permission.DIRECTED_READ, check_id)
    item = requests_with_state(session, place, [row], context.clock)[0]
    reader = reader_of(request, actor)
    return page(
        request,
        "directed_check.html",
        actor,
        zone=place.timezone,
        facility_code=place.code,
        facility_name=facility_name(place, reader.language),
        line=_line(session, item, Places.of(session, place, reader.language)),
        pictures=handhelds_of(session, row.id),
        may_open_pictures=actor.may(Permission.FRAMES_READ, place.id),
        may_answer=actor.kind == "user" and actor.may(Permission.DIRECTED_ANSWER, place.id),
        results=tuple(result.value for result in LookResult),
        methods=tuple(method.value for method in LookMethod if method is not LookMethod.HANDHELD),
    )


@router.post("/directed-checks/{check_id}", dependencies=[FormGuard])
def answer_check(
    check_id: Id,
    actor: Answerer,
    session: WriteSession,
    context: ContextDep,
    result: Annotated[LookResult, Form()],
    method: Annotated[LookMethod, Form()],
    ward_searched: Annotated[bool, Form()] = False,
    patient_called: Annotated[bool, Form()] = False,
    note: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Records what the person found, now."""
    row, _ = _readable(session, actor, Permission.DIRECTED_ANSWER, check_id)
    answer = Answer(result, method, ward_searched, patient_called, note.strip())
    add_look(session, actor, row, answer, context.clock)
    return RedirectResponse(f"/directed-checks/{check_id}", 303)


@router.get("/hand-held/{check_id}")
def show_hand_held(
    check_id: Id, request: Request, actor: Answerer, session: WriteSession, context: ContextDep
) -> Response:
    """For a phone at the bed: a fresh code, one picture of face and bed label, how the patient was identified."""
    row, place = _readable(session, actor, Permission.DIRECTED_ANSWER, check_id)
    challenge = new_challenge(context, session, actor, row)
    reader = reader_of(request, actor)
    item = requests_with_state(session, place, [row], context.clock)[0]
    return page(
        request,
        "hand_held.html",
        actor,
        zone=place.timezone,
        line=_line(session, item, Places.of(session, place, reader.language)),
        nonce=challenge.nonce,
        minutes=max(1, round((challenge.expires_at - challenge.issued_at).total_seconds() / 60)),
        ways=tuple(way.value for way in IdentifiedBy),
    )


@router.get("/directed-checks/{check_id}/looks/{look_id}.jpg")
def show_hand_held_picture(
    check_id: Id,
    look_id: Id,
    actor: Annotated[Actor, allow(Permission.FRAMES_READ)],
    session: ReadSession,
    context: ContextDep,
) -> Response:
    """The picture behind a hand-held look. Whoever opens it is noted in the ledger before it is sent."""
    row, place = _readable(session, actor, Permission.FRAMES_READ, check_id)
    picture = handheld_picture(context, row, look_id)
    session.rollback()
    with context.database.transaction() as noting:
        ledger.append(
            noting,
            clock_now=context.clock.now(),
            kind="audit",
            actor=actor.label,
            action="frame.viewed",
            object_kind="directed_look",
            object_id=look_id,
            facility_id=place.id,
            details={"directed_check": row.id},
        )
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@router.post("/hand-held/{check_id}", dependencies=[FormGuard])
def take_hand_held(
    check_id: Id,
    actor: Answerer,
    session: ReadSession,
    context: ContextDep,
    picture: Annotated[UploadFile, File()],
    nonce: Annotated[str, Form(max_length=16)],
    identified_by: Annotated[IdentifiedBy, Form()],
) -> Response:
    """Records the look; the picture is sealed."""
    row, _ = _readable(session, actor, Permission.DIRECTED_ANSWER, check_id)
    session.rollback()  # the reader's view must not outlive what is written next
    data = picture.file.read(context.settings.max_image_bytes + 1)
    record_handheld(context, actor, row, nonce, data, identified_by, matcher_of(context))
    return RedirectResponse(f"/directed-checks/{check_id}", 303)


@router.post("/wards/{ward_id}/excuses", dependencies=[FormGuard])
def excuse(
    ward_id: Id,
    actor: Answerer,
    session: WriteSession,
    context: ContextDep,
    bed: Annotated[str, Form(max_length=32)],
    kind: Annotated[Literal["imaging", "theatre", "dialysis", "therapy", "back"], Form()],
) -> Response:
    """One tap on the board: the bed's patient is off the ward, or back."""
    found = bed_by_id(session, bed)
    if found.ward_id != ward_id:
        raise NotFound("no such bed on this ward", field="bed", remedy="reload the board")
    actor.require(Permission.DIRECTED_ANSWER, found.facility_id)
    tap(session, actor, found.id, TapKind(kind), context.clock)
    return RedirectResponse(f"/wards/{ward_id}#bed-{found.id}", 303)


@router.post("/wards/{ward_id}/pauses", dependencies=[FormGuard])
def draw_curtain(
    ward_id: Id,
    actor: Answerer,
    session: WriteSession,
    context: ContextDep,
    bed: Annotated[str, Form(max_length=32)] = "",
    camera: Annotated[str, Form(max_length=32)] = "",
) -> Response:
    """One tap on the board: the curtain is drawn around the bed, or before the camera, for half an hour."""
    found_bed = bed_by_id(session, bed) if bed else None
    found_camera = camera_by_id(session, camera) if camera and not bed else None
    place = found_bed or found_camera
    if place is None or place.ward_id != ward_id:
        raise NotFound("no such bed or camera on this ward", field="bed", remedy="reload the board")
    pause(session, actor, context.clock, bed=found_bed, camera=found_camera, minutes=30)
    return RedirectResponse(f"/wards/{ward_id}#{f'bed-{bed}' if bed else 'curtains'}", 303)


@router.post("/privacy-pauses/{pause_id}/end", dependencies=[FormGuard])
def open_curtain(pause_id: Id, actor: Answerer, session: WriteSession, context: ContextDep) -> Response:
    """One tap on the board: the curtain is open again."""
    row = end_pause(session, actor, pause_id, context.clock)
    return RedirectResponse(f"/wards/{row.ward_id}#{f'bed-{row.bed_id}' if row.bed_id else 'curtains'}", 303)


def _readable(session: Session, actor: Actor, permission: Permission, check_id: str) -> tuple[DirectedCheck, Facility]:
    row = session.get(DirectedCheck, check_id) if check_id.isprintable() else None
    if row is None or not actor.knows(row.facility_id):
        raise NotFound(
            "there is no such request",
            field="check",
            remedy="open one from the list",
            message_zh="没有这项核查请求",
            remedy_zh="请从列表打开",
        )
    actor.require(permission, row.facility_id)
    return row, facility_by_id(session, row.facility_id)


def _line(session: Session, item: Asked, places: Places) -> AskedLine:
    row = item.row
    return AskedLine(
        check_id=row.id,
        patient_no=admission_record(session, row.admission_id).patient_no,
        admission_id=row.admission_id,
        place=places.place(row.bed_id),
        cause=row.cause,
        state=item.state.value,
        due_at=row.due_at,
        until=row.respond_by or row.deadline_at,
        escalated_at=row.escalated_at,
        looks=look_lines(item.looks),
    )
