"""A small region counted to its end; `make bench` plays 21 hospitals of 300 to 1,000 people."""

from __future__ import annotations

from tests.occupancy.rounds import play_round
from tests.occupancy.scenes import at


def test_three_hospitals_are_counted_within_the_window(app, client, context):
    done = play_round(app, context, [30, 41, 25], at("02 20:13"), missed_every=10)
    # 30 -> beds 0, 10, 20; 41 -> 0, 10, 20, 30, 40; 25 -> 0, 10, 20: eleven people are looked for by hand.
    assert (done.facilities, done.people, done.by_hand) == (3, 96, 11)
    assert (done.expected, done.covered, done.unanswered, done.open_left) == (96, 96, 0, 0)
    assert done.seconds < 30 * 60
