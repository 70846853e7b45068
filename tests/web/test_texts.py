"""The language files say the same things, and nothing that a page asks for is missing from them."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import service.web
from service.occupancy.looks import LookResult
from service.occupancy.outcome import PresenceState
from service.vision import BedState
from service.vision.reading import UnobservedCause
from service.web.signs import BED_STATES, OUTCOMES
from service.web.texts import LANGUAGES, Texts, as_language, catalogue

WEB = Path(service.web.__file__).parent
CALL = re.compile(r"""(?<![\w.])t\(\s*['"]([a-z0-9_.]+)['"]\s*[,)~]""")
CHOICE = re.compile(r"""(?<![\w.])t\(\s*['"]([a-z0-9_.]+)['"] if [^)]*? else ['"]([a-z0-9_.]+)['"]""")
FAMILY = re.compile(r"""t\.code\(\s*['"]([a-z0-9_.]+)['"]""")


def sources() -> list[str]:
    files = [*WEB.rglob("*.html"), *WEB.rglob("*.py")]
    return [file.read_text(encoding="utf-8") for file in files]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_with_the_same_places_to_fill() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    assert english.keys() == chinese.keys()
    for key in english:
        assert placeholders(english[key]) == placeholders(chinese[key]), key
        assert english[key].strip(), key
        assert chinese[key].strip(), key


def test_chinese_texts_are_chinese() -> None:
    untranslated = {
        key
        for key, text in catalogue("zh").items()
        if text == catalogue("en")[key] and re.search(r"[A-Za-z]{3}", re.sub(r"\{.*?\}", "", text))
    }
    assert untranslated <= {"app.name", "report.csv"}


def test_every_key_that_a_page_uses_exists() -> None:
    used = set()
    for source in sources():
        for match in CALL.finditer(source):
            used.add(match.group(1))
        for match in CHOICE.finditer(source):
            used.update(match.groups())
    whole = {key for key in used if not key.endswith(".")}
    assert len(whole) > 100  # the pattern still finds them
    assert whole - catalogue("en").keys() == set()
    for prefix in used - whole:
        assert any(key.startswith(prefix) for key in catalogue("en")), prefix


def test_every_family_of_codes_that_a_page_uses_exists() -> None:
    families = {match for source in sources() for match in FAMILY.findall(source)}
    assert {"outcome", "state", "cause"} <= families
    for family in families:
        assert any(key.startswith(f"{family}.") for key in catalogue("en")), family


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_of_the_domain_has_a_word_an_explanation_and_a_sign(language: str) -> None:
    t = Texts(as_language(language) or "en")
    assert set(OUTCOMES) == {state.value for state in PresenceState}
    assert set(BED_STATES) == {state.value for state in BedState} | {"none"}
    for family, codes in (("outcome", OUTCOMES), ("state", BED_STATES)):
        for code in codes:
            assert t.has(f"{family}.{code}"), code
            assert t.has(f"{family}.{code}.help"), code
    for cause in UnobservedCause:
        assert t.has(f"cause.{cause.value}"), cause
    for result in LookResult:
        assert t.has(f"look.{result.value}"), result


def test_no_two_states_share_word_and_icon() -> None:
    for codes, family in ((OUTCOMES, "outcome"), (BED_STATES, "state")):
        words = [Texts("en")(f"{family}.{code}") for code in codes]
        icons = [sign.icon for sign in codes.values()]
        assert len(set(words)) == len(words)
        assert len(set(icons)) == len(icons)


def test_every_icon_exists() -> None:
    drawn = set(re.findall(r'<symbol id="([a-z-]+)"', (WEB / "static" / "icons.svg").read_text(encoding="utf-8")))
    used = {sign.icon for sign in [*OUTCOMES.values(), *BED_STATES.values()]}
    for source in sources():
        used.update(re.findall(r"icon\(['\"]([a-z-]+)['\"]\)", source))
    assert used <= drawn


def test_not_seen_is_explained_as_not_absent() -> None:
    assert "Not the same as absent" in Texts("en")("outcome.not_seen.help")
    assert "不等于不在院" in Texts("zh")("outcome.not_seen.help")


def test_an_unknown_code_shows_itself() -> None:
    assert Texts("en").code("outcome", "brand_new") == "brand_new"
    assert Texts("en").code("cause", "brand_new") == "another reason (brand_new)"


@pytest.mark.parametrize(
    ("tag", "language"), [("zh", "zh"), ("zh-CN", "zh"), ("ZH-hant", "zh"), ("en-GB", "en"), ("de", None), ("", None)]
)
def test_languages_are_read_from_tags(tag: str, language: str | None) -> None:
    assert as_language(tag) == language
