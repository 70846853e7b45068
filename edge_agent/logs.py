"""Log lines on stderr, as JSON or text. No line ever holds a credential or a picture."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from typing import Literal

LogStyle = Literal["json", "text"]

LOGGER = logging.getLogger("wardwatch.edge")

_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@]*(?:@[^\s/@]*)*@")
_SECRET_QUERY = re.compile(r"(?i)([?&](?:password|passwd|pwd|pass|token|secret|auth|key|user|username)=)[^&\s'\"]*")

_secrets: set[str] = set()
_secrets_lock = threading.Lock()


def keep_secret(text: str) -> None:
    """From now on `text` appears as `***` wherever a line would hold it. Shorter than 4 characters: ignored."""
    if len(text) >= 4:
        with _secrets_lock:
            _secrets.add(text)


def redact(text: str) -> str:
    """`text` without user names and passwords of addresses, secret query values, and what `keep_secret` was told."""
    text = _USERINFO.sub(r"\1***@", text)
    text = _SECRET_QUERY.sub(r"\1***", text)
    with _secrets_lock:
        known = sorted(_secrets, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, "***")
    return text


def one_line(text: str, limit: int = 300) -> str:
    """`text` redacted, on one line, without control characters, cut to `limit` characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in redact(text)).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


class _Formatter(logging.Formatter):
    def __init__(self, style: LogStyle) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = getattr(record, "fields", {})
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            message = f"{message}: {record.exc_info[0].__name__}: {record.exc_info[1]}"
        message = one_line(message, 1000)
        clean = {key: one_line(value) if isinstance(value, str) else value for key, value in fields.items()}
        if self._json:
            return json.dumps({"time": at, "level": record.levelname.lower(), "event": message, **clean})
        tail = "".join(f" {key}={value}" for key, value in clean.items())
        return f"{at} {record.levelname:<7} {message}{tail}"


def configure(style: LogStyle, level: int = logging.INFO) -> None:
    """Send the agent's lines, and nobody else's below a warning, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(level)
    logging.captureWarnings(True)


def log(level: int, event: str, **fields: object) -> None:
    """One line: `event` in words, `fields` as numbers and short texts."""
    LOGGER.log(level, event, extra={"fields": fields})
