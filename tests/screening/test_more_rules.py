"""Every rule beside the three first: one case that makes it fire, and every exclusion that keeps it silent."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from service.kit.intervals import Interval
from service.occupancy import PresenceState
from service.screening.catalogue import LIVE_RULES, RULES, rule, rule_version, suspicions_of
from service.screening.explain import explain
from service.screening.facts import Correction
from service.screening.place_facts import PeerFacts, Share
from service.screening.rules.peers import binomial_tail, percentile
from service.screening.run import finding_values
from service.screening.tables import Finding
from service.screening.wording import LABELS, STORIES
from tests.occupancy.scenes import FAR, at, look
from tests.screening import rule_cases as case
from tests.screening.rule_cases import before, check, faces, occupied, treated

ABSENT_TWICE = (check("03 09:00"), check("04 09:00"))

MOVED_ON = replace(
    case.ELSEWHERE,
    seen=faces("01 11:50", "01 12:00"),
    seen_here=faces("01 12:10", "01 12:20"),
)
BOTH = replace(
    case.ELSEWHERE,
    held=Interval(at("01 07:00"), at("01 20:00")),
    seen=faces("01 10:00", "01 11:50", "01 15:00", "01 18:00"),
    seen_here=faces("01 12:10", "01 12:40", "01 15:05", "01 18:10"),
)
"""Papers of both houses for twelve hours, and faces here and there in turns."""

FIRES: dict[tuple[str, str], Any] = {
    ("empty_bed_admission", "two_looks"): replace(case.STAY, looks=case.NOBODY),
    ("bed_swap_unrecorded", "swap"): replace(
        case.STAY,
        checks=tuple(
            check(due, PresenceState.PRESENT_VERIFIED, swapped_with=("A2",)) for due in ("03 09:00", "03 16:00")
        ),
    ),
    ("two_places_at_once", "seen"): replace(
        case.STAY, others=(replace(case.ELSEWHERE, seen_here=faces("02 09:20", "02 10:20")),)
    ),
    ("two_places_at_once", "overlap"): replace(case.STAY, others=(case.ELSEWHERE,)),
    ("duplicate_identity", "face"): replace(case.STAY, twins=(case.TWIN,)),
    ("enrolment_swap", "template"): replace(case.STAY, template_changes=(case.CHANGE,)),
    ("late_return", "late"): replace(case.STAY, away=(case.LEAVE,)),
    ("overnight_leave", "overnight"): replace(case.STAY, away=(case.NIGHT_OUT,)),
    ("split_admission", "readmitted"): replace(case.STAY, others=(before(),)),
    ("stay_after_absence", "charged"): replace(case.STAY, checks=ABSENT_TWICE, charges=(treated("05 08:00"),)),
    ("per_diem_gap", "bed_days"): replace(case.STAY, checks=ABSENT_TWICE, billed_days=case.BILLED),
    ("corrected_after_notice", "corrected"): replace(
        case.STAY, checks=(check("03 09:00"),), corrections=(case.LATE_LEAVE,)
    ),
    ("unregistered_person", "unregistered"): case.EMPTY_BED,
    ("unregistered_person", "sham_discharge"): case.SHAM,
    ("staff_in_bed", "staff"): case.STAFF,
    ("two_on_one_bed", "two_admissions"): case.SHARED,
    ("two_on_one_bed", "two_seen"): case.TWO_SEEN,
    ("overcapacity", "midnight"): case.CROWDED,
    ("excuse_inflation", "excuses"): case.EXCUSED,
    ("exemption_rate", "exemptions"): case.EXEMPT,
    ("late_signed_leave", "late_leaves"): replace(case.EXCUSED, measure="late_leaves"),
    ("alternative_inflation", "confirmations"): case.FINDS,
    ("alternative_inflation", "in_a_row"): case.IN_A_ROW,
    ("alternative_inflation", "contradicted"): replace(
        case.IN_A_ROW,
        confirmations=tuple(replace(item, contradicted=True) for item in case.IN_A_ROW.confirmations[:1]),
        longest_run=0,
    ),
    ("selective_blindness", "blind_checks"): case.BLIND,
    ("selective_blindness", "blind_nights"): replace(case.BLIND, measure="blind_nights"),
    ("camera_tampering", "impossible"): case.TAMPERED,
    ("camera_tampering", "at_checks"): case.AT_CHECKS,
    ("late_backfill", "late"): case.BACKFILL,
    ("repeated_face", "same_pose"): case.SAME_POSE,
    ("repeated_face", "enrolment_picture"): case.ENROLMENT_PICTURE,
}


def fired(facts: Any) -> dict[str, str]:
    """rule -> variant."""
    return {item.rule: item.variant for item in suspicions_of(facts)}


@pytest.mark.parametrize("key", sorted(FIRES), ids="-".join)
def test_each_rule_fires_on_its_case(key):
    code, variant = key
    assert fired(FIRES[key])[code] == variant


def silent(code: str, variant: str, why: str, **changes: Any) -> Any:
    return pytest.param(code, replace(FIRES[code, variant], **changes), id=f"{code}: {why}")


def with_state(state: PresenceState, due: str = "03 09:00") -> dict[str, Any]:
    return {"checks": (check(due, state),)}


NEVER_AN_ABSENCE = (
    PresenceState.NO_REFERENCE,
    PresenceState.UNANSWERED,
    PresenceState.UNOBSERVED,
    PresenceState.EXEMPT,
    PresenceState.NOT_SEEN,
    PresenceState.BED_EMPTY,
)

SILENT = [
    silent("empty_bed_admission", "two_looks", "one look", looks=case.NOBODY[:1]),
    silent("empty_bed_admission", "two_looks", "too close", looks=(case.NOBODY[0], look("03 13:39", person="doctor"))),
    silent("empty_bed_admission", "two_looks", "an order meanwhile", orders=(treated("03 11:00", "examination"),)),
    silent("empty_bed_admission", "two_looks", "seen meanwhile", sighted_at=(at("03 11:00"),)),
    silent("empty_bed_admission", "two_looks", "seen between checks", seen_between=(at("03 11:00"),)),
    silent("empty_bed_admission", "two_looks", "one person twice", looks=(case.NOBODY[0], look("03 14:00"))),
    silent(
        "empty_bed_admission",
        "two_looks",
        "somebody lay there",
        checks=(check("03 12:00", PresenceState.PRESENT_UNIDENTIFIED),),
    ),
    silent("empty_bed_admission", "two_looks", "grace", admitted_at=at("03 06:00")),
    silent("empty_bed_admission", "two_looks", "emergency grace", admitted_at=at("02 22:00"), emergency=True),
    silent("empty_bed_admission", "two_looks", "leave", excused=(Interval(at("03 09:00"), at("03 12:00")),)),
    silent("empty_bed_admission", "two_looks", "newborn", category="newborn"),
    silent("empty_bed_admission", "two_looks", "sought on the ward", sought_on_ward=True),
    *(
        silent("empty_bed_admission", "two_looks", str(state), **with_state(state))
        for state in (PresenceState.NO_REFERENCE, PresenceState.EXEMPT, PresenceState.ON_LEAVE, PresenceState.OFF_WARD)
    ),
    silent(
        "bed_swap_unrecorded",
        "swap",
        "a single check",
        checks=(check("03 09:00", PresenceState.PRESENT_VERIFIED, swapped_with=("A2",)),),
    ),
    silent("bed_swap_unrecorded", "swap", "a transfer on record", **with_state(PresenceState.PRESENT_VERIFIED)),
    silent("bed_swap_unrecorded", "swap", "newborn", category="newborn"),
    silent(
        "two_places_at_once",
        "seen",
        "time to travel",
        others=(replace(case.ELSEWHERE, seen_here=faces("02 08:00", "02 11:00", "02 12:00")),),
        until=at("01 20:00"),
    ),
    silent(
        "two_places_at_once",
        "seen",
        "changed hospitals once, and the first closed its books later",
        others=(replace(MOVED_ON, held=Interval(at("01 07:00"), at("01 12:30"))),),
    ),
    silent(
        "two_places_at_once",
        "seen",
        "one stay after the other",
        others=(replace(MOVED_ON, held=Interval(at("01 07:00"), at("01 08:00"))),),
    ),
    *(
        silent("two_places_at_once", "seen", why, until=at("02 07:00"), others=(replace(BOTH, **changes),))
        for why, changes in (
            ("one false match after the move", {"seen": faces("01 10:00", "01 11:50", "01 18:00")}),
            (
                "three pictures of half an hour are one",
                {"seen": faces("01 10:00", "01 11:50", "01 18:00", "01 18:15", "01 18:30")},
            ),
            (
                "one false match before the move",
                {"seen": faces("01 17:50", "01 18:20"), "seen_here": BOTH.seen_here[:1]},
            ),
            (
                "a clock that is 20 minutes off",
                {
                    "seen": faces("01 11:00", "01 11:30", "01 12:20"),
                    "seen_here": faces("01 12:00", "01 12:30", "01 13:00"),
                },
            ),
            ("near the threshold", {"seen": faces("01 10:00", "01 15:00", "01 18:00", above=0.09)}),
            ("near the threshold, here", {"seen_here": faces("01 12:10", "01 15:05", "01 18:10", above=0.09)}),
            ("a look-alike there", {"look_alike": True}),
        )
    ),
    silent("two_places_at_once", "seen", "a look-alike here", others=(BOTH,), twins=(case.TWIN,)),
    silent("two_places_at_once", "seen", "referral", admission_type="referral"),
    silent("two_places_at_once", "overlap", "transfer", others=(replace(case.ELSEWHERE, disposition="transfer"),)),
    silent("two_places_at_once", "overlap", "newborn", category="newborn"),
    silent(
        "two_places_at_once",
        "overlap",
        "up to 24 hours",
        others=(replace(case.ELSEWHERE, held=Interval(at("01 07:00"), at("02 08:00"))),),
    ),
    silent("two_places_at_once", "overlap", "twins: nobody else", others=()),
    silent(
        "two_places_at_once",
        "overlap",
        "told of the later one",
        others=(replace(case.ELSEWHERE, held=Interval(at("01 09:00"), FAR)),),
    ),
    silent("duplicate_identity", "face", "twin or newborn", twins=(replace(case.TWIN, excused=True),)),
    silent("duplicate_identity", "face", "not alike", twins=(replace(case.TWIN, similarity=0.49),)),
    silent("enrolment_swap", "template", "matches", template_changes=(replace(case.CHANGE, matched_old=True),)),
    silent("enrolment_swap", "template", "confirmed", template_changes=(replace(case.CHANGE, second_person=True),)),
    silent("late_return", "late", "tolerance", away=(replace(case.LEAVE, returned_at=at("05 22:00")),)),
    silent("late_return", "late", "nobody closed it", away=(replace(case.LEAVE, returned_at=None),)),
    silent(
        "late_return",
        "late",
        "not closed, but seen",
        away=(replace(case.LEAVE, returned_at=None),),
        sighted_at=(at("05 21:00"),),
        checks=(check("06 09:00"),),
    ),
    silent("overnight_leave", "overnight", "part of a night", away=(replace(case.NIGHT_OUT, night_hours=3.9),)),
    silent("split_admission", "readmitted", "16 days", admitted_at=at("07 09:00")),
    silent("split_admission", "readmitted", "another disease", diagnosis_code="J18.9"),
    silent("split_admission", "readmitted", "no diagnosis", diagnosis_code=None),
    silent("split_admission", "readmitted", "emergency", emergency=True),
    *(silent("split_admission", "readmitted", kind, admission_type=kind) for kind in ("emergency", "referral")),
    *(
        silent("split_admission", "readmitted", course, course=course)
        for course in ("dialysis", "chemotherapy", "rehabilitation", "planned_course")
    ),
    *(
        silent("split_admission", "readmitted", end, others=(before(disposition=end),))
        for end in ("interim_settlement", "left_against_advice", "transfer")
    ),
    silent("stay_after_absence", "charged", "bed charges only", charges=(treated("05 08:00", "bed"),)),
    silent("stay_after_absence", "charged", "nursing only", charges=(treated("05 08:00", "nursing"),)),
    silent("stay_after_absence", "charged", "charged before", charges=(treated("03 08:00"),)),
    silent("stay_after_absence", "charged", "one day", checks=(check("03 09:00"), check("03 16:00"))),
    silent(
        "stay_after_absence",
        "charged",
        "present again",
        checks=(*ABSENT_TWICE, check("05 09:00", PresenceState.PRESENT_ALTERNATIVE)),
    ),
    silent("stay_after_absence", "charged", "seen again", sighted_at=(at("05 07:00"),)),
    silent(
        "stay_after_absence",
        "charged",
        "leave since",
        checks=(*ABSENT_TWICE, check("05 09:00", PresenceState.ON_LEAVE)),
    ),
    silent("stay_after_absence", "charged", "seen between checks", seen_between=(at("05 07:00"),)),
    silent("per_diem_gap", "bed_days", "seen that day", seen_days=frozenset({at("04 20:00").date()})),
    silent("per_diem_gap", "bed_days", "not per diem", per_diem=False),
    silent("per_diem_gap", "bed_days", "nothing billed", billed_days=()),
    silent("per_diem_gap", "bed_days", "credited", billed_days=tuple((day, Decimal(0)) for day, _ in case.BILLED)),
    silent(
        "per_diem_gap",
        "bed_days",
        "present the same day",
        checks=(*ABSENT_TWICE, check("04 16:00", PresenceState.PRESENT_VERIFIED)),
    ),
    silent(
        "per_diem_gap", "bed_days", "leave that day", checks=(*ABSENT_TWICE, check("04 16:00", PresenceState.ON_LEAVE))
    ),
    *(
        silent(
            code, variant, str(state), checks=tuple(check(due, state) for due in ("03 09:00", "04 09:00", "05 09:00"))
        )
        for code, variant in (("per_diem_gap", "bed_days"), ("stay_after_absence", "charged"))
        for state in NEVER_AN_ABSENCE
    ),
    silent(
        "corrected_after_notice",
        "corrected",
        "before anybody had looked",
        corrections=(replace(case.LATE_LEAVE, received_at=at("03 11:59")),),
    ),
    silent("corrected_after_notice", "corrected", "no absence", **with_state(PresenceState.NOT_SEEN)),
    silent(
        "corrected_after_notice",
        "corrected",
        "of later",
        corrections=(Correction("C", "A21", at("03 10:00"), at("04 08:00")),),
    ),
    silent(
        "corrected_after_notice", "corrected", "another message", corrections=(replace(case.LATE_LEAVE, trigger="A08"),)
    ),
    silent("unregistered_person", "unregistered", "one check", checks=case.EMPTY_BED.checks[:1]),
    silent(
        "unregistered_person",
        "unregistered",
        "nobody looked",
        checks=tuple(replace(item, by_person=False) for item in case.EMPTY_BED.checks),
    ),
    silent(
        "unregistered_person",
        "unregistered",
        "carer",
        checks=tuple(replace(item, carer=True) for item in case.EMPTY_BED.checks),
    ),
    silent("unregistered_person", "unregistered", "late admit message", tenancies=case.SHARED.tenancies[:1]),
    *(silent("unregistered_person", "unregistered", kind, specialty=kind) for kind in ("infusion", "observation")),
    silent("unregistered_person", "unregistered", "self-pay unknown", self_pay_known=False),
    silent("unregistered_person", "sham_discharge", "settling", departed=(replace(case.DISCHARGED, settling=True),)),
    silent(
        "unregistered_person",
        "sham_discharge",
        "less than 12 hours",
        departed=(replace(case.DISCHARGED, discharged_at=at("03 04:01")),),
    ),
    silent(
        "staff_in_bed",
        "staff",
        "leaning over",
        checks=(occupied("03 09:00", "staff_in_bed", occupied=timedelta(minutes=9)),),
    ),
    silent("staff_in_bed", "staff", "admitted", admitted_staff=frozenset({"S1"})),
    silent("two_on_one_bed", "two_admissions", "under 6 hours", until=at("03 13:59")),
    silent(
        "two_on_one_bed",
        "two_admissions",
        "mother and baby",
        tenancies=(case.SHARED.tenancies[0], replace(case.SHARED.tenancies[1], category="newborn")),
    ),
    *(silent("two_on_one_bed", "two_admissions", kind, specialty=kind) for kind in ("paediatrics", "maternity")),
    silent("two_on_one_bed", "two_seen", "one check", checks=case.TWO_SEEN.checks[:1]),
    silent(
        "two_on_one_bed", "two_seen", "carer", checks=tuple(replace(item, carer=True) for item in case.TWO_SEEN.checks)
    ),
    silent("overcapacity", "midnight", "two days", midnights=case.CROWDED.midnights[:2]),
    silent(
        "overcapacity",
        "midnight",
        "within the factor",
        midnights=tuple(replace(item, inpatients=110) for item in case.CROWDED.midnights),
    ),
    silent("excuse_inflation", "excuses", "like its peers", own=Share(15, 300)),
    silent("excuse_inflation", "excuses", "few checks", own=Share(10, 29)),
    silent("excuse_inflation", "excuses", "two peers", peers=case.PEERS[:2]),
    silent(
        "excuse_inflation",
        "excuses",
        "significant, and less than 1.5 times the median",
        own=Share(1300, 10000),
        peers=tuple(Share(1000, 10000) for _ in range(4)),
    ),
    silent("exemption_rate", "exemptions", "n under 30", own=Share(10, 29)),
    silent("exemption_rate", "exemptions", "two of them", own=Share(2, 30), peers=(Share(0, 30),) * 4),
    silent("late_signed_leave", "late_leaves", "few leaves", own=Share(10, 29)),
    silent("late_signed_leave", "late_leaves", "like its peers", own=Share(15, 300)),
    silent("exemption_rate", "exemptions", "within chance of the peers", own=Share(3, 40)),
    silent(
        "exemption_rate", "exemptions", "peers of the specialty are alike", peers=tuple(Share(20, 60) for _ in range(4))
    ),
    silent("alternative_inflation", "confirmations", "like colleagues", own=Share(9, 60)),
    silent("alternative_inflation", "confirmations", "few requests", own=Share(25, 29)),
    silent("alternative_inflation", "confirmations", "two colleagues", peers=case.FINDS.peers[:2]),
    silent("alternative_inflation", "in_a_row", "two in a row", longest_run=2),
    silent("selective_blindness", "blind_checks", "chance", own=Share(4, 60)),
    silent("selective_blindness", "blind_checks", "peers as blind", peers=tuple(Share(15, 60) for _ in range(9))),
    silent("selective_blindness", "blind_checks", "three times only", own=Share(3, 4)),
    silent("camera_tampering", "impossible", "a quiet night", events=(replace(case.FROZEN, noise_identical=False),)),
    silent("camera_tampering", "impossible", "short", events=(replace(case.FROZEN, until=at("03 09:09")),)),
    silent("camera_tampering", "at_checks", "once", events=(case.COVERED,)),
    silent(
        "camera_tampering", "at_checks", "not at checks", events=(case.COVERED, replace(case.AGAIN, at_check=False))
    ),
    silent(
        "camera_tampering",
        "at_checks",
        "logged pauses",
        events=tuple(
            replace(item, until=item.since + timedelta(minutes=29), pause=True) for item in case.AT_CHECKS.events
        ),
    ),
    silent("late_backfill", "late", "few at checks", late_at_checks=3),
    silent("late_backfill", "late", "small share", late=19),
    *(
        silent("repeated_face", variant, why, **changes)
        for variant in ("same_pose", "enrolment_picture")
        for why, changes in (
            ("exempt", {"is_exempt": True}),
            ("no reference", {"has_reference": False}),
            ("intensive care", {"category": "icu"}),
            ("newborn", {"category": "newborn"}),
        )
    ),
    silent("repeated_face", "same_pose", "two nights", repeats=(case.alike(3, 4),)),
    silent("repeated_face", "same_pose", "another pose", repeats=(case.alike(3, 4, 6, shape_distance=0.04),)),
    silent("repeated_face", "same_pose", "another picture", repeats=(case.alike(3, 4, 6, bits_different=0.12),)),
    silent("repeated_face", "same_pose", "unsteady", repeats=(case.alike(3, 4, 6, similarity_low=0.69),)),
    silent(
        "repeated_face", "enrolment_picture", "living", repeats=(case.alike(3, enrolment=True, similarity_high=0.92),)
    ),
    silent("staff_in_bed", "staff", "no reference", checks=(replace(case.STAFF.checks[0], no_reference=True),)),
]


@pytest.mark.parametrize(("code", "facts"), SILENT)
def test_each_exclusion_keeps_its_rule_silent(code, facts):
    assert code not in fired(facts)


def test_who_is_seen_in_two_houses_in_turns_is_named_with_both_times():
    (found,) = suspicions_of(replace(case.STAY, others=(BOTH,)))
    said = {fact.code: fact.value for fact in found.facts}
    assert (found.rule, found.variant, found.event_at) == ("two_places_at_once", "seen", at("01 15:05"))
    assert said["minutes_between"] == 20.0
    assert [item[11:16] for item in said["times"]] == ["11:50", "12:10", "15:00", "15:05"]


def test_one_face_in_each_house_says_nothing_beyond_what_the_papers_say():
    once = replace(case.ELSEWHERE, seen=faces("02 09:05"), seen_here=faces("02 09:20"))
    assert fired(replace(case.STAY, others=(once,))) == {"two_places_at_once": "overlap"}


def test_every_rule_has_a_case_that_fires_and_an_exclusion_that_silences():
    three = {"ghost_admission", "phantom_admission", "impersonation"}  # in test_rules.py
    from service.screening.catalogue import RULES_OF_PLACES, RULES_OF_STAYS

    codes = {item.code for item in (*RULES_OF_PLACES, *RULES_OF_STAYS)} - three
    assert {code for code, _ in FIRES} == codes
    assert {param.values[0] for param in SILENT} == codes


def test_what_a_stronger_suspicion_covers_is_not_said_twice():
    looks = (*case.NOBODY, look("04 09:40", due="04 09:00"))
    assert set(fired(replace(case.STAY, looks=looks, checks=ABSENT_TWICE))) == {"phantom_admission"}


ONE_OF_MANY = re.compile(r"(?<![\w.,:-])1 (such )?(?!is\b|was\b|times as)[a-z]+s\b")
"""One check is no checks."""


@pytest.mark.parametrize("key", sorted(FIRES), ids="-".join)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_finding_explains_itself(key, language):
    facts = FIRES[key]
    found = next(item for item in suspicions_of(facts) if item.rule == key[0])
    row = Finding(
        facility_id="F",
        raised_at=found.event_at,
        updated_at=found.event_at,
        **finding_values(facts, found, "Asia/Shanghai", True),
    )
    told = explain(row, language)
    text = "".join([told.headline, *told.paragraphs, *(line.label + line.value for line in told.facts)])
    assert "{" not in text
    assert "+00:00" not in text
    assert "+08:00" not in text
    assert not ONE_OF_MANY.search(f"{text} {' '.join(told.counter_evidence)}")
    assert told.rule_name
    subject = found.subject or facts.subject
    assert subject.label in told.headline
    assert row.rule_version == "1"
    assert row.facts["policy_version"] == "1"


def test_only_one_version_of_a_rule_speaks_and_the_other_is_on_trial():
    assert rule("phantom_admission").version == "1"
    trial = rule_version("phantom_admission@2")
    assert trial.stage == "shadow"
    assert trial not in LIVE_RULES
    facts = replace(case.STAY, checks=ABSENT_TWICE)
    assert suspicions_of(facts, [rule_version("phantom_admission@1")])
    assert not suspicions_of(facts, [trial])


def test_the_words_cover_what_rules_say_and_no_more():
    assert set(FIRES) <= set(STORIES)
    assert {code for code, _ in STORIES} == {item.code for item in RULES}
    for text in LABELS.values():
        assert text.en != text.zh


def test_the_binomial_tail_and_the_percentile_by_hand():
    # Three coins: P(X >= 2) = 3/8 + 1/8.
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)
    assert binomial_tail(0, 3, 0.5) == 1.0
    # P(X >= 20 | 60, 10/542): far below any limit.
    assert binomial_tail(20, 60, 10 / 542) < 1e-15
    # 0.95 of the way over three gaps: 2.85, so 3 + 0.85 * (4 - 3).
    assert percentile([1, 2, 3, 4], 0.95) == pytest.approx(3.85)


def test_false_alarms_of_blindness_stay_rare_by_chance():
    """A hundred beds, all blind in 5% of 60 checks: the expected count per bed is 3; none may fire at up to 10."""
    peers = tuple(Share(3, 60) for _ in range(99))
    facts = PeerFacts(case.BED, case.MARCH, "blind_checks", Share(10, 60), peers, at("20 08:00"), subjects_tested=100)
    assert not suspicions_of(facts)
