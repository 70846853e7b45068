"""Late pictures over the real rooms, beds of nobody's, what was not seen, and how long pictures are held."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from service.kit.intervals import Interval
from service.occupancy import advance_job, bed_checks, dirty_job, unobserved_share
from service.occupancy.tables import PresenceCheck
from service.sightings.tables import Snapshot, ZoneReading
from tests import builders
from tests.occupancy.region import fill, photograph
from tests.occupancy.scenes import at

PATIENT, EMPTY, BLIND = range(3)
SHOWS = ("patient", "empty", "unobserved")
MORNING = [at("02 08:00") + timedelta(minutes=10 * k) for k in range(13)]
AFTERNOON = [at("02 15:40") + timedelta(minutes=10 * k) for k in range(8)]


@pytest.fixture
def ward(context):
    """Three inpatients before anything is judged; at 09:00 the first is seen, the second bed is empty, the third is
    not observed. It is 10:00."""
    with context.database.transaction() as session:
        full = fill(session, 3, at=at("02 10:00"), policy={"reverify_share": 0.0})
        photograph(session, full, MORNING, lambda bed, _: SHOWS[bed])
    return full


def change(context, table, *where, **values):
    with context.database.transaction() as session:
        session.execute(update(table).where(*where).values(**values))


def outcome(context, ward, bed, due="02 09:00"):
    with context.database.reading() as session:
        query = select(PresenceCheck.outcome).where(
            PresenceCheck.admission_id == ward.places[bed][2], PresenceCheck.due_at == at(due)
        )
        return session.exec(query).one()


def judge_again(context, ward, **named):
    span = {"from": at("02 08:00").isoformat(), "to": at("02 10:00").isoformat()}
    dirty_job(context, {"facility_id": ward.facility_id, **span, **named})


def in_bed(ward, bed):
    return col(ZoneReading.bed_id) == ward.places[bed][0]


@pytest.mark.parametrize("one_bed", [False, True], ids=["the facility", "one bed"])
def test_late_pictures_accuse_nobody_and_still_show_the_patient(context, ward, one_bed):
    advance_job(context, {"facility_id": ward.facility_id})
    assert [outcome(context, ward, bed) for bed in range(3)] == ["present_verified", "bed_empty", "unobserved"]
    change(context, Snapshot, trust="late")
    for bed in range(3):
        judge_again(context, ward, **({"bed_ids": [ward.places[bed][0]]} if one_bed else {}))
    assert [outcome(context, ward, bed) for bed in range(3)] == ["present_verified", "unobserved", "unobserved"]
    change(context, Snapshot, trust="chained")  # the server's own nonces vouch for it
    judge_again(context, ward)
    assert outcome(context, ward, EMPTY) == "bed_empty"


def seen_in_beds(context, ward):
    with context.database.reading() as session:
        rows = bed_checks(session, ward.facility_id, Interval(at("02 09:00"), at("02 10:00")))
    return {(row.bed_id, row.outcome): row for row in rows}


def test_staff_in_a_bed_and_two_in_a_bed_are_told_beside_the_patients_own_check(context, ward):
    change(context, ZoneReading, in_bed(ward, EMPTY), recognised_staff_id="staff-1", state="unidentified")
    change(context, ZoneReading, in_bed(ward, PATIENT), quality_reasons=["several_faces"])
    advance_job(context, {"facility_id": ward.facility_id})
    seen = seen_in_beds(context, ward)
    first, second = ward.places[PATIENT][0], ward.places[EMPTY][0]
    assert set(seen) == {(first, "two_in_bed"), (second, "staff_in_bed")}
    assert seen[second, "staff_in_bed"].recognised_key == "staff-1"
    assert seen[second, "staff_in_bed"].occupied_seconds == 30 * 60
    assert len(seen[first, "two_in_bed"].reading_ids) == 4  # 09:00 to 09:30
    assert outcome(context, ward, PATIENT) == "present_verified"
    # Late pictures tell neither.
    change(context, Snapshot, trust="late")
    judge_again(context, ward)
    assert seen_in_beds(context, ward) == {}


def test_a_late_picture_registers_nobody_in_a_bed_of_nobodys(context, ward):
    change(context, builders.Admission, col(builders.Admission.id) == ward.places[0][2], discharged_at=at("02 08:30"))
    change(context, Snapshot, trust="late")
    advance_job(context, {"facility_id": ward.facility_id})
    assert {outcome for _, outcome in seen_in_beds(context, ward)} == {"unobserved"}


def test_how_much_of_a_bed_was_not_seen(context, ward):
    """A night from 23:00 to 05:00 with pictures to midnight, of the third bed none that shows it."""
    night = [at("02 22:00") + timedelta(minutes=10 * k) for k in range(13)]
    with context.database.transaction() as session:
        photograph(session, ward, night, lambda bed, _: SHOWS[bed])
        session.get_one(builders.Facility, ward.facility_id).watermark = at("03 08:00")
    advance_job(context, {"facility_id": ward.facility_id})
    with context.database.reading() as session:
        shares = unobserved_share(session, ward.facility_id, Interval(at("02 08:00"), at("03 08:00")))
        policy_night = shares[0].night_seconds
        kept = session.exec(select(PresenceCheck).where(PresenceCheck.facility_id == ward.facility_id)).all()
    by_bed = {share.bed_id: share for share in shares}
    seen, blind = by_bed[ward.places[PATIENT][0]], by_bed[ward.places[BLIND][0]]
    assert seen.camera_ids == blind.camera_ids == (ward.camera_id,)
    own = [check for check in kept if check.bed_id == blind.bed_id]
    assert (blind.checks, blind.blind_checks) == (len(own), len(own))
    assert len(own) >= 2
    missed = [check for check in kept if check.bed_id == seen.bed_id and check.outcome == "unobserved"]
    assert (seen.checks, seen.blind_checks) == (len(own), len(missed))
    assert seen.checks > seen.blind_checks
    assert (blind.night_seconds, blind.blind_night_seconds) == (policy_night, policy_night)
    assert policy_night == 6 * 3600
    assert policy_night - seen.blind_night_seconds == 1 * 3600


def held(context, frames):
    with context.database.reading() as session:
        query = select(Snapshot.is_held).where(col(Snapshot.captured_at).in_(frames))
        return set(session.exec(query))


CHECK = [when for when in MORNING if at("02 09:00") <= when <= at("02 09:30")]


def to_the_afternoon(context, ward, shows):
    with context.database.transaction() as session:
        photograph(session, ward, AFTERNOON, lambda bed, _: shows[bed])
        session.get_one(builders.Facility, ward.facility_id).watermark = at("02 16:31")
    advance_job(context, {"facility_id": ward.facility_id})


def test_the_hold_ends_when_a_later_check_closes_the_question(context, ward):
    advance_job(context, {"facility_id": ward.facility_id})
    assert held(context, CHECK) == {True}
    to_the_afternoon(context, ward, ("patient", "patient", "unobserved"))
    assert outcome(context, ward, EMPTY, "02 16:00") == "present_verified"
    assert held(context, CHECK) == {False}
    judge_again(context, ward)  # judged once more, the question stays closed
    assert outcome(context, ward, EMPTY) == "bed_empty"
    assert held(context, CHECK) == {False}


def test_the_hold_stays_while_the_question_or_a_neighbours_is_open(context, ward):
    change(context, ZoneReading, in_bed(ward, PATIENT), state="empty", recognised_patient_id=None)
    advance_job(context, {"facility_id": ward.facility_id})
    to_the_afternoon(context, ward, ("empty", "patient", "unobserved"))
    assert outcome(context, ward, EMPTY, "02 16:00") == "present_verified"
    assert held(context, CHECK) == {True}  # the same pictures show the first bed, of which the question is open


def test_a_later_face_does_not_close_an_impostors_question(context, ward):
    change(context, ZoneReading, in_bed(ward, EMPTY), state="other_person")
    advance_job(context, {"facility_id": ward.facility_id})
    assert outcome(context, ward, EMPTY) == "impostor_suspected"
    to_the_afternoon(context, ward, ("patient", "patient", "patient"))
    assert held(context, CHECK) == {True}
