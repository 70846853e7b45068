"""What all messages share: how they are read, what an instant is, and how a fault names its field."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from service.kit.clock import parse_instant, utc
from service.kit.errors import InvalidInput


class Message(BaseModel):
    """A message to the server. An unknown field is refused: a misspelt one would be lost in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """A message to a device or a program. Unknown fields are ignored: the server may be newer than its reader."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _instant(value: Any) -> Any:
    """An RFC 3339 text or an aware datetime, in UTC. A bare number is no instant: seconds or milliseconds?"""
    try:
        if isinstance(value, str):
            return parse_instant(value, field="instant")
        if isinstance(value, datetime):
            return utc(value)
    except InvalidInput as error:
        raise PydanticCustomError("instant", "{reason}", {"reason": f"{error.message}; {error.remedy}"}) from None
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("instant", "write an instant with its offset, like 2026-03-02T08:00:00+08:00")


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
"""An aware datetime in UTC, written as RFC 3339 with its offset."""


def _printable(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise PydanticCustomError("printable", "must be printable, with no space at either end")
    return text


Code = Annotated[str, Field(strict=True, min_length=1, max_length=64), AfterValidator(_printable)]
"""An id or a code that people chose: 1 to 64 printable characters, in any script."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field. `field`: a dotted path such as `meta.sequence`."""

    field: str
    message: str


def faults_of(error: ValidationError, *, field: str = "") -> tuple[FieldFault, ...]:
    """Every fault in `error`, its path beginning with `field`. What was sent is not repeated: it may be private."""
    faults = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(part for part in (field, *(str(step) for step in detail["loc"])) if part)
        faults.append(FieldFault(path or "message", detail["msg"].removeprefix("Value error, ")))
    return tuple(faults)


M = TypeVar("M", bound=BaseModel)


def read_message(kind: type[M], text: str | bytes, *, field: str = "") -> M:
    """`text` (JSON) as a `kind`. `field` is what the text came in as, for example the form field `meta`.

    Raises `InvalidInput` that names the first field at fault; its `extra["faults"]` holds them all.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        faults = faults_of(error, field=field)
        others = "".join(f"; {fault.field}: {fault.message}" for fault in faults[1:6])
        raise InvalidInput(
            f"{faults[0].message}{others}",
            field=faults[0].field,
            remedy=f"send JSON that meets the schema {kind.__name__} of the API's description",
            faults=faults,
        ) from None
