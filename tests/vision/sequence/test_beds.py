"""Beds over time: what one picture cannot say, and what no picture may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.vision.sequence import BedSight, Occupancy, TimedPrint, judge_beds, judge_views
from service.vision.sequence.beds import BedPolicy, evidence_of, settle
from service.vision.sequence.fusion import DEFAULT_WEIGHTS, Evidence, FusionWeights, log_odds, probability, stated
from service.vision.sequence.prints import ZONE
from tests.vision.sequence.rooms import View, shots

NOTHING = BedSight(0.02, False)
FAINT = BedSight(0.10, False)
BODY = BedSight(0.45, False)
FACE = BedSight(0.5, True)
ROOM = View(noise=1.2)
Sights = Mapping[tuple[str, str], BedSight]


def seen(prints: Sequence[TimedPrint], left: Sequence[BedSight]) -> Sights:
    """What single frames found; the right bed is always bare."""
    pairs = list(zip(prints, left, strict=True))
    return {(p.key, "left"): s for p, s in pairs} | {(p.key, "right"): NOTHING for p, _ in pairs}


def left(prints: Sequence[TimedPrint], sights: Sights) -> list[str]:
    return [v.occupancy.value for v in judge_beds(prints, judge_views(prints), sights)["left"]]


def test_a_bed_that_stays_the_same_all_night_is_empty() -> None:
    prints = shots(*[ROOM] * 14)
    verdicts = judge_beds(prints, judge_views(prints), seen(prints, [NOTHING] * 14))
    for bed in ("left", "right"):
        assert {v.occupancy for v in verdicts[bed]} == {Occupancy.EMPTY}
        assert {v.since for v in verdicts[bed]} == {prints[0].at}


def test_somebody_without_a_face_is_found_by_what_moves_and_by_how_the_empty_bed_looks() -> None:
    empty = [ROOM] * 14
    covered = [replace(ROOM, beds=(400 + i // 2, 0)) for i in range(10)]
    prints = shots(*empty, *covered)
    states = left(prints, seen(prints, [NOTHING] * 14 + [FAINT] * 10))
    assert states[:13] == ["empty"] * 13
    assert states[16:] == ["occupied"] * 8


def test_a_face_makes_a_bed_occupied() -> None:
    prints = shots(*[replace(ROOM, beds=(400 + i // 2, 0)) for i in range(6)])
    assert left(prints, seen(prints, [FACE] * 6)) == ["occupied"] * 6


def test_a_pillow_that_resembles_a_body_does_not_fill_a_bed_known_to_be_empty() -> None:
    prints = shots(*[ROOM] * 16)
    sights = [NOTHING] * 12 + [BedSight(0.16, False), *[NOTHING] * 3]
    assert left(prints, seen(prints, sights))[12] != "occupied"


def test_the_look_of_a_sleeper_never_becomes_the_empty_bed() -> None:
    """Still for hours, but with a trace of a body: no reference is learned."""
    still = shots(*[replace(ROOM, beds=(500, 0))] * 14)
    assert "empty" not in left(still, seen(still, [BedSight(0.2, False)] * 14))


@pytest.mark.parametrize(
    ("pictures", "sight", "learned"),
    [
        (14, NOTHING, True),
        (14, FAINT, False),  # a trace of a body, too little to say that somebody is there
        (14, BedSight(0.02, True), False),
        (14, BedSight(None, False), False),  # no body was looked for
        (5, NOTHING, False),  # too few pictures
    ],
)
def test_the_empty_bed_is_learned_only_when_it_is_surely_empty(pictures: int, sight: BedSight, learned: bool) -> None:
    """And what was learned by lamp light holds in infrared: the same bed is like it, another one is not."""
    night = [replace(ROOM, infrared=True, gain=0.8), replace(ROOM, beds=(400, 0))]
    prints = shots(*[ROOM] * pictures, *night)
    sights = {(p.key, "left"): sight for p in prints[:pictures]} | {(p.key, "left"): FAINT for p in prints[pictures:]}
    ((_, bed),) = evidence_of(prints, sights)
    assert (bed.evidence[0].unlike_empty is not None) is learned
    if learned:
        infrared, other = bed.evidence[-2].unlike_empty, bed.evidence[-1].unlike_empty
        assert infrared is not None
        assert other is not None
        assert infrared < 0.5 < other


def test_a_lying_view_says_nothing_about_beds() -> None:
    prints = shots(*[ROOM] * 14, *[View(flat=3, noise=1.5)] * 5)
    verdicts = judge_beds(prints, judge_views(prints), seen(prints, [NOTHING] * 19))["left"]
    assert [v.occupancy for v in verdicts[14:]] == [Occupancy.UNCERTAIN] * 5
    assert [v.probability for v in verdicts[14:]] == [None] * 5


def test_a_bed_that_was_not_read_is_uncertain() -> None:
    prints = shots(*[ROOM] * 8)
    assert left(prints, {}) == ["uncertain"] * 8


LIES = [View(flat=3, noise=1.5), View(flat=330), View(room=2, beds=(8, 9)), View(shift=(40, 12)), View(grain=5)]


@given(st.lists(st.sampled_from([ROOM, *LIES]), min_size=6, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=12, deadline=None)
def test_unobserved_never_becomes_empty_in_whatever_order(views: list[View], random: object) -> None:
    prints = shots(*[ROOM] * 5, *views)
    sights = seen(prints, [NOTHING] * len(prints))
    verdicts = judge_views(prints)
    beds = judge_beds(prints, verdicts, sights)
    unobserved = {v.key for v in verdicts if not v.observed}
    for bed in beds.values():
        assert all(v.occupancy is Occupancy.UNCERTAIN and v.probability is None for v in bed if v.key in unobserved)
    mixed = list(prints) * 2
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert judge_beds(mixed, judge_views(mixed), sights) == beds


any_chance = st.floats(0, 1, allow_nan=False)
OTHER = {Occupancy.OCCUPIED: Occupancy.EMPTY, Occupancy.EMPTY: Occupancy.OCCUPIED}


@given(st.lists(st.sampled_from([0.01, 0.99]), min_size=3, max_size=30))
def test_one_contradicting_picture_never_turns_a_bed(values: list[float]) -> None:
    states = settle(values)
    for i in range(1, len(values) - 1):
        if values[i - 1] == values[i + 1] != values[i]:
            before = states[i - 1]
            assert before is Occupancy.UNCERTAIN or states[i] is not OTHER[before]


@given(st.lists(any_chance, min_size=1, max_size=40))
def test_states_follow_probabilities(values: list[float]) -> None:
    policy = BedPolicy()
    states = settle(values, policy)
    assert len(states) == len(values)
    for chance, state in zip(values, states, strict=True):
        assert not (state is Occupancy.EMPTY and chance >= 0.5)
        assert not (state is Occupancy.OCCUPIED and chance < 0.5)


@given(st.integers(2, 20), st.integers(2, 20))
def test_a_bed_turns_with_the_first_of_two_pictures(before: int, after: int) -> None:
    states = settle([0.02] * before + [0.97] * after)
    assert states == [Occupancy.EMPTY] * before + [Occupancy.OCCUPIED] * after


def test_the_latest_contradiction_is_uncertain_until_confirmed() -> None:
    assert settle([0.02, 0.02, 0.02, 0.97])[-1] is Occupancy.UNCERTAIN


def test_the_uncertain_band_leans_on_its_neighbours() -> None:
    full, unsure, bare = Occupancy.OCCUPIED, Occupancy.UNCERTAIN, Occupancy.EMPTY
    assert settle([0.6, 0.97, 0.97, 0.6, 0.4, 0.6, 0.97]) == [full, full, full, full, unsure, full, full]
    assert settle([0.97, 0.97, 0.6, 0.4, 0.02, 0.02]) == [full, full, full, bare, bare, bare]
    assert settle([0.6, 0.4]) == [unsure, unsure]


@given(st.floats(0, 1), st.booleans(), st.floats(0, 2.2), st.floats(0, 7), st.one_of(st.none(), st.floats(0, 3)))
def test_each_kind_of_evidence_pulls_its_own_way(
    body: float, face: bool, still: float, activity: float, unlike: float | None
) -> None:
    one = Evidence(log(body + 0.02), face, still, activity, unlike, 0.0)
    odds = log_odds(one)
    assert log_odds(replace(one, face=True)) >= odds
    assert log_odds(replace(one, still=still + 0.5)) < odds
    assert log_odds(replace(one, activity=activity + 0.5)) > odds
    assert log_odds(replace(one, body=log(body + 0.12))) >= odds
    if unlike is not None:
        assert log_odds(replace(one, unlike_empty=unlike + 0.5)) > odds
    assert 0.0 < probability(odds) < 1.0


def ridged(prints: Sequence[TimedPrint], rows: tuple[int, ...], columns: tuple[int, ...]) -> list[TimedPrint]:
    """The same prints with the left bed's edges in these cells alone. Rows 6 to 13 and columns 4 to 7 are where trunk
    and legs lie; columns 1, 2, 9 and 10 are its margins."""
    cells = np.zeros(ZONE, np.uint8)
    cells[np.ix_(rows, columns)] = 12
    return [
        replace(item, print=replace(item.print, zones=(replace(zone, relief=cells), *others)))
        for item in prints
        for zone, *others in [item.print.zones]
    ]


TRUNK, MARGINS = (4, 5, 6, 7), (1, 2, 9, 10)
LOWER, PILLOW = tuple(range(6, 14)), (0, 1, 2, 3)


def test_geometry_is_measured_where_trunk_and_legs_lie() -> None:
    prints = shots(*[ROOM] * 2)

    def relief(rows: tuple[int, ...], columns: tuple[int, ...]) -> float:
        shown = ridged(prints, rows, columns)
        return (
            next(bed for name, bed in evidence_of(shown, seen(shown, [FAINT] * 2)) if name == "left").evidence[0].relief
        )

    assert relief(LOWER, TRUNK) == 2.0  # log ratio, limited
    assert relief(LOWER, MARGINS) == -2.0
    assert relief(PILLOW, TRUNK) == 0.0  # a head or a pillow is no trunk
    assert relief(LOWER, (*TRUNK, *MARGINS)) == 0.0  # a folded blanket all over says nothing


def test_geometry_alone_decides_between_a_body_and_a_made_bed() -> None:
    """Two beds of which everything else says the same: never seen empty, never touched, a silent body finder."""
    prints = shots(*[ROOM] * 8)
    sights = seen(prints, [FAINT] * 8)
    body, made = (ridged(prints, LOWER, columns) for columns in (TRUNK, MARGINS))
    assert left(body, sights) == ["occupied"] * 8
    assert left(made, sights) == ["empty"] * 8
    flat = replace(DEFAULT_WEIGHTS, relief=0.0)
    without = [judge_beds(shown, judge_views(shown), sights, weights=flat)["left"] for shown in (body, made)]
    assert without[0] == without[1]


@given(st.floats(-2, 1.9), st.floats(0, 1), st.booleans(), st.floats(0, 2.2), st.floats(0, 7))
def test_more_relief_of_a_body_is_always_more_likely_somebody(
    relief: float, body: float, face: bool, still: float, activity: float
) -> None:
    one = Evidence(log(body + 0.02), face, still, activity, None, relief)
    assert log_odds(replace(one, relief=relief + 0.1)) > log_odds(one)
    assert DEFAULT_WEIGHTS.relief > 0.0


@pytest.mark.parametrize("lie", range(len(LIES)))
def test_the_flattest_geometry_never_makes_an_unobserved_bed_empty(lie: int) -> None:
    """A made bed by its edges, in pictures that cannot be believed, and in those in which it was not read."""
    prints = ridged(shots(*[ROOM] * 8, *[LIES[lie]] * 4), LOWER, MARGINS)
    sights = seen(prints, [NOTHING] * 12)
    views = judge_views(prints)
    unobserved = {view.key for view in views if not view.observed}
    assert unobserved
    beds = judge_beds(prints, views, sights)["left"]
    assert {v.occupancy for v in beds if v.key in unobserved} == {Occupancy.UNCERTAIN}
    assert {v.probability for v in beds if v.key in unobserved} == {None}
    assert "empty" in {v.occupancy.value for v in beds if v.key not in unobserved}
    assert {v.occupancy for v in judge_beds(prints, views, {})["left"]} == {Occupancy.UNCERTAIN}


def test_no_geometry_says_empty_of_a_face_or_a_trace_of_a_body() -> None:
    prints = ridged(shots(*[ROOM] * 10), LOWER, MARGINS)
    for sight in (BedSight(0.02, True), BedSight(BedPolicy().trace, False)):
        assert "empty" not in left(prints, seen(prints, [sight] * 10))


def test_no_single_silence_of_the_body_finder_empties_a_bed() -> None:
    """A covered patient scores nothing; that alone must leave the bed uncertain."""
    silent = Evidence(-3.9, False, 0.0, 0.0, None, 0.0)
    assert probability(log_odds(silent)) > BedPolicy().empty
    assert stated(log_odds(silent), referenced=False) > BedPolicy().empty


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3), st.booleans())
def test_nothing_is_stated_surer_than_was_counted(odds: float, more: float, referenced: bool) -> None:
    """Nobody was found in 0 of 128 beds below the least probability: (0 + 1) / (128 + 2)."""
    chance = stated(odds, referenced=referenced)
    assert pytest.approx(1 / 130, abs=5e-5) == DEFAULT_WEIGHTS.least <= chance <= 1.0 - DEFAULT_WEIGHTS.least
    assert stated(odds + more, referenced=referenced) >= chance


def test_the_probability_stated_by_hand() -> None:
    """Log odds of 1 by a curve of 2 x - 1 are 1, by one of 3 x + 1 they are 4; -9 is below the least."""
    weights = replace(DEFAULT_WEIGHTS, slope=2.0, shift=-1.0, slope_alone=3.0, shift_alone=1.0, least=0.01)
    assert stated(1.0, referenced=True, weights=weights) == pytest.approx(probability(1.0))
    assert stated(1.0, referenced=False, weights=weights) == pytest.approx(probability(4.0))
    assert stated(-4.0, referenced=True, weights=weights) == 0.01
    assert stated(9.0, referenced=True, weights=weights) == 0.99


@pytest.mark.parametrize("wrong", [{"slope": 0.0}, {"slope_alone": -1.0}, {"relief_most": 0.0}, {"least": 0.5}])
def test_a_curve_that_falls_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="probab"):
        replace(DEFAULT_WEIGHTS, **wrong)


def flattened(slope: str) -> FusionWeights:
    change: dict[str, Any] = {slope: 0.2}
    return replace(DEFAULT_WEIGHTS, **change)


def chances(prints: Sequence[TimedPrint], weights: FusionWeights) -> list[float | None]:
    """What is stated of the left bed, with a trace of a body in every picture."""
    sights = seen(prints, [FAINT] * len(prints))
    return [v.probability for v in judge_beds(prints, judge_views(prints), sights, weights=weights)["left"]]


def test_the_camera_that_knows_its_empty_bed_has_a_curve_of_its_own() -> None:
    """The same two evenings, judged with either curve flattened: only the one that is used changes what is stated."""
    known, unknown = shots(*[ROOM] * 14), shots(*[ROOM] * 8)
    for prints, used, other in ((known, "slope", "slope_alone"), (unknown, "slope_alone", "slope")):
        as_told, unused, changed = (
            chances(prints, weights) for weights in (DEFAULT_WEIGHTS, flattened(other), flattened(used))
        )
        assert unused == as_told != changed


def test_caution_says_empty_of_less_and_occupied_of_more_and_changes_no_probability() -> None:
    """A made bed by its edges alone: believed empty, unless that error costs a thousand times as much."""
    prints = ridged(shots(*[ROOM] * 8), LOWER, MARGINS)
    sights, views = seen(prints, [FAINT] * 8), judge_views(prints)
    default, wary = (
        judge_beds(prints, views, sights, replace(BedPolicy(), caution=caution))["left"] for caution in (4.0, 4000.0)
    )
    assert {v.occupancy for v in default} == {Occupancy.EMPTY}
    assert Occupancy.EMPTY not in {v.occupancy for v in wary}
    assert [v.probability for v in default] == [v.probability for v in wary]


def test_thresholds_stand_for_the_probabilities_that_the_policy_names() -> None:
    """.88 is odds of 7.333, a quarter of that 1.833; .35 is .538, a quarter of that .135."""
    policy = BedPolicy()
    for threshold, chance in ((policy.occupied, 0.647), (policy.empty, 0.1186)):
        odds = policy.caution * chance / (1 - chance)
        assert odds / (1 + odds) == pytest.approx(threshold, abs=1e-3)


def test_a_bed_hardly_believed_occupied_is_called_neither() -> None:
    policy = BedPolicy()
    for chance, told in ((0.66, Occupancy.OCCUPIED), (0.35, Occupancy.UNCERTAIN), (0.13, Occupancy.UNCERTAIN)):
        weighed = policy.caution * chance / (policy.caution * chance + 1 - chance)
        assert settle([weighed] * 4, policy) == [told] * 4
    assert settle([policy.caution * 0.11 / (policy.caution * 0.11 + 0.89)] * 4, policy) == [Occupancy.EMPTY] * 4


@given(st.floats(0.0, 2.0))
def test_no_relief_says_more_than_it_is_trusted_to(relief: float) -> None:
    """Simulated blankets show a body too plainly: beyond .7 more of it hardly counts."""
    flat = Evidence(log(0.1), False, 0.0, 0.0, None, 0.0)
    for sign in (1.0, -1.0):
        gain = abs(log_odds(replace(flat, relief=sign * relief)) - log_odds(flat))
        assert gain <= DEFAULT_WEIGHTS.relief * DEFAULT_WEIGHTS.relief_most


def test_weights_say_where_they_come_from() -> None:
    assert "37 beds" in DEFAULT_WEIGHTS.provenance
    assert "12,288 bed readings" in DEFAULT_WEIGHTS.provenance
