"""The state of one admission at one check: what makes each state, and what prevents each accusation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.facilities import DEFAULT_POLICY, policy_of
from service.kit.intervals import Interval
from service.occupancy.asking import judge_in_order
from service.occupancy.looks import LookMethod
from service.occupancy.outcome import AskCause, CheckFacts, PresenceState
from service.occupancy.stays import Activity, Leave, Placement
from service.occupancy.timeline import observe
from service.sightings.facts import Sighting
from tests.occupancy.scenes import FAR, at, look, outcome, row, stay, window

EMPTY = row("03 09:00", "EEEEEEE")
TWO_LOOKS = (look("03 10:00"), look("03 12:00", person="doctor"))


def state(*args, **kwargs):
    return outcome(*args, **kwargs).state


def test_a_face_in_the_window_is_presence():
    result = outcome(row("03 09:00", "EEPEEEE"))
    assert (result.state, result.method) == (PresenceState.PRESENT_VERIFIED, "face")
    assert len(result.reading_ids) == 1


def test_a_face_at_any_bed_of_the_facility_is_presence():
    seen = Sighting("r-far", "P1", "B7", "C9", at("03 09:12"))
    result = outcome(EMPTY, sightings=[seen])
    assert result.state is PresenceState.PRESENT_VERIFIED
    assert result.details.elsewhere_bed_id == "B7"
    before = replace(seen, at=at("03 08:59"))
    assert state(EMPTY, sightings=[before]) is PresenceState.BED_EMPTY


def test_an_identity_that_still_holds_is_presence_by_continuity():
    result = outcome(row("03 08:00", "P" + "U" * 18))
    assert (result.state, result.method) == (PresenceState.PRESENT_VERIFIED, "face_continuity")
    assert result.details.verified_at == at("03 08:00")


def test_somebody_without_a_face_is_present_unidentified():
    assert state(row("03 09:00", "UUUUUUU")) is PresenceState.PRESENT_UNIDENTIFIED
    assert state(row("03 09:00", "EEEUUEE")) is PresenceState.PRESENT_UNIDENTIFIED


def test_one_frame_with_somebody_decides_neither_way():
    assert state(row("03 09:00", "EEEUEEE")) is PresenceState.NOT_SEEN


def test_a_bed_empty_through_the_window_is_said_to_be_empty_and_no_more():
    assert state(EMPTY) is PresenceState.BED_EMPTY


@pytest.mark.parametrize("letters", ["E", "EE?EEEE", "EEXXEEE", "EEEEEEP"])
def test_a_bed_not_wholly_seen_empty_is_not_called_empty(letters):
    assert state(row("03 09:00", letters)) is not PresenceState.BED_EMPTY


@pytest.mark.parametrize("letters", ["", "XXXXXXX", "???????"])
def test_unobserved_is_never_empty(letters):
    assert state(row("03 09:00", letters)) is PresenceState.UNOBSERVED


def test_an_admission_without_a_bed_is_unobserved():
    assert state([], of=stay(placements=())) is PresenceState.UNOBSERVED


@pytest.mark.parametrize("category", ["psychiatric", "dialysis", "rehabilitation", "maternity"])
def test_who_is_looked_for_on_the_ward_is_not_judged_by_the_bed(category):
    assert state(EMPTY, of=stay(category=category)) is PresenceState.NOT_SEEN


def test_a_ward_of_walkers_is_not_judged_by_its_beds():
    here = Placement("B1", "W1", Interval(at("01 08:00"), FAR), ward_scope=True)
    assert state(EMPTY, of=stay(placements=(here,))) is PresenceState.NOT_SEEN


def test_who_changes_beds_in_the_window_leaves_no_empty_bed():
    moved = (
        Placement("B1", "W1", Interval(at("01 08:00"), at("03 09:15"))),
        Placement("B2", "W1", Interval(at("03 09:15"), FAR)),
    )
    assert state(EMPTY, of=stay(placements=moved)) is PresenceState.NOT_SEEN


@pytest.mark.parametrize("since", [None, "03 09:01"])
def test_no_reference_no_judgement(since):
    of = stay(reference_since=None if since is None else at(since))
    assert state(EMPTY, of=of, looks=TWO_LOOKS) is PresenceState.NO_REFERENCE


def test_a_refusal_of_consent_is_exempt_and_not_a_missing_reference():
    assert state(EMPTY, of=stay(exempt=True, reference_since=None)) is PresenceState.EXEMPT


@pytest.mark.parametrize(
    ("start", "end", "signed", "expected"),
    [
        ("02 12:00", "03 12:00", "02 11:00", PresenceState.ON_LEAVE),
        ("03 09:20", "03 12:00", "03 08:00", PresenceState.ON_LEAVE),  # a part of the window is enough
        ("02 12:00", "03 12:00", "03 12:00", PresenceState.ON_LEAVE),  # 24 h late, to the minute
        ("02 12:00", "03 12:00", "03 12:01", PresenceState.BED_EMPTY),
        ("02 12:00", "03 09:00", "02 11:00", PresenceState.BED_EMPTY),  # due back when the check began
    ],
)
def test_leave_excuses_when_signed_at_most_a_day_late(start, end, signed, expected):
    leave = Leave(Interval(at(start), at(end)), at(signed))
    assert state(EMPTY, of=stay(leaves=(leave,))) is expected


def test_late_signing_is_kept_with_the_excuse():
    leave = Leave(Interval(at("03 08:00"), at("03 12:00")), at("03 09:30"))
    assert outcome(EMPTY, of=stay(leaves=(leave,))).details.leave_signed_late_minutes == 90


def test_theatre_excuses():
    activity = Activity("theatre", Interval(at("03 08:30"), at("03 11:00")))
    result = outcome(EMPTY, of=stay(activities=(activity,)))
    assert (result.state, result.details.activity) == (PresenceState.OFF_WARD, "theatre")


@pytest.mark.parametrize(
    ("category", "admitted", "expected"),
    [
        ("general", "03 05:01", PresenceState.IN_GRACE),
        ("general", "03 05:00", PresenceState.BED_EMPTY),
        ("emergency", "02 21:01", PresenceState.IN_GRACE),
        ("emergency", "02 21:00", PresenceState.BED_EMPTY),
    ],
)
def test_a_young_admission_is_not_expected_yet(category, admitted, expected):
    assert state(EMPTY, of=stay(category=category, admitted_at=at(admitted))) is expected


def test_a_person_who_finds_the_patient_is_enough():
    result = outcome(EMPTY, looks=[look("03 10:00", "found", method=LookMethod.WRISTBAND)])
    assert (result.state, result.method) == (PresenceState.PRESENT_ALTERNATIVE, "wristband")


def test_the_hospitals_own_staff_hold_no_veto():
    staff = look("03 10:00", "found")
    assert state(EMPTY, looks=[staff, look("03 11:00", person="inspector")]) is PresenceState.BED_EMPTY
    found = look("03 11:00", "found", person="inspector")
    assert state(EMPTY, looks=[*TWO_LOOKS, found]) is PresenceState.PRESENT_ALTERNATIVE


def test_absence_is_confirmed_by_two_people_two_hours_apart():
    result = outcome(EMPTY, looks=TWO_LOOKS)
    assert result.state is PresenceState.ABSENT_CONFIRMED
    assert result.details.confirmed_at == at("03 12:00")


@pytest.mark.parametrize(
    "looks",
    [
        [look("03 10:00")],
        [look("03 10:00"), look("03 12:00")],  # the same person
        [look("03 10:00"), look("03 11:59", person="doctor")],  # too soon
        [look("03 10:00", ward_searched=False), look("03 12:00", person="doctor", ward_searched=False)],
        [look("03 10:00", patient_called=False), look("03 12:00", person="doctor", patient_called=False)],
        [look("03 10:00", due="02 16:00"), look("03 12:00", person="doctor")],  # asked for by another check
        [look("03 10:00"), look("03 15:31", person="doctor")],  # after the deadline
        [look("03 10:00"), look("03 12:00", "carer", person="doctor")],
    ],
)
def test_less_than_that_confirms_nothing(looks):
    assert state(EMPTY, looks=looks) is not PresenceState.ABSENT_CONFIRMED


def test_a_look_during_leave_or_after_discharge_confirms_nothing():
    leave = Leave(Interval(at("03 11:00"), at("03 20:00")), at("03 10:30"))
    assert state(EMPTY, of=stay(leaves=(leave,)), looks=TWO_LOOKS) is PresenceState.BED_EMPTY
    assert state(EMPTY, of=stay(discharged_at=at("03 11:30")), looks=TWO_LOOKS) is PresenceState.BED_EMPTY


def test_a_face_seen_before_the_last_look_voids_the_confirmation():
    seen = Sighting("r", "P1", "B7", "C9", at("03 11:30"))
    assert state(EMPTY, looks=TWO_LOOKS, sightings=[seen]) is PresenceState.BED_EMPTY
    after = replace(seen, at=at("03 12:01"))
    assert state(EMPTY, looks=TWO_LOOKS, sightings=[after]) is PresenceState.ABSENT_CONFIRMED


def test_two_good_foreign_faces_raise_a_suspicion():
    result = outcome(row("03 09:00", "EEOUOEE"))
    assert result.state is PresenceState.IMPOSTOR_SUSPECTED
    assert len(result.reading_ids) == 2


def test_a_single_foreign_face_among_many_frames_is_not_enough():
    assert state(row("03 09:00", "UUUOUUU")) is PresenceState.PRESENT_UNIDENTIFIED
    assert state(row("03 09:00", "EEEOEEE")) is PresenceState.NOT_SEEN


def test_a_patient_recognised_beside_it_is_presence():
    assert state(row("03 09:00", "OOOPOOO")) is PresenceState.PRESENT_VERIFIED


def test_two_faces_in_a_bed_are_no_lone_occupant():
    assert state(row("03 09:00", "OOOOOOO", lone=False)) is PresenceState.PRESENT_UNIDENTIFIED


def test_another_admitted_patient_in_the_bed_is_a_swap():
    readings = row("03 09:00", "OOOOOOO", recognised_patient_id="P2")
    result = outcome(readings, admitted_now=("P1", "P2"))
    assert result.state is PresenceState.NOT_SEEN
    assert result.details.bed_swap_with == ("P2",)
    assert state(readings, admitted_now=("P1",)) is PresenceState.IMPOSTOR_SUSPECTED


def test_a_carer_found_by_a_person_is_no_impostor():
    result = outcome(row("03 09:00", "OOOOOOO"), looks=[look("03 10:00", "carer")])
    assert (result.state, result.details.carer) == (PresenceState.NOT_SEEN, True)


def test_silence_is_not_guilt():
    doubtful = row("03 09:00", "EEEUEEE")
    assert state(doubtful, asked=True, watermark="03 15:29") is PresenceState.NOT_SEEN
    assert state(doubtful, asked=True, watermark="03 15:30") is PresenceState.UNANSWERED
    assert state(doubtful, asked=True, watermark="03 15:30", looks=[look("03 10:00")]) is PresenceState.NOT_SEEN
    late = outcome(EMPTY, asked=True, watermark="03 15:30")
    assert (late.state, late.details.unanswered) == (PresenceState.BED_EMPTY, True)


def check(due: str, letters: str, looks=(), watermark="05 00:00") -> CheckFacts:
    return CheckFacts(
        stay(),
        window(due),
        observe(row(due, letters), "P1", DEFAULT_POLICY),
        (),
        tuple(looks),
        frozenset(),
        at(watermark),
    )


def test_one_request_is_open_at_a_time():
    judged = judge_in_order([check("03 12:00", "EEEEEEE"), check("03 09:00", "EEEEEEE")], DEFAULT_POLICY)
    assert [item.cause for item in judged] == [PresenceState.BED_EMPTY, None]
    later = judge_in_order([check("03 09:00", "EEEEEEE"), check("03 16:00", "EEEUEEE")], DEFAULT_POLICY)
    assert [item.cause for item in later] == [PresenceState.BED_EMPTY, PresenceState.NOT_SEEN]
    assert later[1].outcome.state is PresenceState.UNANSWERED


def test_an_answered_request_makes_room_for_the_next():
    looks = [look("03 10:00", "found")]
    judged = judge_in_order([check("03 09:00", "EEEEEEE", looks), check("03 12:00", "EEEEEEE", looks)], DEFAULT_POLICY)
    assert judged[0].outcome.state is PresenceState.PRESENT_ALTERNATIVE
    assert judged[1].cause is AskCause.BED_EMPTY


def test_a_facility_may_set_its_own_numbers():
    policy = policy_of({"impostor_frames": 3, "grace_hours": 1})
    assert state(row("03 09:00", "EEOUOEE"), policy=policy) is not PresenceState.IMPOSTOR_SUSPECTED
    assert policy.grace == timedelta(hours=1)
    assert policy.version.startswith("1+")


@settings(max_examples=200, deadline=None)
@given(letters=st.text(alphabet="PUOEX? ", max_size=9), due=st.sampled_from(["03 09:00", "03 08:40"]))
def test_nothing_but_people_and_good_foreign_faces_speaks_against_a_patient(letters, due):
    """Whatever cameras say, without looks nobody is absent; without two foreign faces nobody is an impostor."""
    result = outcome(row(due, letters), asked=True)
    assert result.state is not PresenceState.ABSENT_CONFIRMED
    assert result.state is not PresenceState.PRESENT_ALTERNATIVE
    inside = letters[4:11] if due == "03 08:40" else letters[:7]
    if result.state is PresenceState.IMPOSTOR_SUSPECTED:
        assert "O" in inside
        assert "P" not in inside
    if result.state is PresenceState.BED_EMPTY:
        assert set(inside) <= set("EX ")


LATE_EMPTY = row("03 09:00", "EEEEEEE", late=True)


def test_a_late_picture_never_proves_an_empty_bed():
    """A camera's owner could send pictures of an empty bed, or leave out those with the patient, afterwards."""
    result = outcome(LATE_EMPTY)
    assert result.state is PresenceState.UNOBSERVED
    # One late frame among live ones is bridged like any blind one; the bed rests on the others.
    mixed = [*row("03 09:00", "EEE EEE"), *row("03 09:15", "E", late=True)]
    result = outcome(mixed)
    assert (result.state, result.details.frames, result.details.frames_unobserved) == (PresenceState.BED_EMPTY, 6, 1)
    # A live view beside the late one still decides by itself.
    assert state([*EMPTY, *row("03 09:00", "EEEEEEE", late=True, camera_id="C2")]) is PresenceState.BED_EMPTY


def test_a_late_picture_never_proves_an_impostor():
    assert state(row("03 09:00", "OOOOOOO")) is PresenceState.IMPOSTOR_SUSPECTED
    assert state(row("03 09:00", "OOOOOOO", late=True)) is PresenceState.UNOBSERVED
    # Somebody lay there all the same: the bed is not called empty over it.
    mixed = [*row("03 09:00", "EEE EEE"), *row("03 09:15", "O", late=True)]
    assert state(mixed) is PresenceState.NOT_SEEN


def test_a_late_picture_excuses():
    assert state(row("03 09:00", "P", late=True)) is PresenceState.PRESENT_VERIFIED
    assert state(row("03 09:00", "UUUUUUU", late=True)) is PresenceState.PRESENT_UNIDENTIFIED
    # An identity is not broken by what a late picture shows of somebody else, or of nobody.
    held = [*row("03 08:45", "P  UU UU"), *row("03 08:55", "O", late=True)]
    assert state(held) is PresenceState.PRESENT_VERIFIED
