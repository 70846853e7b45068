"""The file by which a simulation may act: the driver's token, the boxes' keys, passwords of two people."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.kit.errors import InvalidInput

DRIVER_SCOPES = (
    "facility:read",
    "admissions:write",
    "enrolments:write",
    "occupancy:read",
    "directed:read",
    "findings:read",
    "clock:drive",
    "operate",
)
"""What the driver's token needs. It may not post pictures, and cameras may do nothing else."""


class Person(BaseModel):
    """Somebody who logs in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: str
    password: str = Field(repr=False)


class Credentials(BaseModel):
    """Everything the simulation logs in with. `devices`: each camera's paired key file by its code; `cameras`: a token
    for one that could not be paired. `matching`: local where the boxes read their pictures themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    driver: str = Field(repr=False)
    cameras: dict[str, str] = Field(repr=False)
    devices: dict[str, str] = Field(default_factory=dict, repr=False)
    matching: Literal["server", "local"] = "server"
    nurse: Person
    inspector: Person


def read_credentials(path: Path) -> Credentials:
    """The credentials in a file made by `wardwatch simulate SCENARIO --prepare`. Raises `InvalidInput`."""
    try:
        return Credentials.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        reason = error.strerror or "cannot be read"
    except (ValueError, ValidationError):
        reason = "is no credentials file"
    raise InvalidInput(
        f"{path} {reason}", field="token_file", remedy="make it with `wardwatch simulate SCENARIO --prepare`"
    ) from None


def write_secret(path: Path, text: str) -> None:
    """Writes `text` so that only the owner can read it, from the first byte on."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
