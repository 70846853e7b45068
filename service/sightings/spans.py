"""The time that a question about cameras is about."""

from __future__ import annotations

from datetime import datetime, timedelta

from service.kit.clock import utc
from service.kit.errors import InvalidInput
from service.kit.intervals import Interval


def span_asked(since: datetime | None, end: datetime, *, usual: timedelta, longest: timedelta) -> Interval:
    """From `since`, or from the `usual` time before it, to `end`.

    Raises `InvalidInput` for a time that is empty, or longer than `longest` (whole days).
    """
    start = utc(since) if since else end - usual
    if not timedelta(0) < end - start <= longest:
        raise InvalidInput(
            f"from lies before to, by at most {longest.days} days",
            field="from",
            remedy="ask for a shorter time",
            message_zh=f"起始时间应早于结束时间，且不超过 {longest.days} 天",
            remedy_zh="请缩短时间范围",
        )
    return Interval(start, end)
