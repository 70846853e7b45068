"""The rule from evidence to reading, without a pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.vision import BedReading, BedState, FaceQuality, Gallery, ReadingPolicy, UnobservedCause, Zone
from service.vision.judge import FaceEvidence, compare, identities, is_stranger, judge

POLICY = ReadingPolicy(same_person=0.40, other_person=0.30, body_absent=0.15, body_present=0.178)
GOOD, POOR = FaceQuality(0.9), FaceQuality(0.1)


def face(
    quality: FaceQuality = GOOD, identity: str | None = None, best: float | None = None, own: float | None = None
) -> FaceEvidence:
    return FaceEvidence((1.0, 2.0, 3.0, 4.0), quality, identity, best, own)


CASES = [
    # faces, body, expected, state
    ([face(identity="p", best=0.7, own=0.7)], 0.0, "p", BedState.PATIENT),
    ([face(POOR, identity="p", best=0.41, own=0.41)], 0.0, "p", BedState.PATIENT),
    ([face(best=0.1, own=0.1)], 0.0, "p", BedState.OTHER_PERSON),
    ([face(best=0.35, own=0.35)], 0.0, "p", BedState.UNIDENTIFIED),  # near the threshold: nobody is accused
    ([face(identity="q", best=0.9, own=0.35)], 0.0, "p", BedState.OTHER_PERSON),
    ([face(identity="q", best=0.9, own=0.45)], 0.0, "p", BedState.UNIDENTIFIED),  # resembles both
    ([face(POOR, best=0.1, own=0.1)], 0.5, "p", BedState.UNIDENTIFIED),
    ([face(POOR, identity="q", best=0.9, own=0.1)], 0.5, "p", BedState.UNIDENTIFIED),
    ([face(identity="q", best=0.9)], 0.5, "p", BedState.OTHER_PERSON),  # p has no template, but this is q
    ([face(best=0.1)], 0.5, "p", BedState.UNIDENTIFIED),  # no reference, no judgement
    ([face(identity="q", best=0.9)], 0.5, None, BedState.OTHER_PERSON),
    ([face(best=0.2)], 0.5, None, BedState.UNIDENTIFIED),
    ([face(best=0.1, own=0.1), face(POOR, identity="p", best=0.5, own=0.5)], 0.5, "p", BedState.PATIENT),
    ([], 0.178, "p", BedState.UNIDENTIFIED),
    ([], 0.177, "p", BedState.UNOBSERVED),
    ([], 0.15, "p", BedState.UNOBSERVED),
    ([], 0.149, "p", BedState.EMPTY),
    ([], 0.0, None, BedState.EMPTY),
    ([], None, "p", BedState.UNOBSERVED),  # a pack without bodies cannot know that a bed is empty
]


@pytest.mark.parametrize(("faces", "body", "expected", "state"), CASES)
def test_the_rule(faces: list[FaceEvidence], body: float | None, expected: str | None, state: BedState) -> None:
    reading = judge("z", faces, body, expected, POLICY)
    assert reading.state is state
    assert (reading.cause is not None) == (state is BedState.UNOBSERVED)


@pytest.mark.parametrize("evidence", [face(best=0.1, own=0.1), face(identity="q", best=0.9, own=0.1)])
def test_of_a_face_that_the_mesh_doubts_no_mismatch_is_called(evidence: FaceEvidence) -> None:
    assert judge("z", [evidence], 0.5, "p", POLICY).state is BedState.OTHER_PERSON
    doubted = replace(evidence, clear=False)
    assert judge("z", [doubted], 0.5, "p", POLICY).state is BedState.UNIDENTIFIED
    assert not is_stranger(doubted, POLICY)
    # A match needs no more than the similarity.
    own = replace(face(identity="p", best=0.7, own=0.7), clear=False)
    assert judge("z", [own], 0.5, "p", POLICY).state is BedState.PATIENT


@given(st.floats(0, 1), st.booleans())
def test_a_bed_is_empty_only_below_the_lower_threshold_and_without_a_face(body: float, seen: bool) -> None:
    reading = judge("z", [face(best=0.1)] if seen else [], body, "p", POLICY)
    assert (reading.state is BedState.EMPTY) == (not seen and body < POLICY.body_absent)
    assert 0.0 <= reading.confidence <= 1.0


def test_a_closer_match_is_more_confident() -> None:
    confidences = [
        judge("z", [face(identity="p", best=s, own=s)], 0.0, "p", POLICY).confidence for s in (0.41, 0.55, 0.7)
    ]
    assert confidences == sorted(confidences)
    assert len(set(confidences)) == 3


def test_one_person_gets_one_name_and_the_better_face_has_it() -> None:
    gallery = Gallery(("p", "q"), np.eye(2, dtype=np.float32))
    embeddings = np.array([[0.6, 0.8], [0.9, 0.4359]], np.float32)
    compared = compare(embeddings, [None, None], gallery, 0.4)
    assert identities(compared, [None, None]) == ["q", "p"]  # .8 + .9, not .6 + .4359


def test_a_beds_own_patient_has_a_small_advantage() -> None:
    gallery = Gallery(("p", "q"), np.eye(2, dtype=np.float32))
    embedding = np.array([[0.68, 0.7332]], np.float32)
    assert identities(compare(embedding, ["p"], gallery, 0.4), ["p"]) == ["p"]
    assert identities(compare(embedding, [None], gallery, 0.4), [None]) == ["q"]


def test_the_best_of_several_templates_of_one_key_counts() -> None:
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    gallery = Gallery(("p", "q", "p"), rows)
    (one,) = compare(np.array([[0.1, 0.2, 0.9747]], np.float32), ["p"], gallery, 0.4)
    assert one.expected == pytest.approx(0.9747, abs=1e-4)
    assert one.candidates == (("p", pytest.approx(0.9747, abs=1e-4)),)


def test_a_stranger_is_a_good_face_that_resembles_nobody() -> None:
    assert is_stranger(face(best=0.1), POLICY)
    assert not is_stranger(face(best=0.35), POLICY)
    assert not is_stranger(face(POOR, best=0.1), POLICY)


def test_values_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="cause"):
        BedReading("z", BedState.EMPTY, 0.5, cause=UnobservedCause.BLACK)
    with pytest.raises(ValueError, match="cause"):
        BedReading("z", BedState.UNOBSERVED, 0.5)
    with pytest.raises(ValueError, match="same_person"):
        ReadingPolicy(same_person=0.2, other_person=0.3)
    with pytest.raises(ValueError, match="unit length"):
        Gallery(("p",), np.array([[2.0, 0.0]], np.float32))
    with pytest.raises(ValueError, match="fractions"):
        Zone("z", np.array([[0, 0], [2, 0], [1, 1]], np.float32))
    with pytest.raises(ValueError, match="head_edge"):
        Zone("z", np.array([[0, 0], [1, 0], [1, 1]], np.float32), 3)
    with pytest.raises(ValueError, match="fractions"):
        Zone("z", np.array([[0, np.nan], [1, 0], [1, 1]], np.float32))
