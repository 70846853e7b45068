"""How long work reports where it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of every step: `done` of `total` in `stage`; bytes while downloading, steps otherwise; total 0:
    unknown."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Takes one report."""
        ...


def silent(stage: str, done: int, total: int) -> None:
    """Reports to nobody."""
