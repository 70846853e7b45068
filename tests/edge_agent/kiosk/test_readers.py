"""Cards as readers type them."""

from __future__ import annotations

import pytest

from edge_agent.errors import KioskRequestInvalid
from edge_agent.kiosk.readers import auto, electronic, id_card, reader_called, typed


@pytest.mark.parametrize(
    ("text", "number"), [("P00017", "P00017"), (" P00017 \r\n", "P00017"), (";1234567890?", "1234567890")]
)
def test_typed_numbers(text: str, number: str) -> None:
    assert typed(text) == number


@pytest.mark.parametrize("text", ["", "   ", "two words", "a\x00b", "x" * 65])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(KioskRequestInvalid, match="not read"):
        typed(text)


def test_id_cards_have_a_check_digit() -> None:
    # GB 11643's own example: 11010519491231002X.
    assert id_card("张三 11010519491231002x 北京市") == "11010519491231002X"
    with pytest.raises(KioskRequestInvalid):
        id_card("110105194912310021")


def test_electronic_credentials() -> None:
    assert electronic("https://card.example/?ecQrCode=AB12cd&x=1") == "AB12cd"
    assert electronic("28101220260302") == "28101220260302"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("https://card.example/?ecQrCode=AB12cd&x=1", "AB12cd"),
        ("张三 11010519491231002x 北京市", "11010519491231002X"),
        # A card whose eighteen digits are no ID number: the check digit does not fit.
        ("110105194912310021", "110105194912310021"),
        (";P00017?", "P00017"),
    ],
)
def test_one_counter_takes_cards_of_every_kind(text: str, number: str) -> None:
    assert auto(text) == number


def test_an_unknown_reader_is_named() -> None:
    with pytest.raises(KioskRequestInvalid) as raised:
        reader_called("scanner")
    assert "auto, typed, id-card, electronic" in raised.value.remedy
