"""What PID, PV1, PV2 and DG1 say about a stay, as facts; each refusal names the field and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from service.admissions.code_words import (
    ADMISSION_TYPE_WORDS,
    CATEGORY_WORDS,
    COURSE_WORDS,
    DISPOSITION_WORDS,
    REFERRAL_SOURCES,
    payment_word,
    word,
)
from service.admissions.errors import MessageRefused
from service.admissions.hl7.text import Message, Segment
from service.admissions.hl7.times import has_time_of_day, parse_date, parse_stamp, parse_statement_stamp
from service.admissions.places import Places
from service.admissions.statements import VitalSaid, is_number
from service.admissions.stay_events import LONGEST_LEAVE, Facts

PATIENT_CLASSES = frozenset("BCEINOPRU")
"""HL7 table 0004: obstetrics, commercial account, emergency, inpatient, not applicable, outpatient, preadmit,
recurring, unknown. Another code would silently make no inpatient of somebody."""
INPATIENT = frozenset({"I", "B"})
"""HL7 table 0004: inpatient, obstetrics. Emergency, outpatient, preadmit, recurring: there is no bed to be in."""
_SEX = {"m": "male", "f": "female", "o": "other", "a": "other", "u": "unknown", "n": "other"}
_SEX |= {"男": "male", "女": "female", "1": "male", "2": "female", "male": "male", "female": "female"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What is needed to read a message: the facility's places, its event time, and how far ahead a fact may lie."""

    places: Places
    present: datetime
    latest: datetime

    def stamp(self, segment: Segment, field: int) -> datetime | None:
        """The instant in a field. Raises `MessageRefused` for one that is malformed or has yet to come."""
        moment = parse_stamp(segment.text(field), self.places.zone, segment.where(field))
        if moment is not None and moment > self.latest:
            raise MessageRefused.at(
                segment.where(field),
                f"{segment.text(field)[:40]!r} lies too far in the future",
                "send it when it has happened, or correct the year",
                f"{segment.text(field)[:40]!r} 超出当前时间过多",
                "请在发生后发送，或更正年份",
                code=102,
            )
        return moment

    def statement_stamp(self, segment: Segment, field: int) -> datetime | None:
        """When the sender says that it spoke; also in an hour that clocks repeat."""
        moment = parse_statement_stamp(segment.text(field), self.places.zone, segment.where(field), self.present)
        if moment is not None and moment > self.latest:
            return self.stamp(segment, field)
        return moment


@dataclass(frozen=True, slots=True)
class Visit:
    """One patient in one stay, as a message names them. `place` is PV1-3 as written."""

    admission_no: str
    patient_no: str
    facts: Facts
    is_inpatient: bool
    place: str
    pv1: Segment


def read_visit(message: Message, pid: Segment, pv1: Segment, reading: Reading) -> Visit:
    """The visit of one PID and PV1. Raises `MessageRefused`."""
    patient_no = patient_number(pid)
    visit_no = _number(pv1, 19, "visit number", "就诊号（住院流水号）")
    patient_class = pv1.text(2).upper()
    if not patient_class:
        raise _missing(pv1.where(2), "the patient class", "send I for an inpatient", "患者类别")
    if patient_class not in PATIENT_CLASSES:
        raise MessageRefused.at(
            pv1.where(2),
            f"{patient_class[:10]!r} is no patient class",
            "send I for an inpatient, else one of B, C, E, N, O, P, R, U (HL7 table 0004)",
            f"{patient_class[:10]!r} 不是患者类别",
            "住院患者请填 I，其他为 B、C、E、N、O、P、R、U（HL7 表 0004）",
            code=103,
        )
    admitted, discharged = reading.stamp(pv1, 44), reading.stamp(pv1, 45)
    if admitted is not None and discharged is not None and discharged <= admitted:
        raise MessageRefused.at(
            "PV1-45",
            "the discharge is not after the admission in PV1-44",
            "correct one of the two times",
            "出院时间不晚于 PV1-44 的入院时间",
            "请更正其中一个时间",
            code=102,
        )
    sex, birth_date = demographics(pid)
    if birth_date is not None and birth_date > reading.latest.astimezone(reading.places.zone).date():
        raise MessageRefused.at(
            "PID-7",
            f"{pid.text(7)[:20]!r} lies in the future",
            "correct the date of birth, or leave it empty",
            "出生日期晚于当前日期",
            "请更正出生日期或留空",
            code=102,
        )
    facts = Facts(
        patient_no=patient_no,
        sex=sex,
        birth_date=birth_date,
        bed_id=reading.places.bed(_location(pv1)),
        inpatient=patient_class in INPATIENT or None,
        admitted_at=admitted,
        discharged_at=discharged,
        category=_category(pv1),
        admission_type=_admission_type(pv1),
        diagnosis_code=_diagnosis(message, 1, 32),
        diagnosis_text=_diagnosis(message, 2, 200),
        discharge_disposition=word(DISPOSITION_WORDS, pv1.text(36)),
        attending_doctor=pv1.text(7)[:64] or None,
        payment_method=payment_word(pv1.text(20)),
        course=word(COURSE_WORDS, pv1.text(18)),
    )
    return Visit(visit_no, patient_no, facts, patient_class in INPATIENT, "-".join(filter(None, _location(pv1))), pv1)


def patient_number(segment: Segment, field: int = 3) -> str:
    """The hospital's number of the person in PID-3 (or MRG-1): the one typed PI, MR or PN, else the first."""
    preferred = 1
    for repetition in range(1, segment.repetitions(field) + 1):
        if segment.text(field, 5, repetition=repetition).upper() in ("PI", "MR", "PN", "PT"):
            preferred = repetition
            break
    number = segment.text(field, repetition=preferred)
    if not number:
        raise _missing(segment.where(field), "the patient's number", "send the hospital's own number", "患者编号")
    return _checked(number, segment.where(field))


def demographics(pid: Segment) -> tuple[str | None, date | None]:
    """Sex and date of birth, PID-8 and PID-7."""
    return _SEX.get(pid.text(8).lower()), parse_date(pid.text(7)[:8], "PID-7")


def read_vital(pid: Segment, patient_no: str, reading: Reading) -> tuple[VitalSaid, ...]:
    """What PID-29 and PID-30 say about the patient's life; nothing when both are empty."""
    stamp, flag = pid.text(29), pid.text(30).upper()
    if not stamp and flag not in ("Y", "N"):
        return ()
    _, birth_date = demographics(pid)
    if not stamp:
        return (VitalSaid(patient_no, flag == "Y", birth_date=birth_date),)
    if not has_time_of_day(stamp):
        died_on = parse_date(stamp, "PID-29")
        if died_on is not None and died_on > reading.latest.astimezone(reading.places.zone).date():
            raise MessageRefused.at(
                "PID-29",
                f"{stamp[:20]!r} lies in the future",
                "correct the date of death, or leave it empty",
                "死亡日期晚于当前日期",
                "请更正死亡日期或留空",
                code=102,
            )
        return (VitalSaid(patient_no, True, died_on=died_on, birth_date=birth_date),)
    return (VitalSaid(patient_no, True, died_at=reading.stamp(pid, 29), birth_date=birth_date),)


def need_bed(visit: Visit) -> str:
    """The bed in PV1-3. Raises `MessageRefused`: missing for good, or unknown until the layout has it."""
    if visit.facts.bed_id is not None:
        return visit.facts.bed_id
    if not visit.pv1.text(3, 3) and not visit.pv1.text(3, 1):
        raise _missing("PV1-3", "the assigned location", "send point of care ^ room ^ bed", "病区^房间^床位")
    raise unknown_bed("PV1-3", visit.place)


def unknown_bed(where: str, place: str) -> MessageRefused:
    """The facility has no such bed. It may have it later; the message can then be replayed."""
    return MessageRefused.at(
        where,
        f"the facility has no bed {place[:64]!r}",
        "use ward and bed codes or the hospital_code of the layout; or add the bed to it and replay the message",
        f"本机构没有床位 {place[:64]!r}",
        "请使用布局中的病区、床位编码或 hospital_code；或补充布局后重放该消息",
        code=204,
        lasting=False,
    )


def expected_return(message: Message, from_at: datetime, reading: Reading) -> tuple[datetime, bool]:
    """PV2-47, or the end of the local day, as there is no leave overnight; and whether the message said it."""
    pv2 = message.first("PV2")
    stated = reading.places.zone
    if pv2 is not None and pv2.text(47):
        back = parse_stamp(pv2.text(47), stated, "PV2-47")
        if back is not None and back > from_at + LONGEST_LEAVE:
            raise MessageRefused.at(
                "PV2-47",
                f"the expected return is more than {LONGEST_LEAVE.days} days after the leave begins",
                "correct the year, or discharge the patient (A03)",
                f"预计返回时间晚于请假开始 {LONGEST_LEAVE.days} 天以上",
                "请更正年份，或办理出院（A03）",
                code=102,
            )
        if back is not None and back > from_at:
            return back, True
        raise MessageRefused.at(
            "PV2-47",
            "the expected return is not after the leave begins",
            "correct PV2-47 or EVN-6",
            "预计返回时间不晚于请假开始时间",
            "请更正 PV2-47 或 EVN-6",
            code=102,
        )
    day = from_at.astimezone(stated).date() + timedelta(days=1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=stated).astimezone(UTC)
    return max(midnight, from_at + timedelta(minutes=1)), False


def _location(pv1: Segment) -> tuple[str, str, str]:
    return pv1.text(3, 1), pv1.text(3, 2), pv1.text(3, 3)


def _number(segment: Segment, field: int, what: str, what_zh: str) -> str:
    number = segment.text(field)
    if not number:
        raise _missing(segment.where(field), f"the {what}", "send the number of the stay", what_zh)
    return _checked(number, segment.where(field))


def _checked(number: str, where: str) -> str:
    if is_number(number):
        return number
    raise MessageRefused.at(
        where,
        f"{number[:40]!r} is not a number of a patient or stay",
        "use up to 64 letters, digits, - and _ without blanks, not beginning with = + - or @",
        f"{number[:40]!r} 编号格式无效",
        "请使用不超过 64 位的字母、数字、- 和 _，不含空格，且不以 = + - @ 开头",
        code=102,
    )


def _admission_type(pv1: Segment) -> str | None:
    if pv1.text(14).lower() in REFERRAL_SOURCES:
        return "referral"
    return word(ADMISSION_TYPE_WORDS, pv1.text(4))


def _category(pv1: Segment) -> str | None:
    service = word(CATEGORY_WORDS, pv1.text(10))
    if service is not None:
        return service
    kind = word(ADMISSION_TYPE_WORDS, pv1.text(4))
    if kind == "newborn" or (pv1.text(4).upper() == "L"):
        return "newborn" if kind == "newborn" else "maternity"
    return "emergency" if kind == "emergency" else None


def _diagnosis(message: Message, component: int, longest: int) -> str | None:
    found = message.all("DG1")
    # DG1-6: F final, W working, A admitting. The final one counts, else the first.
    final = [segment for segment in found if segment.text(6).upper() == "F"]
    for segment in [*final, *found]:
        text = segment.text(3, component) or (segment.text(4) if component == 2 else "")
        if text:
            return text[:longest]
    return None


def _missing(where: str, what: str, remedy: str, what_zh: str) -> MessageRefused:
    return MessageRefused.at(where, f"{what} is missing", remedy, f"缺少{what_zh}", f"请填写 {where}")
