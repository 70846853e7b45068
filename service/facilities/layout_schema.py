"""The layout contract: what one facility's file may say. Unknown keys are refused: a typo must not pass silently."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from service.contracts.messages import Instant
from service.facilities.errors import LayoutInvalid, LayoutIssue
from service.facilities.zones import Polygon


def _as_code(value: object) -> object:
    """Whole numbers are fine as codes; 1.10 would lose its last digit, so a fraction must be quoted."""
    if isinstance(value, bool | float):
        raise ValueError("write this code in quotes")
    return str(value) if isinstance(value, int) else value


def _printable(text: str) -> str:
    if any(unicodedata.category(character)[0] == "C" for character in text):
        raise ValueError("control characters are not allowed")
    return text


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name[:40]!r} is not a time zone of the tz database, like Asia/Shanghai")
    return name


Code = Annotated[
    str,
    BeforeValidator(_as_code),
    Field(min_length=1, max_length=64, pattern=r"^[^\s/?#%&\\]+$"),
    AfterValidator(_printable),
]
"""Text without blanks, usable in an address."""
HospitalCode = Annotated[
    str,
    BeforeValidator(_as_code),
    Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$"),
    AfterValidator(_printable),
]
Name = Annotated[str, BeforeValidator(_as_code), Field(max_length=200), AfterValidator(_printable)]
Sentence = Annotated[str, Field(max_length=500), AfterValidator(_printable)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ZoneSpec(_Part):
    """Where a bed lies in a camera's view."""

    bed: Code
    polygon: Polygon
    head_edge: int = Field(default=0, ge=0)


class CameraSpec(_Part):
    """A camera. `zones` given: exactly these; left out: the recorded ones stay."""

    code: Code
    name: Name = ""
    purpose: Sentence = ""
    sign_text: Sentence = ""
    cadence_seconds: int = Field(default=300, ge=5, le=86_400)
    is_active: bool = True
    zones: list[ZoneSpec] | None = Field(default=None, max_length=64)


class BedSpec(_Part):
    """A bed. `hospital_code` is what the hospital's own system calls it; `WARD-CODE` when left out."""

    code: Code
    hospital_code: HospitalCode | None = None
    is_open: bool = True


class WardSpec(_Part):
    """A ward with its beds and cameras."""

    code: Code
    name: Name = ""
    name_zh: Name = ""
    specialty: Code = "general"
    presence_scope: Literal["bed", "ward"] = "bed"
    beds: list[BedSpec] = Field(default_factory=list, max_length=1000)
    cameras: list[CameraSpec] = Field(default_factory=list, max_length=500)


class FacilitySpec(_Part):
    """The institution. `clock` can be chosen once: a facility that could stop its clock would stop its deadlines."""

    code: Code
    name: Name = ""
    name_zh: Name = ""
    kind: Literal["hospital", "clinic", "care_home", "pharmacy"] = "hospital"
    level: Annotated[Literal["1", "2", "3", "none"], BeforeValidator(_as_code)] = "2"
    region: Annotated[Name, Field(max_length=64)] = ""
    ownership: Literal["public", "private", "mixed"] = "public"
    transmission_basis: Literal["pictures", "readings"] = "pictures"
    timezone: TimeZone = "Asia/Shanghai"
    mode: Literal["shadow", "live"] = "shadow"
    shadow_days: int = Field(default=14, ge=0, le=366)
    clock: Literal["live", "replay"] = "live"
    watermark: Instant | None = None
    target_in_bed_rate: float = Field(default=0.94, ge=0, le=1, allow_inf_nan=False)
    policy: dict[str, Any] = Field(default_factory=dict, max_length=64)


class LayoutSpec(_Part):
    """One facility and everything in it."""

    facility: FacilitySpec
    wards: list[WardSpec] = Field(default_factory=list, max_length=500)


_REMEDIES = {
    "missing": "add it",
    "extra_forbidden": "check the spelling, or remove it; docs/layout.md lists the keys",
    "string_pattern_mismatch": "use letters, digits, - and _ without blanks",
    "timezone_aware": "add the offset, for example +08:00",
}


def validate_layout(document: dict[str, Any]) -> LayoutSpec:
    """The document as typed values. Raises `LayoutInvalid` with every path at fault (at most 50)."""
    try:
        return LayoutSpec.model_validate(document)
    except ValidationError as error:
        raise LayoutInvalid([_issue(item) for item in error.errors(include_url=False)[:50]]) from None


def _issue(item: Any) -> LayoutIssue:
    path = ""
    for part in item["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{str(part)[:64]}"
    message = "this key is not known" if item["type"] == "extra_forbidden" else str(item["msg"])[:300]
    return LayoutIssue(path, message.removeprefix("Value error, "), _REMEDIES.get(item["type"], "correct this value"))
