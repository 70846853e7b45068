"""Delimited text from somebody else's system: encodings, delimiters, quotes, and lines that break them.

One broken line never takes its neighbours with it.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.admissions.errors import TableUnreadable
from service.admissions.issue import Issue

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 50_000
MAX_CELL = 1000
_MAX_JOINED = 20
"""Lines that one quoted cell may span; an unclosed quote must not swallow the rest of the file."""
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LINE_END = re.compile(r"\r\n|\n|\r")
_TEXT_FORMULA = re.compile(r'^="([^"]*)"$')
"""How spreadsheets keep leading zeros: ="00123" is the text 00123, not a formula."""
_NEGATIVE = re.compile(r"^-\d{1,15}(?:\.\d{1,6})?$", re.ASCII)
"""A credit: a plain negative number is a value."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: `number` is its line in the file, from 1; `cells` by the contract's column names, trimmed.

    With `issue` the row cannot be read and `cells` is empty.
    """

    number: int
    cells: Mapping[str, str]
    issue: Issue | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows. `ignored` are columns of the file that the contract does not have: they were not read."""

    lines: tuple[Line, ...]
    columns: tuple[str, ...]
    ignored: tuple[str, ...]


def read_table(data: bytes | str, aliases: Mapping[str, str], required: frozenset[str]) -> Table:
    """The rows of a file whose header names columns by any of `aliases` (lower case) -> the contract's name.

    Raises `TableUnreadable` when no row can be read: encoding, size, header.
    """
    lines = _LINE_END.split(_decode(data))
    start = next((i for i, line in enumerate(lines) if line.strip(" \t,;")), None)
    if start is None:
        raise _unreadable("the file is empty", "send a header and at least one row", "文件为空", "请提供表头和数据行")
    delimiter = _delimiter(lines[start], aliases)
    header = _header(lines[start], delimiter, aliases, required)
    rows = tuple(_rows(lines, start + 1, delimiter, header))
    ignored = tuple(name for name in header if name.startswith("?") and name != "?")
    return Table(rows, tuple(name for name in header if not name.startswith("?")), tuple(name[1:] for name in ignored))


def _decode(data: bytes | str) -> str:
    if len(data) > MAX_BYTES:
        limit = f"{MAX_BYTES // 1024 // 1024} MiB"
        raise _unreadable(f"larger than {limit}", "split the file", f"文件超过 {limit}", "请拆分文件")
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _strictly(data, encoding)
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return _strictly(data, "utf-8")


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _unreadable(
            f"the text is neither UTF-8 nor GB18030 (byte {error.start})",
            "save the file as CSV UTF-8",
            f"文本既不是 UTF-8 也不是 GB18030（第 {error.start} 字节）",
            "请另存为 CSV UTF-8 编码",
        ) from None


def _delimiter(header: str, aliases: Mapping[str, str]) -> str:
    def known(delimiter: str) -> int:
        return sum(_name(cell) in aliases for cell in _cells(header, delimiter) or [])

    return max((",", ";", "\t", "|"), key=known)


def _header(line: str, delimiter: str, aliases: Mapping[str, str], required: frozenset[str]) -> list[str]:
    names: list[str] = []
    for cell in _cells(line, delimiter) or []:
        name = aliases.get(_name(cell), f"?{_name(cell)[:64]}")
        if not name.startswith("?") and name in names:
            raise _unreadable(
                f"the column {name} appears twice", "keep one of them", f"列 {name} 出现两次", "请只保留一列", name
            )
        names.append(name)
    missing = sorted(required - set(names))
    if missing:
        text = ", ".join(missing)
        raise _unreadable(
            f"the header lacks {text}",
            "name the columns as in docs/csv-contract.md",
            f"表头缺少列 {text}",
            "请按 docs/csv-contract.md 命名列",
            missing[0],
        )
    while names and names[-1] == "?":
        names.pop()
    return names


def _rows(lines: list[str], start: int, delimiter: str, header: list[str]) -> Iterator[Line]:
    at, count = start, 0
    while at < len(lines):
        number, text = at + 1, lines[at]
        at += 1
        if not text.strip(" \t" + delimiter + "\x1a"):
            continue
        count += 1
        if count > MAX_ROWS:
            raise _unreadable(f"more than {MAX_ROWS} rows", "split the file", f"超过 {MAX_ROWS} 行", "请拆分文件")
        cells = _cells(text, delimiter)
        if cells is None:
            cells, used = _joined(lines, at - 1, delimiter, len(header))
            at += used
        yield _line(number, cells, header)


def _joined(lines: list[str], at: int, delimiter: str, columns: int) -> tuple[list[str] | None, int]:
    """The row that begins at `at` when a quoted cell spans lines, and how many more lines it took."""
    for more in range(1, _MAX_JOINED):
        if at + more >= len(lines):
            break
        cells = _cells("\n".join(lines[at : at + more + 1]), delimiter)
        if cells is not None:
            return (cells, more) if len(cells) == columns else (None, 0)
    return None, 0


_OPEN_QUOTE = Issue(
    "quotes",
    "",
    "a quote is not closed, or stands in the middle of a cell",
    "close or remove the quote",
    "引号未闭合或位置错误",
    "请补全或删除引号",
)


def _line(number: int, cells: list[str] | None, header: list[str]) -> Line:
    if cells is None:
        return Line(
            number,
            {},
            Issue("quotes", "", "a quote is not closed", "close or remove it", "引号未闭合", "请补全或删除引号"),
        )
    while len(cells) > len(header) and not cells[-1].strip():
        cells.pop()
    if len(cells) != len(header):
        issue = Issue(
            "columns",
            "",
            f"{len(cells)} cells, the header has {len(header)}",
            "quote cells that hold the delimiter",
            f"有 {len(cells)} 个单元格，表头为 {len(header)} 列",
            "含分隔符的单元格请加引号",
        )
        return Line(number, {}, issue)
    values = {name: _value(cell) for name, cell in zip(header, cells, strict=True) if not name.startswith("?")}
    for name, value in values.items():
        issue_or_none = _bad_cell(name, value)
        if issue_or_none is not None:
            return Line(number, {}, issue_or_none)
    return Line(number, values)


def _bad_cell(name: str, value: str) -> Issue | None:
    if len(value) > MAX_CELL:
        return Issue(
            "too_long", name, f"longer than {MAX_CELL} characters", "shorten it", f"超过 {MAX_CELL} 个字符", "请缩短"
        )
    if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in value):
        return Issue(
            "control_character",
            name,
            "holds a control character",
            "export the file as plain text",
            "包含控制字符",
            "请重新导出为纯文本",
        )
    if value[:1] in ("=", "+", "@") or (value[:1] == "-" and len(value) > 1 and not _NEGATIVE.match(value)):
        return Issue(
            "formula", name, "looks like a formula", "export values, not formulas", "疑似公式", "请导出数值而非公式"
        )
    return None


def _value(cell: str) -> str:
    text = unicodedata.normalize("NFKC", cell).replace("\u200b", "").replace("\ufeff", "").strip()
    match = _TEXT_FORMULA.match(text)
    return match.group(1).strip() if match else text


def _name(cell: str) -> str:
    return re.sub(r"\s+", "_", _value(cell).lower())


def _cells(text: str, delimiter: str) -> list[str] | None:
    """One record's cells; `None` when a quote is not closed or stands where none may."""
    try:
        records = list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None


def _unreadable(message: str, remedy: str, message_zh: str, remedy_zh: str, field: str = "file") -> TableUnreadable:
    return TableUnreadable(message, remedy=remedy, field=field, message_zh=message_zh, remedy_zh=remedy_zh)
