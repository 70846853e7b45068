"""From a page's values to HTML: one Jinja environment, strict about what is missing, escaping by default."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from service.access import Actor
from service.platform.http import LANGUAGE_COOKIE, language
from service.web import signs
from service.web.assets import asset_url
from service.web.texts import LANGUAGE_NAMES, Language, Texts, as_language
from service.web.wording import Wording, percent

Theme = Literal["auto", "light", "dark"]
THEME_COOKIE = "wardwatch_theme"
_A_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and how: what every page needs besides its own values."""

    language: Language
    theme: Theme
    path: str
    query: tuple[tuple[str, str], ...] = ()
    name: str | None = None
    csrf_token: str = ""

    @property
    def t(self) -> Texts:
        """The texts in the reader's language."""
        return Texts(self.language)

    def words(self, zone: str) -> Wording:
        """How the reader is told times of `zone` (an IANA name)."""
        return Wording(self.t, ZoneInfo(zone))

    def here(self, **changes: str) -> str:
        """This page's address with `changes` in its query."""
        kept = [(key, value) for key, value in self.query if key not in changes and key not in ("lang", "theme")]
        query = urlencode([*kept, *changes.items()])
        return f"{self.path}?{query}" if query else self.path


def reader_of(request: Request, actor: Actor | None = None) -> Reader:
    """The reader of `request`: language and theme by `?lang=` and `?theme=`, then cookies, then what browsers say."""
    person = actor if actor is not None and actor.is_known else None
    return Reader(
        language=as_language(language(request)) or "en",
        theme=_theme(request.query_params.get("theme")) or _theme(request.cookies.get(THEME_COOKIE)) or "auto",
        path=request.url.path,
        query=tuple(request.query_params.multi_items()),
        name=person.name if person else None,
        csrf_token=person.csrf_token if person else "",
    )


def _theme(text: str | None) -> Theme | None:
    return next((theme for theme in get_args(Theme) if theme == text), None)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates' environment. A name that a page forgot to pass is an error, not an empty string."""
    made = Environment(
        loader=PackageLoader("service.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(asset=asset_url, icon=icon, signs=signs, language_names=LANGUAGE_NAMES)
    made.filters.update(percent=percent)
    return made


def icon(name: str) -> Markup:
    """An icon of icons.svg. It is decoration: the word beside it carries the meaning."""
    return Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>').format(
        asset_url("icons.svg"), name
    )


def draw(template: str, reader: Reader, *, zone: str = "UTC", **values: object) -> str:
    """The HTML of `template` for `reader`; times are told in `zone` (an IANA name)."""
    words = reader.words(zone)
    return environment().get_template(template).render(t=reader.t, words=words, reader=reader, zone=zone, **values)


def page(
    request: Request,
    template: str,
    actor: Actor | None = None,
    *,
    zone: str = "UTC",
    status: int = 200,
    **values: object,
) -> HTMLResponse:
    """A page as a response. Pages name patients: nothing between us and the browser keeps them.

    A language or theme asked for in the address is remembered in a cookie.
    """
    reader = reader_of(request, actor)
    headers = {"Cache-Control": "no-store", "Content-Language": reader.language, "Vary": "Cookie, Accept-Language"}
    response = HTMLResponse(draw(template, reader, zone=zone, **values), status, headers)
    for parameter, cookie in (("lang", LANGUAGE_COOKIE), ("theme", THEME_COOKIE)):
        chosen = request.query_params.get(parameter)
        if chosen in (reader.language, reader.theme):
            response.set_cookie(cookie, chosen, max_age=_A_YEAR, path="/", httponly=True, samesite="lax")
    return response
