"""A change in the picture that a roll call commands, so that a replay shows itself: it does not change.

The order of dark and bright follows from the roll call's id, which nobody outside the server knows before it opens.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.contracts.messages import Answer, Instant, Message

Level = Literal["dark", "bright"]
STEPS = 5
"""Thirty orders in which both occur: who guesses is right once in thirty."""

RollCallId = Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{32}$")]


class CommandStep(Message):
    """How long the camera was held so, by the server's clock as the box knows it."""

    level: Level
    since: Instant
    until: Instant


class PictureCommandReport(Message):
    """What a box made of a roll call's command: `POST /api/v1/picture-commands`.

    `unsupported`: this camera's exposure cannot be changed from here. `failed`: it should have changed, and did not.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"roll_call_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e92", "outcome": "unsupported", "steps": []}]
        }
    )

    roll_call_id: RollCallId
    outcome: Literal["applied", "unsupported", "failed"]
    steps: tuple[CommandStep, ...] = Field(default=(), max_length=STEPS)


class PictureCommandNoted(Answer):
    """The report is kept."""

    roll_call_id: str


def steps_of(roll_call_id: str) -> tuple[Level, ...]:
    """The order that the roll call commands; never all alike."""
    for turn in range(64):
        bits = hashlib.sha256(f"wardwatch-command/1\n{roll_call_id}\n{turn}".encode()).digest()[0]
        levels: tuple[Level, ...] = tuple("bright" if bits >> k & 1 else "dark" for k in range(STEPS))
        if len(set(levels)) == 2:
            return levels
    return ("dark", "bright", "dark", "bright", "bright")
