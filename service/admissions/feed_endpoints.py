"""The feed of a hospital's system: HL7 v2 messages, kept messages, orders and charges."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from service.access import Actor, Permission, allow
from service.admissions.bill_import import import_bills
from service.admissions.hl7.intake import take_hl7, too_large
from service.admissions.hl7.text import MAX_BYTES
from service.admissions.intake import messages_total
from service.admissions.messages import (
    MAX_LISTED,
    Wanted,
    effects_of_message,
    kept_messages,
    message_by_id,
    readable,
    replay_message,
    show_message,
)
from service.admissions.schemas import ImportReportOut
from service.admissions.sender import facility_of_sender
from service.admissions.tables import InboundMessage, StayEvent
from service.contracts.messages import Instant
from service.platform.http import ContextDep, ReadSession, WriteSession, language

router = APIRouter(prefix="/api/v1", tags=["feed"])
HL7_MEDIA_TYPE = "application/hl7-v2; charset=utf-8"
MOST_READ = 32 * MAX_BYTES
"""So much of a message that is too large is read and thrown away, that its sender may come to read the answer."""

Writer = Annotated[Actor, allow(Permission.ADMISSIONS_WRITE)]
FacilityCode = Annotated[str, Query(max_length=64, description="The facility's code; default: the token's.")]

_HL7_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One HL7 v2 message in ER7; docs/hl7.md lists events and fields.",
        "content": {
            "application/hl7-v2": {
                "schema": {"type": "string"},
                "example": "MSH|^~\\&|HIS|H|WARDWATCH|H|20260302080000+0800||ADT^A01^ADT_A01|1|P|2.5.1\r",
            }
        },
    },
    "responses": {
        "200": {
            "description": "The acknowledgement: MSA-1 is AA, AE or AR.",
            "content": {"application/hl7-v2": {"schema": {"type": "string"}}},
        }
    },
}
_ORDERS_EXAMPLE = "order_no,admission_no,kind,code,ordered_at\nYZ0001,ZY2026030001,examination,CT,2026-03-02 10:00\n"
_CHARGES_EXAMPLE = (
    "charge_no,admission_no,kind,code,service_at,quantity,amount\n"
    "FY0001,ZY2026030001,bed,C0101,2026-03-02 08:00,1,40.00\n"
)


def _csv_body(example: str) -> dict[str, Any]:
    content = {"text/csv": {"schema": {"type": "string"}, "example": example}}
    text = "The file itself; docs/csv-contract.md lists the columns."
    return {"requestBody": {"required": True, "description": text, "content": content}}


async def _raw_body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_raw_body)]


async def _message_body(request: Request) -> bytes:
    """The message; of one that is too large the beginning, one byte more than is taken."""
    kept = bytearray()
    async for chunk in request.stream():
        kept += chunk[: MAX_BYTES + 1 - len(kept)]
    return bytes(kept)


MessageBody = Annotated[bytes, Depends(_message_body)]


class MessageOut(BaseModel):
    """A kept message. Its text is only in the answer to a request for this very message."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    channel: str
    sha256: str
    control_id: str
    trigger: str
    admission_no: str
    event_at: AwareDatetime | None
    received_at: AwareDatetime
    recorded_at: AwareDatetime
    state: str
    error: str
    note: str
    sender: str
    attempts: int


class EffectOut(BaseModel):
    """What a message said about a stay, and what that changed when it came."""

    model_config = ConfigDict(from_attributes=True)

    admission_no: str
    kind: str
    event_at: AwareDatetime
    received_at: AwareDatetime
    effect: str
    corrects: bool


class ShownMessageOut(MessageOut):
    """A kept message with its text."""

    text: str
    effects: list[EffectOut]

    @classmethod
    def shown(cls, message: InboundMessage, data: bytes, effects: tuple[StayEvent, ...]) -> ShownMessageOut:
        """The message on the wire. Bytes that are no text are shown as such."""
        return cls(
            **MessageOut.model_validate(message).model_dump(),
            text=readable(data),
            effects=[EffectOut.model_validate(row) for row in effects],
        )


class ReplayOut(BaseModel):
    """What became of a message that was taken once more."""

    id: str
    state: str
    error: str
    note: str


@router.post("/adt/hl7v2", openapi_extra=_HL7_BODY, response_class=Response)
def post_hl7(
    actor: Writer, context: ContextDep, session: WriteSession, body: MessageBody, facility: FacilityCode = ""
) -> Response:
    """Takes one HL7 v2 message: ADT, ORM^O01 or DFT^P03. The answer is an ACK; a refused message is kept as well, if
    it is not too large."""
    place = facility_of_sender(session, actor, facility)
    if len(body) > MAX_BYTES:
        messages_total.labels("hl7-http", "too_large").inc()
        return Response(too_large(context, place.code, body, MAX_BYTES), media_type=HL7_MEDIA_TYPE)
    answered = take_hl7(context, session, place, body, channel="hl7-http", actor=actor)
    return Response(answered.ack, media_type=HL7_MEDIA_TYPE)


@router.get("/messages")
def get_messages(
    actor: Writer,
    session: ReadSession,
    facility: FacilityCode = "",
    state: Literal["", "applied", "duplicate", "rejected", "dead_letter", "dismissed"] = "",
    trigger: Annotated[str, Query(max_length=64)] = "",
    admission_no: Annotated[str, Query(max_length=64)] = "",
    since: Instant | None = None,
    before: Annotated[str, Query(max_length=32, description="The id that the last page ended with.")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100,
) -> list[MessageOut]:
    """Lists kept messages, the latest first, without their text."""
    place = facility_of_sender(session, actor, facility)
    wanted = Wanted(state, trigger, admission_no, since, before, limit)
    return [MessageOut.model_validate(message) for message in kept_messages(session, place.id, wanted)]


@router.get("/messages/{message_id}")
def get_message(
    message_id: str, actor: Writer, context: ContextDep, session: WriteSession, facility: FacilityCode = ""
) -> ShownMessageOut:
    """Shows one message with its text and what it changed. That it was looked at goes to the audit log."""
    place = facility_of_sender(session, actor, facility)
    message = message_by_id(session, place.id, message_id)
    data = show_message(context, session, place, message, actor=actor)
    return ShownMessageOut.shown(message, data, effects_of_message(session, message.id))


@router.post("/messages/{message_id}/replay")
def post_replay(
    message_id: str, actor: Writer, context: ContextDep, session: WriteSession, facility: FacilityCode = ""
) -> ReplayOut:
    """Takes a kept message once more, after what it stumbled over was mended. What is known changes nothing."""
    place = facility_of_sender(session, actor, facility)
    message = message_by_id(session, place.id, message_id)
    outcome = replay_message(context, session, place, message, actor=actor)
    return ReplayOut(id=message.id, state=outcome.state, error=message.error, note=message.note)


@router.post("/imports/orders", openapi_extra=_csv_body(_ORDERS_EXAMPLE))
def post_orders(
    request: Request,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
    body: Body,
    facility: FacilityCode = "",
    dry_run: bool = False,
) -> ImportReportOut:
    """Imports orders as CSV. Every row is reported; a bad one stops no other; the same file twice is one."""
    place = facility_of_sender(session, actor, facility)
    now = context.clock.now()
    report = import_bills(session, place, "orders", body, dry_run=dry_run, actor=actor, now=now)
    return ImportReportOut.of(report, language(request))


@router.post("/imports/charges", openapi_extra=_csv_body(_CHARGES_EXAMPLE))
def post_charges(
    request: Request,
    actor: Writer,
    context: ContextDep,
    session: WriteSession,
    body: Body,
    facility: FacilityCode = "",
    dry_run: bool = False,
) -> ImportReportOut:
    """Imports charges as CSV. Every row is reported; a bad one stops no other; the same file twice is one."""
    place = facility_of_sender(session, actor, facility)
    now = context.clock.now()
    report = import_bills(session, place, "charges", body, dry_run=dry_run, actor=actor, now=now)
    return ImportReportOut.of(report, language(request))
