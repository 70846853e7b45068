"""Numbers, instants and spans as people read them, in the facility's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from service.web.texts import Texts
from service.web.views import CheckLine

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


def percent(value: float | None, digits: int = 1) -> str:
    """A proportion 0..1 as a percentage; a dash for none. 0.9996 is not rounded up to 100%: all is all."""
    if value is None:
        return "–"
    step = 10**digits
    scaled = value * 100 * step
    shown = round(scaled)
    if shown == 100 * step and value < 1:
        shown -= 1
    if shown == 0 and value > 0:
        shown = 1
    return f"{shown / step:.{digits}f}%" if digits else f"{shown}%"


@dataclass(frozen=True, slots=True)
class Wording:
    """How one reader sees times: language, and the zone of the facility shown."""

    t: Texts
    zone: ZoneInfo

    def local(self, instant: datetime) -> datetime:
        """`instant` on the facility's clock."""
        return instant.astimezone(self.zone)

    def clock(self, instant: datetime) -> str:
        """Hours and minutes."""
        return self.local(instant).strftime("%H:%M")

    def day(self, day: date) -> str:
        """A day with its weekday and year."""
        weekday = day.weekday()
        if self.t.language == "zh":
            return f"{day.year}年{day.month}月{day.day}日 {_WEEKDAYS_ZH[weekday]}"
        return f"{_WEEKDAYS_EN[weekday]} {day.day} {_MONTHS[day.month - 1]} {day.year}"

    def short_day(self, day: date) -> str:
        """A day without its year."""
        return f"{day.month}月{day.day}日" if self.t.language == "zh" else f"{day.day} {_MONTHS[day.month - 1]}"

    def weekday(self, day: date) -> str:
        """The short name of the weekday."""
        return (_WEEKDAYS_ZH if self.t.language == "zh" else _WEEKDAYS_EN)[day.weekday()]

    def instant(self, instant: datetime) -> str:
        """Day and time."""
        local = self.local(instant)
        joint = " " if self.t.language == "zh" else ", "
        return f"{self.day(local.date())}{joint}{local:%H:%M}"

    def brief(self, instant: datetime, beside: datetime | None = None) -> str:
        """The time alone when it falls on the same local day as `beside`, else with the day."""
        local = self.local(instant)
        if beside is not None and self.local(beside).date() == local.date():
            return f"{local:%H:%M}"
        return f"{self.short_day(local.date())} {local:%H:%M}"

    def span(self, length: timedelta) -> str:
        """A length of time, in the two largest units that matter."""
        minutes = max(0, int(length.total_seconds() // 60))
        hours, minutes = divmod(minutes, 60)
        days, rest = divmod(hours, 24)
        if days >= 2:
            return self.t("span.days", d=days, h=rest)
        if hours and not minutes:
            return self.t("span.hours_only", h=hours)
        if hours:
            return self.t("span.hours", h=hours, m=minutes)
        return self.t("span.minutes", m=minutes)

    def by_day(self, checks: Iterable[CheckLine]) -> list[tuple[date, list[CheckLine]]]:
        """`checks` in order, grouped by the facility's local day."""
        ordered = sorted(checks, key=lambda check: check.due_at)
        return [(day, list(group)) for day, group in groupby(ordered, lambda check: self.local(check.due_at).date())]
