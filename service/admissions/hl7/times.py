"""HL7 time stamps: YYYYMMDDHHMM[SS[.S]][±ZZZZ]; without an offset they are meant in the facility's own zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from service.admissions.errors import MessageRefused
from service.admissions.local_time import FIRST, LAST, parse_local_instant
from service.kit.errors import InvalidInput

_STAMP = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.\d{1,6})?)?)?)?([+-]\d{4})?$", re.ASCII)


def parse_stamp(text: str, zone: ZoneInfo, where: str) -> datetime | None:
    """The instant, in UTC; None when `text` is empty. Raises `MessageRefused` naming `where`.

    A local time that a change of clocks skipped or repeated is refused: it would move evidence by an hour.
    """
    if not text:
        return None
    written = _written(text, where)
    try:
        return parse_local_instant(written, zone, field=where)
    except InvalidInput as error:
        raise MessageRefused.at(
            where,
            error.message,
            error.remedy.replace("+08:00", "+0800"),
            str(error.extra.get("message_zh") or "时间无效"),
            str(error.extra.get("remedy_zh") or "请更正时间"),
            code=102,
        ) from None


def parse_statement_stamp(text: str, zone: ZoneInfo, where: str, near: datetime) -> datetime | None:
    """As `parse_stamp`, for when a sender said something: in a repeated hour, whichever is nearer to `near`.

    Otherwise every message of that hour would be refused. Only the order of statements hangs on it.
    """
    match = _STAMP.match(text)
    if match is None or match[7] is not None or match[4] is None:
        return parse_stamp(text, zone, where)
    try:
        local = datetime(*(int(part or 0) for part in match.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001
        choices = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    except (ValueError, OverflowError):
        return parse_stamp(text, zone, where)
    chosen = min(choices, key=lambda choice: abs(choice - near))
    return chosen if FIRST <= chosen < LAST else parse_stamp(text, zone, where)


def parse_date(text: str, where: str) -> date | None:
    """The day of a stamp, or None when it is empty. Raises `MessageRefused`."""
    match = _STAMP.match(text)
    try:
        day = date(int(match[1]), int(match[2]), int(match[3])) if match else date.min
    except ValueError:
        day = date.min
    if not text:
        return None
    if not 1880 <= day.year < 2200:
        raise _wrong(where, text)
    return day


def has_time_of_day(text: str) -> bool:
    """Whether the stamp says more than the day."""
    match = _STAMP.match(text)
    return match is not None and match[4] is not None


def _written(text: str, where: str) -> str:
    match = _STAMP.match(text)
    if match is None:
        raise _wrong(where, text)
    if match[4] is None:
        raise MessageRefused.at(
            where,
            f"{text[:40]!r} has no time of day",
            "write it like 202603020800 or 20260302080000+0800",
            f"{text[:40]!r} 缺少时刻",
            "格式如 202603020800 或 20260302080000+0800",
            code=102,
        )
    day = f"{match[1]}-{match[2]}-{match[3]} {match[4]}:{match[5] or '00'}:{match[6] or '00'}"
    return day if match[7] is None else f"{day}{match[7][:3]}:{match[7][3:]}"


def _wrong(where: str, text: str) -> MessageRefused:
    return MessageRefused.at(
        where,
        f"{text[:40]!r} is not a date and time",
        "write it like 202603020800 or 20260302080000+0800",
        f"{text[:40]!r} 不是有效的日期时间",
        "格式如 202603020800 或 20260302080000+0800",
        code=102,
    )
