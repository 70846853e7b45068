"""How much a camera's part of the spool holds, and what gives way when it is full: refused pictures first, then the
oldest, those of a roll call last; each of them counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent.errors import SpoolFull

STATES = ("refused", "waiting")
"""In the order in which they give way."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a camera's part of the spool holds, in bytes of pictures."""

    waiting: int
    refused: int
    waiting_frames: int
    refused_frames: int


class OverflowPolicy(Protocol):
    """What happens when there is no room for one more picture."""

    @property
    def max_bytes(self) -> int:
        """Bytes of pictures, waiting and refused, that a camera may hold."""
        ...

    @property
    def drops(self) -> bool:
        """Whether older pictures give way; otherwise `put` raises `SpoolFull` and the source waits."""
        ...


@dataclass(frozen=True, slots=True)
class DropOldest:
    """The oldest pictures give way, those refused first, those of a roll call last: for a live camera, whose present
    cannot wait."""

    max_bytes: int
    drops: bool = True


@dataclass(frozen=True, slots=True)
class HoldSource:
    """The source waits: for folders and files, which keep what was not taken. Refused pictures still give way."""

    max_bytes: int
    drops: bool = False


def room_of(connection: sqlite3.Connection, camera: str) -> Room:
    """What the camera's part holds now."""
    sums = {"waiting": (0, 0), "refused": (0, 0)}
    for state, size, frames in connection.execute("SELECT state, bytes, frames FROM room WHERE camera = ?", (camera,)):
        sums[state] = (size, frames)
    return Room(sums["waiting"][0], sums["refused"][0], sums["waiting"][1], sums["refused"][1])


def count(connection: sqlite3.Connection, camera: str, name: str, by: int = 1) -> None:
    """Add to a counter that survives restarts."""
    connection.execute(
        "INSERT INTO counter VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        (camera, name, by),
    )


def make_room(
    connection: sqlite3.Connection, path: Path, camera: str, policy: OverflowPolicy, size: int, *, spared: int | None
) -> None:
    """Room for `size` more bytes, by the policy. `spared`: the sequence of the picture that is being sent.

    Raises `SpoolFull` where the source is to wait.
    """
    room = room_of(connection, camera)
    excess = room.waiting + room.refused + size - policy.max_bytes
    if excess <= 0:
        return
    if not policy.drops and room.waiting_frames and excess > room.refused:
        raise SpoolFull(
            f"{path} holds {room.waiting} bytes for {camera}, the bound is {policy.max_bytes}",
            remedy="bring the server back, or raise --max-spool-mb",
        )
    drop_oldest(connection, camera, excess, states=STATES if policy.drops else STATES[:1], spared=spared)
    # What is left over is the frame being sent, or one picture larger than the bound: better kept than lost.


def drop_oldest(
    connection: sqlite3.Connection, camera: str, size: int, *, states: tuple[str, ...] = STATES, spared: int | None
) -> int:
    """Pictures give way until `size` bytes are free, or none is left; returns the bytes freed."""
    freed = 0
    for state in states:
        if freed < size:
            freed += _drop_oldest(connection, camera, state, size - freed, spared)
    return freed


def _drop_oldest(connection: sqlite3.Connection, camera: str, state: str, excess: int, spared: int | None) -> int:
    """Delete the oldest frames of `state` until `excess` bytes are free; returns the bytes freed."""
    freed, gone = 0, []
    for number, sequence, size in _by_age(connection, camera, state):
        if freed >= excess:
            break
        if sequence != spared:
            gone.append((number,))
            freed += size
    connection.executemany("DELETE FROM frame WHERE id = ?", gone)
    if gone:
        count(connection, camera, f"dropped.oldest_{state}", len(gone))
    return freed


def _by_age(connection: sqlite3.Connection, camera: str, state: str) -> Iterator[tuple[int, int, int]]:
    """(id, sequence, size) in the order in which frames give way: by priority, then by age."""
    kept_longer = {
        sequence
        for (sequence,) in connection.execute(
            "SELECT sequence FROM capture WHERE camera = ? AND priority > 0", (camera,)
        )
    }
    query = "SELECT id, sequence, size FROM frame WHERE camera = ? AND state = ? ORDER BY sequence"
    for wanted in (False, True) if kept_longer else (False,):
        for number, sequence, size in connection.execute(query, (camera, state)):
            if (sequence in kept_longer) is wanted:
                yield number, sequence, size
