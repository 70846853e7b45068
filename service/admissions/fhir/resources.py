"""FHIR resources checked: their structure by the library, code sets by us, each fault with its expression path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from fhir.resources.chargeitem import ChargeItem as ChargeItem5
from fhir.resources.encounter import Encounter as Encounter5
from fhir.resources.location import Location as Location5
from fhir.resources.patient import Patient as Patient5
from fhir.resources.R4B.chargeitem import ChargeItem as ChargeItem4
from fhir.resources.R4B.encounter import Encounter as Encounter4
from fhir.resources.R4B.location import Location as Location4
from fhir.resources.R4B.patient import Patient as Patient4
from fhir.resources.R4B.servicerequest import ServiceRequest as ServiceRequest4
from fhir.resources.servicerequest import ServiceRequest as ServiceRequest5
from pydantic import BaseModel, ValidationError

from service.admissions.errors import MessageRefused
from service.admissions.local_time import FIRST, LAST

Release = Literal["r4", "r5"]
MAX_DEPTH = 40
MAX_ITEMS = 1000
"""In any one list of a resource: a stay has dozens of places, not thousands."""
MODELS: dict[Release, dict[str, type[BaseModel]]] = {
    "r4": {
        "Patient": Patient4,
        "Location": Location4,
        "Encounter": Encounter4,
        "ServiceRequest": ServiceRequest4,
        "ChargeItem": ChargeItem4,
    },
    "r5": {
        "Patient": Patient5,
        "Location": Location5,
        "Encounter": Encounter5,
        "ServiceRequest": ServiceRequest5,
        "ChargeItem": ChargeItem5,
    },
}
TYPES = tuple(MODELS["r4"])
"""In the order in which a bundle's entries are taken: what is referred to comes before what refers."""

_ORDER_STATES = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")
_BILL_STATES = ("planned", "billable", "not-billable", "aborted", "billed", "entered-in-error", "unknown")
_STATES: dict[tuple[Release, str], tuple[str, ...]] = {
    ("r4", "Encounter"): (
        "planned",
        "arrived",
        "triaged",
        "in-progress",
        "onleave",
        "finished",
        "cancelled",
        "entered-in-error",
        "unknown",
    ),
    ("r5", "Encounter"): (
        "planned",
        "in-progress",
        "on-hold",
        "discharged",
        "completed",
        "cancelled",
        "discontinued",
        "entered-in-error",
        "unknown",
    ),
    **{(release, "Location"): ("active", "suspended", "inactive") for release in ("r4", "r5")},
    **{(release, "ServiceRequest"): _ORDER_STATES for release in ("r4", "r5")},
    **{(release, "ChargeItem"): _BILL_STATES for release in ("r4", "r5")},
}
_GENDERS = ("male", "female", "other", "unknown")
_INTENTS = (
    "proposal",
    "plan",
    "directive",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
)
_PLACE_STATES = ("planned", "active", "reserved", "completed")
_LINKS = ("replaced-by", "replaces", "refer", "seealso")
_USES = ("usual", "official", "temp", "secondary", "old")
_CLASS_SYSTEMS = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "http://hl7.org/fhir/v3/ActCode",
        "urn:oid:2.16.840.1.113883.5.4",
    }
)
"""Where the codes of Encounter.class are from: as it is called now, in older releases, and by its number."""
_CLASS = "Encounter.class"
_PRIORITIES = ("routine", "urgent", "asap", "stat")
_MODES = ("instance", "kind")
_CLASSES = ("AMB", "EMER", "FLD", "HH", "IMP", "ACUTE", "NONAC", "OBSENC", "PRENC", "SS", "VR")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource whose structure and codes are in order."""

    release: Release
    kind: str
    body: dict[str, Any]

    @property
    def logical_id(self) -> str:
        """`id`."""
        return str(self.body.get("id") or "")

    @property
    def updated_at(self) -> datetime | None:
        """`meta.lastUpdated`: when the sender says that this version came to be."""
        meta = self.body.get("meta")
        text = meta.get("lastUpdated") if isinstance(meta, dict) else None
        return parse_moment(text, f"{self.kind}.meta.lastUpdated") if text else None


def parse_json(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Raises `MessageRefused`."""
    try:
        body = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise _invalid(
            "", "the body is not JSON in UTF-8", "send application/fhir+json", "正文不是 UTF-8 JSON"
        ) from None
    if not isinstance(body, dict):
        raise _invalid("", "the body is no resource", "send one JSON object", "正文不是资源对象")
    if _depth(body) > MAX_DEPTH:
        raise _invalid("", f"nested deeper than {MAX_DEPTH}", "send flat resources", "嵌套过深")
    return body


def check(release: Release, kind: str, body: dict[str, Any]) -> Resource:
    """The resource, once its structure and its codes are in order. Raises `MessageRefused` with an expression path."""
    if body.get("resourceType") != kind:
        raise _invalid(
            "resourceType",
            f"{str(body.get('resourceType'))[:40]!r} where {kind} is expected",
            f"send a {kind}",
            f"应为 {kind}",
        )
    _check_lists(kind, body)
    model = MODELS[release][kind]
    try:
        model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = expression(kind, first["loc"])
        raise _invalid(where, str(first["msg"])[:300], "correct the element", "元素不符合规范") from None
    except (RecursionError, TypeError, AttributeError, KeyError, ValueError) as error:
        raise _invalid(kind, f"cannot be read ({type(error).__name__})", "send a valid resource", "无法读取") from None
    _check_codes(release, kind, body)
    return Resource(release, kind, body)


def _check_lists(kind: str, body: dict[str, Any]) -> None:
    for name, value in body.items():
        if isinstance(value, list) and len(value) > MAX_ITEMS:
            where = f"{kind}.{name[:64]}"
            raise _invalid(where, f"has more than {MAX_ITEMS} entries", "send fewer", f"超过 {MAX_ITEMS} 项")


def expression(kind: str, place: tuple[Any, ...]) -> str:
    """A FHIRPath of a place that the library names: Encounter.location[0].period.start."""
    path = kind
    for part in place[:-1] if place and place[-1] == "root" else place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path


def parse_moment(text: Any, where: str) -> datetime:
    """A FHIR dateTime with a time of day, in UTC. Raises `MessageRefused`."""
    if not isinstance(text, str) or "T" not in text:
        raise _invalid(
            where,
            f"{str(text)[:40]!r} has no time of day",
            "write it like 2026-03-02T08:00:00+08:00",
            "缺少时刻",
        )
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC) if _has_zone(text) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not FIRST <= moment < LAST:
        raise _invalid(where, f"{text[:40]!r} is no instant", "write it like 2026-03-02T08:00:00+08:00", "时间无效")
    return moment


def parse_day(text: Any, where: str) -> date | None:
    """A FHIR date; a year or a month alone is silence."""
    if not isinstance(text, str) or len(text) < 10:
        return None
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        raise _invalid(where, f"{text[:40]!r} is no date", "write it like 1950-01-31", "日期无效") from None
    if not 1880 <= day.year < 2200:
        raise _invalid(where, f"{text[:40]!r} is out of range", "use a real date", "日期超出范围")
    return day


def codes_of(item: Any) -> Iterator[str]:
    """Every code and text in a Coding, CodeableConcept, CodeableReference, or a list of them."""
    if isinstance(item, list):
        for one in item:
            yield from codes_of(one)
    elif isinstance(item, dict):
        if isinstance(item.get("code"), str):
            yield item["code"]
        for name in ("coding", "concept", "value"):
            yield from codes_of(item.get(name))
        if isinstance(item.get("text"), str):
            yield item["text"]


def classes_of(body: dict[str, Any]) -> list[str]:
    """Codes of Encounter.class (R4 one Coding, R5 concepts) that are ActCodes, or say nothing of where they are from:
    another system's IMP need not be an inpatient."""
    given = body.get("class")
    found = []
    for item in given if isinstance(given, list) else [given]:
        codings = item.get("coding") or [item] if isinstance(item, dict) else []
        found += [
            str(one["code"])
            for one in codings
            if isinstance(one, dict) and one.get("code") and one.get("system", "") in _CLASS_SYSTEMS | {""}
        ]
    return found


def first_word(words: Any, item: Any) -> str | None:
    """The first of the item's codes that `words` knows, as our word."""
    return next((words[code.lower()] for code in codes_of(item) if code.lower() in words), None)


def _check_codes(release: Release, kind: str, body: dict[str, Any]) -> None:
    allowed = _STATES.get((release, kind))
    if allowed is not None and (kind != "Location" or "status" in body):
        _one_of(body.get("status"), allowed, f"{kind}.status")
    for at, one in enumerate(body.get("identifier") or ()):
        if isinstance(one, dict) and "use" in one:
            _one_of(one["use"], _USES, f"{kind}.identifier[{at}].use")
    if kind == "Patient" and "gender" in body:
        _one_of(body["gender"], _GENDERS, "Patient.gender")
    if kind == "Patient":
        for at, link in enumerate(body.get("link") or ()):
            _one_of(link.get("type"), _LINKS, f"Patient.link[{at}].type")
    if kind == "ServiceRequest":
        _one_of(body.get("intent"), _INTENTS, "ServiceRequest.intent")
        if "priority" in body:
            _one_of(body["priority"], _PRIORITIES, "ServiceRequest.priority")
    if kind == "Location" and "mode" in body:
        _one_of(body["mode"], _MODES, "Location.mode")
    if kind == "Encounter":
        found = classes_of(body)
        if not any(code in _CLASSES for code in found):
            said = found or list(codes_of(body.get("class")))
            _one_of(
                f"{said[0]} of another system" if said and not found else said[0] if said else None, _CLASSES, _CLASS
            )
        for at, place in enumerate(body.get("location") or ()):
            if "status" in place:
                _one_of(place["status"], _PLACE_STATES, f"Encounter.location[{at}].status")
        for at, item in enumerate(body.get("statusHistory") or ()):
            _one_of(item.get("status"), _STATES["r4", "Encounter"], f"Encounter.statusHistory[{at}].status")


def _one_of(value: Any, allowed: tuple[str, ...], where: str) -> None:
    if value not in allowed:
        text = "is missing" if value is None else f"{str(value)[:40]!r} is not in the code set"
        raise _invalid(where, text, f"use one of: {', '.join(allowed)}", "代码不在值集内")


def _invalid(where: str, message: str, remedy: str, message_zh: str) -> MessageRefused:
    return MessageRefused.at(where, message, remedy, message_zh, "请按 FHIR 规范更正", code=102)


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _has_zone(text: str) -> bool:
    return text.endswith("Z") or "+" in text[10:] or "-" in text[10:]


def _depth(item: Any) -> int:
    """How deep the object is nested, without recursion: a hostile body must not exhaust the stack."""
    deepest, todo = 0, [(item, 1)]
    while todo:
        one, level = todo.pop()
        deepest = max(deepest, level)
        if level > MAX_DEPTH:
            return level
        children = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        todo += [(child, level + 1) for child in children if isinstance(child, dict | list)]
    return deepest
