"""The page's words: both languages, every key there, every flag in the guide."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from edge_agent.kiosk.forms import ClaimForm
from edge_agent.kiosk.readers import READERS
from edge_agent.kiosk.settings import KioskSettings
from service.contracts import Channel, DelegationClaim
from service.contracts.purchases import DocumentWhy
from service.vision.liveness import Advice, Turn

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "edge_agent" / "kiosk" / "page"
TEXTS = (PAGE / "texts.js").read_text(encoding="utf-8")
KEYS = dict(
    re.findall(
        r"^  (\w+): \{(.*?)\},?$",
        re.sub(r"\{\n\s+zh", "{ zh", TEXTS).replace(",\n    en", ", en").replace(",\n  },", " },"),
        re.MULTILINE,
    )
)
GUIDE = (ROOT / "docs" / "kiosk.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_text_is_there_in_both_languages(key: str) -> None:
    said = dict(re.findall(r'(zh|en): "([^"]+)"', KEYS[key]))
    assert set(said) == {"zh", "en"}
    assert re.search(r"[一-鿿]|\{n\}", said["zh"])
    assert not re.search(r"[一-鿿]", said["en"])


def test_every_key_that_the_page_names_has_a_text() -> None:
    page = (PAGE / "index.html").read_text(encoding="utf-8") + (PAGE / "kiosk.js").read_text(encoding="utf-8")
    named = set(re.findall(r'data-text="(\w+)"', page)) | set(re.findall(r'(?<![\w.])text\("(\w+)"', page))
    named |= {"advice_hold"} | {f"channel_{channel.value}" for channel in Channel}
    named |= {f"why_{why}" for why in get_args(DocumentWhy)}
    named |= {f"advice_{advice.value}" for advice in Advice} | {f"turn_{turn.value}" for turn in Turn}
    named |= {
        f"camera_{fault}{part}"
        for fault in ("denied", "missing", "busy", "lost", "slow", "astray")
        for part in ("", "_lead")
    }
    named |= {
        f"{part}_{verdict}"
        for part in ("verdict", "next")
        for verdict in ("approved", "refused", "manual_review", "provisional")
    }
    assert len(named) > 80
    assert named - set(KEYS) == set()


def test_the_page_offers_every_wish_of_a_claim() -> None:
    assert set(ClaimForm.model_fields) == set(DelegationClaim.model_fields) - {"request_id", "kiosk"}
    page = (PAGE / "kiosk.js").read_text(encoding="utf-8")
    assert [name for name in ClaimForm.model_fields if name not in page] == []


def test_nothing_comes_from_elsewhere() -> None:
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path.name
        assert "innerHTML" not in text
        assert not re.search(r'\s(style|onclick|onload)="', text)


@pytest.mark.parametrize("name", sorted(KioskSettings.model_fields))
def test_every_setting_is_in_the_guide(name: str) -> None:
    assert f"| `{name}` |" in GUIDE


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_reader_is_in_the_guide(name: str) -> None:
    assert f"`{name}`" in GUIDE
