"""Times as hospital systems write them: often without a zone, then meant in the facility's own."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from service.kit.errors import InvalidInput

EXAMPLE = "2026-03-02 08:00"
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?$")
_WRITTEN = re.compile(
    r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?)?$", re.ASCII
)
_DATE = re.compile(r"^(\d{4})(?:[-/.年]?)(\d{1,2})(?:[-/.月]?)(\d{1,2})日?$", re.ASCII)
REPLAY_AHEAD = timedelta(days=400)
"""How far ahead of its clock a replay's facts may lie: it may load its whole census before the clock starts."""
FIRST = datetime(1900, 1, 1, tzinfo=UTC)
LAST = datetime(2200, 1, 1, tzinfo=UTC)


def parse_local_instant(text: str, zone: ZoneInfo, *, field: str) -> datetime:
    """The instant, in UTC. With an offset it is taken as it stands, without one as local time of `zone`.

    A local time that a change of clocks skipped or repeated is refused: a guess would move evidence by an hour.
    Raises `InvalidInput` naming `field`.
    """
    moment = _with_offset(text) or _without_offset(text, zone, field)
    if not FIRST <= moment < LAST:
        raise _wrong(field, f"{text[:40]!r} is out of range", "use a real date", "超出合理范围", "请填写真实日期")
    return moment


def parse_day(text: str, *, field: str) -> date:
    """A calendar date: 1950-01-31, 1950/1/31, 1950年1月31日 or 19500131. Raises `InvalidInput` naming `field`."""
    match = _DATE.match(text)
    if match and (len(text) == 8 or not text.isdigit()):
        try:
            day = date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            day = date.min
        if 1880 <= day.year < 2200:
            return day
    raise _wrong(field, f"{text[:40]!r} is not a date", "write it like 1950-01-31", "不是有效日期", "格式如 1950-01-31")


def _with_offset(text: str) -> datetime | None:
    if not text.isascii() or not re.search(r"(?:Z|z|[+-]\d{2}:?\d{2})$", text) or not re.search(r"\d[T ]\d", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _without_offset(text: str, zone: ZoneInfo, field: str) -> datetime:
    match = (_COMPACT.match(text) if text.isascii() else None) or _WRITTEN.match(text)
    if match is None:
        raise _wrong(
            field,
            f"{text[:40]!r} is not a date and time",
            f"write it like {EXAMPLE} (local time) or 2026-03-02T08:00:00+08:00",
            "不是有效的日期时间",
            f"格式如 {EXAMPLE}（当地时间）或 2026-03-02T08:00:00+08:00",
        )
    if match[4] is None:
        raise _wrong(
            field,
            f"{text[:40]!r} has no time of day",
            f"write it like {EXAMPLE}",
            "缺少时刻",
            f"格式如 {EXAMPLE}",
        )
    try:
        local = datetime(*(int(part) if part else 0 for part in match.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        raise _wrong(
            field, f"{text[:40]!r} does not exist", "use a real date", "日期时间不存在", "请填写真实日期"
        ) from None
    return _in_zone(local, zone, text, field)


def _in_zone(local: datetime, zone: ZoneInfo, text: str, field: str) -> datetime:
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    try:
        exists = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
        moment = first.astimezone(UTC)
    except OverflowError:
        raise _wrong(
            field, f"{text[:40]!r} is out of range", "use a real date", "超出合理范围", "请填写真实日期"
        ) from None
    if not exists:
        raise _wrong(
            field,
            f"{text[:40]!r} was skipped when {zone.key}'s clocks went forward",
            "add the offset, for example +08:00",
            f"该时刻在 {zone.key} 时钟调快时不存在",
            "请注明时区偏移，如 +08:00",
        )
    if first.utcoffset() != second.utcoffset():
        raise _wrong(
            field,
            f"{text[:40]!r} happened twice when {zone.key}'s clocks went back",
            "add the offset, for example +08:00",
            f"该时刻在 {zone.key} 时钟调慢时出现两次",
            "请注明时区偏移，如 +08:00",
        )
    return moment


def _wrong(field: str, message: str, remedy: str, message_zh: str, remedy_zh: str) -> InvalidInput:
    return InvalidInput(message, field=field, remedy=remedy, message_zh=message_zh, remedy_zh=remedy_zh)
