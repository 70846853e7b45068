"""The append-only, hash-chained record of what was done, what was read, and what became evidence."""

from service.ledger.chain import (
    Broken,
    Head,
    Noted,
    append,
    details_of,
    first_break,
    head,
    latest_at,
    noted_since,
    verify,
)

__all__ = [
    "Broken",
    "Head",
    "Noted",
    "append",
    "details_of",
    "first_break",
    "head",
    "latest_at",
    "noted_since",
    "verify",
]
