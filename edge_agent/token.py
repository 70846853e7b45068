"""The device's token, read from its file again whenever the file changes."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

from edge_agent.errors import TokenUnusable
from edge_agent.logs import keep_secret, log

MAX_BYTES = 4096


class TokenFile:
    """A file that holds one token. A new token put into it is used from the next post on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[int, int, int] | None = None
        self._token = ""

    def value(self) -> str:
        """The token. Raises `TokenUnusable`."""
        try:
            about = self._path.stat()
            mark = (about.st_mtime_ns, about.st_size, about.st_ino)
            if mark == self._read:
                return self._token
            with self._path.open("rb") as file:
                text = file.read(MAX_BYTES + 1).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenUnusable(
                f"{self._path}: {error}", field="token_file", remedy="put the token of wardwatch tokens add into it"
            ) from None
        if not text or len(text) > MAX_BYTES or any(not "!" <= c <= "~" for c in text):
            raise TokenUnusable(
                f"{self._path} holds no token",
                field="token_file",
                remedy="put the one line that wardwatch tokens add printed into it",
            )
        if about.st_mode & (stat.S_IRGRP | stat.S_IROTH):
            log(logging.WARNING, "others on this machine can read the token: chmod 600", file=str(self._path))
        keep_secret(text)
        self._read, self._token = mark, text
        return text
