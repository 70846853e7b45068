"""FHIR resources and bundles in: each entry kept as a message of its own, so that it can be shown and replayed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from service.access import Actor
from service.admissions.errors import MessageRefused
from service.admissions.fhir.bills import read_charge_item, read_service_request
from service.admissions.fhir.encounter import read_encounter
from service.admissions.fhir.reading import (
    Frame,
    read_location,
    read_patient,
)
from service.admissions.fhir.resources import TYPES, Release, check, parse_json, parse_moment
from service.admissions.fhir.times import (
    Told,
    instant_of_header,
    named_time,
    told,
    told_in_order,
    version_of,
    with_time,
)
from service.admissions.hl7.visit import Reading
from service.admissions.intake import Outcome, Parcel, Reader, again, content_of, take
from service.admissions.statements import Statement
from service.admissions.tables import FhirIdentity, InboundMessage
from service.facilities import Facility
from service.kit.ids import new_id
from service.platform.context import Context

MAX_ENTRIES = 500
NUMBER_TYPES = {"Encounter": frozenset({"VN"}), "ServiceRequest": frozenset({"PLAC"}), "ChargeItem": frozenset[str]()}
"""Types of the identifier that is a resource's number (HL7 table 0203); else the first one is."""
_LONGEST_NUMBER = 64
_READERS: dict[str, Callable[[Frame], Statement]] = {
    "Patient": read_patient,
    "Location": read_location,
    "Encounter": read_encounter,
    "ServiceRequest": read_service_request,
    "ChargeItem": read_charge_item,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource to take: from a request of its own, or from a bundle (`number` is its place there, from 0). `fault`:
    what is wrong with the entry around it; in a batch the others go on."""

    number: int
    kind: str
    method: str
    body: dict[str, Any]
    fault: MessageRefused | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a resource."""

    entry: Entry
    outcome: Outcome

    @property
    def logical_id(self) -> str:
        """The resource's id, given by the sender or by us."""
        return str(self.entry.body.get("id") or "")


class BundleFailed(Exception):
    """A transaction of which one entry was refused; the caller undoes all of it."""

    def __init__(self, failed: Taken) -> None:
        super().__init__("one entry was refused")
        self.failed = failed


def single(kind: str, method: str, data: bytes, logical_id: str = "", modified: str | None = None) -> Entry:
    """The entry of a request for one resource; `modified` is its `Last-Modified`. Raises `MessageRefused`."""
    body = parse_json(data)
    if logical_id and body.get("id") != logical_id:
        raise MessageRefused.at(
            f"{kind}.id",
            f"{str(body.get('id'))[:64]!r} is not the id of the address",
            "send the same id in both",
            "与地址中的 id 不一致",
            "请保持一致",
            code=102,
        )
    if method == "POST":
        body["id"] = new_id()
    with_time(body, instant_of_header(modified))
    return Entry(0, kind, method, body)


def take_entry(
    context: Context, session: Session, facility: Facility, release: Release, entry: Entry, *, actor: Actor
) -> Taken:
    """Takes one resource in the caller's transaction."""
    parcel = _parcel(release, entry)
    return Taken(entry, take(context, session, facility, parcel, _reader(release, entry), actor=actor))


def keep_refused(
    context: Context,
    session: Session,
    facility: Facility,
    release: Release,
    entry: Entry,
    error: MessageRefused,
    *,
    actor: Actor,
) -> None:
    """Keeps the entry for which a transaction was undone, with its fault, so that it can be looked at."""

    def read(session: Session, facility: Facility, reading: Reading) -> Statement:
        raise error

    take(context, session, facility, _parcel(release, entry), read, actor=actor)


def entries_of(data: bytes) -> tuple[str, tuple[Entry, ...]]:
    """The kind of a bundle, and its entries in the order in which they are to be taken. Raises `MessageRefused`."""
    body = parse_json(data)
    if body.get("resourceType") != "Bundle" or body.get("type") not in ("transaction", "batch"):
        raise _bundle(
            "Bundle.type", "only bundles of type transaction or batch are taken", "仅接收 transaction 或 batch"
        )
    items = body.get("entry")
    if not isinstance(items, list) or not items:
        raise _bundle("Bundle.entry", "the bundle is empty", "Bundle 为空")
    if len(items) > MAX_ENTRIES:
        raise _bundle("Bundle.entry", f"more than {MAX_ENTRIES} entries", f"超过 {MAX_ENTRIES} 条")
    names = _full_urls(items)
    kind = str(body["type"])
    entries = [_entry_of(kind, at, item, names) for at, item in enumerate(items)]
    _give_time([entry for entry in entries if entry.fault is None], body.get("timestamp"))
    return kind, tuple(sorted(entries, key=lambda entry: (_rank(entry), entry.number)))


def _rank(entry: Entry) -> int:
    return TYPES.index(entry.kind) if entry.kind in TYPES else len(TYPES)


def _entry_of(bundle: str, at: int, item: Any, names: dict[str, str]) -> Entry:
    """The entry; one of a batch that is none is answered by itself. Raises `MessageRefused` for a transaction's."""
    try:
        return _entry(at, item, names)
    except MessageRefused as error:
        if bundle == "transaction":
            raise
        found = item.get("resource") if isinstance(item, dict) else None
        kind = found.get("resourceType") if isinstance(found, dict) else None
        # Kept with what is around the resource: taken once more, an entry that deletes must not create.
        return Entry(at, str(kind or "entry")[:40], "POST", {"entry": item}, error)


def _give_time(entries: Sequence[Entry], timestamp: Any) -> None:
    """Resources without a time of their own were said when the bundle was made; of two versions of one it tells
    nothing."""
    if not timestamp:
        return
    parse_moment(timestamp, "Bundle.timestamp")
    times = Counter(_thing(entry) for entry in entries)
    for entry in entries:
        if times[_thing(entry)] == 1:
            with_time(entry.body, str(timestamp))


def _thing(entry: Entry) -> tuple[str, str]:
    found = entry.body.get("identifier")
    return entry.kind, json.dumps(found, sort_keys=True) if found else str(entry.body.get("id"))


def replay_fhir(
    context: Context, session: Session, facility: Facility, message: InboundMessage, *, actor: Actor
) -> Outcome:
    """Takes a kept resource once more."""
    body = parse_json(content_of(context, session, facility, message))
    release: Release = "r5" if message.channel == "fhir-r5" else "r4"
    method = "POST" if message.trigger.endswith(".create") else "PUT"
    kind = str(body.get("resourceType"))
    return again(context, session, facility, message, _reader(release, Entry(0, kind, method, body)), actor=actor)


def _reader(release: Release, entry: Entry) -> Reader:
    def read(session: Session, facility: Facility, reading: Reading) -> Statement:
        if entry.fault is not None:
            raise entry.fault
        if entry.kind not in TYPES:
            raise _bundle("resourceType", f"no {entry.kind[:40]} is taken; send {', '.join(TYPES)}", "不接收该资源类型")
        resource = check(release, entry.kind, entry.body)

        def identities(kind: str, logical_id: str) -> str | None:
            row = session.get(FhirIdentity, (facility.id, kind, logical_id[:64]))
            return row.local_no if row is not None else None

        frame = Frame(resource, reading, identities, entry.method)
        return _READERS[entry.kind](replace(frame, told=_told(session, facility, frame, entry)))

    return read


def _told(session: Session, facility: Facility, frame: Frame, entry: Entry) -> Told | None:
    """When an undated resource counts as said; None for one that is dated, or names no time."""
    kind = frame.resource.kind
    if frame.resource.updated_at is not None:
        # A version from the future would be the newest for ever.
        frame.moment(frame.body["meta"]["lastUpdated"], f"{kind}.meta.lastUpdated")
        return None
    named = named_time(kind, frame.body, frame.reading.latest)
    if named is None:
        return None
    number, version = frame.own_number(NUMBER_TYPES[kind]), version_of(frame.body)
    counted = None
    if kind == "Encounter" and version is not None:
        sha256 = hashlib.sha256(_content(entry)).hexdigest()
        counted = told_in_order(session, facility, number, version, sha256, named)
    return counted or told(session, facility.id, kind, number, named)


def _entry(at: int, item: Any, names: dict[str, str]) -> Entry:
    where = f"Bundle.entry[{at}]"
    if not isinstance(item, dict) or not isinstance(item.get("resource"), dict):
        raise _bundle(f"{where}.resource", "the resource is missing", "缺少资源")
    body, request = item["resource"], item.get("request")
    request = request if isinstance(request, dict) else {}
    kind = str(body.get("resourceType"))
    if kind not in TYPES:
        what = "a bundle in a bundle" if kind == "Bundle" else f"a {kind[:40]}"
        raise _bundle(f"{where}.resource", f"{what} is not taken; send {', '.join(TYPES)}", "不接收该资源类型")
    method, url = str(request.get("method")), str(request.get("url") or "")
    place, _, logical_id = url.strip("/").partition("/")
    if method not in ("POST", "PUT") or place != kind or bool(logical_id) != (method == "PUT"):
        raise _bundle(f"{where}.request", f"send POST {kind} or PUT {kind}/id", "请求方法或地址无效")
    _resolve(body, names)
    body["id"] = logical_id or new_id()
    return Entry(at, kind, method, body)


def _full_urls(items: list[Any]) -> dict[str, str]:
    """fullUrl -> the number by which the entry will be known: references within the bundle lead to it."""
    names: dict[str, str] = {}
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("resource"), dict):
            continue
        found = item["resource"].get("identifier")
        first = found[0] if isinstance(found, list) and found else None
        value = first.get("value") if isinstance(first, dict) else item["resource"].get("id")
        # A longer one is no number of anything, and would be copied into every reference.
        if item.get("fullUrl") and value and len(str(value)) <= _LONGEST_NUMBER:
            names[str(item["fullUrl"])] = str(value)
    return names


def _resolve(body: dict[str, Any], names: dict[str, str]) -> None:
    """Gives references to other entries the number of what they refer to, so that each entry stands alone."""
    todo: list[Any] = [body]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            reference = one.get("reference")
            if isinstance(reference, str) and reference in names and "identifier" not in one:
                one["identifier"] = {"value": names[reference]}
            todo += one.values()
        elif isinstance(one, list):
            todo += one


def _parcel(release: Release, entry: Entry) -> Parcel:
    meta = entry.body.get("meta")
    return Parcel(
        channel=f"fhir-{release}",
        data=_content(entry),
        trigger=f"{entry.kind}.{'create' if entry.method == 'POST' else 'update'}",
        is_dated=isinstance(meta, dict) and bool(meta.get("lastUpdated")),
    )


def _content(entry: Entry) -> bytes:
    return json.dumps(entry.body, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def _bundle(where: str, message: str, message_zh: str) -> MessageRefused:
    remedy, remedy_zh = "see docs/fhir.md", "参见 docs/fhir.md"
    return MessageRefused.at(where, message, remedy, message_zh, remedy_zh, code=102)


def failed(taken: Sequence[Taken]) -> Taken | None:
    """The first entry that was refused."""
    return next((one for one in taken if one.outcome.error is not None), None)
