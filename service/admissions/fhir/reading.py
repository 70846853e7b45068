"""FHIR resources into statements: the same shape as HL7 v2 messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from service.admissions.errors import MessageRefused
from service.admissions.fhir.resources import Resource, codes_of, parse_day, parse_moment
from service.admissions.fhir.times import Told
from service.admissions.hl7.visit import Reading, unknown_bed
from service.admissions.statements import (
    BedSaid,
    IdentitySaid,
    MergeSaid,
    PatientSaid,
    Statement,
    VitalSaid,
    is_number,
)

Identities = Callable[[str, str], str | None]
"""(resource type, logical id) -> the number of ours that it stands for."""
_BED_STATES = frozenset("CHIKOU")


@dataclass(frozen=True, slots=True)
class Frame:
    """A resource on its way into a statement, with what is needed to read it."""

    resource: Resource
    reading: Reading
    identities: Identities
    method: str
    told: Told | None = None
    """When it was said, if the resource does not tell."""

    @property
    def body(self) -> dict[str, Any]:
        """The resource's elements."""
        return self.resource.body

    @property
    def stated_at(self) -> datetime:
        """When the sender said so; without `meta.lastUpdated`, the best time there is (`fhir.times`)."""
        return self.resource.updated_at or (self.told.at if self.told else self.reading.present)

    @property
    def seen_at(self) -> datetime:
        """When the state was as the resource has it: at the latest when we heard it, or a newer version was made."""
        if self.resource.updated_at is not None:
            return self.resource.updated_at
        return self.told.at if self.told is not None and self.told.is_older else self.reading.present

    def statement(self, event_at: datetime | None = None, **values: Any) -> Statement:
        """A statement with the resource's frame."""
        trigger = f"{self.resource.kind}.{'create' if self.method == 'POST' else 'update'}"
        control = str((self.body.get("meta") or {}).get("versionId") or "")[:200]
        if self.told is not None and self.told.is_older:
            note = "no meta.lastUpdated, and a later version is known: this one changes little"
            values["notes"] = (*values.get("notes", ()), note)
        return Statement(trigger, control, event_at or self.stated_at, self.stated_at, **values)

    def moment(self, text: Any, where: str) -> datetime:
        """An instant that is not ahead of its time. Raises `MessageRefused`."""
        moment = parse_moment(text, where)
        if moment > self.reading.latest:
            raise MessageRefused.at(
                where,
                f"{str(text)[:40]!r} lies too far in the future",
                "send it when it has happened",
                "时间超出当前过多",
                "请在发生后发送",
                code=102,
            )
        return moment

    def own_number(self, preferred: frozenset[str]) -> str:
        """The resource's number: the identifier of a preferred type, else the first, else its id."""
        found = current(self.body)
        typed = [one for one in found if preferred & set(codes_of(one.get("type")))]
        value = str((typed or found)[0]["value"]) if found else self.resource.logical_id
        return checked_number(value, f"{self.resource.kind}.identifier.value")

    def identity(self, number: str) -> tuple[IdentitySaid, ...]:
        """That the resource's id stands for `number`."""
        logical_id = self.resource.logical_id
        return (IdentitySaid(self.resource.kind, logical_id, number),) if logical_id else ()

    def referred(self, reference: Any, kind: str, where: str) -> str:
        """The number of ours that a reference leads to. Raises `MessageRefused`; it may do later."""
        if not isinstance(reference, dict):
            raise MessageRefused.at(where, "is missing", f"refer to the {kind}", "缺少引用", f"请引用 {kind}", code=101)
        number = self.find(reference, kind)
        if number is None:
            name = str(reference.get("reference") or "")[:80]
            raise MessageRefused.at(
                where,
                f"{name!r} leads to no {kind} that is known",
                f"send the {kind} first, or give its number as identifier.value; then replay the message",
                f"引用 {name!r} 无法解析",
                f"请先发送 {kind}，或在 identifier.value 中给出编号",
                code=204,
                lasting=False,
            )
        return number

    def find(self, reference: Any, kind: str) -> str | None:
        """The number that a reference leads to, if any."""
        if not isinstance(reference, dict):
            return None
        identifier = reference.get("identifier")
        if isinstance(identifier, dict) and identifier.get("value"):
            number = str(identifier["value"])
            return number if is_number(number) else None
        named = str(reference.get("reference") or "")
        if named.startswith("#"):
            return self._contained(named[1:], kind)
        parts = named.split("/")
        if len(parts) >= 2 and "_history" in parts:
            parts = parts[: parts.index("_history")]
        if len(parts) < 2 or parts[-2] != kind:
            return None
        return self.identities(kind, parts[-1])

    def _contained(self, local_id: str, kind: str) -> str | None:
        """The number of a resource that is inside this one, if it has an identifier."""
        for one in self.body.get("contained") or ():
            if isinstance(one, dict) and (one.get("id"), one.get("resourceType")) == (local_id, kind):
                values = [str(item["value"]) for item in current(one) if is_number(str(item["value"]))]
                return values[0] if values else None
        return None

    def person(self, reference: Any) -> str | None:
        """A practitioner's number: by identifier, else the id that the reference ends in."""
        if not isinstance(reference, dict):
            return None
        identifier = reference.get("identifier")
        value = identifier.get("value") if isinstance(identifier, dict) else None
        return str(value or str(reference.get("reference") or "").rpartition("/")[2])[:64] or None


def current(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The resource's identifiers that have a value. A number that was given up is nobody's, or somebody else's by
    now."""
    found = body.get("identifier")
    given = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [one for one in given if one.get("value") and one.get("use") != "old"]


def checked_number(value: str, where: str) -> str:
    """`value`, if it can be a number of a patient, stay or bill. Raises `MessageRefused`."""
    if not value:
        raise MessageRefused.at(
            where, "the number is missing", "send the hospital's own number", "缺少编号", "请填写院方编号"
        )
    if not is_number(value):
        raise MessageRefused.at(
            where,
            f"{value[:40]!r} is not a number of a patient, stay or bill",
            "use up to 64 letters, digits, - and _ without blanks, not beginning with = + - or @",
            "编号格式无效",
            "请使用不超过 64 位的字母、数字、- 和 _，不含空格，且不以 = + - @ 开头",
            code=102,
        )
    return value


def read_patient(frame: Frame) -> Statement:
    """A Patient: number, sex, date of birth, death, and links to numbers of the same person. Names are not read."""
    body, stated = frame.body, frame.stated_at
    number = frame.own_number(frozenset({"MR", "PI", "PN", "PT"}))
    birth_date = _past_day(frame, body.get("birthDate"), "Patient.birthDate")
    merges = []
    for link in body.get("link") or ():
        other = frame.find(link.get("other"), "Patient")
        if other is not None and link.get("type") == "replaces":
            merges.append(MergeSaid(other, number))
        elif other is not None and link.get("type") == "replaced-by":
            merges.append(MergeSaid(number, other))
    return frame.statement(
        patients=(PatientSaid(number, body.get("gender"), birth_date, stated),),
        merges=tuple(merges),
        vitals=_vitals(frame, number, birth_date),
        identities=frame.identity(number),
    )


def read_location(frame: Frame) -> Statement:
    """A Location: what its id stands for, and whether the bed is open. A bed that the layout lacks is not made."""
    body = frame.body
    value = str(next((one["value"] for one in current(body)), ""))
    code = value or frame.resource.logical_id
    bed_id = frame.reading.places.bed(("", "", code))
    form = set(codes_of(body.get("physicalType"))) | set(codes_of(body.get("form")))
    identity = frame.identity(checked_number(code.replace("/", "-") if "/" in code else code, "Location.identifier"))
    identity = tuple(replace(one, local_no=code) for one in identity)
    if bed_id is None:
        if "bd" in form:
            raise unknown_bed("Location.identifier.value", code)
        return frame.statement(identities=identity, notes=("no bed: kept as a name of a place",))
    status = str((body.get("operationalStatus") or {}).get("code") or "U").upper()
    if status not in _BED_STATES:
        raise MessageRefused.at(
            "Location.operationalStatus",
            f"{status[:10]!r} is no bed status",
            "use one of C, H, I, K, O, U",
            "床位状态无效",
            "请使用 C、H、I、K、O、U",
            code=103,
        )
    if body.get("status") in ("suspended", "inactive"):
        status = "C"
    return frame.statement(identities=identity, beds=(BedSaid(bed_id, status),))


def _past_day(frame: Frame, text: Any, where: str) -> date | None:
    """A day that has come. Raises `MessageRefused`."""
    day = parse_day(text, where)
    if day is not None and day > frame.reading.latest.astimezone(frame.reading.places.zone).date():
        raise MessageRefused.at(
            where,
            f"{str(text)[:20]!r} lies in the future",
            "correct the year",
            "日期晚于当前日期",
            "请更正年份",
            code=102,
        )
    return day


def _vitals(frame: Frame, number: str, birth_date: Any) -> tuple[VitalSaid, ...]:
    body = frame.body
    if "deceasedDateTime" in body:
        text = body["deceasedDateTime"]
        if isinstance(text, str) and "T" in text:
            died = frame.moment(text, "Patient.deceasedDateTime")
            return (VitalSaid(number, True, died_at=died, birth_date=birth_date),)
        day = _past_day(frame, text, "Patient.deceasedDateTime")
        return (VitalSaid(number, True, died_on=day, birth_date=birth_date),)
    if "deceasedBoolean" in body:
        return (VitalSaid(number, bool(body["deceasedBoolean"]), birth_date=birth_date),)
    return ()
