"""Bytes of an HL7 v2 message into segments that can be asked for fields. The library splits; we check and decode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hl7

from service.admissions.errors import MessageRefused

MAX_BYTES = 1024 * 1024
MAX_SEGMENTS = 1000
MAX_TEXT = 200
MAX_SIGNS = 200_000
"""Separators in a message: each makes an object, and a megabyte of them would hold the listener for seconds."""
_FRAME = b"\x0b\x1c\r\n\t \x1a"
_LINE_END = re.compile(r"\r\n|\n|\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\ufffe\uffff]")
# HL7 table 0211, and what senders write instead of it.
_CHARSETS = {
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UNICODE": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "GB 18030-2000": "gb18030",
    "GB18030-2000": "gb18030",
    "GB 18030": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "8859/1": "latin-1",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. Fields, components and subcomponents count from 1, as in the standard."""

    name: str
    number: int
    """Its place among segments of this name, from 1."""
    raw: Any
    message: Any

    def text(self, field: int, component: int = 1, part: int = 1, *, repetition: int = 1) -> str:
        """The value, unescaped and trimmed; "" when there is none. HL7's explicit null is silence as well."""
        item = self.raw[field] if field < len(self.raw) else ""
        value = _pick(_pick(_pick(item, repetition), component), part)
        if not isinstance(value, str):
            value = str(value)
        value = value.strip()
        if value == '""':
            return ""
        return _unescaped(self.message, value)

    def repetitions(self, field: int) -> int:
        """How many repetitions the field has."""
        item = self.raw[field] if field < len(self.raw) else ""
        return 1 if isinstance(item, str) else max(1, len(item))

    def where(self, field: int, component: int = 0) -> str:
        """The field's name in an answer: PV1-3, or PV1-3.2 with a component."""
        return f"{self.name}-{field}" + (f".{component}" if component else "")


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has at least a header with which it can be answered."""

    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.header.text(10)[:MAX_TEXT]

    @property
    def kind(self) -> str:
        """MSH-9.1: ADT, ORM, DFT."""
        return self.header.text(9, 1).upper()

    @property
    def trigger(self) -> str:
        """MSH-9.2: A01, O01, P03."""
        return self.header.text(9, 2).upper()

    def all(self, name: str) -> tuple[Segment, ...]:
        """The segments of that name, in order."""
        return tuple(segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        return next((segment for segment in self.segments if segment.name == name), None)

    def need(self, name: str) -> Segment:
        """The first segment of that name. Raises `MessageRefused`."""
        found = self.first(name)
        if found is None:
            raise MessageRefused.at(
                name,
                f"the {name} segment is missing",
                f"send {name} with every {self.kind}^{self.trigger}",
                f"缺少 {name} 段",
                f"{self.kind}^{self.trigger} 必须包含 {name} 段",
                code=100,
            )
        return found


def read_message(data: bytes) -> Message:
    """The message in `data`. Raises `MessageRefused`, at the latest when the header lacks what an answer needs."""
    text = _decode(data.strip(_FRAME))
    if not text.startswith("MSH"):
        raise _unreadable("a message begins with MSH", "send one HL7 v2 message, in ER7 (pipes)", "消息应以 MSH 开头")
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    if len(lines) > MAX_SEGMENTS:
        raise _unreadable(f"more than {MAX_SEGMENTS} segments", "split the message", f"超过 {MAX_SEGMENTS} 个段")
    if any(line.startswith("MSH") for line in lines[1:]):
        raise _unreadable("more than one message", "send one message at a time, each gets its answer", "一次只能发一条")
    if len(lines[0]) < 8 or lines[0][3].isalnum():
        raise _unreadable("MSH-1 or MSH-2 is missing", "begin with MSH|^~\\&|", "缺少 MSH-1 或 MSH-2")
    _check_separators(lines[0])
    if sum(text.count(sign) for sign in {lines[0][3], *lines[0][4:8]}) > MAX_SIGNS:
        raise _unreadable(f"more than {MAX_SIGNS} separators", "split the message", f"分隔符超过 {MAX_SIGNS} 个")
    try:
        parsed = hl7.parse("\r".join(lines) + "\r")
        segments = tuple(_segments(parsed))
    except (hl7.HL7Exception, LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise _unreadable(f"cannot be parsed ({type(error).__name__})", "send HL7 v2 in ER7", "无法解析") from None
    return Message(segments)


def _check_separators(header: str) -> None:
    """MSH-2: three to five signs (component, repetition, escape, subcomponent, truncation), each another one."""
    separator = header[3]
    signs = header[4:].partition(separator)[0]
    plain = all(sign.isascii() and sign.isprintable() and not sign.isalnum() and sign != " " for sign in signs)
    if not (3 <= len(signs) <= 5 and plain and len({separator, *signs}) == len(signs) + 1):
        raise MessageRefused.at(
            "MSH-2",
            f"{signs[:10]!r} are no encoding characters",
            "begin with MSH|^~\\&|",
            "编码字符无效",
            "请以 MSH|^~\\&| 开头",
            code=102,
        )


def _segments(parsed: Any) -> Iterator[Segment]:
    counts: dict[str, int] = {}
    for raw in parsed:
        name = str(raw[0]).strip().upper()
        if not re.fullmatch(r"[A-Z][A-Z0-9]{2}", name):
            raise _unreadable(f"{name[:20]!r} is no segment", "put each segment on its own line", "段名无效")
        counts[name] = counts.get(name, 0) + 1
        yield Segment(name, counts[name], raw, parsed)


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _unreadable(f"larger than {MAX_BYTES} bytes", "send less at once", "消息过大")
    if not data:
        raise _unreadable("the message is empty", "send one HL7 v2 message", "消息为空")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff", b"M\x00", b"\x00M"):
        raise MessageRefused.at(
            "MSH-18",
            "the message is written in UTF-16",
            "send UNICODE UTF-8 or GB 18030-2000",
            "消息使用 UTF-16 编码",
            "请使用 UNICODE UTF-8 或 GB 18030-2000",
            code=103,
        )
    declared = _declared_charset(data)
    if declared and declared not in _CHARSETS:
        raise MessageRefused.at(
            "MSH-18",
            f"the character set {declared[:40]!r} is not known",
            "send UNICODE UTF-8 or GB 18030-2000",
            f"不支持字符集 {declared[:40]!r}",
            "请使用 UNICODE UTF-8 或 GB 18030-2000",
            code=103,
        )
    text = None
    for encoding in [_CHARSETS[declared]] if declared else ["utf-8", "gb18030"]:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None:
        raise MessageRefused.at(
            "MSH-18",
            f"the bytes are not {declared or 'UTF-8 or GB18030'}",
            "name the character set that the message is written in",
            f"内容不是 {declared or 'UTF-8 或 GB18030'} 编码",
            "请在 MSH-18 注明实际编码",
            code=102,
        )
    found = _CONTROL.search(text)
    if found is not None:
        raise _unreadable(
            f"a control character (U+{ord(found.group()):04X}) at character {found.start()}",
            "send text only",
            "包含控制字符",
        )
    return text


def _declared_charset(data: bytes) -> str:
    head = re.split(rb"[\r\n]", data, maxsplit=1)[0]
    if len(head) < 5:
        return ""
    fields = head.split(head[3:4])
    # MSH-1 is the separator itself: MSH-18 is the eighteenth item after the name, less one.
    raw = fields[17] if len(fields) > 17 else b""
    return raw.decode("ascii", "replace").replace("~", "^").split("^")[0].strip().upper()


def _pick(item: Any, place: int) -> Any:
    if isinstance(item, str):
        return item if place == 1 else ""
    return item[place - 1] if len(item) >= place else ""


def _unescaped(message: Any, value: str) -> str:
    if str(message.esc) not in value:
        return value
    try:
        plain = str(message.unescape(_without_layout(str(message.esc), value)))
    except (LookupError, ValueError, TypeError):
        return value
    return _CONTROL.sub("", plain).replace("\r", " ").replace("\n", " ").strip()


def _without_layout(escape: str, value: str) -> str:
    """Without commands that repeat blanks and lines (HL7 v2, 2.10.6): twenty bytes of them would fill the memory."""
    mark = re.escape(escape)
    return re.sub(rf"{mark}\.(?:sp|in|ti|sk)[^{mark}]*{mark}", " ", value)


def _unreadable(message: str, remedy: str, message_zh: str) -> MessageRefused:
    return MessageRefused.at("MSH", message, remedy, message_zh, "请发送一条标准的 HL7 v2 消息", code=100)
