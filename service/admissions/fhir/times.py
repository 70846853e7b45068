"""When a FHIR resource was said, for those that do not say it: the best time there is.

`meta.lastUpdated` is that time. Without it, in this order: `Bundle.timestamp`, if the bundle holds the resource once;
the request's `Last-Modified`; the latest time that the resource itself names and that has come; the arrival. Two
versions that name the same latest time are ordered by arrival: nothing else tells them apart.

Versions of an Encounter that bear numbers (`meta.versionId`, as servers count: 1, 2, 3) are laid in the order of these
numbers, whatever they name: a discharge that is taken back names nothing new, and has a higher number all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from service.admissions.errors import MessageRefused
from service.admissions.fhir.resources import parse_moment
from service.admissions.tables import ChargeItem, ClinicalOrder, InboundMessage, StayEvent
from service.facilities import Facility

SAME_TIME = timedelta(seconds=1)
"""Versions that name one time are laid a microsecond apart, in the order of their arrival, within this span."""
_PERIODS: dict[str, tuple[str, ...]] = {
    "Encounter": ("period", "actualPeriod"),
    "ServiceRequest": ("occurrencePeriod",),
    "ChargeItem": ("occurrencePeriod",),
}
_INSTANTS: dict[str, tuple[str, ...]] = {
    "ServiceRequest": ("authoredOn", "occurrenceDateTime"),
    "ChargeItem": ("enteredDate", "occurrenceDateTime"),
}
_STEP = timedelta(milliseconds=1)
"""Between versions that are ordered by their numbers: wide enough to lay some that come late in between."""
_LONGEST_VERSION = 19
_CLOCKS_APART = timedelta(hours=1)
"""A hospital's clocks are closer to each other than this; nobody writes of what happens later than that."""
_NOT_YET = frozenset({"planned", "reserved"})


@dataclass(frozen=True, slots=True)
class Told:
    """When an undated resource counts as said; `is_older`: a version that names a later time is known already."""

    at: datetime
    is_older: bool = False


def with_time(body: dict[str, Any], instant: str) -> None:
    """Gives the resource `instant` as its `meta.lastUpdated` if it has none."""
    meta = body.setdefault("meta", {})
    if instant and isinstance(meta, dict) and not meta.get("lastUpdated"):
        meta["lastUpdated"] = instant


def instant_of_header(value: str | None) -> str:
    """`Last-Modified` as a FHIR instant; "" when there is none or it is no date."""
    if not value:
        return ""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return ""
    return moment.isoformat() if moment.tzinfo is not None else ""


def named_time(kind: str, body: dict[str, Any], latest: datetime) -> datetime | None:
    """The latest instant not after `latest` at which the resource says that something happened."""
    found = []
    for text in _named(kind, body):
        try:
            moment = parse_moment(text, kind)
        except MessageRefused:
            continue  # a date alone, or a fault that is told where the element is read
        if moment <= latest:
            found.append(moment)
    return max(found, default=None)


def told(session: Session, facility_id: str, kind: str, number: str, named: datetime) -> Told:
    """When this version of the resource `number` counts as said: at the time that it names, after those that named the
    same."""
    known = sorted(set(session.exec(_said_since(kind, facility_id, number, named))))
    same = [moment for moment in known if moment < named + SAME_TIME]
    at = same[-1] + timedelta(microseconds=1) if same else named
    return Told(at, is_older=bool(known) and known[-1] >= named + SAME_TIME)


def version_of(body: dict[str, Any]) -> int | None:
    """`meta.versionId`, if it is a number that counts versions: nothing else has an order."""
    meta = body.get("meta")
    text = str(meta.get("versionId") or "") if isinstance(meta, dict) else ""
    return int(text) if _counts(text) else None


@dataclass(frozen=True, slots=True)
class _Version:
    """A known version of an Encounter: its number, when it counts as said, when it came, SHA-256 of its content."""

    number: int
    at: datetime
    received_at: datetime
    sha256: str


def told_in_order(
    session: Session, facility: Facility, number: str, version: int, sha256: str, named: datetime
) -> Told | None:
    """When this version of the Encounter `number` counts as said: after those of lower numbers, before those of higher
    ones; the same version once more (`sha256` of its content) when it was said first. None when no other number is
    known, or this one is with other content: then the time that it names decides.

    A higher number that was here before what a lower one names had happened is of an earlier count: a server that was
    set up anew counts from 1 again, and a number out of the air must not make the last word of a stay.
    """
    found = set(session.exec(_known_versions(facility.id, number)))
    known = [_Version(int(one), at, came, digest) for one, at, came, digest in found if _counts(one)]
    over = _overtaken(known, version, named) if facility.clock == "live" else frozenset()
    below = max((one.at for one in known if one in over or one.number < version), default=None)
    above = min((one.at for one in known if one not in over and one.number > version), default=None)
    again = [one for one in known if one.number == version and (one not in over or one.sha256 == sha256)]
    if again:
        same = [one for one in again if one.sha256 == sha256]
        return Told(min(one.at for one in same), is_older=above is not None or same[0] in over) if same else None
    if below is None and above is None:
        return None
    at = named
    if below is not None and at <= below:
        at = below + _STEP
    if above is not None and at >= above:
        at = above - _STEP if below is None else below + (above - below) / 2
    return Told(at, is_older=above is not None)


def _overtaken(known: Sequence[_Version], version: int, named: datetime) -> frozenset[_Version]:
    """Versions that came before what one of a lower number names had happened. In the order of the numbers, once: an
    Encounter may have thousands of versions."""
    said = sorted([(version, named), *((one.number, one.at) for one in known)], key=lambda item: item[0])
    over, lower, latest = set(), 0, None
    for one in sorted(known, key=lambda item: item.number):
        while said[lower][0] < one.number:
            latest = said[lower][1] if latest is None else max(latest, said[lower][1])
            lower += 1
        if latest is not None and latest > one.received_at + _CLOCKS_APART:
            over.add(one)
    return frozenset(over)


def _known_versions(facility_id: str, number: str) -> SelectOfScalar[Any]:
    """(number, when it counts as said, when it came, sha256) of the Encounter's versions: a message's control id is the
    number."""
    return (
        select(InboundMessage.control_id, StayEvent.stated_at, InboundMessage.received_at, InboundMessage.sha256)  # type: ignore[return-value]
        .join(InboundMessage, col(InboundMessage.id) == StayEvent.message_id)
        .where(StayEvent.facility_id == facility_id, StayEvent.admission_no == number, StayEvent.source == "fhir")
    )


def _counts(version: str) -> bool:
    """Whether a version's id is a number: other ids have no order."""
    return version.isascii() and version.isdigit() and len(version) < _LONGEST_VERSION


def _said_since(kind: str, facility_id: str, number: str, named: datetime) -> SelectOfScalar[datetime]:
    if kind == "ServiceRequest":
        return select(ClinicalOrder.stated_at).where(
            ClinicalOrder.facility_id == facility_id,
            ClinicalOrder.order_no == number,
            col(ClinicalOrder.stated_at) >= named,
        )
    if kind == "ChargeItem":
        return select(ChargeItem.stated_at).where(
            ChargeItem.facility_id == facility_id,
            ChargeItem.charge_no == number,
            col(ChargeItem.stated_at) >= named,
        )
    return select(StayEvent.stated_at).where(
        StayEvent.facility_id == facility_id,
        StayEvent.admission_no == number,
        StayEvent.source == "fhir",
        col(StayEvent.stated_at) >= named,
    )


def _named(kind: str, body: dict[str, Any]) -> Iterator[Any]:
    for name in _INSTANTS.get(kind, ()):
        yield body.get(name)
    for name in _PERIODS.get(kind, ()):
        yield from _ends(body.get(name))
    if kind == "Encounter":
        for item in (*_items(body, "location"), *_items(body, "statusHistory")):
            if item.get("status") not in _NOT_YET:
                yield from _ends(item.get("period"))


def _ends(period: Any) -> Iterator[Any]:
    if isinstance(period, dict):
        yield period.get("start")
        yield period.get("end")


def _items(body: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    found = body.get(name)
    yield from (item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()
