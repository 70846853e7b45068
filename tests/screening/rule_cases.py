"""Short ways to write down facts for rules: one case that fires for each rule, as values to be changed."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from service.kit.intervals import Interval
from service.occupancy import PresenceState
from service.screening.facts import (
    AdmissionFacts,
    Away,
    CheckRecord,
    Correction,
    Face,
    Stay,
    TemplateChange,
    Treatment,
    Twin,
)
from service.screening.place_facts import (
    BedCheckRecord,
    BedFacts,
    CameraEvent,
    CameraFacts,
    Census,
    Confirmation,
    Departed,
    FacilityFacts,
    PeerFacts,
    PersonFacts,
    RepeatFacts,
    RepeatSeen,
    Share,
    Tenancy,
)
from service.screening.subjects import Subject, SubjectKind
from tests.occupancy.scenes import FAR, at, look

ABSENT = PresenceState.ABSENT_CONFIRMED
MARCH = "2026-03"


def check(due: str, state: PresenceState = ABSENT, **changes: object) -> CheckRecord:
    """A check of half an hour; a confirmed absence is complete three hours later."""
    when = at(due)
    confirmed = when + timedelta(hours=3) if state is ABSENT else None
    end = when + timedelta(minutes=30)
    base = (when, when.date(), end, state, (f"reading-{due}",), (f"look-{due}",), confirmed)
    return CheckRecord(*base, **changes)  # type: ignore[arg-type]


STAY = AdmissionFacts(
    "A1",
    "A1",
    "general",
    at("01 08:00"),
    at("20 08:00"),
    diagnosis_code="I10.x02",
    per_diem=True,
)
NOBODY = (look("03 09:40"), look("03 14:00", person="doctor"))


def treated(when: str, kind: str = "medication") -> Treatment:
    """Something ordered or billed."""
    return Treatment(f"{kind}-{when}", kind, at(when), Decimal("12.50"))


def before(**changes: object) -> Stay:
    """An earlier stay for the same disease, ended ten days before `STAY` begins."""
    end = STAY.admitted_at - timedelta(days=10)
    values: dict[str, object] = {
        "admission_id": "A0",
        "admission_no": "A0",
        "facility_id": "F1",
        "held": Interval(end - timedelta(days=6), end),
        "diagnosis_code": "I10.x01",
        "disposition": "home",
    }
    return Stay(**(values | changes))  # type: ignore[arg-type]


def faces(*times: str, above: float = 1.0) -> tuple[Face, ...]:
    """Clear faces in the own bed."""
    return tuple(Face(at(when), above) for when in times)


ELSEWHERE = Stay("B1", "B1", "F2", Interval(at("01 07:00"), at("03 07:00")), seen=faces("02 09:05", "02 10:05"))
LEAVE = Away(at("05 14:00"), at("05 20:00"), at("05 23:00"))
NIGHT_OUT = Away(at("05 18:00"), at("06 07:00"), at("06 07:00"), night_hours=6.0)
CHANGE = TemplateChange("T2", at("04 10:00"), matched_old=False, second_person=False)
TWIN = Twin("P2", "P0002", 0.81)
LATE_LEAVE = Correction("C1", "A21", at("03 08:00"), at("03 20:00"))
BILLED = tuple((date(2026, 3, day), Decimal(1)) for day in range(1, 7))

BED = Subject(SubjectKind.BED, "B7", "W1/07", bed_id="B7")
WARD = Subject(SubjectKind.WARD, "W1", "W1", ward_id="W1")
CAMERA = Subject(SubjectKind.CAMERA, "C1", "C1")
NURSE = Subject(SubjectKind.PERSON, "nurse", "nurse")
HOUSE = Subject(SubjectKind.FACILITY, "F1", "F1")
GONE = Subject(SubjectKind.ADMISSION, "A9", "A9", admission_id="A9")


def occupied(due: str, outcome: str = "unregistered_person", **changes: object) -> BedCheckRecord:
    """A check of bed 7 at which a person looked too."""
    when = at(due)
    values: dict[str, object] = {
        "check_id": f"check-{due}",
        "due_at": when,
        "local_day": when.date(),
        "outcome": outcome,
        "occupied": timedelta(minutes=25),
        "reading_ids": (f"reading-{due}",),
        "by_person": True,
    }
    return BedCheckRecord(**(values | changes))  # type: ignore[arg-type]


EMPTY_BED = BedFacts(
    BED, MARCH, checks=(occupied("03 09:00"), occupied("03 16:00", by_person=False)), until=at("20 08:00")
)
DISCHARGED = Departed("P9", GONE, at("02 09:00"))
SHAM = BedFacts(
    BED,
    MARCH,
    checks=(occupied("03 09:00", recognised="P9"), occupied("03 16:00", recognised="P9")),
    departed=(DISCHARGED,),
    until=at("20 08:00"),
)
STAFF = BedFacts(BED, MARCH, checks=(occupied("03 09:00", "staff_in_bed", recognised="S1"),), until=at("20 08:00"))
SHARED = BedFacts(
    BED,
    MARCH,
    tenancies=(
        Tenancy("A1", "A1", "general", Interval(at("01 08:00"), FAR)),
        Tenancy("A2", "A2", "general", Interval(at("03 08:00"), FAR)),
    ),
    until=at("03 14:00"),
)
TWO_SEEN = BedFacts(
    BED, MARCH, checks=(occupied("03 09:00", "two_in_bed"), occupied("04 09:00", "two_in_bed")), until=at("20 08:00")
)
PEERS = tuple(Share(hits, 300) for hits in (9, 12, 15, 10))
EXCUSED = PeerFacts(WARD, MARCH, "excuses", Share(60, 300), PEERS, at("20 08:00"), near_checks=41)
EXEMPT = PeerFacts(WARD, MARCH, "exemptions", Share(12, 40), tuple(Share(k, 60) for k in (1, 2, 3, 1)), at("20 08:00"))
FINDS = PeerFacts(NURSE, MARCH, "confirmations", Share(45, 60), tuple(Share(k, 60) for k in (5, 7, 9)), at("20 08:00"))
BLIND = PeerFacts(
    BED, MARCH, "blind_checks", Share(20, 60), tuple(Share(1, 60) for _ in range(9)), at("20 08:00"), subjects_tested=10
)
FROZEN = CameraEvent("frozen", at("03 09:00"), at("03 09:40"), ("s1",), at_check=True)
COVERED = CameraEvent("covered", at("03 09:00"), at("03 09:40"), ("s2",), at_check=True)
AGAIN = CameraEvent("covered", at("04 16:00"), at("04 16:35"), ("s3",), at_check=True)
TAMPERED = CameraFacts(CAMERA, MARCH, events=(FROZEN,))
AT_CHECKS = CameraFacts(CAMERA, MARCH, events=(COVERED, AGAIN))
BACKFILL = CameraFacts(CAMERA, MARCH, frames=100, late=30, late_at_checks=6, last_late_at=at("03 12:00"))
CROWDED = FacilityFacts(
    HOUSE, MARCH, tuple(Census(date(2026, 3, day), at(f"{day:02} 00:00"), 120, 100) for day in (3, 4, 5))
)
IN_A_ROW = PersonFacts(
    NURSE,
    MARCH,
    tuple(Confirmation(f"L{k}", "A1", "nurse", at(f"0{k} 10:00")) for k in (3, 4, 5)),
    longest_run=3,
    run_admission_no="A1",
    run_ids=("L3", "L4", "L5"),
    run_at=at("05 10:00"),
)


def alike(*nights: int, enrolment: bool = False, **changes: object) -> RepeatSeen:
    """A face that was one picture on these nights of March, read at 02:00 of the morning after."""
    readings = tuple((f"r{day}", at(f"{day + 1:02} 02:00"), date(2026, 3, day)) for day in nights)
    values: dict[str, object] = {"shape_distance": 0.02, "bits_different": 0.08, "similarity_low": 0.71}
    values |= {"is_enrolment": enrolment, "readings": readings, "similarity_high": 0.96 if enrolment else 0.73}
    return RepeatSeen(**(values | changes))  # type: ignore[arg-type]


PATIENT = Subject(SubjectKind.ADMISSION, "A1", "A1", admission_id="A1", bed_id="B7")
SAME_POSE = RepeatFacts(PATIENT, MARCH, (alike(3, 4, 6),))
ENROLMENT_PICTURE = RepeatFacts(PATIENT, MARCH, (alike(3, enrolment=True),))
