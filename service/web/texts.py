"""The words of the pages, in English and Chinese, from the language files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LANGUAGE_NAMES: Mapping[Language, str] = {"en": "English", "zh": "中文"}


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: Language) -> Mapping[str, str]:
    """Every text of `language` by its key."""
    source = files("service.web").joinpath("locale", f"{language}.json")
    texts: dict[str, str] = json.loads(source.read_text(encoding="utf-8"))
    return texts


def as_language(text: str | None) -> Language | None:
    """`text` as a language the pages speak ("zh-CN" is Chinese), or `None`."""
    tag = (text or "").strip().lower()
    for language in LANGUAGES:
        if tag == language or tag.startswith(f"{language}-"):
            return language
    return None


@dataclass(frozen=True, slots=True)
class Texts:
    """Looks texts up in one language. A key that does not exist raises `KeyError`: a test renders every page."""

    language: Language

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of `key` with `{name}` filled in; for a `count` of 1 that of `key.one`, where there is one."""
        texts = catalogue(self.language)
        text = texts[key]
        if values.get("count") == 1:
            text = texts.get(f"{key}.one", text)
        return text.format_map(values) if values else text

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in catalogue(self.language)

    def code(self, family: str, code: str) -> str:
        """The text of `code` within `family` ("outcome", "cause", …); an unknown code shows itself."""
        key = f"{family}.{code}"
        if self.has(key):
            return self(key)
        fallback = f"{family}.other"
        return self(fallback, code=code) if self.has(fallback) else code
