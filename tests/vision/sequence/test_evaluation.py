"""The evaluation itself: plays that give the same pictures again, and figures counted by hand."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.cli.evaluate_sequence import LIES, _at_once, _counted, _variants
from service.cli.sequence_plays import Stage, Take, honest, looped
from service.vision import Frame, ReadingPolicy, decode
from service.vision.sequence import BedSight, Occupancy, TimedPrint, ViewCause, judge_views, make_print

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def stage() -> Stage:
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.origin is not None
    picture = Path(spec.origin).parent / "data/images/t1.jpg"
    text = (ROOT / "fixtures/scenarios/faces.yaml").read_text(encoding="utf-8")
    return Stage("row", 5, {"group-colour": picture}, text, ("f00", "f01", "f02", "f03"), count=5)


@pytest.fixture(scope="module")
def takes(stage: Stage) -> list[Take]:
    return list(honest(stage, passing=0.0))


def test_the_same_stage_gives_the_same_play(stage: Stage, takes: list[Take]) -> None:
    again = list(honest(stage, passing=0.0))
    assert [take.jpeg for take in again] == [take.jpeg for take in takes]
    other = list(honest(replace(stage, seed=6), passing=0.0))
    assert [take.jpeg for take in other] != [take.jpeg for take in takes]


def test_a_rendered_ward_is_believed_and_its_repeat_is_not(stage: Stage, takes: list[Take]) -> None:
    zones = stage.zones()
    prints = [TimedPrint(t.key, t.at, make_print(Frame(decode(t.jpeg).pixels), zones)) for t in takes]
    assert [v.cause for v in judge_views(prints)] == [None] * 5
    repeated = [*prints[:4], replace(prints[4], print=prints[3].print)]
    assert judge_views(repeated)[4].cause is ViewCause.FROZEN


def test_looped_plays_repeat_their_own_pictures(takes: list[Take]) -> None:
    played = looped(takes, range(2, 5), 2)
    assert [take.jpeg for take in played[2:]] == [takes[0].jpeg, takes[1].jpeg, takes[0].jpeg]
    assert [take.lie for take in played] == [None, None, *[ViewCause.LOOPED] * 3]
    assert [take.at for take in played] == [take.at for take in takes]


def test_every_lie_has_a_play(stage: Stage) -> None:
    blank = [Take(f"{i}", stage.at(i), _BLANK, (True,) * 4) for i in range(96)]
    names = []
    for name, played in _variants(replace(stage, count=96), blank):
        names.append(name)
        lies = {take.lie for take in played} - {None}
        assert lies == ({LIES[name]} if name in LIES else set())
    assert set(LIES) < set(names)


def test_precision_and_recall_are_counted_by_hand() -> None:
    """Of four occupied beds two are said so, one is called empty, one uncertain; of two empty ones one each."""
    full, bare, unsure = Occupancy.OCCUPIED, Occupancy.EMPTY, Occupancy.UNCERTAIN
    pairs = [(True, full), (True, full), (True, bare), (True, unsure), (False, bare), (False, full)]
    counted = _counted(pairs)
    assert (counted.precision_occupied.hits, counted.precision_occupied.trials) == (2, 3)
    assert (counted.recall_occupied.hits, counted.recall_occupied.trials) == (2, 4)
    assert (counted.precision_empty.hits, counted.precision_empty.trials) == (1, 2)
    assert (counted.recall_empty.hits, counted.recall_empty.trials) == (1, 2)
    assert (counted.uncertain.hits, counted.uncertain.trials) == (1, 6)


@pytest.mark.parametrize(
    ("sight", "said"),
    [
        (BedSight(0.01, True), Occupancy.OCCUPIED),
        (BedSight(0.18, False), Occupancy.OCCUPIED),
        (BedSight(0.16, False), Occupancy.UNCERTAIN),
        (BedSight(0.10, False), Occupancy.EMPTY),
        (BedSight(None, False), Occupancy.UNCERTAIN),
        (None, Occupancy.UNCERTAIN),
    ],
)
def test_the_single_picture_is_judged_by_its_own_thresholds(sight: BedSight | None, said: Occupancy) -> None:
    assert _at_once(sight, ReadingPolicy()) is said


def _blank() -> bytes:
    import cv2

    return bytes(cv2.imencode(".jpg", np.full((72, 128, 3), 120, np.uint8))[1])


_BLANK = _blank()
