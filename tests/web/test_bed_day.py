"""A bed's day from its readings, worked out by hand. Readings every 30 minutes; a state lasts 40 minutes at most."""

from __future__ import annotations

from datetime import datetime

from service.kit.intervals import Interval
from service.occupancy import DEFAULT_POLICY
from service.web.bed_day import NO_FRAMES, spans_of_bed, trailing
from service.web.charts.strip import Span, draw_strip
from tests.occupancy.scenes import at, reading

DAY = Interval(at("02 08:00"), at("03 08:00"))
BEGAN = at("01 00:00")
PATIENT = "P1"


def spans(
    letters: dict[str, str], *, holders: list[tuple[Interval, str]] | None = None, began: datetime | None = BEGAN
) -> list[tuple[str, str, str, str | None]]:
    """(start, end, state, cause), neighbours joined as the strip joins them."""
    seen = [
        reading(at(when), letter, expected_patient_id=PATIENT, cause="black" if letter == "X" else None)
        for when, letter in letters.items()
    ]
    found = spans_of_bed(seen, holders or [(DAY, PATIENT)], DAY, began, DEFAULT_POLICY)
    zone = at("01 00:00").tzinfo
    return [
        (f"{s.start.astimezone(zone):%d %H:%M}", f"{s.end.astimezone(zone):%d %H:%M}", s.state, s.cause)
        for s in (block.span for block in draw_strip(found, DAY.end).blocks)
    ]


def test_a_state_lasts_until_the_next_reading_and_a_gap_is_unobserved() -> None:
    found = spans({"02 20:00": "P", "02 20:30": "P", "02 23:00": "E", "02 23:30": "E"})
    assert found == [
        ("02 08:00", "02 20:00", "unobserved", NO_FRAMES),
        ("02 20:00", "02 20:35", "patient", None),
        ("02 20:35", "02 23:00", "unobserved", NO_FRAMES),
        ("02 23:00", "02 23:35", "empty", None),
        ("02 23:35", "03 08:00", "unobserved", NO_FRAMES),
    ]


def test_a_single_contradicting_frame_is_noise() -> None:
    letters = {f"03 0{h}:{m:02}": "E" for h in range(6, 8) for m in (0, 30)}
    found = spans({**letters, "03 06:30": "U"})
    assert found[-1] == ("03 06:00", "03 08:00", "empty", None)


def test_the_reading_of_the_very_last_instant_counts() -> None:
    assert spans({"03 07:30": "E", "03 08:00": "X"})[-1][2] == "empty"
    assert spans({"03 07:00": "E", "03 07:30": "X"})[-1] == ("03 07:30", "03 08:00", "unobserved", "black")


def test_a_bed_is_judged_for_whoever_held_it_at_the_time() -> None:
    noon = at("02 12:00")
    holders = [(Interval(DAY.start, noon), PATIENT), (Interval(noon, DAY.end), "P2")]
    letters = {"02 11:00": "P", "02 11:30": "P", "02 12:00": "P", "02 12:30": "P"}
    states = [state for _, _, state, _ in spans(letters, holders=holders) if state != "unobserved"]
    assert states == ["patient", "other_person"]


def test_nothing_is_said_of_the_time_before_the_first_picture() -> None:
    found = spans({"03 07:30": "E", "03 08:00": "E"}, began=at("03 07:30"))
    assert found == [("03 07:30", "03 08:00", "empty", None)]
    assert spans({}, began=None) == []


def test_a_state_is_told_since_when_and_with_its_causes() -> None:
    a, b, c, d = (at(f"02 {hour}:00") for hour in (10, 11, 12, 13))
    black, covered = Span(b, c, "unobserved", "black"), Span(c, d, "unobserved", "covered")
    assert trailing([Span(a, b, "empty"), black, covered]) == (b, ("covered", "black"))
    assert trailing([]) == (None, ())
