"""When random roll calls fall: drawn from a secret seed, reproducible by anyone once the seed is known. Pure functions.

Commit and reveal: SHA-256 of the seed is published before the first day, the seed after the last. HMAC-SHA-256 (RFC
2104) of the seed gives a stream of random words for each ward and night; docs/roll-calls.md writes the draw out so
that it can be made again in any language.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

SEED_BYTES = 32
_WORD = 2**32
_NIGHTS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class DrawTerms:
    """What is drawn: from `per_week_min` to `per_week_max` calls a ward in every seven nights, each at a minute of the
    local night from `since` up to `until` (not included), which may lie after midnight."""

    per_week_min: int = 1
    per_week_max: int = 2
    since: time = time(19, 0)
    until: time = time(7, 0)

    @property
    def minutes(self) -> int:
        """The minutes of a night among which a call falls."""
        start, end = (t.hour * 60 + t.minute for t in (self.since, self.until))
        return (end - start) % (24 * 60) or 24 * 60

    def to_json(self) -> dict[str, Any]:
        """As it is recorded beside the commitment."""
        return {
            "algorithm": "hmac-sha256/1",
            "per_week_min": self.per_week_min,
            "per_week_max": self.per_week_max,
            "since": self.since.isoformat("minutes"),
            "until": self.until.isoformat("minutes"),
        }

    @classmethod
    def of_json(cls, recorded: Mapping[str, Any]) -> DrawTerms:
        """What `to_json` recorded."""
        return cls(
            int(recorded["per_week_min"]),
            int(recorded["per_week_max"]),
            time.fromisoformat(recorded["since"]),
            time.fromisoformat(recorded["until"]),
        )


@dataclass(frozen=True, slots=True, order=True)
class DrawnCall:
    """A random call: the instant (UTC), the ward's code, and the local date on which the night began."""

    at: datetime
    ward: str
    night: date


@dataclass(frozen=True, slots=True)
class LateWard:
    """A ward that opened after the commitment. Its calls come from the same seed, by its code: whoever opened it could
    not know them, and those after `since` (UTC) are held."""

    ward: str
    since: datetime

    def to_json(self) -> dict[str, str]:
        """As it is recorded beside the commitment."""
        return {"ward": self.ward, "since": self.since.isoformat()}

    @classmethod
    def of_json(cls, recorded: Mapping[str, Any]) -> LateWard:
        """What `to_json` recorded. Raises `ValueError` for an instant without a zone."""
        since = datetime.fromisoformat(str(recorded["since"]))
        if since.tzinfo is None:
            raise ValueError("an instant has a zone")
        return cls(str(recorded["ward"]), since)


def commitment_of(seed: bytes) -> str:
    """What is published before: SHA-256 of the seed, hexadecimal."""
    return hashlib.sha256(seed).hexdigest()


def words(seed: bytes, facility: str, ward: str, day: date, purpose: str) -> Iterator[int]:
    """An endless stream of uniform 32-bit words for one ward and day: HMAC-SHA-256 blocks over a counter, big-endian.

    Lengths are written before the names, so that no two wards share a stream.
    """
    label = "".join(f"{len(part)}:{part}," for part in ("wardwatch-draw-1", facility, ward, day.isoformat(), purpose))
    block = 0
    while True:
        digest = hmac.new(seed, f"{label}{block}".encode(), hashlib.sha256).digest()
        for k in range(0, len(digest), 4):
            yield int.from_bytes(digest[k : k + 4], "big")
        block += 1


def below(stream: Iterator[int], bound: int) -> int:
    """A uniform number from 0 up to `bound`, not included. Words that would favour small numbers are passed over."""
    limit = _WORD - _WORD % bound
    for word in stream:
        if word < limit:
            return word % bound
    raise AssertionError("the stream is endless")


def nights_called(seed: bytes, facility: str, ward: str, week: date, terms: DrawTerms) -> tuple[date, ...]:
    """The nights with a call among the seven that begin on `week`: how many, and then which, every night alike."""
    stream = words(seed, facility, ward, week, "week")
    wanted = terms.per_week_min + below(stream, terms.per_week_max - terms.per_week_min + 1)
    left = list(range(_NIGHTS_A_WEEK))
    chosen = [left.pop(below(stream, len(left))) for _ in range(min(wanted, _NIGHTS_A_WEEK))]
    return tuple(week + timedelta(days=k) for k in sorted(chosen))


def draw_ward(
    seed: bytes, facility: str, ward: str, first: date, last: date, zone: ZoneInfo, terms: DrawTerms
) -> tuple[DrawnCall, ...]:
    """The ward's calls in the nights from `first` to `last`, both included. Weeks are counted from `first`."""
    found = []
    week = first
    while week <= last:
        for night in nights_called(seed, facility, ward, week, terms):
            if night <= last:
                minute = below(words(seed, facility, ward, night, "minute"), terms.minutes)
                local = datetime.combine(night, terms.since) + timedelta(minutes=minute)
                found.append(DrawnCall(_instant(local, zone), ward, night))
        week += timedelta(days=_NIGHTS_A_WEEK)
    return tuple(found)


def draw(
    seed: bytes,
    facility: str,
    wards: Sequence[str],
    first: date,
    last: date,
    zone: ZoneInfo,
    terms: DrawTerms,
    late: Sequence[LateWard] = (),
) -> tuple[DrawnCall, ...]:
    """Every ward's calls, in order of time; of a ward that joined late those after it joined."""
    found = [call for ward in wards for call in draw_ward(seed, facility, ward, first, last, zone, terms)]
    for joined in late:
        own = draw_ward(seed, facility, joined.ward, first, last, zone, terms)
        found += [call for call in own if call.at > joined.since]
    return tuple(sorted(found))


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    # A minute that a change of clocks skips is the one as far after the change.
    return local.replace(tzinfo=zone).astimezone(ZoneInfo("UTC"))
