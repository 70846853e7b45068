"""What people do by hand: codes good once, second looks, excuses in one tap, bed checks of admissions and of beds."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image
from sqlmodel import select

from service.access.tables import RoleGrant
from service.facilities import DEFAULT_POLICY, policy_book, record_level_policy
from service.kit.errors import Conflict, InvalidInput
from service.kit.intervals import Interval
from service.occupancy import (
    admission_opened_job,
    advance_job,
    bed_checks,
    dirty_job,
    excuse_taps,
    in_bed_rate,
    looks_between,
)
from service.occupancy.counts import raw_counts
from service.occupancy.errors import HandheldRefused
from service.occupancy.handheld import FaceMatch, IdentifiedBy, new_challenge, record_handheld
from service.occupancy.reverify import ask_again, is_sampled
from service.occupancy.tables import DirectedCheck, DirectedLook, PresenceCheck, Reverification
from tests import builders
from tests.occupancy.region import fill, photograph
from tests.occupancy.scenes import at


@pytest.fixture
def ward(context):
    """Eight inpatients; at the check of 09:00 beds 0 to 5 are seen, 6 is empty, 7 is blind. It is 10:00."""
    with context.database.transaction() as session:
        full = fill(session, 8, at=at("02 10:00"), policy={"reverify_share": 0.0})
        frames = [at("02 08:00") + timedelta(minutes=10 * k) for k in range(13)]
        photograph(session, full, frames, lambda bed, _: ["patient", "empty", "unobserved"][max(0, bed - 5)])
    advance_job(context, {"facility_id": full.facility_id})
    return full


@pytest.fixture
def nurse(context, ward):
    with context.database.transaction() as session:
        facility = session.get_one(builders.Facility, ward.facility_id)
        return builders.actor_for(session, builders.create_user(session, role="ward_staff", facility=facility))


def picture(shade: int = 90) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (shade, shade, shade)).save(file, "JPEG")
    return file.getvalue()


def asked(context, ward, bed: int) -> DirectedCheck:
    with context.database.reading() as session:
        query = select(DirectedCheck).where(DirectedCheck.bed_id == ward.places[bed][0])
        return session.exec(query).one()


def test_a_blind_bed_is_checked_by_hand_and_silence_leaves_it_unobserved(context, ward):
    assert asked(context, ward, 7).cause == "blind_bed"
    with context.database.transaction() as session:
        session.get_one(builders.Facility, ward.facility_id).watermark = at("02 16:00")
    advance_job(context, {"facility_id": ward.facility_id})
    with context.database.reading() as session:
        check = session.exec(
            select(PresenceCheck).where(
                PresenceCheck.bed_id == ward.places[7][0], PresenceCheck.due_at == at("02 09:00")
            )
        ).one()
    assert (check.outcome, check.details["unanswered"]) == ("unobserved", True)
    assert asked(context, ward, 7).escalated_at is not None


def test_a_code_is_good_once_and_a_picture_too(context, ward, nurse):
    request = asked(context, ward, 6)
    with context.database.transaction() as session:
        code = new_challenge(context, session, nurse, request).nonce
    look = record_handheld(context, nurse, request, code, picture(), IdentifiedBy.WRISTBAND, no_face)
    assert (look.method, look.result) == ("handheld", "found")
    with pytest.raises(HandheldRefused, match="code"):
        record_handheld(context, nurse, request, code, picture(91), IdentifiedBy.WRISTBAND, no_face)
    with context.database.transaction() as session:
        again = new_challenge(context, session, nurse, request).nonce
    with pytest.raises(HandheldRefused, match="used before"):
        record_handheld(context, nurse, request, again, picture(), IdentifiedBy.WRISTBAND, no_face)
    with context.database.reading() as session:
        given = looks_between(session, ward.facility_id, Interval(at("02 09:00"), at("02 11:00")))
    assert [(item.method, item.identified_by) for item in given] == [("handheld", "wristband")]


def no_face(_picture: bytes, _patient: str) -> FaceMatch | None:
    return None


@pytest.mark.parametrize(
    ("match", "message"), [(None, "no face"), (FaceMatch(0.2, 0.4), "not like"), (FaceMatch(0.6, 0.4), None)]
)
def test_a_face_is_compared_with_the_patient(context, ward, nurse, match, message):
    request = asked(context, ward, 6)
    with context.database.transaction() as session:
        code = new_challenge(context, session, nurse, request).nonce

    def take():
        return record_handheld(context, nurse, request, code, picture(), IdentifiedBy.FACE, lambda *_: match)

    if message is None:
        assert take().method == "handheld"
        return
    with pytest.raises(HandheldRefused, match=message):
        take()
    with context.database.reading() as session:
        assert session.exec(select(DirectedLook)).all() == []


def test_somebody_elses_or_an_old_code_is_refused(context, ward, nurse):
    request = asked(context, ward, 6)
    with context.database.transaction() as session:
        row = new_challenge(context, session, nurse, request)
        row.expires_at = context.clock.now() - timedelta(seconds=1)
        session.add(row)
    with pytest.raises(HandheldRefused, match="code"):
        record_handheld(context, nurse, request, row.nonce, picture(), IdentifiedBy.ID_CARD, no_face)


def test_one_in_twenty_is_looked_at_again():
    hits = sum(is_sampled(f"look-{k}", 0.05) for k in range(20_000))
    assert 900 < hits < 1100
    assert is_sampled("look-1", 1.0)
    assert not is_sampled("look-1", 0.0)


def test_the_third_find_in_a_row_calls_for_somebody_else(context, ward, nurse, app, client):
    with context.database.transaction() as session:
        request = session.merge(asked(context, ward, 6))
        for minute in (41, 42, 43):
            look = DirectedLook(
                directed_check_id=request.id,
                person_id=nurse.id,
                role="ward_staff",
                looked_at=at(f"02 09:{minute}"),
                result="found",
                method="bedside",
                recorded_at=at("02 10:00"),
            )
            session.add(look)
            session.flush()
            ask_again(session, replace(DEFAULT_POLICY, reverify_share=0.0), request, look)
        rows = session.exec(select(Reverification)).all()
        assert [(row.reason, row.look_id) for row in rows] == [("streak", look.id)]
        user = session.get_one(builders.UserAccount, nurse.id)
        facility = session.get_one(builders.Facility, ward.facility_id)
        inspector = builders.create_user(session, role="inspector", facility=facility)
    body = {"result": "confirmed", "method": "wristband"}
    path = f"/api/v1/reverifications/{rows[0].id}"
    assert builders.browser(app, context, user).post(path, json=body).status_code == 422
    with context.database.transaction() as session:  # a colleague of that ward, whom somebody made an inspector besides
        both = builders.create_user(
            session, role="ward_staff", facility=session.get_one(builders.Facility, ward.facility_id)
        )
        session.add(RoleGrant(user_id=both.id, facility_id=ward.facility_id, role="inspector"))
        session.add(
            DirectedLook(
                directed_check_id=request.id,
                person_id=both.id,
                role="ward_staff",
                looked_at=at("02 09:44"),
                result="found",
                method="bedside",
                recorded_at=at("02 10:00"),
            )
        )
    assert builders.browser(app, context, both).post(path, json=body).status_code == 422
    answer = builders.browser(app, context, inspector).post(path, json=body)
    assert (answer.status_code, answer.json()["result"]) == (200, "confirmed")


def test_an_excuse_in_one_tap_excuses_is_counted_and_ends(context, ward, nurse, app, client):
    with context.database.reading() as session:
        browser = builders.browser(app, context, session.get_one(builders.UserAccount, nurse.id))
    bed = ward.places[0][0]
    first = browser.post(f"/api/v1/beds/{bed}/excuses", json={"kind": "imaging"})
    assert first.status_code == 201, first.text
    assert browser.post(f"/api/v1/beds/{bed}/excuses", json={"kind": "imaging"}).json()["id"] == first.json()["id"]
    with context.database.transaction() as session:
        session.get_one(builders.Facility, ward.facility_id).watermark = at("02 16:31")
    advance_job(context, {"facility_id": ward.facility_id})
    with context.database.reading() as session:
        check = session.exec(
            select(PresenceCheck).where(PresenceCheck.bed_id == bed, PresenceCheck.due_at == at("02 16:00"))
        ).one()
        assert (check.outcome, check.details["activity"]) == ("off_ward", "imaging")
    assert browser.post(f"/api/v1/beds/{bed}/excuses", json={"kind": "back"}).status_code == 201
    assert browser.post(f"/api/v1/beds/{bed}/excuses", json={"kind": "back"}).status_code == 409
    with context.database.reading() as session:
        taps = excuse_taps(session, ward.facility_id, Interval(at("02 09:00"), at("02 18:00")))
    assert [(tap.kind, tap.person_id) for tap in taps] == [("imaging", nurse.id), ("back", nurse.id)]


def admit(context, ward) -> str:
    with context.database.transaction() as session:
        bed = builders.create_bed(session, session.get_one(builders.Ward, ward.wards[0]))
        return builders.create_admission(session, bed=bed, admitted_at=at("02 09:50")).id


def test_an_admission_gets_its_bed_check_at_once_and_silence_escalates(context, ward):
    admission_id = admit(context, ward)
    payload = {"facility_id": ward.facility_id, "admission_id": admission_id}
    admission_opened_job(context, payload)
    admission_opened_job(context, payload)

    def check() -> PresenceCheck:
        query = select(PresenceCheck).where(
            PresenceCheck.admission_id == admission_id, PresenceCheck.kind == "admission"
        )
        with context.database.reading() as session:
            return session.exec(query).one()

    # 4 hours of grace from now (10:00), and 2 hours to answer.
    assert (check().outcome, check().window_end) == ("in_grace", at("02 16:00"))
    with context.database.transaction() as session:
        session.get_one(builders.Facility, ward.facility_id).watermark = at("02 16:01")
    advance_job(context, {"facility_id": ward.facility_id})
    assert check().outcome == "unanswered"
    with context.database.reading() as session:
        request = session.get_one(DirectedCheck, check().directed_check_id)
        assert (request.cause, request.escalated_at) == ("admission", at("02 16:00"))
        rate = in_bed_rate(session, ward.facility_id, None, Interval(at("02 00:00"), at("03 00:00")))[0]
    assert rate.unanswered == 0  # it is no sample of who is in bed


def test_a_cancelled_admission_asks_for_nobody(context, ward):
    admission_id = admit(context, ward)
    admission_opened_job(context, {"facility_id": ward.facility_id, "admission_id": admission_id})
    with context.database.transaction() as session:
        session.get_one(builders.Admission, admission_id).cancelled_at = context.clock.now()
    advance_job(context, {"facility_id": ward.facility_id})
    with context.database.reading() as session:
        assert session.exec(select(PresenceCheck).where(PresenceCheck.kind == "admission")).all() == []


def test_somebody_in_a_bed_of_nobodys(context, ward):
    """Bed 0's patient is discharged at 08:30; somebody lies there at 09:00 all the same."""
    with context.database.transaction() as session:
        session.get_one(builders.Admission, ward.places[0][2]).discharged_at = at("02 08:30")
    span = {"from": at("02 08:00").isoformat(), "to": at("02 10:00").isoformat()}
    dirty_job(context, {"facility_id": ward.facility_id, "bed_ids": [ward.places[0][0]], **span})
    with context.database.reading() as session:
        seen = bed_checks(session, ward.facility_id, Interval(at("02 09:00"), at("02 10:00")))
    assert [(row.bed_id, row.outcome) for row in seen] == [(ward.places[0][0], "unregistered_person")]
    assert seen[0].occupied_seconds == 30 * 60
    assert seen[0].recognised_key == ward.places[0][1]


def test_the_counts_are_the_checks(context, ward):
    """After everything that happened, what is kept as counts is what the checks say."""
    admit(context, ward)
    with context.database.transaction() as session:
        session.get_one(builders.Admission, ward.places[1][2]).discharged_at = at("02 08:10")
    span = {"from": at("02 08:00").isoformat(), "to": at("02 10:00").isoformat()}
    dirty_job(context, {"facility_id": ward.facility_id, **span})
    with context.database.reading() as session:
        day = Interval(at("02 00:00"), at("03 00:00"))
        kept = in_bed_rate(session, ward.facility_id, None, day)[0].states()
        raw: dict[str, int] = {}
        for _, _, outcome, number in raw_counts(session, ward.facility_id, None, day):
            raw[outcome] = raw.get(outcome, 0) + number
    assert {state.value: number for state, number in kept.items()} == raw
    assert raw == {"present_verified": 5, "bed_empty": 1, "unobserved": 1}


def test_a_levels_policy_applies_to_that_level_from_its_day(context, ward):
    def record(level, version, day, settings):
        with context.database.transaction() as session:
            record_level_policy(
                session,
                level=level,
                version=version,
                effective_from=day,
                settings=settings,
                legal_basis="",
                actor="test",
                now=at("02 10:00"),
            )

    record("1", "a", at("01 00:00").date(), {"grace_hours": 6, "target": 0.9})
    record("1", "b", at("10 00:00").date(), {"grace_hours": 8})
    with context.database.transaction() as session:
        primary = builders.create_facility(session, level="1")
        own = builders.create_facility(session, level="1", policy={"grace_hours": 1})
        tertiary = builders.create_facility(session, level="3")
        before, first, later = (at(text) for text in ("01 00:00", "01 00:01", "10 00:00"))
        hours = [
            policy_book(session, primary).at(x).grace / timedelta(hours=1)
            for x in (before - timedelta(1), first, later)
        ]
        assert hours == [4, 6, 8]
        assert policy_book(session, own).at(first).grace == timedelta(hours=1)
        assert policy_book(session, own).at(first).target == 0.9
        assert policy_book(session, tertiary).at(later).grace == timedelta(hours=4)
        assert policy_book(session, primary).at(first).version.startswith("1/a+")
        assert in_bed_rate(session, primary.id, None, Interval(first, later - timedelta(1)))[0].target == 0.9
        assert in_bed_rate(session, tertiary.id, None, Interval(first, later))[0].target == 0.94
    record("1", "a", at("01 00:00").date(), {"grace_hours": 6, "target": 0.9})
    with pytest.raises(Conflict):
        record("1", "a", at("01 00:00").date(), {"grace_hours": 7})
    with pytest.raises(InvalidInput):
        record("1", "c", at("01 00:00").date(), {"grace": 7})
