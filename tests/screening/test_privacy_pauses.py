"""A curtain that was logged is no blindness and no tampering; one that nobody logged, or a frozen picture, is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from service.facilities.tables import Bed, Facility
from service.kit.intervals import Interval
from service.occupancy import pauses_by_ward
from service.occupancy.hand_tables import LoggedPause
from service.screening import Finding, run_places
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.house import START, House


def covered(context, *, paused: str = "", cause: str = "covered", minutes: int = 25, beds: int = 1) -> House:
    """The view is hidden at 09:00 and at 16:00 of the 3rd, for `minutes`. `paused`: what was logged meanwhile, the
    camera or the first of its `beds`."""
    with context.database.transaction() as session:
        house = House.build(context, session)
        first = house.bed()
        camera, _ = house.camera(first)
        for _ in range(beds - 1):
            builders.create_zone(session, camera, house.bed(), valid_from=at("01 00:00"))
        for start in (at("03 09:00"), at("03 16:00")):
            for k in range(-2, minutes // 5 + 3):
                hidden = 0 <= k <= minutes // 5
                house.picture(camera, start + k * timedelta(minutes=5), cause=cause if hidden else None)
            if paused:
                log(house, start, bed=first, **{f"{paused}_id": camera.id if paused == "camera" else first.id})
        return house


def log(house: House, start, *, bed: Bed, minutes: int = 30, **what: str) -> None:
    end = start + timedelta(minutes=minutes)
    house.session.add(
        LoggedPause(
            facility_id=house.facility.id,
            ward_id=bed.ward_id,
            person_id=house.person().id,
            starts_at=start,
            ends_at=end,
            limit_at=end,
            recorded_at=start,
            **what,
        )
    )


def findings(context, house: House, rule: str) -> list[Finding]:
    run_places(context, house.facility.id)
    with context.database.reading() as session:
        query = select(Finding).where(Finding.facility_id == house.facility.id, Finding.rule == rule)
        return list(session.exec(query))


def tampering(context, house: House) -> list[Finding]:
    return findings(context, house, "camera_tampering")


@pytest.mark.parametrize("paused", ["camera", "bed"])
def test_what_was_logged_is_no_tampering(context, paused):
    assert tampering(context, covered(context, paused=paused)) == []


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"paused": "camera", "cause": "frozen"},
        {"paused": "camera", "minutes": 60},
        {"paused": "bed", "beds": 2},
    ],
    ids=["not-logged", "frozen", "longer-than-the-pause", "the-other-bed-was-not-paused"],
)
def test_what_no_pause_explains_stays_tampering(context, terms):
    assert len(tampering(context, covered(context, **terms))) == 1


@pytest.mark.parametrize(
    ("since", "before", "raised"),
    [("03 09:00", 11, 0), ("03 09:00", 12, 1), ("03 00:00", 3, 0), ("03 00:00", 4, 1)],
    ids=["of-the-day-six-hours", "beyond-them", "of-the-night-two-hours", "beyond-those"],
)
def test_pauses_excuse_a_covered_view_up_to_what_the_policy_says(context, since, before, raised):
    """`before` half hours of the bed were hidden already; then two pauses more, the second of which covers the view at
    the checks of 09:00, 16:00 or 02:00: one as good as the other, but for what went before."""
    with context.database.transaction() as session:
        house = House.build(context, session)
        first = house.bed()
        camera, _ = house.camera(first)
        for day in range(2):  # at two checks: one covered view is no tampering yet
            start = at(since) + timedelta(days=day)
            check = start + timedelta(hours=7 if before > 4 else 2)
            for k in range(before):
                log(house, check - (before - k) * timedelta(minutes=30), bed=first, bed_id=first.id)
            log(house, check, bed=first, bed_id=first.id)
            for k in range(-2, 8):
                house.picture(camera, check + k * timedelta(minutes=5), cause="covered" if 0 <= k <= 5 else None)
    rows = tampering(context, house)
    assert len(rows) == raised
    if raised:
        (ward,) = [item for item in pauses_of(context, house) if item.ward_id == first.ward_id]
        assert (ward.days_over, ward.nights_over) == ((2, 0) if before > 4 else (0, 2))
        assert ward.blind_minutes == 2 * 30  # the last half hour of each


def pauses_of(context, house: House):
    with context.database.reading() as session:
        return pauses_by_ward(session, house.facility.id, Interval(at("03 00:00"), at("06 00:00")))


def dark(context, *, hours: int, logged: bool) -> House:
    """Five beds for three nights, seen every half hour; the first is hidden for the first `hours` of each, by pauses
    one after the other if `logged`."""
    with context.database.transaction() as session:
        house = House.build(context, session)
        session.get_one(Facility, house.facility.id).watermark = at("04 12:00")
        first = house.bed()
        camera, zone = house.camera(first)
        zones = [zone, *(builders.create_zone(session, camera, house.bed(), valid_from=START) for _ in range(4))]
        nights = [at(f"{day:02} 23:00") for day in (1, 2, 3)]
        for k in range(111):
            when = at("01 22:30") + k * timedelta(minutes=30)
            picture = house.picture(camera, when)
            covered = any(night <= when < night + timedelta(hours=hours) for night in nights)
            for item in zones:
                house.reading(picture, item, "unobserved" if covered and item is zone else "empty")
        for night in nights if logged else ():
            for k in range(2 * hours):
                log(house, night + k * timedelta(minutes=30), bed=first, bed_id=first.id)
    return house


@pytest.mark.parametrize(
    ("hours", "logged", "raised"),
    [(2, True, 0), (2, False, 1), (6, True, 1)],
    ids=["care-behind-a-curtain", "nobody-logged-it", "one-pause-after-the-other-all-night"],
)
def test_pauses_excuse_two_hours_of_a_night_from_blindness(context, hours, logged, raised):
    rows = findings(context, dark(context, hours=hours, logged=logged), "selective_blindness")
    assert len([row for row in rows if row.subject_kind == "bed"]) == raised
    if rows and logged:
        # Of six hours a night two are excused: all of the 8 that count in the two nights before the last midnight.
        # Beside them stand their 24 pauses, and 2 of the third evening.
        said = {item["code"]: item["value"] for item in rows[0].facts["facts"]}
        assert (said["blind"], said["trials"]) == (8, 8)
        assert rows[0].counter_evidence["privacy_pauses"] == 26


@pytest.mark.parametrize(("cause", "raised"), [("privacy_pause", 0), ("covered", 1)])
def test_checks_that_a_logged_pause_hid_are_no_blindness(context, cause, raised):
    with context.database.transaction() as session:
        house = House.build(context, session)
        beds = [house.bed() for _ in range(5)]
        camera, _ = house.camera(beds[0])
        for bed in beds[1:]:
            builders.create_zone(session, camera, bed, valid_from=START)
        dues = [at(f"{day:02} {hour}:00") for day in (2, 3, 4, 5) for hour in ("09", "16")]
        for bed in beds:
            stay = house.stay(bed)
            house.checks(stay, bed, "present_verified", [due + timedelta(hours=1) for due in dues])
            if bed is beds[0]:
                house.checks(stay, bed, "unobserved", dues, cause=cause)
            else:
                house.checks(stay, bed, "present_verified", dues)
    rows = findings(context, house, "selective_blindness")
    assert len([row for row in rows if row.facts["variant"] == "blind_checks"]) == raised


def eight_beds(context, rounds) -> House:
    """One camera over eight beds on three days; its view is covered, and it is paused, one bed after the other, in
    `rounds`: (local start, minutes a bed, minutes between two beds). A picture every five minutes."""
    with context.database.transaction() as session:
        house = House.build(context, session)
        first = house.bed()
        camera, _ = house.camera(first)
        for _ in range(7):
            builders.create_zone(session, camera, house.bed(), valid_from=START)
        hidden = []
        for day in (3, 4, 5):
            for start, each, between in rounds:
                begun = at(f"{day:02} {start}")
                for k in range(8):
                    since = begun + k * timedelta(minutes=each + between)
                    log(house, since, bed=first, minutes=each, camera_id=camera.id)
                hidden.append(Interval(begun, begun + timedelta(minutes=8 * (each + between))))
        for k in range(12 * 24 * 3):
            when = at("03 00:00") + k * timedelta(minutes=5)
            house.picture(camera, when, cause="covered" if any(span.contains(when) for span in hidden) else None)
    return house


WASHING = (("06:30", 27, 3), ("15:00", 27, 3))
TURNING = (("01:00", 8, 2), ("03:00", 8, 2))


@pytest.mark.parametrize("rounds", [WASHING, TURNING, (*WASHING, *TURNING)], ids=["washing", "turning", "both"])
def test_a_ward_that_washes_and_turns_eight_beds_behind_one_camera_is_not_accused(context, rounds):
    """The checks of 09:00, 16:00 and 02:00 fall into the rounds, on each of three days."""
    house = eight_beds(context, rounds)
    assert tampering(context, house) == []
    pauses = pauses_of(context, house)
    assert [(ward.nights_over, ward.days_over, ward.blind_minutes) for ward in pauses] == [(0, 0, 0)]


def test_one_pause_after_the_other_all_day_and_night_is_tampering_behind_eight_beds_too(context):
    house = eight_beds(context, [(f"{hour:02}:00", 30, 0) for hour in (5, 9, 13, 17)])
    (row,) = tampering(context, house)
    assert row.facts["variant"] == "at_checks"
