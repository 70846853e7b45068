"""Privacy pauses: nothing is read while the curtain is drawn, for half an hour at most, and each one is counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from service.app import create_app
from service.facilities import bed_by_id, camera_by_id, move_watermark
from service.facilities.tables import Facility
from service.kit.intervals import Interval
from service.ledger.tables import LedgerEntry
from service.occupancy import (
    advance_job,
    dirty_job,
    in_bed_rate,
    pauses_by_ward,
    privacy_pauses,
    unobserved_share,
)
from service.occupancy.compare_pauses import beyond
from service.occupancy.tables import LoggedPause, PresenceCheck
from service.occupancy.trusted import judged_apart, judged_readings
from tests import builders
from tests.occupancy.region import fill, photograph
from tests.occupancy.scenes import at

FRAMES = [at("02 08:00") + timedelta(minutes=10 * k) for k in range(13)]


@pytest.fixture
def ward(context):
    """Forty inpatients on two wards; at 09:00 every bed is empty but the first, where the patient lies."""
    with context.database.transaction() as session:
        full = fill(session, 40, at=at("02 09:00"), policy={"reverify_share": 0.0})
        photograph(session, full, FRAMES, lambda bed, _: "empty" if bed else "patient")
    return full


@pytest.fixture
def nurse(context, ward):
    with context.database.transaction() as session:
        facility = session.get_one(Facility, ward.facility_id)
        person = builders.create_user(session, role="ward_staff", facility=facility)
    app = create_app(context)
    with TestClient(app), builders.browser(app, context, person) as phone:
        yield phone


def go_on(context, ward, to):
    with context.database.transaction() as session:
        facility = session.get_one(Facility, ward.facility_id)
        move_watermark(facility, at(to))
        session.add(facility)
    advance_job(context, {"facility_id": ward.facility_id})


def check(context, ward, bed):
    with context.database.reading() as session:
        query = select(PresenceCheck).where(
            PresenceCheck.admission_id == ward.places[bed][2], PresenceCheck.due_at == at("02 09:00")
        )
        return session.exec(query).one()


def pauses(context, ward):
    with context.database.reading() as session:
        return privacy_pauses(session, ward.facility_id, Interval(at("02 08:00"), at("02 12:00")))


def tap(nurse, ward, bed, minutes=30):
    return nurse.post(f"/api/v1/beds/{ward.places[bed][0]}/privacy-pauses", json={"minutes": minutes})


def test_a_paused_bed_is_unobserved_for_that_reason_and_still_looked_at_by_hand(context, ward, nurse):
    for bed in (0, 1):
        assert tap(nurse, ward, bed).status_code == 201
    go_on(context, ward, "02 09:30")
    # Readings at 09:00, 09:10, 09:20 lie in the pause; the one at 09:30 does not: the window's last instant.
    assert check(context, ward, 0).outcome == "present_verified"
    assert check(context, ward, 1).outcome == "not_seen"  # no longer "bed empty": most of it was not seen
    assert check(context, ward, 2).outcome == "bed_empty"


@pytest.fixture
def hidden(context, ward, nurse):
    """A surprise call at 08:40 while two beds are paused from 08:39 on."""
    with context.database.transaction() as session:
        facility = session.get_one(Facility, ward.facility_id)
        facility.watermark = at("02 08:39")
        session.add(facility)
        inspector = builders.create_user(session, role="inspector", facility=facility)
    advance_job(context, {"facility_id": ward.facility_id})
    for bed in (0, 1):
        assert tap(nurse, ward, bed).status_code == 201
    go_on(context, ward, "02 08:40")
    with builders.browser(nurse.app, context, inspector) as boss:
        assert boss.post("/api/v1/roll-calls", json={"facility": ward.code}).status_code == 201
    go_on(context, ward, "02 08:46")
    with context.database.reading() as session:
        query = select(PresenceCheck).where(PresenceCheck.due_at == at("02 08:40"))
        return {row.admission_id: row for row in session.exec(query)}


def test_in_a_pause_nothing_is_seen_and_people_are_asked(context, ward, nurse, hidden):
    for bed in (0, 1):
        row = hidden[ward.places[bed][2]]
        assert (row.outcome, row.details["cause"]) == ("unobserved", "privacy_pause"), bed
        assert row.directed_check_id is not None, "a blind bed is looked at by hand"
    assert "cause" not in hidden[ward.places[2][2]].details


def test_the_share_of_what_was_not_seen_keeps_pauses_apart(context, ward, nurse, hidden):
    with context.database.reading() as session:
        found = unobserved_share(session, ward.facility_id, Interval(at("02 08:00"), at("02 08:45")))
    share = {item.bed_id: item for item in found}
    first, third = share[ward.places[0][0]], share[ward.places[2][0]]
    assert (first.checks, first.blind_checks, first.paused_checks, first.pauses) == (1, 0, 1, 1)
    assert (third.blind_checks, third.paused_checks, third.pauses) == (0, 0, 0)


def test_a_pause_of_a_night_is_not_blindness(context, ward, nurse):
    night = [at("02 23:00") + timedelta(minutes=10 * k) for k in range(37)]
    with context.database.transaction() as session:
        photograph(session, ward, night, lambda *_: "patient")
    go_on(context, ward, "02 23:55")
    assert tap(nurse, ward, 0).status_code == 201  # hides 23:55 to 00:25: readings of 00:00, 00:10, 00:20
    go_on(context, ward, "03 06:00")
    with context.database.reading() as session:
        found = unobserved_share(session, ward.facility_id, Interval(at("02 20:00"), at("03 06:00")))
    share = {item.bed_id: item for item in found}
    first, third = share[ward.places[0][0]], share[ward.places[2][0]]
    assert third.blind_night_seconds == first.blind_night_seconds == 0
    assert first.paused_night_seconds == 30 * 60


def test_one_pause_after_the_other_all_night_excuses_two_hours_and_is_told_to_the_inspector(context, ward, nurse):
    night = [at("02 23:00") + timedelta(minutes=10 * k) for k in range(37)]
    with context.database.transaction() as session:
        photograph(session, ward, night, lambda *_: "patient")
    for k in range(12):  # 23:00 to 05:00 without a break, and one half hour of another bed's
        go_on(context, ward, f"{at('02 23:00') + k * timedelta(minutes=30):%d %H:%M}")
        assert tap(nurse, ward, 0).status_code == 201
        assert k or tap(nurse, ward, 1).status_code == 201
    go_on(context, ward, "03 08:00")
    whole = Interval(at("02 20:00"), at("03 06:00"))
    with context.database.reading() as session:
        share = {item.bed_id: item for item in unobserved_share(session, ward.facility_id, whole)}
        over = {item.ward_id: item.nights_over for item in pauses_by_ward(session, ward.facility_id, whole)}
    first, second = share[ward.places[0][0]], share[ward.places[1][0]]
    assert (first.paused_night_seconds, first.blind_night_seconds) == (2 * 3600, 4 * 3600)
    assert (second.paused_night_seconds, second.blind_night_seconds) == (30 * 60, 0)
    assert (first.blind_checks, first.paused_checks) == (1, 0), "the check at 02:00 lies beyond the two hours"
    assert over == {ward.wards[0]: 1, ward.wards[1]: 0}


@pytest.mark.parametrize(
    ("minutes", "rest"),
    [(0, [("23:30", "00:00"), ("01:00", "01:30")]), (45, [("01:15", "01:30")]), (60, [])],
)
def test_the_excused_time_is_counted_from_the_nights_start(minutes, rest):
    night = Interval(at("02 23:00"), at("03 05:00"))
    hidden = [Interval(at("02 22:00"), at("02 22:30")), Interval(at("02 23:30"), at("03 00:00"))]
    hidden.append(Interval(at("03 01:00"), at("03 01:30")))
    found = beyond(hidden, [night], timedelta(minutes=minutes))
    day = {"23:30": "02", "00:00": "03", "01:00": "03", "01:15": "03", "01:30": "03"}
    assert found == tuple(Interval(at(f"{day[a]} {a}"), at(f"{day[b]} {b}")) for a, b in rest)


def test_more_than_half_an_hour_is_refused_and_overlapping_pauses_reach_no_further(context, ward, nurse):
    refused = tap(nurse, ward, 0, minutes=31)
    assert refused.status_code == 422
    assert "minutes" in refused.text
    assert tap(nurse, ward, 0, minutes=20).json()["ends_at"] == "2026-03-02T01:20:00Z"
    go_on(context, ward, "02 09:15")
    assert tap(nurse, ward, 0, minutes=30).json()["ends_at"] == "2026-03-02T01:30:00Z"
    go_on(context, ward, "02 09:29")
    assert tap(nurse, ward, 0, minutes=30).json()["ends_at"] == "2026-03-02T01:30:00Z"
    go_on(context, ward, "02 09:31")
    assert tap(nurse, ward, 0, minutes=5).json()["ends_at"] == "2026-03-02T01:36:00Z"
    spans = [item.span for item in pauses(context, ward)]
    assert len(spans) == 4, "each tap is counted"
    assert max(span.end for span in spans[:3]) == at("02 09:30")


def test_a_camera_paused_in_a_beds_pause_hides_that_bed_no_longer(context, ward, nurse):
    assert tap(nurse, ward, 1).status_code == 201
    go_on(context, ward, "02 09:20")
    answer = nurse.post(f"/api/v1/cameras/{ward.camera_id}/privacy-pauses", json={})
    assert answer.json()["ends_at"] == "2026-03-02T01:50:00Z", "its other beds have their own half hour"
    go_on(context, ward, "02 10:00")
    with context.database.reading() as session:
        beds = [ward.places[1][0], ward.places[2][0]]
        shown = judged_readings(session, ward.facility_id, beds, [Interval(at("02 09:00"), at("02 10:00"))])
    causes = {bed: [item.captured_at for item in shown if item.bed_id == bed and item.cause] for bed in beds}
    assert causes[beds[0]] == [at(f"02 09:{minute}") for minute in ("00", "10", "20")]
    assert causes[beds[1]] == [at(f"02 09:{minute}") for minute in ("20", "30", "40")]


def test_what_is_hidden_does_not_depend_on_the_time_asked_for(context, ward):
    """Of pauses of a bed and of its camera that follow each other, the first decides how far the next ones reach."""
    bed = ward.places[1][0]
    with context.database.transaction() as session:
        person = builders.create_user(session, role="ward_staff", facility=session.get_one(Facility, ward.facility_id))
        for place, start in (("bed", "08:00"), ("camera", "08:25"), ("bed", "08:50"), ("camera", "09:15")):
            since = at(f"02 {start}")
            until = since + timedelta(minutes=30)
            session.add(
                LoggedPause(
                    facility_id=ward.facility_id,
                    ward_id=ward.wards[0],
                    bed_id=bed if place == "bed" else None,
                    camera_id=ward.camera_id if place == "camera" else None,
                    starts_at=since,
                    ends_at=until,
                    limit_at=until,
                    person_id=person.id,
                    recorded_at=since,
                )
            )
    spans = [
        (at(f"02 {start}"), at(f"02 {end}"))
        for start, end in (("08:00", "08:20"), ("09:20", "09:50"), ("11:00", "11:30"))
    ]
    windows = [Interval(*span) for span in spans]
    with context.database.reading() as session:
        together = judged_apart(session, ward.facility_id, windows)
        apart = tuple(judged_readings(session, ward.facility_id, None, [window]) for window in windows)
        whole = judged_readings(session, ward.facility_id, None, windows)
    assert together == apart
    hidden = [{item.captured_at for item in found if item.bed_id == bed and item.cause} for found in together]
    assert hidden[0] == {at("02 08:00"), at("02 08:10"), at("02 08:20")}
    assert hidden[2] == set()
    assert hidden[1] == set(), "the row's third pause began at 08:50: half an hour later all was seen"
    assert whole == tuple(item for found in apart for item in found)


def test_the_curtain_can_be_opened_and_the_half_hour_goes_on(context, ward, nurse):
    made = tap(nurse, ward, 1).json()
    go_on(context, ward, "02 09:05")
    ended = nurse.post(f"/api/v1/privacy-pauses/{made['id']}/end")
    assert ended.json()["ended_at"] == "2026-03-02T01:05:00Z"
    assert nurse.post(f"/api/v1/privacy-pauses/{made['id']}/end").status_code == 409
    assert tap(nurse, ward, 1).json()["ends_at"] == "2026-03-02T01:30:00Z", "still the first one's half hour"
    first = pauses(context, ward)[0]
    assert first.span == Interval(at("02 09:00"), at("02 09:05"))


def test_wards_are_compared_and_the_ledger_knows_each_pause(context, ward, nurse):
    for bed in (0, 1, 2, 35):
        assert tap(nurse, ward, bed).status_code == 201
    answer = nurse.get("/api/v1/privacy-pauses", params={"facility": ward.code}).json()
    assert [len(answer["pauses"]), answer["pauses"][0]["during_check"]] == [4, True], "09:00 is a check's window"
    by_ward = {item["ward_id"]: item for item in answer["wards"]}
    # 3 pauses on 34 beds stand beside 1 pause on 6 beds: 3/34 over 1/6 and the other way round.
    big, small = by_ward[ward.wards[0]], by_ward[ward.wards[1]]
    assert (big["pauses"], big["beds"], small["pauses"], small["beds"]) == (3, 34, 1, 6)
    assert small["times_peers"] == pytest.approx((1 / 6) / (3 / 34))
    with context.database.reading() as session:
        assert len(pauses_by_ward(session, ward.facility_id, Interval(at("01 00:00"), at("03 00:00")))) == 2
        noted = session.exec(select(LedgerEntry).where(LedgerEntry.action == "privacy_pause.started")).all()
    assert len(noted) == 4


def test_a_pause_logged_after_its_readings_were_judged_is_judged_again(context, ward, nurse):
    go_on(context, ward, "02 09:00")
    with context.database.reading() as session:
        bed, camera = bed_by_id(session, ward.places[1][0]), camera_by_id(session, ward.camera_id)
    assert (bed.facility_id, camera.facility_id) == (ward.facility_id, ward.facility_id)
    assert tap(nurse, ward, 1).status_code == 201
    payload = {"facility_id": ward.facility_id, "from": at("02 09:00").isoformat(), "to": at("02 09:30").isoformat()}
    go_on(context, ward, "02 09:40")
    assert check(context, ward, 1).outcome == "not_seen"
    with context.database.transaction() as session:
        session.delete(session.exec(select(LoggedPause).where(col(LoggedPause.bed_id) == bed.id)).one())
    dirty_job(context, payload | {"bed_ids": [bed.id]})
    assert check(context, ward, 1).outcome == "bed_empty"
    with context.database.reading() as session:
        rate = in_bed_rate(session, ward.facility_id, None, Interval(at("02 00:00"), at("03 00:00")))[0]
    assert (rate.bed_empty, rate.verified) == (39, 1)


def test_a_program_and_another_house_draw_no_curtain(context, ward, nurse):
    with context.database.transaction() as session:
        other = builders.create_user(session, role="ward_staff", facility=builders.create_facility(session))
    with builders.browser(nurse.app, context, other) as stranger:
        assert tap(stranger, ward, 0).status_code == 404
