"""The API of hand-held looks, second looks, excuses in one tap, and policies by level."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Path, UploadFile

from service.access import Actor, Forbidden, Permission, allow, assign_ward, ward_staff_of
from service.admissions import admission_records
from service.facilities import (
    facility_by_id,
    facility_for,
    level_policies,
    record_level_policy,
    ward,
    wards_of_facility,
    watermark,
)
from service.kit.errors import NotFound
from service.occupancy.between import excuse_taps
from service.occupancy.excuse import TapKind, tap
from service.occupancy.hand_schemas import (
    ChallengeOut,
    ConfirmationsOut,
    LevelPolicyIn,
    LevelPolicyOut,
    SecondLookIn,
    SecondLookOut,
    TapCountOut,
    TapIn,
    TapOut,
    WardStaffIn,
    WardStaffOut,
)
from service.occupancy.handheld import IdentifiedBy, matcher_of, new_challenge, record_handheld
from service.occupancy.once_more import state_of
from service.occupancy.repository import directed_readable_by
from service.occupancy.reverify import (
    answer_again,
    confirmations,
    reverification_readable_by,
    reverifications,
    usernames,
)
from service.occupancy.roll_call_endpoints import FacilityCode, From, Id, Reader, To, span_of
from service.occupancy.schemas import LookRecorded
from service.platform.http import ContextDep, ReadSession, WriteSession

router = APIRouter(tags=["occupancy"])

Answerer = Annotated[Actor, allow(Permission.DIRECTED_ANSWER)]


@router.post("/directed-checks/{check_id}/handheld", status_code=201, summary="A fresh code for a hand-held look")
def post_challenge(check_id: Id, actor: Answerer, session: WriteSession, context: ContextDep) -> ChallengeOut:
    """Good once, for the one who asked, for a few minutes."""
    request = directed_readable_by(session, actor, Permission.DIRECTED_ANSWER, check_id)
    row = new_challenge(context, session, actor, request)
    return ChallengeOut(nonce=row.nonce, issued_at=row.issued_at, expires_at=row.expires_at)


@router.post("/directed-checks/{check_id}/handheld-looks", status_code=201, summary="Record a hand-held look")
def post_handheld(
    check_id: Id,
    actor: Answerer,
    session: ReadSession,
    context: ContextDep,
    picture: Annotated[UploadFile, File(description="Face and bed label in one picture, JPEG or PNG.")],
    nonce: Annotated[str, Form(max_length=16)],
    identified_by: Annotated[IdentifiedBy, Form()],
) -> LookRecorded:
    """The patient was found. By `face`, the picture is compared 1:1 with the patient's own reference."""
    request = directed_readable_by(session, actor, Permission.DIRECTED_ANSWER, check_id)
    session.rollback()
    data = picture.file.read(context.settings.max_image_bytes + 1)
    look = record_handheld(context, actor, request, nonce, data, identified_by, matcher_of(context))
    return LookRecorded(look_id=look.id, directed_check_id=check_id, looked_at=look.looked_at, role=look.role)


@router.get("/reverifications", summary="Second looks asked for")
def list_reverifications(
    actor: Annotated[Actor, allow(Permission.DIRECTED_READ)],
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    state: Literal["open", "answered", "undone", "all"] = "all",
    start: From = None,
    to: To = None,
) -> list[SecondLookOut]:
    """The latest first. Another ward's people, or an inspector, answer them. What nobody answered is asked once more;
    then it is `undone`: for an inspector, who may still look."""
    place = facility_for(session, actor, Permission.DIRECTED_READ, facility)
    rows = reverifications(session, place.id, span_of(place, context.clock, start, to))
    now = watermark(place, context.clock)
    records = admission_records(session, place.id, {row.admission_id for row in rows})
    numbers = {record.admission_id: record.admission_no for record in records}
    wanted = [row for row in rows if state in ("all", state_of(row, now))]
    names = usernames(session, {row.person_id for row in wanted if row.person_id is not None})
    return [SecondLookOut.of(row, numbers[row.admission_id], now, names) for row in wanted]


@router.post("/reverifications/{reverification_id}", summary="Record a second look")
def post_reverification(
    reverification_id: Id, body: SecondLookIn, actor: Answerer, session: WriteSession, context: ContextDep
) -> SecondLookOut:
    """By somebody else than the first, of another ward or from outside."""
    row = reverification_readable_by(session, actor, reverification_id)
    place = facility_by_id(session, row.facility_id)
    at = watermark(place, context.clock)
    answer_again(session, actor, row, body.result, body.method, at=at, now=context.clock.now())
    records = admission_records(session, place.id, [row.admission_id])
    return SecondLookOut.of(row, records[0].admission_no, at, {})


@router.get("/ward-staff", summary="Ward staff, with the ward on record")
def list_ward_staff(
    actor: Annotated[Actor, allow(Permission.FACILITY_WRITE)], session: ReadSession, facility: FacilityCode
) -> list[WardStaffOut]:
    """The facility's own ward staff. Second looks are another ward's: this says whose."""
    place = facility_for(session, actor, Permission.FACILITY_WRITE, facility)
    wards = {item.id: item.code for item in wards_of_facility(session, place.id)}
    return [
        WardStaffOut(username=user.username, active=user.is_active, ward=wards.get(ward_id or ""))
        for user, ward_id in ward_staff_of(session, place.id)
    ]


@router.put("/ward-staff/{username}", summary="Put on record on which ward somebody works")
def put_ward_staff(
    username: Annotated[str, Path(max_length=64)],
    body: WardStaffIn,
    actor: Annotated[Actor, allow(Permission.FACILITY_WRITE)],
    session: WriteSession,
    context: ContextDep,
    facility: FacilityCode,
) -> WardStaffOut:
    """A ward of the facility, or null for none. Each change is in the ledger with what stood before."""
    place = facility_for(session, actor, Permission.FACILITY_WRITE, facility)
    home = ward(session, place.id, body.ward) if body.ward is not None else None
    user = next((item for item, _ in ward_staff_of(session, place.id) if item.username == username.lower()), None)
    if user is None:  # who works elsewhere is not told of here
        raise NotFound(
            "nobody of that name is ward staff here",
            field="username",
            remedy="GET /api/v1/ward-staff lists them; wardwatch users grant gives the role",
            message_zh="本机构没有此病区人员",
            remedy_zh="请查看病区人员列表，或先授予角色",
        )
    assign_ward(session, user, place.id, home.id if home else None, actor=actor.label, now=context.clock.now())
    return WardStaffOut(username=user.username, active=user.is_active, ward=home.code if home else None)


@router.get("/confirmations", summary="Finds by person, beside their peers")
def list_confirmations(
    actor: Annotated[Actor, allow(Permission.DIRECTED_READ)],
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    start: From = None,
    to: To = None,
) -> list[ConfirmationsOut]:
    """Numbers to compare, no suspicion: a ward with a broken camera has many."""
    place = facility_for(session, actor, Permission.DIRECTED_READ, facility)
    found = confirmations(session, place.id, span_of(place, context.clock, start, to))
    return [ConfirmationsOut.model_validate(item, from_attributes=True) for item in found]


@router.post("/beds/{bed_id}/excuses", status_code=201, summary="Excuse an absence in one tap")
def post_excuse(bed_id: Id, body: TapIn, actor: Answerer, session: WriteSession, context: ContextDep) -> TapOut:
    """The bed's patient is off the ward from now on, or is back. Every tap is counted."""
    return TapOut.of(tap(session, actor, bed_id, body.kind, context.clock))


@router.get("/excuses", summary="Excuses by person and ward")
def list_excuses(
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    facility: FacilityCode,
    start: From = None,
    to: To = None,
) -> list[TapCountOut]:
    """How many, of which kind, and how many while people were being counted."""
    place = facility_for(session, actor, Permission.OCCUPANCY_READ, facility)
    rows = excuse_taps(session, place.id, span_of(place, context.clock, start, to))
    names = usernames(session, {row.person_id for row in rows})
    number = Counter((names.get(row.person_id, ""), row.ward_id, row.kind) for row in rows)
    during = Counter((names.get(row.person_id, ""), row.ward_id, row.kind) for row in rows if row.during_check)
    return [
        TapCountOut(username=who, ward_id=ward_id, kind=TapKind(kind), number=count, during_checks=during[key])
        for key, count in sorted(number.items(), key=lambda item: (-item[1], str(item[0])))
        for who, ward_id, kind in [key]
    ]


@router.get("/level-policies", summary="Presence policies by level")
def list_level_policies(actor: Reader, session: ReadSession) -> list[LevelPolicyOut]:
    """Everything recorded, in order of level and day."""
    return [LevelPolicyOut.model_validate(row) for row in level_policies(session)]


@router.post("/level-policies", status_code=201, summary="Record what holds for a level from a day on")
def post_level_policy(
    body: LevelPolicyIn,
    actor: Annotated[Actor, allow(Permission.FACILITY_WRITE)],
    session: WriteSession,
    context: ContextDep,
) -> LevelPolicyOut:
    """For all facilities of the level; what a facility sets itself stands above it. Only who administers all may."""
    if actor.facilities(Permission.FACILITY_WRITE) is not None:
        raise Forbidden("a level is not one facility's", remedy="ask the operator of the installation")
    row = record_level_policy(
        session,
        level=body.level,
        version=body.version,
        effective_from=body.effective_from,
        settings=body.settings,
        legal_basis=body.legal_basis,
        actor=actor.label,
        now=context.clock.now(),
    )
    return LevelPolicyOut.model_validate(row)
