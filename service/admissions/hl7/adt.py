"""ADT messages into statements about stays, by trigger event (HL7 v2.5.1 chapter 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from service.admissions.code_words import OFF_WARD_WORDS, word
from service.admissions.errors import MessageRefused
from service.admissions.hl7.text import Message, Segment
from service.admissions.hl7.visit import (
    Reading,
    Visit,
    demographics,
    expected_return,
    need_bed,
    patient_number,
    read_visit,
    read_vital,
    unknown_bed,
)
from service.admissions.statements import BedSaid, MergeSaid, Statement, StaySaid
from service.admissions.stay_events import Event, EventKind, Facts

BED_STATES = frozenset("CHIKOU")
"""HL7 table 0116: closed, housekeeping, isolated, contaminated, occupied, unoccupied."""
_SIMPLE = {
    "A01": EventKind.ADMIT,
    "A02": EventKind.TRANSFER,
    "A03": EventKind.DISCHARGE,
    "A04": EventKind.ADMIT,
    "A06": EventKind.ADMIT,
    "A07": EventKind.DISCHARGE,
    "A08": EventKind.UPDATE,
    "A09": EventKind.OFF_WARD,
    "A10": EventKind.ON_WARD,
    "A11": EventKind.CANCEL_ADMIT,
    "A12": EventKind.CANCEL_TRANSFER,
    "A13": EventKind.CANCEL_DISCHARGE,
    "A21": EventKind.LEAVE,
    "A22": EventKind.RETURN,
    "A32": EventKind.CANCEL_ON_WARD,
    "A33": EventKind.CANCEL_OFF_WARD,
    "A52": EventKind.CANCEL_LEAVE,
    "A53": EventKind.CANCEL_RETURN,
}
_WITHOUT_EFFECT = {
    "A05": "a pre-admission is no admission yet",
    "A14": "a pending admission is no admission yet",
    "A15": "a pending transfer moves nobody yet",
    "A16": "a pending discharge ends no stay yet",
    "A25": "a pending discharge had ended no stay",
    "A26": "a pending transfer had moved nobody",
    "A27": "a pending admission had been none",
    "A38": "a pre-admission had been none",
}
TRIGGERS = tuple(sorted({*_SIMPLE, *_WITHOUT_EFFECT, "A17", "A20", "A40"}))


@dataclass(frozen=True, slots=True)
class _Moment:
    """When it happened, when it was said, and what a cancellation is about (EVN-6, when it is there)."""

    event_at: datetime
    stated_at: datetime
    occurred_at: datetime | None


def read_adt(message: Message, reading: Reading) -> Statement:
    """What the message says. Raises `MessageRefused`."""
    trigger = message.trigger
    evn = message.need("EVN")
    if evn.text(1) and evn.text(1).upper() != trigger:
        raise MessageRefused.at(
            "EVN-1",
            f"{evn.text(1)[:10]!r} is not the trigger {trigger} of MSH-9",
            "send the same event in both, or leave EVN-1 empty",
            f"EVN-1 与 MSH-9 的事件 {trigger} 不一致",
            "请保持一致，或留空 EVN-1",
            code=103,
        )
    moment = _moment(message, evn, reading)
    special: dict[str, Callable[[Message, Reading, _Moment], Statement]] = {
        "A17": _swap,
        "A20": _bed_status,
        "A40": _merge,
    }
    if trigger in special:
        return special[trigger](message, reading, moment)
    if trigger in _WITHOUT_EFFECT:
        return _statement(message, moment, notes=(_WITHOUT_EFFECT[trigger],))
    if trigger not in _SIMPLE:
        raise MessageRefused.at(
            "MSH-9",
            f"the event ADT^{trigger[:10]} is not taken",
            f"send one of {', '.join(TRIGGERS)}",
            f"不接收 ADT^{trigger[:10]} 事件",
            f"可用事件：{', '.join(TRIGGERS)}",
            code=201,
        )
    for name in ("PID", "PV1"):
        message.need(name)
        if len(message.all(name)) > 1:
            raise MessageRefused.at(
                name,
                f"{name} comes more than once",
                f"send one patient and one visit with each ADT^{trigger}",
                f"{name} 段重复",
                f"每条 ADT^{trigger} 只能包含一名患者的一次就诊",
                code=100,
            )
    visit = read_visit(message, message.need("PID"), message.need("PV1"), reading)
    vitals = read_vital(message.need("PID"), visit.patient_no, reading)
    if visit.pv1.text(2) and not visit.is_inpatient and trigger != "A07":
        note = f"PV1-2 {visit.pv1.text(2)[:10]} is no inpatient: nothing to record"
        return replace(_statement(message, moment, notes=(note,)), vitals=vitals)
    event, notes = _event(message, visit, moment, reading)
    statement = _statement(message, moment, notes=notes)
    return replace(statement, event_at=event.event_at, stays=(StaySaid(visit.admission_no, event),), vitals=vitals)


def _event(message: Message, visit: Visit, moment: _Moment, reading: Reading) -> tuple[Event, tuple[str, ...]]:
    kind = _SIMPLE[message.trigger]
    facts, event_at, notes = visit.facts, moment.event_at, []
    has_place = bool(visit.place)
    if kind is EventKind.ADMIT:
        event_at = facts.admitted_at or event_at
        facts = replace(facts, admitting_clerk=_clerk(message))
        if has_place and facts.bed_id is None and visit.pv1.text(3, 3):
            raise unknown_bed("PV1-3", visit.place)
        if facts.bed_id is None:
            notes.append("PV1-3 names no bed: the patient is admitted without one until an A02")
    elif kind is EventKind.TRANSFER:
        facts = replace(facts, bed_id=need_bed(visit))
    elif kind is EventKind.DISCHARGE:
        event_at = facts.discharged_at or event_at
        facts = replace(facts, discharged_at=event_at)
    elif kind is EventKind.LEAVE:
        facts, said = _leave_facts(message, visit, moment, reading)
        if not said:
            notes.append("PV2-47 is empty: the leave excuses until the end of the day")
    elif kind is EventKind.OFF_WARD:
        facts = replace(facts, off_ward_kind=_whereto(visit.pv1))
    elif kind.value.startswith("cancel_"):
        facts = replace(facts, refers_at=moment.occurred_at, bed_id=None)
    if (
        facts.bed_id is None
        and has_place
        and kind not in (EventKind.ADMIT, EventKind.TRANSFER)
        and facts.refers_at is None
    ):
        if kind in (EventKind.RETURN, EventKind.UPDATE):
            notes.append(f"PV1-3 {visit.place[:64]!r} is no bed of this facility")
    if kind is EventKind.UPDATE and facts.bed_id is not None:
        notes.append("an A08 moves nobody; a move is an A02")
    event = Event(
        kind, event_at, moment.stated_at, reading.present, message.trigger, message.control_id, _of_kind(kind, facts)
    )
    return event, tuple(notes)


def _of_kind(kind: EventKind, facts: Facts) -> Facts:
    """An activity off the ward or a coming back from it says nothing about the assigned bed."""
    if kind in (EventKind.OFF_WARD, EventKind.ON_WARD):
        return replace(facts, bed_id=None)
    return facts


def _leave_facts(message: Message, visit: Visit, moment: _Moment, reading: Reading) -> tuple[Facts, bool]:
    back, said = expected_return(message, moment.event_at, reading)
    pv2 = message.first("PV2")
    facts = replace(
        visit.facts,
        expected_return_at=back,
        signed_at=moment.stated_at,
        approved_by=(visit.facts.attending_doctor or "")[:100],
        reason=(pv2.text(3, 2) or pv2.text(3))[:200] if pv2 is not None else "",
    )
    return facts, said


def _swap(message: Message, reading: Reading, moment: _Moment) -> Statement:
    pids, pv1s = message.all("PID"), message.all("PV1")
    if len(pids) != 2 or len(pv1s) != 2:
        raise MessageRefused.at(
            "PID" if len(pids) != 2 else "PV1",
            "an A17 names two patients, each with PID and PV1",
            "send PID, PV1, PID, PV1, with the new location in PV1-3",
            "A17 需包含两名患者各一组 PID 与 PV1",
            "请按 PID、PV1、PID、PV1 发送，PV1-3 为交换后的床位",
            code=100,
        )
    stays = []
    for pid, pv1 in zip(pids, pv1s, strict=True):
        visit = read_visit(message, pid, pv1, reading)
        facts = replace(visit.facts, bed_id=need_bed(visit), diagnosis_code=None, diagnosis_text=None)
        event = Event(
            EventKind.TRANSFER,
            moment.event_at,
            moment.stated_at,
            reading.present,
            "A17",
            message.control_id,
            facts,
        )
        stays.append(StaySaid(visit.admission_no, event))
    if stays[0].event.facts.bed_id == stays[1].event.facts.bed_id:
        raise MessageRefused.at(
            "PV1-3",
            "both patients get the same bed",
            "send each patient's new location",
            "两名患者的新床位相同",
            "请分别填写各自的新床位",
            code=102,
        )
    if stays[0].admission_no == stays[1].admission_no:
        raise MessageRefused.at(
            "PV1-19",
            "both patients have the same visit number",
            "send each patient's own",
            "两名患者的就诊号相同",
            "请分别填写各自的就诊号",
            code=102,
        )
    return replace(_statement(message, moment), stays=tuple(stays))


def _bed_status(message: Message, reading: Reading, moment: _Moment) -> Statement:
    npu = message.need("NPU")
    status = npu.text(2).upper()
    if status not in BED_STATES:
        raise MessageRefused.at(
            "NPU-2",
            f"{status[:10]!r} is no bed status" if status else "the bed status is missing",
            "send one of C, H, I, K, O, U (HL7 table 0116)",
            "床位状态无效或缺失",
            "请使用 C、H、I、K、O、U（HL7 表 0116）",
            code=103,
        )
    parts = (npu.text(1, 1), npu.text(1, 2), npu.text(1, 3))
    if not any(parts):
        raise MessageRefused.at(
            "NPU-1", "the bed is missing", "send point of care ^ room ^ bed", "缺少床位", "请填写 NPU-1"
        )
    bed_id = reading.places.bed(parts)
    if bed_id is None:
        raise unknown_bed("NPU-1", "-".join(filter(None, parts)))
    return replace(_statement(message, moment), beds=(BedSaid(bed_id, status),))


def _merge(message: Message, reading: Reading, moment: _Moment) -> Statement:
    pids, merged = message.all("PID"), message.all("MRG")
    message.need("PID")
    message.need("MRG")
    if len(pids) != len(merged):
        raise MessageRefused.at(
            "MRG",
            "PID and MRG do not come in pairs",
            "send PID (who remains) and MRG (who is merged away) for each pair",
            "PID 与 MRG 数量不一致",
            "请成对发送 PID（保留）与 MRG（并入）",
            code=100,
        )
    pairs = []
    for pid, mrg in zip(pids, merged, strict=True):
        surviving, prior = patient_number(pid), patient_number(mrg, 1)
        if surviving == prior:
            raise MessageRefused.at(
                "MRG-1",
                "the number merged away is the one that remains",
                "send the prior number in MRG-1, the surviving one in PID-3",
                "MRG-1 与 PID-3 相同",
                "请在 MRG-1 填写被合并的编号，PID-3 填写保留的编号",
                code=102,
            )
        demographics(pid)
        pairs.append(MergeSaid(prior, surviving))
    return replace(_statement(message, moment), merges=tuple(pairs))


def _moment(message: Message, evn: Segment, reading: Reading) -> _Moment:
    sent = reading.statement_stamp(message.header, 7)
    if sent is None:
        raise MessageRefused.at(
            "MSH-7",
            "the time of the message is missing",
            "send when the message was made",
            "缺少消息时间",
            "请填写 MSH-7",
        )
    recorded = reading.statement_stamp(evn, 2)
    if recorded is None:
        raise MessageRefused.at(
            "EVN-2",
            "the time of record is missing",
            "send when the event was recorded",
            "缺少记录时间",
            "请填写 EVN-2",
        )
    occurred = reading.stamp(evn, 6)
    return _Moment(occurred or recorded, recorded, occurred)


def _statement(message: Message, moment: _Moment, *, notes: tuple[str, ...] = ()) -> Statement:
    return Statement(message.trigger, message.control_id, moment.event_at, moment.stated_at, notes=notes)


def _clerk(message: Message) -> str | None:
    evn = message.first("EVN")
    return (evn.text(5)[:64] or None) if evn is not None else None


def _whereto(pv1: Segment) -> str:
    """What for: the temporary location, PV1-11, or where PV1-3 points to while away."""
    for field in (11, 3):
        for component in (1, 2, 3, 4, 9):
            found = word(OFF_WARD_WORDS, pv1.text(field, component))
            if found is not None:
                return found
    return "other"
