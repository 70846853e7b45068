"""Answers to HL7 v2 messages: ACK with MSA and ERR (HL7 v2.5.1 sections 2.9.2 and 2.15)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from service.admissions.errors import MessageRefused
from service.admissions.hl7.text import Message
from service.kit.ids import new_id

_CODES = {
    0: "Message accepted",
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    204: "Unknown key identifier",
    207: "Application internal error",
}
"""HL7 table 0357."""
_PLACE = re.compile(r"^([A-Z][A-Z0-9]{2})(?:-(\d+)(?:\.(\d+))?)?$")
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}


def accepted(message: Message, facility_code: str, notes: Sequence[str], now: datetime) -> bytes:
    """AA; each note is an ERR of severity I, which senders show and do not act upon."""
    lines = [_header(message, facility_code, now), f"MSA|AA|{_escaped(message.control_id)}"]
    lines += [f"ERR|||0^{_CODES[0]}^HL70357|I||||{_escaped(note)}" for note in notes]
    return _bytes(lines)


def refused(message: Message | None, facility_code: str, error: MessageRefused, now: datetime) -> bytes:
    """AR when the same message will never do, AE when it may do later; ERR names the place, in both languages."""
    control_id = message.control_id if message is not None else ""
    code = "AR" if error.lasting else "AE"
    where = _PLACE.match(error.field or "")
    place = f"{where[1]}^1^{where[2] or ''}" + (f"^1^{where[3]}" if where[3] else "") if where else ""
    detail = f"{error.field}: {error.message} - {error.remedy}"
    number = error.hl7_code
    lines = [
        _header(message, facility_code, now),
        f"MSA|{code}|{_escaped(control_id)}|{_escaped(detail[:80])}",
        f"ERR||{place}|{number}^{_CODES.get(number, _CODES[207])}^HL70357|E|||{_escaped(detail)}|"
        f"{_escaped(error.chinese)}",
    ]
    return _bytes(lines)


def _header(message: Message | None, facility_code: str, now: datetime) -> str:
    application = facility = trigger = ""
    version = "2.5.1"
    if message is not None:
        application, facility = message.header.text(3), message.header.text(4)
        trigger = message.trigger
        version = message.header.text(12) or version
    kind = f"ACK^{_escaped(trigger)}^ACK" if trigger else "ACK"
    fields = [
        "MSH",
        "^~\\&",
        "WARDWATCH",
        _escaped(facility_code),
        _escaped(application[:64]),
        _escaped(facility[:64]),
        now.strftime("%Y%m%d%H%M%S+0000"),
        "",
        kind,
        new_id(),
        "P",
        _escaped(version[:12]),
        *[""] * 5,
        "UNICODE UTF-8",
    ]
    return "|".join(fields)


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text if character.isprintable())


def _bytes(lines: Sequence[str]) -> bytes:
    return ("\r".join(lines) + "\r").encode()
