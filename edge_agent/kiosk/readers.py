"""Card readers. Most type what they read, like a keyboard, and end with Enter; an adapter makes a number of it.

Another reader is an adapter more: a function from the typed text to the number, entered in `READERS`. A reader that
does not type (PC/SC, a vendor's own library) belongs into a small program that types.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from edge_agent.errors import KioskRequestInvalid

Reader = Callable[[str], str]
"""What a reader typed to a patient's or delegate's number. Raises `KioskRequestInvalid`."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_FRAME = re.compile(r"^[%;~]|\?$")
"""Sentinels that magnetic stripe readers add."""
_CREDENTIAL = re.compile(r"(?:ecQrCode|ecToken|code)=([^&\s]{1,64})")
_CODE = re.compile(r"^[^\s]{1,64}$")


def typed(text: str) -> str:
    """The number as it stands, without what a stripe reader or a scanner puts around it."""
    number = _FRAME.sub("", text.strip()).strip()
    if not number.isprintable() or not _CODE.match(number):
        raise _unread()
    return number


def id_card(text: str) -> str:
    """An ID card's 18 characters, their check digit verified (GB 11643-1999, ISO 7064 MOD 11-2); anything longer that
    contains one, as readers send that add name and address."""
    for found in re.findall(r"(?<![0-9])[0-9]{17}[0-9Xx](?![0-9Xx])", text):
        number = str(found).upper()
        if _CHECK[sum(int(d) * w for d, w in zip(number[:17], _WEIGHTS, strict=True)) % 11] == number[17]:
            return number
    raise _unread()


def electronic(text: str) -> str:
    """An electronic credential's QR code: `…ecQrCode=NUMBER…` or the bare number."""
    match = _CREDENTIAL.search(text)
    return typed(match.group(1) if match else text)


def auto(text: str) -> str:
    """Whatever it is: a credential's QR code, an ID card, or a number."""
    if _CREDENTIAL.search(text):
        return electronic(text)
    try:
        return id_card(text)
    except KioskRequestInvalid:
        return typed(text)


READERS: dict[str, Reader] = {"auto": auto, "typed": typed, "id-card": id_card, "electronic": electronic}


def reader_called(name: str) -> Reader:
    """The adapter of a setting. Raises `KioskRequestInvalid`."""
    if name not in READERS:
        raise KioskRequestInvalid(
            f"no reader is called {name!r}", field="reader", remedy=f"use one of {', '.join(READERS)}"
        )
    return READERS[name]


def _unread() -> KioskRequestInvalid:
    return KioskRequestInvalid("the card was not read", field="card", remedy="put it on the reader again, or type it")
