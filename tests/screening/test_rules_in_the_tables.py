"""Rules from the rows of the rooms that feed them to a finding that explains itself: those whose other tests are of the
pure functions. Each writes what it needs, and one change besides that must keep the rule silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import select

from service.admissions.tables import Admission, Patient
from service.enrolment import Consent, FaceTemplate
from service.facilities.tables import Bed, Facility
from service.screening import Finding, explain, run
from service.screening.run import Screened
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.house import NOW, START, House

Build = Callable[[House, bool], None]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def empty_bed(house: House, honest: bool) -> None:
    """Two people, five hours apart (or three), found nobody."""
    bed = house.bed()
    stay = house.stay(bed)
    house.checks(stay, bed, "bed_empty", [at("03 09:00")])
    request = house.asked(stay, bed, at("03 09:00"))
    house.look(request, house.person(), at("03 09:40"), "not_found")
    house.look(request, house.person("inspector"), at("03 12:40") if honest else at("03 14:40"), "not_found")


def overlapping(house: House, honest: bool) -> None:
    """One person's stays in two houses, together for nine days (or of another birthday)."""
    other = House.build(house.context, house.session)
    for place, since in ((other, START), (house, START + HOUR)):
        stay = place.stay(since=since)
        patient = house.session.get_one(Patient, stay.patient_id)
        patient.patient_no, patient.sex = "P-SAME", "female"
        patient.birth_date = date(1970, 1, 2 if honest and place is other else 1)
        house.session.add(patient)


def new_face(house: House, honest: bool) -> None:
    """Another photograph took the place of the reference on the 4th (and a second person confirmed it)."""
    stay = house.stay()
    first = house.session.exec(select(FaceTemplate).where(FaceTemplate.patient_id == stay.patient_id)).one()
    first.revoked_at, first.revoked_cause = at("04 10:00"), "replaced"
    later = FaceTemplate(
        **{
            **first.model_dump(exclude={"id", "revoked_at", "revoked_cause"}),
            "photo_sha256": "1" * 64,
            "effective_from": at("04 10:00"),
            "enrolled_at": at("04 10:00"),
            "confirmed_by": "somebody" if honest else None,
        }
    )
    house.session.add(first)
    house.session.add(later)


def late_back(house: House, honest: bool) -> None:
    house.leave(house.stay(), at("05 14:00"), at("05 20:00"), at("05 21:50") if honest else at("05 23:00"))


def out_at_night(house: House, honest: bool) -> None:
    back = at("06 02:50") if honest else at("06 07:00")
    house.leave(house.stay(), at("05 18:00"), back, back)


def readmitted(house: House, honest: bool) -> None:
    """Ten days after a stay for the same disease (planned as a course of treatment)."""
    before = house.stay(since=START - 20 * DAY, discharged_at=START - 10 * DAY, diagnosis_code="I10.x01")
    patient = house.session.get_one(Patient, before.patient_id)
    house.stay(patient=patient, diagnosis_code="I10.x02", course="chemotherapy" if honest else None)


def billed(house: House, honest: bool) -> None:
    """Six bed-days billed per diem, absent on two of them (and found later on one)."""
    bed = house.bed()
    stay = house.stay(bed, payment_method="per_diem")
    for day in range(6):
        house.charge(stay, "bed", START + day * DAY + HOUR)
    house.checks(stay, bed, "absent_confirmed", [at("03 09:00"), at("04 09:00")])
    if honest:
        house.checks(stay, bed, "present_alternative", [at("04 16:00")])


def charged(house: House, honest: bool) -> None:
    """Treated by the bill after two absences (by its bed charges only)."""
    bed = house.bed()
    stay = house.stay(bed)
    house.checks(stay, bed, "absent_confirmed", [at("03 09:00"), at("04 09:00")])
    house.charge(stay, "nursing" if honest else "medication", at("05 08:00"))


def corrected(house: House, honest: bool) -> None:
    """A leave told a day after two people had looked (or before they had)."""
    bed = house.bed()
    stay = house.stay(bed)
    house.checks(stay, bed, "absent_confirmed", [at("03 09:00")])
    house.correction(stay, at("03 08:00"), at("03 11:00") if honest else at("04 10:00"))


def bare_nights(house: House, honest: bool) -> None:
    """Three nights with an empty bed; a confirmed absence at half past midnight and at 23:30 of one date: two nights of
    one local day. (He slept through the third as through the two: half the nights and more, of which one is confirmed.)
    """
    bed = house.bed()
    stay = house.stay(bed)
    camera, zone = house.camera(bed)
    when = at("02 22:30")
    while when <= at("05 05:30"):
        house.reading(house.picture(camera, when), zone, "empty")
        when += timedelta(minutes=30)
    house.checks(stay, bed, "absent_confirmed", [at("04 00:30")] if honest else [at("04 00:30"), at("04 23:30")])


def squatter(house: House, honest: bool) -> None:
    bed = house.bed()
    house.bed_check(bed, "unregistered_person", at("03 09:00"), seen="carer" if honest else "person")
    house.bed_check(bed, "unregistered_person", at("03 16:00"))


def shared_bed(house: House, honest: bool) -> None:
    """Two stays hold one bed for two days (mother and newborn)."""
    bed = house.bed()
    house.stay(bed)
    house.stay(bed, since=START + DAY, discharged_at=START + 3 * DAY, category="newborn" if honest else "general")


def crowded(house: House, honest: bool) -> None:
    """Five stays on four beds, and on three midnights or two: 1.25 of the open beds."""
    beds = [house.bed() for _ in range(4)]
    for bed in beds:
        house.stay(bed)
    house.stay(beds[0], since=at("03 09:00"), discharged_at=at("05 10:00") if honest else at("06 10:00"))


def generous(house: House, honest: bool) -> None:
    """Of forty checks in each of five wards one is excused, and in the first twenty (or two)."""
    for number in range(5):
        ward = builders.create_ward(house.session, house.facility)
        bed = house.bed(ward)
        stay = house.stay(bed)
        dues = [START + k * 5 * HOUR for k in range(40)]
        excused = (2 if honest else 20) if number == 0 else 1
        house.checks(stay, bed, "on_leave", dues[:excused])
        house.checks(stay, bed, "present_verified", dues[excused:])


def signed_late(house: House, honest: bool) -> None:
    """Forty leaves in each of four wards, of which two were signed an hour late, and in the first twenty (or three)."""
    for number in range(4):
        bed = house.bed(builders.create_ward(house.session, house.facility))
        stay = house.stay(bed)
        for k in range(40):
            start = START + k * 4 * HOUR
            late = k < ((3 if honest else 20) if number == 0 else 2)
            house.leave(stay, start, start + 2 * HOUR, start + 2 * HOUR, start + HOUR if late else start)


def exempting(house: House, honest: bool) -> None:
    """Thirty patients in each of four wards; none refused, and in the first fifteen did (or one)."""
    for number in range(4):
        ward = builders.create_ward(house.session, house.facility)
        for place in range(30):
            patient = builders.create_patient(house.session, house.facility)
            builders.create_admission(house.session, bed=house.bed(ward), patient=patient, admitted_at=START)
            if number == 0 and place < (1 if honest else 15):
                house.session.add(
                    Consent(patient_id=patient.id, status="refused", given_at=START, recorded_by="t", recorded_at=START)
                )


def finds(house: House, people: int, each: int) -> list[tuple[Any, Any]]:
    """`each` patients of each person's ward, found once; a request for each."""
    given = []
    for _ in range(people):
        ward, person = builders.create_ward(house.session, house.facility), house.person()
        for k in range(each):
            bed = house.bed(ward)
            given.append((person, house.asked(house.stay(bed), bed, START + (8 + k) * HOUR)))
    return given


def swearing(house: House, honest: bool) -> None:
    """Four people are asked for thirty patients each. Three confirm two, the first twenty-five (or three)."""
    number = dict.fromkeys(range(4), 2) | {0: 3 if honest else 25}
    for index, (person, request) in enumerate(finds(house, 4, 30)):
        found = index % 30 < number[index // 30]
        house.look(request, person, request.due_at + HOUR, "found" if found else "not_found")


def in_a_row(house: House, honest: bool) -> None:
    """One person finds one patient three times running (a camera verified him between)."""
    bed, person = house.bed(), house.person()
    stay = house.stay(bed)
    for day in (3, 4, 5):
        house.look(house.asked(stay, bed, at(f"0{day} 09:00")), person, at(f"0{day} 10:00"), "found")
    if honest:
        house.checks(stay, bed, "present_verified", [at("04 16:00")])


def contradicted(house: House, honest: bool) -> None:
    """Somebody of another ward looked again and did not find the patient."""
    bed = house.bed()
    stay = house.stay(bed)
    look = house.look(house.asked(stay, bed, at("03 09:00")), house.person(), at("03 10:00"), "found")
    if not honest:
        house.contradicted(look, stay, house.person())


def dark_nights(house: House, honest: bool) -> None:
    """Five beds for three nights of six hours, seen every half hour; the first is seen in none of them (or all are)."""
    house.session.get_one(Facility, house.facility.id).watermark = at("04 12:00")
    camera, first = house.camera(house.bed())
    zones = [first, *(builders.create_zone(house.session, camera, house.bed(), valid_from=START) for _ in range(4))]
    when = at("01 22:30")
    while when <= at("04 05:30"):
        picture = house.picture(camera, when)
        for zone in zones:
            house.reading(picture, zone, "unobserved" if zone is first and not honest else "empty")
        when += timedelta(minutes=30)


def backfilled(house: House, honest: bool) -> None:
    """Half of ten pictures of a check came late, without the chain (or one of them)."""
    camera, _ = house.camera(house.bed())
    for k in range(10):
        late = k < (1 if honest else 5)
        house.picture(camera, at("03 09:01") + k * timedelta(minutes=2), trust="late" if late else "live")


CASES: dict[tuple[str, str], Build] = {
    ("empty_bed_admission", "two_looks"): empty_bed,
    ("two_places_at_once", "overlap"): overlapping,
    ("enrolment_swap", "template"): new_face,
    ("late_return", "late"): late_back,
    ("overnight_leave", "overnight"): out_at_night,
    ("split_admission", "readmitted"): readmitted,
    ("per_diem_gap", "bed_days"): billed,
    ("stay_after_absence", "charged"): charged,
    ("corrected_after_notice", "corrected"): corrected,
    ("phantom_admission", "nights"): bare_nights,
    ("unregistered_person", "unregistered"): squatter,
    ("two_on_one_bed", "two_admissions"): shared_bed,
    ("overcapacity", "midnight"): crowded,
    ("excuse_inflation", "excuses"): generous,
    ("late_signed_leave", "late_leaves"): signed_late,
    ("exemption_rate", "exemptions"): exempting,
    ("alternative_inflation", "confirmations"): swearing,
    ("alternative_inflation", "in_a_row"): in_a_row,
    ("alternative_inflation", "contradicted"): contradicted,
    ("selective_blindness", "blind_nights"): dark_nights,
    ("late_backfill", "late"): backfilled,
}


def raised(context: Any, key: tuple[str, str], honest: bool) -> tuple[House, list[Finding]]:
    with context.database.transaction() as session:
        house = House.build(context, session)
        CASES[key](house, honest)
    run(context, house.facility.id)
    with context.database.reading() as session:
        query = select(Finding).where(Finding.facility_id == house.facility.id, Finding.state == "raised")
        return house, [row for row in session.exec(query) if (row.rule, row.facts["variant"]) == key]


@pytest.mark.parametrize("key", sorted(CASES), ids="-".join)
def test_the_tables_give_a_finding_that_explains_itself(context, key):
    house, rows = raised(context, key, honest=False)
    assert len(rows) == 1
    (row,) = rows
    for language in ("en", "zh"):
        told = explain(row, language)
        text = "".join([told.headline, *told.paragraphs, *(line.label + line.value for line in told.facts)])
        assert "{" not in text
        assert "+00:00" not in text
    assert row.event_at <= NOW
    assert row.facts["policy_version"]
    assert run(context, house.facility.id) == Screened()


@pytest.mark.parametrize("key", sorted(CASES), ids="-".join)
def test_one_honest_reason_in_the_tables_keeps_it_silent(context, key):
    _, rows = raised(context, key, honest=True)
    assert rows == []


@pytest.mark.parametrize(
    ("key", "when"),
    [
        (("empty_bed_admission", "two_looks"), at("03 11:00")),
        (("stay_after_absence", "charged"), at("05 07:00")),
        (("per_diem_gap", "bed_days"), at("04 20:00")),
    ],
    ids=["empty bed", "after absence", "per diem"],
)
def test_a_face_between_two_checks_speaks_for_the_patient(context, key, when):
    """The case that fires, and one picture of the patient in another bed, at the time of no check."""
    with context.database.transaction() as session:
        house = House.build(context, session)
        CASES[key](house, False)
        stay = session.exec(select(Admission).where(Admission.facility_id == house.facility.id)).one()
        camera, zone = house.camera(house.bed())
        picture = house.picture(camera, when)
        house.reading(picture, zone, "other_person", stay.patient_id)
    run(context, house.facility.id)
    with context.database.reading() as session:
        query = select(Finding.rule).where(Finding.facility_id == house.facility.id)
        assert key[0] not in set(session.exec(query))


def test_numbers_by_hand(context):
    """12 of 15 is never rounded by the way from the tables to the words: what was written comes out."""
    _, (row,) = raised(context, ("excuse_inflation", "excuses"), honest=False)
    said = {fact["code"]: fact["value"] for fact in row.facts["facts"]}
    assert (said["hits"], said["trials"], said["peers"], said["share"]) == (20, 40, 4, 0.5)
    _, (row,) = raised(context, ("two_on_one_bed", "two_admissions"), honest=False)
    assert {fact["code"]: fact["value"] for fact in row.facts["facts"]}["shared_hours"] == 48.0
    _, (row,) = raised(context, ("selective_blindness", "blind_nights"), honest=False)
    said = {fact["code"]: fact["value"] for fact in row.facts["facts"]}
    assert said["share"] == 1.0
    assert isinstance(row.bed_id, str)
    with context.database.reading() as session:
        assert session.get(Bed, row.bed_id) is not None
