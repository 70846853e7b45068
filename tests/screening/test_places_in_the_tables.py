"""Rules about places, cameras and people in two houses, from the rows of the rooms that feed them to the findings."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from service.access.device_repository import count_fault
from service.access.device_tables import Device
from service.admissions.tables import Admission, Patient
from service.facilities import move_watermark
from service.facilities.tables import Bed, BedZone, Camera, Facility
from service.occupancy import advance_job
from service.platform.context import Context
from service.screening import run
from service.screening.tables import Finding
from service.sightings.tables import Snapshot, ZoneReading
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.ward_days import FOLDER, Ward, enrol, read


def found(context: Context, facility: Facility) -> dict[str, dict[str, Finding]]:
    """rule -> subject's label -> the finding that stands."""
    rows: dict[str, dict[str, Finding]] = {}
    with context.database.reading() as session:
        query = select(Finding).where(Finding.facility_id == facility.id, Finding.state == "raised")
        for row in session.exec(query):
            rows.setdefault(row.rule, {})[row.facts["subject"]] = row
    return rows


def said(row: Finding) -> dict[str, Any]:
    return {fact["code"]: fact["value"] for fact in row.facts["facts"]}


# One person in two houses


def seen_all_night(*, admitted: str, bed: int = 1) -> dict[str, Any]:
    return {
        "beds": 1,
        "admissions": [{"stay": f"S{admitted[3:5]}{admitted[6:8]}", "bed": bed, "at": admitted}],
        "shown": [{"bed": bed, "from": admitted, "to": "03-02 12:00", "shows": "P"}],
        "until": "03-02 12:00",
    }


def two_houses(context: Context, **second: Any) -> tuple[Ward, Ward]:
    """One person admitted to two facilities: on 1 March at 18:00 and at 20:00, in the pictures of both until noon."""
    houses = []
    for admitted, changes in (("03-01 18:00", {}), ("03-01 20:00", second)):
        house = Ward(context, seen_all_night(admitted=admitted))
        house.play()
        with context.database.transaction() as session:
            stay = next(iter(house.stays.values()))
            patient = session.get_one(Patient, stay.patient_id)
            patient.patient_no, patient.sex, patient.birth_date = "P-9000", "female", date(1970, 1, 1)
            patient.display_name = "patient a" if changes else "Patient  A"
            for name, value in changes.items():
                row = session.get_one(Admission, stay.id) if hasattr(Admission, name) else patient
                setattr(row, name, value)
        houses.append(house)
    for house in houses:
        run(context, house.facility.id)
    return houses[0], houses[1]


def test_somebody_verified_in_two_houses_at_once_is_named_at_the_later_stay(context):
    first, second = two_houses(context)
    assert found(context, first.facility) == {}
    (row,) = found(context, second.facility)["two_places_at_once"].values()
    assert row.admission_id == second.stays["S0120"].id
    assert row.facts["variant"] == "seen"
    assert said(row)["minutes_between"] == 0.0
    assert said(row)["other_admission"] == "S0118"


def two_places(context: Context, house: Ward) -> list[str]:
    return [row.facts["variant"] for row in found(context, house.facility).get("two_places_at_once", {}).values()]


@pytest.mark.parametrize("alone", [{"seen_state": "unidentified"}, {"threshold": 0.4, "expected_similarity": 0.45}])
def test_faces_that_do_not_speak_for_themselves_or_hardly_verify_nobody_in_two_houses(context, alone):
    first, second = two_houses(context)
    assert two_places(context, second) == ["seen"]
    with context.database.transaction() as session:
        for row in session.exec(select(ZoneReading).where(ZoneReading.facility_id == first.facility.id)):
            for name, value in alone.items():
                setattr(row, name, value)
    run(context, second.facility.id)
    assert two_places(context, second) == []


@pytest.mark.parametrize("house", [0, 1], ids=["in-the-first-house", "in-the-second"])
def test_a_look_alike_enrolled_in_either_house_silences_the_faces(context, house):
    houses = two_houses(context)
    assert two_places(context, houses[1]) == ["seen"]
    with context.database.transaction() as session:
        (stay,) = houses[house].stays.values()
        other = builders.create_patient(session, houses[house].facility, birth_date=date(1970, 1, 1))
        builders.create_consent(session, other)
        # Their cosine by hand: 0.45, above the pack's 0.40.
        for patient, vector in (
            (session.get_one(Patient, stay.patient_id), (1.0, 0.0, 0.0, 0.0)),
            (other, (0.45, 0.893, 0.0, 0.0)),
        ):
            builders.create_template(context, session, patient, vector)
    run(context, houses[1].facility.id)
    assert two_places(context, houses[1]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"birth_date": date(1970, 1, 2)},
        {"sex": "male"},
        {"patient_no": "P-9001"},
        {"display_name": "Patient B"},
        {"admission_type": "referral"},
    ],
    ids=["born-otherwise", "other-sex", "twin-of-another-number", "of-another-name", "referred"],
)
def test_another_person_or_a_referral_is_in_no_two_places(context, changes):
    _, second = two_houses(context, **changes)
    assert found(context, second.facility) == {}


# Cameras


def a_ward(session: Session, beds: int = 1) -> tuple[Facility, Camera]:
    facility = builders.create_facility(session, clock="replay")
    ward = builders.create_ward(session, facility)
    camera = builders.create_camera(session, ward)
    for number in range(beds):
        bed = builders.create_bed(session, ward, code=f"{number + 1:02}")
        builders.create_zone(session, camera, bed, valid_from=at("01 00:00"))
    move_watermark(session.get_one(Facility, facility.id), at("06 12:00"))
    return facility, camera


def picture(session: Session, camera: Camera, when: datetime, cause: str | None = None) -> str:
    number = int(when.timestamp()) // 60
    row = Snapshot(
        facility_id=camera.facility_id,
        camera_id=camera.id,
        sequence=number,
        sha256=f"{number:064x}",
        media_type="image/jpeg",
        byte_count=1,
        captured_at=when,
        received_at=when,
        state="analysed",
        pack_hash="fake-pack",
        view_cause=cause,
    )
    session.add(row)
    session.flush()
    return row.id


def film(context: Context, causes: dict[str, str]) -> tuple[Facility, Camera, dict[str, str]]:
    """Pictures at these local times of March; the text is what was wrong with the view, or nothing."""
    with context.database.transaction() as session:
        facility, camera = a_ward(session)
        ids = {when: picture(session, camera, at(when), cause or None) for when, cause in causes.items()}
    run(context, facility.id)
    return facility, camera, ids


def test_a_frozen_picture_of_a_quarter_hour_is_tampering_and_its_pictures_are_kept(context):
    facility, camera, ids = film(
        context, {"02 09:00": "", "02 09:05": "frozen", "02 09:10": "frozen", "02 09:20": "", "02 09:30": ""}
    )
    (row,) = found(context, facility)["camera_tampering"].values()
    assert (row.subject_kind, row.subject_id, row.facts["variant"]) == ("camera", camera.id, "impossible")
    assert said(row) == {
        "events": 1,
        "causes": ["frozen"],
        "event_minutes": 15.0,
        "times": [at("02 09:05").astimezone(row.event_at.tzinfo).isoformat()],
    }
    assert row.evidence_ids == [ids["02 09:05"], ids["02 09:10"]]
    with context.database.reading() as session:
        kept = session.exec(select(Snapshot.id).where(Snapshot.frozen_for == row.id)).all()
    assert set(kept) == set(row.evidence_ids)


COVERED = {"02 09:05": "covered", "02 09:10": "covered", "02 09:20": ""}


def test_a_covered_view_counts_at_two_checks_and_never_at_one(context):
    once, *_ = film(context, COVERED)
    assert "camera_tampering" not in found(context, once)
    # At 12:00 nobody is checked.
    between, *_ = film(context, {**COVERED, "02 12:00": "covered", "02 12:20": ""})
    assert "camera_tampering" not in found(context, between)
    twice, *_ = film(context, {**COVERED, "02 16:00": "covered", "02 16:10": "covered", "02 16:20": ""})
    (row,) = found(context, twice)["camera_tampering"].values()
    assert row.facts["variant"] == "at_checks"
    assert said(row)["events"] == 2


@pytest.mark.parametrize(("reason", "named"), [("altered", True), ("replayed", True), ("stale", False)])
def test_a_device_that_signs_wrongly_is_named_and_one_whose_clock_is_off_is_not(context, reason, named):
    with context.database.transaction() as session:
        facility, camera = a_ward(session)
        device = Device(
            facility_id=facility.id, kind="camera", name="box", camera_id=camera.id, paired_at=at("01 00:00")
        )
        session.add(device)
        session.flush()
        count_fault(session, device, reason, at("02 10:20"))
    run(context, facility.id)
    rows = found(context, facility).get("camera_tampering", {})
    assert [said(row)["causes"] for row in rows.values()] == ([["signature"]] if named else [])


# Blindness


def blind(context: Context, hidden: dict[int, int], days: int = 4, beds: int = 5) -> Facility:
    """A patient in each bed, seen every half hour. `hidden`: bed -> on how many days its zone is blind at 09 and 16."""
    with context.database.transaction() as session:
        facility, camera = a_ward(session, beds)
        zones = session.exec(select(BedZone).where(BedZone.camera_id == camera.id)).all()
        zones = sorted(zones, key=lambda zone: zone.bed_id)
        people = []
        for zone in zones:
            bed = session.get_one(Bed, zone.bed_id)
            stay = builders.create_admission(session, bed=bed, admitted_at=at("01 20:00"))
            enrol(session, stay.patient_id, facility.id, at("01 20:00"))
            people.append(stay.patient_id)
        when, end = at("01 20:00"), at("01 20:00") + timedelta(days=days, hours=1)
        while when < end:
            snapshot_id = picture(session, camera, when)
            for number, (zone, who) in enumerate(zip(zones, people, strict=True)):
                covered = (when - at("02 00:00")).days < hidden.get(number, 0) and when.hour in (9, 16)
                session.add(
                    ZoneReading(
                        snapshot_id=snapshot_id,
                        facility_id=facility.id,
                        camera_id=camera.id,
                        bed_id=zone.bed_id,
                        zone_id=zone.id,
                        captured_at=when,
                        state="unobserved" if covered else "patient",
                        confidence=0.9,
                        cause="covered" if covered else None,
                        expected_patient_id=who,
                        recognised_patient_id=None if covered else who,
                        quality_reasons=[],
                        pack_hash="fake-pack",
                    )
                )
            when += timedelta(minutes=30)
        session.get_one(Facility, facility.id).watermark = end
    advance_job(context, {"facility_id": facility.id})
    run(context, facility.id)
    return facility


def test_one_bed_that_is_blind_whenever_it_is_checked_is_named_and_an_outage_of_all_is_not(context):
    facility = blind(context, {0: 4})
    rows = found(context, facility)["selective_blindness"]
    (row,) = rows.values()
    assert (row.subject_kind, row.facts["variant"]) == ("bed", "blind_checks")
    # Three whole days up to the last midnight, at 02:00, 09:00 and 16:00: 6 of 9 blind, its four peers never.
    assert (said(row)["blind"], said(row)["trials"], said(row)["peers"]) == (6, 9, 4)
    everywhere = blind(context, dict.fromkeys(range(5), 4))
    assert "selective_blindness" not in found(context, everywhere)


# Beds


def played(context: Context, name: str, **changes: Any) -> Ward:
    ward = Ward(context, read(FOLDER / name) | changes)
    ward.play()
    return ward


def test_where_self_pay_patients_are_unknown_nobody_is_called_unregistered(context):
    known = played(context, "06-sham-discharge.yaml")
    unknown = played(context, "06-sham-discharge.yaml", policy={"self_pay_known": False})
    assert "unregistered_person" in found(context, known.facility)
    assert "unregistered_person" not in found(context, unknown.facility)
    assert unknown.bed_outcomes() == known.bed_outcomes()  # what was seen is on record all the same
