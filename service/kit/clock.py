"""Time: the only place that reads the machine's clock, and the one parser of instants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from service.kit.errors import InvalidInput


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)


system_clock: Clock = SystemClock()


def utc(instant: datetime) -> datetime:
    """`instant` in UTC. Raises `ValueError` for a naive one: a guess at its zone would move evidence by hours."""
    if instant.tzinfo is None:
        raise ValueError("a naive datetime has no instant")
    return instant.astimezone(UTC)


def parse_instant(text: str, *, field: str) -> datetime:
    """An RFC 3339 instant with its offset, as UTC. Raises `InvalidInput` naming `field`."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"{text[:40]!r} is not a date and time",
            field=field,
            remedy="write it like 2026-03-02T08:00:00+08:00",
        ) from None
    if instant.tzinfo is None:
        raise InvalidInput(
            f"{text[:40]!r} names no time zone", field=field, remedy="add the offset, for example +08:00 or Z"
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{text[:40]!r} is out of range", field=field, remedy="use a real date") from None
