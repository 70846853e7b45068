"""The draw of random roll calls: uniform over hours and weekdays, reproducible, and unknowable from the commitment."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from scipy.stats import chi2

from service.occupancy.draw import DrawTerms, below, commitment_of, draw, draw_ward, words

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 3, 2)
SEED = bytes(range(32))
WARDS = [f"w{k}" for k in range(60)]
TERMS = DrawTerms()


def calls(weeks: int = 52, wards=WARDS, seed: bytes = SEED):
    return draw(seed, "demo", wards, MONDAY, MONDAY + timedelta(days=7 * weeks - 1), ZONE, TERMS)


def chi_square(counts, cells: int) -> float:
    """The p value of "all cells alike" (Pearson)."""
    whole = sum(counts.values())
    statistic = sum((counts.get(k, 0) - whole / cells) ** 2 / (whole / cells) for k in range(cells))
    return float(chi2.sf(statistic, cells - 1))


def test_one_or_two_calls_a_ward_in_every_week():
    weekly = Counter((call.ward, (call.night - MONDAY).days // 7) for call in calls())
    assert len(weekly) == 60 * 52
    assert set(weekly.values()) == {1, 2}
    twos = sum(number == 2 for number in weekly.values())
    assert abs(twos / len(weekly) - 0.5) < 0.03


def test_every_hour_of_the_night_is_as_likely_and_none_by_day():
    hours = Counter(call.at.astimezone(ZONE).hour for call in calls())
    assert set(hours) == {19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6}
    assert chi_square({(hour - 19) % 24: number for hour, number in hours.items()}, 12) > 0.001
    minutes = Counter(call.at.astimezone(ZONE).minute for call in calls())
    assert chi_square(minutes, 60) > 0.001


def test_no_weekday_is_preferred():
    weekdays = Counter(call.night.weekday() for call in calls())
    assert chi_square(weekdays, 7) > 0.001


def test_the_chi_square_test_would_find_a_preferred_weekday():
    weekdays = Counter(call.night.weekday() for call in calls())
    weekdays[4] = int(weekdays[4] * 1.2)
    assert chi_square(weekdays, 7) < 0.001


def test_wards_are_drawn_apart():
    """The call of one ward says nothing of its neighbour's: the share of equal nights is what chance gives."""
    nights = {ward: {call.night for call in calls(wards=[ward])} for ward in WARDS[:20]}
    equal = whole = 0
    for k in range(0, 20, 2):
        equal += len(nights[f"w{k}"] & nights[f"w{k + 1}"])
        whole += len(nights[f"w{k}"])
    assert abs(equal / whole - 1.5 / 7) < 0.05
    alone = draw_ward(SEED, "demo", "w3", MONDAY, MONDAY + timedelta(days=27), ZONE, TERMS)
    among = [call for call in calls(4) if call.ward == "w3"]
    assert list(alone) == among


def test_the_same_seed_gives_the_same_calls_and_another_seed_others():
    assert calls(4) == calls(4)
    assert calls(4) != calls(4, seed=bytes(32))
    assert commitment_of(SEED) == hashlib.sha256(SEED).hexdigest()


def test_the_stream_is_what_the_documentation_writes_out():
    label = "16:wardwatch-draw-1,4:demo,2:w1,10:2026-03-02,4:week,0"
    block = hmac.new(SEED, label.encode(), hashlib.sha256).digest()
    stream = words(SEED, "demo", "w1", MONDAY, "week")
    assert [next(stream) for _ in range(8)] == [int.from_bytes(block[k : k + 4], "big") for k in range(0, 32, 4)]


def test_words_that_would_favour_small_numbers_are_passed_over():
    assert below(iter([2**32 - 1, 5]), 7) == 5  # 2^32 - 1 lies in the last, incomplete run of seven


def test_a_call_after_midnight_belongs_to_the_night_before():
    late = [call for call in calls() if call.at.astimezone(ZONE).hour < 7]
    assert late
    assert all(call.at.astimezone(ZONE).date() == call.night + timedelta(days=1) for call in late)


def test_a_clock_change_takes_no_call_away():
    berlin = ZoneInfo("Europe/Berlin")
    first = date(2026, 3, 23)  # the night to the 29th has no 02:30
    found = draw(SEED, "demo", WARDS, first, first + timedelta(days=6), berlin, DrawTerms(7, 7))
    assert len(found) == 60 * 7
    assert all(isinstance(call.at, datetime) and call.at.utcoffset() == timedelta() for call in found)


@pytest.mark.parametrize(
    ("since", "until", "minutes"), [("19:00", "07:00", 720), ("07:00", "19:00", 720), ("00:00", "00:00", 1440)]
)
def test_the_hours_may_be_others(since, until, minutes):
    terms = DrawTerms(1, 2, time.fromisoformat(since), time.fromisoformat(until))
    assert terms.minutes == minutes
    assert DrawTerms.of_json(terms.to_json()) == terms
