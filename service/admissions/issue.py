"""What is wrong with one cell or line of a table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """Something about one cell or line, in both languages. `column` is the contract's name, empty for a whole line."""

    code: str
    column: str
    message: str
    remedy: str
    message_zh: str
    remedy_zh: str
