"""Requests that people look for a patient: what state they are in, and an answer to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from service.access import Actor, Role
from service.admissions import admission_records
from service.facilities import Facility, facility_by_id, watermark
from service.kit.clock import Clock, utc
from service.kit.errors import Conflict
from service.ledger import append
from service.occupancy.asking import settled_at
from service.occupancy.errors import DirectedCheckClosed, LookRefused
from service.occupancy.gather import stays_of
from service.occupancy.looks import Look, LookMethod, LookResult
from service.occupancy.place import place_of
from service.occupancy.repository import asked_ids, looks_on
from service.occupancy.reverify import ask_again
from service.occupancy.tables import DirectedCheck, DirectedLook
from service.platform.jobs import enqueue


class DirectedState(StrEnum):
    """Where a request stands. `withdrawn`: what was learned since made it needless."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to look with its answers so far."""

    row: DirectedCheck
    admission_no: str
    state: DirectedState
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person found. `looked_at` is None for "now"."""

    result: LookResult
    method: LookMethod
    ward_searched: bool = False
    patient_called: bool = False
    note: str = ""
    looked_at: datetime | None = None


def requests_with_state(
    session: Session, facility: Facility, rows: Sequence[DirectedCheck], clock: Clock
) -> list[Request]:
    """The requests with their state at the facility's event time. `rows`: of this facility."""
    looks, asked = looks_on(session, rows), asked_ids(session, [row.id for row in rows])
    now = watermark(facility, clock)
    place = place_of(facility, session, now)
    records = admission_records(session, facility.id, {row.admission_id for row in rows})
    stays = {stay.admission_id: stay for stay in stays_of(session, place, records)}
    found = []
    for row in rows:
        own = tuple(look for look in looks.get(row.admission_id, ()) if look.due_at == row.due_at)
        stay = stays[row.admission_id]
        if own and settled_at(stay, own, place.policy) is not None:
            state = DirectedState.ANSWERED
        elif row.id not in asked:
            state = DirectedState.WITHDRAWN
        else:
            # In a roll call somebody must answer soon; who did may go on to confirm an absence until the deadline.
            until = row.deadline_at if own or row.respond_by is None else row.respond_by
            state = DirectedState.OPEN if now < until else DirectedState.EXPIRED
        found.append(Request(row, stay.admission_no, state, own))
    return found


def add_look(
    session: Session, actor: Actor, request: DirectedCheck, answer: Answer, clock: Clock, *, unlabelled: bool = False
) -> DirectedLook:
    """Records what the person found, for ever. The same answer given twice is one. `unlabelled`: it rests on a picture
    in which no bed label could be read, so a second person is always asked.

    Raises `LookRefused` (not a person, an impossible time), `DirectedCheckClosed`, or `Conflict` when the same person
    said something else of the same instant.
    """
    facility = facility_by_id(session, request.facility_id)
    if actor.kind != "user":
        raise LookRefused(
            "a program cannot look for a patient",
            remedy="log in as a person",
            message_zh="程序不能代替人员核查",
            remedy_zh="请以个人账号登录",
        )
    looked_at = _time_of(facility, request, answer, role_at(actor, facility.id), clock)
    same = select(DirectedLook).where(
        DirectedLook.directed_check_id == request.id,
        DirectedLook.person_id == actor.id,
        col(DirectedLook.looked_at) == looked_at,
    )
    known = session.exec(same).first()
    if known is not None:
        if (known.result, known.method) == (answer.result.value, answer.method.value):
            return known
        raise Conflict(
            "you already recorded another result for this instant", field="looked_at", remedy="record a new look"
        )
    now = clock.now()
    look = DirectedLook(
        directed_check_id=request.id,
        person_id=actor.id,
        role=role_at(actor, facility.id),
        looked_at=looked_at,
        result=answer.result.value,
        method=answer.method.value,
        ward_searched=answer.ward_searched,
        patient_called=answer.patient_called,
        note=answer.note,
        recorded_at=now,
    )
    session.add(look)
    session.flush()
    ask_again(session, place_of(facility, session, looked_at).policy, request, look, unlabelled=unlabelled)
    enqueue(
        session,
        "presence.dirty",
        {
            "facility_id": facility.id,
            "from": request.due_at.isoformat(),
            "to": max(looked_at, request.due_at).isoformat(),
            "admission_id": request.admission_id,
        },
        now=now,
        dedupe_key=f"presence.dirty:look:{look.id}",
    )
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor=actor.label,
        action="directed_check.look",
        object_kind="directed_look",
        object_id=look.id,
        facility_id=facility.id,
        details={
            "directed_check": request.id,
            "result": look.result,
            "method": look.method,
            "looked_at": look.looked_at.isoformat(),
        },
    )
    return look


def role_at(actor: Actor, facility_id: str) -> str:
    """In what role the person looks. Whoever works on the hospital's wards does not become an inspector by a second
    grant: an inspector's look decides, and must come from outside."""
    here = {grant.role for grant in actor.grants if grant.facility_id in (None, facility_id)}
    order = (Role.WARD_STAFF, Role.INSPECTOR, Role.ADMIN, Role.VIEWER)
    return next((role.value for role in order if role in here), Role.VIEWER.value)


def _time_of(facility: Facility, request: DirectedCheck, answer: Answer, role: str, clock: Clock) -> datetime:
    """When the person looked. After the deadline only an inspector may, to whom nobody's silence has gone."""
    now = watermark(facility, clock)
    if answer.looked_at is not None and facility.clock != "replay":
        raise LookRefused(
            "a look is recorded when it happens",
            field="looked_at",
            remedy="leave looked_at out",
            message_zh="核查须即时登记",
            remedy_zh="请不要填写 looked_at",
        )
    looked_at = utc(answer.looked_at) if answer.looked_at is not None else now
    if looked_at > now or looked_at < request.due_at:
        raise LookRefused(
            "the time lies before the check, or ahead of the facility's clock",
            field="looked_at",
            remedy=f"use an instant from {request.due_at.isoformat()} to {now.isoformat()}",
            message_zh="时间早于检查时间，或晚于机构时钟",
            remedy_zh=f"请使用 {request.due_at.isoformat()} 至 {now.isoformat()} 之间的时间",
        )
    if looked_at > request.deadline_at and not (role == Role.INSPECTOR and request.escalated_at is not None):
        raise DirectedCheckClosed(
            f"the deadline was {request.deadline_at.isoformat()}",
            remedy="answer the next directed check: one is opened when the patient is missed again",
            message_zh=f"期限为 {request.deadline_at.isoformat()}",
            remedy_zh="请回应下一次定向核查",
        )
    return looked_at
