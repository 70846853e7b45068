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


def _draws(nonce: str) -> Iterator[int]:
    """Bytes 0..255 without end."""
    block = 0
    while True:
        yield from hashlib.sha256(f"wardwatch-turns\0{block}\0{nonce}".encode()).digest()
        block += 1


def _below(bound: int, draw: Iterator[int]) -> int:
    """Uniform over 0..bound-1: bytes beyond the last whole multiple are thrown away."""
    limit = 256 - 256 % bound
    return next(value % bound for value in draw if value < limit)
