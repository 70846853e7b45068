"""The challenge: head turns that nobody can know before the nonce exists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum


class Turn(StrEnum):
    """Where the head is asked to point, as the person feels it: `left` is to the person's own left, which an unmirrored
    camera sees at the picture's right."""

    CENTRE = "centre"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


ASKED = (Turn.LEFT, Turn.RIGHT, Turn.UP, Turn.DOWN)
DEFAULT_COUNT = 5
SHORTEST_PAUSE = 0.3
"""Seconds: shorter, and a customer does not notice that the kiosk waits."""


def turns_for(nonce: str, count: int = DEFAULT_COUNT) -> tuple[Turn, ...]:
    """The turns that belong to `nonce`: straight ahead first, then `count` - 1 turns, no two neighbours alike.

    Deterministic, so that nothing but the nonce need be stored, and from SHA-256, so that a nonce not yet seen tells
    nothing: five turns leave 4 x 3 x 3 x 3 = 108 orders, equally likely. Raises `ValueError` for fewer than 3 turns.
    """
    if count < 3:
        raise ValueError(f"a challenge of {count} turns proves nothing; ask for at least 3")
    draw = _draws(nonce)
    turns = [Turn.CENTRE]
    while len(turns) < count:
        choices = [turn for turn in ASKED if turn is not turns[-1]]
        turns.append(choices[_below(len(choices), draw)])
    return tuple(turns)


def pauses_for(nonce: str, count: int = DEFAULT_COUNT) -> tuple[float, ...]:
    """Seconds, one a turn, that pass between a turn that was made and the moment when the next one is shown; the first
    is 0. From the nonce like the turns: a film has the right turns at the wrong times.

    Twelve steps of a tenth of a second from `SHORTEST_PAUSE` on; four of them leave 20,736 rhythms.
    """
    draw = _draws(nonce, "pauses")
    return (0.0, *(round(SHORTEST_PAUSE + _below(12, draw) / 10, 1) for _ in range(count - 1)))


def _draws(nonce: str, purpose: str = "turns") -> Iterator[int]:
    """Bytes 0..255 without end."""
    block = 0
    while True:
        yield from hashlib.sha256(f"wardwatch-{purpose}\0{block}\0{nonce}".encode()).digest()
        block += 1


def _below(bound: int, draw: Iterator[int]) -> int:
    """Uniform over 0..bound-1: bytes beyond the last whole multiple are thrown away."""
    limit = 256 - 256 % bound
    return next(value % bound for value in draw if value < limit)
