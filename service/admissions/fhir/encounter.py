"""An Encounter, R4 or R5, as events of a stay. It tells a whole state: its newest version replaces the ones before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from service.admissions.code_words import (
    ADMISSION_TYPE_WORDS,
    CATEGORY_WORDS,
    COURSE_WORDS,
    DISPOSITION_WORDS,
    OFF_WARD_WORDS,
    REFERRAL_SOURCES,
)
from service.admissions.errors import MessageRefused
from service.admissions.fhir.bills import paid_by
from service.admissions.fhir.reading import Frame
from service.admissions.fhir.resources import classes_of, codes_of, first_word
from service.admissions.hl7.visit import unknown_bed
from service.admissions.statements import Statement, StaySaid
from service.admissions.stay_events import Event, EventKind, Facts

INPATIENT = frozenset({"IMP", "ACUTE", "NONAC"})
"""v3 ActCode: inpatient encounter, inpatient acute, inpatient non-acute."""
_THERE = frozenset({"in-progress", "onleave", "on-hold"})
_OVER = frozenset({"finished", "discharged", "completed", "discontinued"})
_NEVER = frozenset({"cancelled", "entered-in-error"})


def read_encounter(frame: Frame) -> Statement:
    """What the Encounter says. Raises `MessageRefused`."""
    body = frame.body
    admission_no = frame.own_number(frozenset({"VN"}))
    identity = frame.identity(admission_no)
    status = str(body.get("status"))
    if not INPATIENT & set(classes_of(body)):
        return frame.statement(identities=identity, notes=("no inpatient encounter: nothing to record",))
    if status in _NEVER:
        event = _event(frame, EventKind.CANCEL_ADMIT, frame.stated_at, Facts())
        return frame.statement(stays=(StaySaid(admission_no, event),), identities=identity)
    if status not in _THERE | _OVER:
        return frame.statement(identities=identity, notes=(f"status {status}: no admission yet",))
    patient_no = frame.referred(body.get("subject"), "Patient", "Encounter.subject")
    start, end = _period(frame)
    if start is None:
        raise MessageRefused.at(
            f"Encounter.{_period_name(frame)}.start",
            "the time of admission is missing",
            "send it with time of day and offset",
            "缺少入院时间",
            "请填写含时区的入院时间",
        )
    events = [*_stay(frame, admission_no, patient_no, start, end if status in _OVER else None, status)]
    events += _leaves(frame, status)
    notes = () if any(event.facts.bed_id for event in events) else ("no bed is named: admitted without one",)
    return frame.statement(
        start,
        stays=tuple(StaySaid(admission_no, event) for event in events),
        identities=identity,
        notes=notes,
    )


def _stay(
    frame: Frame, admission_no: str, patient_no: str, start: datetime, end: datetime | None, status: str
) -> list[Event]:
    document = f"Encounter/{admission_no}"
    facts = replace(_facts(frame), patient_no=patient_no, inpatient=True, admitted_at=start, document=document)
    beds, activities = _places(frame, start)
    first = [bed for at, bed in beds if at <= start]
    admitted = replace(facts, bed_id=first[-1] if first else None)
    events = [_event(frame, EventKind.ADMIT, start, admitted)]
    moved = Facts(document=document)
    events += [_event(frame, EventKind.TRANSFER, at, replace(moved, bed_id=bed)) for at, bed in beds if at > start]
    events += activities
    if status in _OVER:
        if end is None:
            raise MessageRefused.at(
                f"Encounter.{_period_name(frame)}.end",
                f"the status is {status} and the time of discharge is missing",
                "send it with time of day and offset",
                "已出院但缺少出院时间",
                "请填写含时区的出院时间",
            )
        if end <= start:
            raise MessageRefused.at(
                f"Encounter.{_period_name(frame)}.end",
                "the discharge is not after the admission",
                "correct one of the two times",
                "出院时间不晚于入院时间",
                "请更正其中一个时间",
                code=102,
            )
        leaving = Facts(discharged_at=end, document=document)
        events.append(_event(frame, EventKind.DISCHARGE, end, leaving))
    return events


def _facts(frame: Frame) -> Facts:
    body = frame.body
    stay = body.get("hospitalization") or body.get("admission") or {}
    referred = REFERRAL_SOURCES & {code.lower() for code in codes_of(stay.get("admitSource"))}
    kind = first_word(ADMISSION_TYPE_WORDS, body.get("priority")) or first_word(ADMISSION_TYPE_WORDS, body.get("type"))
    category = first_word(CATEGORY_WORDS, body.get("serviceType")) or first_word(CATEGORY_WORDS, body.get("type"))
    if category is None and kind in ("emergency", "newborn"):
        category = kind
    reasons = [code for one in _reasons(body) for code in codes_of(one)]
    return Facts(
        category=category,
        admission_type="referral" if referred else kind,
        diagnosis_code=reasons[0][:32] if reasons else None,
        discharge_disposition=first_word(DISPOSITION_WORDS, stay.get("dischargeDisposition")),
        attending_doctor=_participant(frame, "ATND"),
        admitting_clerk=_participant(frame, "ENT"),
        payment_method=paid_by(body),
        course=first_word(COURSE_WORDS, body.get("type")),
    )


def _reasons(body: dict[str, Any]) -> list[Any]:
    """R4 reasonCode; R5 reason.value."""
    return [*(body.get("reasonCode") or ()), *(one.get("value") for one in body.get("reason") or ())]


def _participant(frame: Frame, role: str) -> str | None:
    """Who took this part (v3 ParticipationType: ATND attends, ENT entered the data)."""
    for participant in frame.body.get("participant") or ():
        if role in set(codes_of(participant.get("type"))):
            return frame.person(participant.get("individual") or participant.get("actor"))
    return None


def _places(frame: Frame, start: datetime) -> tuple[list[tuple[datetime, str]], list[Event]]:
    """Beds by the time from which the patient had them, and stays in places that are no beds: theatre, imaging."""
    beds: list[tuple[datetime, str]] = []
    activities: list[Event] = []
    for at, item in enumerate(frame.body.get("location") or ()):
        where = f"Encounter.location[{at}]"
        if item.get("status") in ("planned", "reserved"):
            continue
        period = item.get("period") or {}
        began = frame.moment(period["start"], f"{where}.period.start") if period.get("start") else None
        ended = frame.moment(period["end"], f"{where}.period.end") if period.get("end") else None
        code = _place_code(frame, item.get("location"))
        activity = OFF_WARD_WORDS.get(code.lower())
        bed_id = frame.reading.places.bed(("", "", code)) or frame.reading.places.bed((code, "", ""))
        if bed_id is not None:
            if began is None and beds:
                raise MessageRefused.at(
                    f"{where}.period.start",
                    "is missing: when did the patient move there?",
                    "send each location's period.start",
                    "缺少转入时间",
                    "请为每个 location 填写 period.start",
                )
            beds.append((max(began or start, start), bed_id))
        elif activity is not None:
            going = Facts(off_ward_kind=activity, to_at=ended)
            activities.append(_event(frame, EventKind.OFF_WARD, began or start, going))
        elif code not in frame.reading.places.wards:
            raise unknown_bed(f"{where}.location", code)
    return sorted(beds, key=lambda one: one[0]), activities


def _place_code(frame: Frame, reference: Any) -> str:
    found = frame.find(reference, "Location")
    if found is not None:
        return found
    named = reference or {}
    return str(named.get("reference") or "").rpartition("/")[2] or str(named.get("display") or "")


def _leaves(frame: Frame, status: str) -> list[Event]:
    """Leaves that R4's statusHistory tells exactly, and the one that the state of this very version implies."""
    body = frame.body
    events: list[Event] = []
    since: datetime | None = None
    for at, item in enumerate(body.get("statusHistory") or ()):
        if item.get("status") != "onleave":
            continue
        period, where = item.get("period") or {}, f"Encounter.statusHistory[{at}].period"
        began = frame.moment(period["start"], f"{where}.start") if period.get("start") else None
        if began is None:
            continue
        if period.get("end"):
            events.append(_leave(frame, began))
            ended = frame.moment(period["end"], f"{where}.end")
            events.append(_event(frame, EventKind.RETURN, ended, Facts(implied=True)))
        else:
            since = began
    subject = {code.lower() for code in codes_of(body.get("subjectStatus"))}
    if status == "onleave" or "on-leave" in subject:
        events.append(_leave(frame, since or frame.seen_at))
    else:
        events.append(_event(frame, EventKind.RETURN, frame.seen_at, Facts(implied=True)))
    return events


def _leave(frame: Frame, began: datetime) -> Event:
    zone = frame.reading.places.zone
    day = began.astimezone(zone).date() + timedelta(days=1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    facts = Facts(
        implied=True, expected_return_at=midnight, signed_at=frame.seen_at, approved_by=_participant(frame, "ATND")
    )
    return _event(frame, EventKind.LEAVE, began, facts)


def _period_name(frame: Frame) -> str:
    return "period" if frame.resource.release == "r4" else "actualPeriod"


def _period(frame: Frame) -> tuple[datetime | None, datetime | None]:
    name = _period_name(frame)
    period = frame.body.get(name) or {}
    start = frame.moment(period["start"], f"Encounter.{name}.start") if period.get("start") else None
    end = frame.moment(period["end"], f"Encounter.{name}.end") if period.get("end") else None
    return start, end


def _event(frame: Frame, kind: EventKind, event_at: datetime, facts: Facts) -> Event:
    trigger = f"Encounter.{frame.body.get('status')}"[:32]
    return Event(kind, event_at, frame.stated_at, frame.reading.present, trigger, facts=facts)
