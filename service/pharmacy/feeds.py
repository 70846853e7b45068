"""What the three file imports share: cells read with their faults, a report of every row, a dry run that changes
nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.admissions import Issue, Line, RowStatus, Table, parse_local_instant, read_table
from service.kit.errors import InvalidInput, WardwatchError

_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RowReport:
    """One row: its line in the file from 1, how it ended, what it is about, and why it was rejected."""

    line: int
    status: RowStatus
    subject: str = ""
    errors: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What a file did, or with `dry_run` would do."""

    dry_run: bool
    sha256: str
    rows: tuple[RowReport, ...]
    ignored_columns: tuple[str, ...] = ()

    def count(self, status: RowStatus) -> int:
        """How many rows ended so."""
        return sum(row.status is status for row in self.rows)


class RowFault(Exception):
    """A cell that cannot be read. Kept in the row's report; the other rows go on."""

    def __init__(self, column: str, message: str, remedy: str, message_zh: str, remedy_zh: str) -> None:
        super().__init__(message)
        self.issue = Issue("cell", column, message, remedy, message_zh, remedy_zh)


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row, read by kind. `zone`: of times that name none."""

    values: Mapping[str, str]
    zone: ZoneInfo

    def text(self, column: str, *, needed: bool = True, longest: int = 64) -> str:
        """A text. Raises `RowFault`."""
        value = self.values.get(column, "")
        if not value and needed:
            raise RowFault(column, f"{column} is empty", "fill it in", f"{column} 为空", "请填写")
        if len(value) > longest:
            raise RowFault(
                column, f"longer than {longest} characters", "shorten it", f"超过 {longest} 个字符", "请缩短"
            )
        return value

    def choice(self, column: str, allowed: Mapping[str, str], default: str) -> str:
        """One of the allowed words (their synonyms -> value)."""
        value = self.text(column, needed=False)
        if not value:
            return default
        found = allowed.get(value.lower())
        if found is None:
            words = ", ".join(sorted(set(allowed.values())))
            raise RowFault(column, f"{value[:40]!r} is not known", f"one of {words}", "取值无效", f"应为 {words} 之一")
        return found

    def words(self, column: str) -> tuple[str, ...]:
        """Words between | or ；."""
        parts = [part.strip() for part in self.text(column, needed=False, longest=500).replace("；", "|").split("|")]
        return tuple(dict.fromkeys(part[:64] for part in parts if part))

    def number(self, column: str, low: int, high: int) -> int | None:
        """A whole number, or None for an empty cell."""
        value = self.text(column, needed=False)
        if not value:
            return None
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise RowFault(
                column,
                f"{value[:40]!r} is not a whole number from {low} to {high}",
                "correct it",
                "不是有效整数",
                "请更正",
            )
        return int(value)

    def quantity(self, column: str) -> Decimal:
        """A quantity of at least 0, with at most three decimals."""
        value = self.text(column)
        try:
            found = Decimal(value)
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite() or found < 0 or found >= 10**9 or found != round(found, 3):
            raise RowFault(
                column, f"{value[:40]!r} is not a quantity", "write a number from 0", "不是有效数量", "请填写非负数"
            )
        return found

    def amount(self, column: str) -> Decimal | None:
        """A quantity above 0, or None for an empty cell."""
        if not self.text(column, needed=False):
            return None
        found = self.quantity(column)
        if not 0 < found <= 100_000:
            raise RowFault(column, "not from 0.001 to 100000", "correct it", "应在 0.001 至 100000 之间", "请更正")
        return found

    def day(self, column: str) -> date | None:
        """A date, or None for an empty cell."""
        value = self.text(column, needed=False)
        if not value:
            return None
        match = _DAY.fullmatch(value)
        try:
            found = date(int(match[1]), int(match[2]), int(match[3])) if match else date.min
        except ValueError:
            found = date.min
        if not 1880 <= found.year < 2200:
            raise RowFault(
                column, f"{value[:40]!r} is not a date", "write it like 2026-03-02", "不是有效日期", "格式如 2026-03-02"
            )
        return found

    def instant(self, column: str, *, end_of_day: bool = False) -> datetime | None:
        """An instant, local time when it names no zone; a date alone is its first midnight, or the next one with
        `end_of_day`. None for an empty cell."""
        value = self.text(column, needed=False)
        if not value:
            return None
        if ":" not in value:
            day = self.day(column)
            if day is not None:
                shifted = date.fromordinal(day.toordinal() + 1) if end_of_day else day
                return datetime.combine(shifted, time(), self.zone).astimezone(UTC)
        try:
            return parse_local_instant(value, self.zone, field=column)
        except InvalidInput as error:
            raise fault_of(column, error) from None


RowReader = Callable[[Session, Cells], tuple[RowStatus, str]]
"""Enters one row and says how it ended and what it is about. Raises `RowFault` or a `WardwatchError`."""


class _DryRun(Exception):
    """Takes back what a dry run did."""


def read_feed(
    session: Session,
    data: bytes,
    aliases: Mapping[str, str],
    required: frozenset[str],
    enter: RowReader,
    *,
    zone: ZoneInfo,
    dry_run: bool,
) -> FeedReport:
    """Enters every row that can be entered and reports each. With `dry_run` nothing is kept.

    Raises `TableUnreadable` when no row can be read at all.
    """
    table = read_table(data, aliases, required)
    digest = hashlib.sha256(data).hexdigest()
    if not dry_run:
        return FeedReport(False, digest, _rows(session, table, enter, zone), table.ignored)
    try:
        with session.begin_nested():
            rows = _rows(session, table, enter, zone)
            raise _DryRun
    except _DryRun:
        session.expire_all()
    return FeedReport(True, digest, rows, table.ignored)


def fault_of(column: str, error: WardwatchError) -> RowFault:
    """An error of the service as the fault of a cell."""
    zh, remedy_zh = error.extra.get("message_zh"), error.extra.get("remedy_zh")
    return RowFault(
        error.field or column,
        error.message,
        error.remedy,
        str(zh) if zh else error.title_zh,
        str(remedy_zh) if remedy_zh else "请更正后重新导入",
    )


def _rows(session: Session, table: Table, enter: RowReader, zone: ZoneInfo) -> tuple[RowReport, ...]:
    return tuple(_row(session, line, enter, zone) for line in table.lines)


def _row(session: Session, line: Line, enter: RowReader, zone: ZoneInfo) -> RowReport:
    if line.issue is not None:
        return RowReport(line.number, RowStatus.REJECTED, errors=(line.issue,))
    try:
        with session.begin_nested():  # a row that fails half-way leaves nothing
            status, subject = enter(session, Cells(line.cells, zone))
    except RowFault as fault:
        return RowReport(line.number, RowStatus.REJECTED, errors=(fault.issue,))
    except WardwatchError as error:
        return RowReport(line.number, RowStatus.REJECTED, errors=(fault_of("", error).issue,))
    return RowReport(line.number, status, subject)
