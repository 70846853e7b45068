"""What the kiosk is told: by flags, or by a YAML file with the flags' names; a flag wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from edge_agent.errors import SettingsInvalid
from service.contracts import faults_of

_MAX_CONFIG_BYTES = 256 * 1024


class KioskSettings(BaseModel):
    """Settings of `wardwatch-edge kiosk`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    server: str = Field(description="Scheme, host and port of the wardwatch server: https://ward.example.org")
    data: Path = Field(description="Folder for the sealed copy of the register and the queue. On a local disk.")
    key_file: Path | None = Field(default=None, description="The kiosk's key, written by wardwatch-edge pair.")
    token_file: Path | None = Field(
        default=None, description="Instead of a key: file with a token of scope purchases:verify."
    )
    kiosk: str | None = Field(
        default=None, max_length=64, description="The kiosk's code. A paired kiosk need not say it."
    )
    port: int = Field(default=8790, ge=1024, le=65535, description="Of the page, on this machine only.")
    language: Literal["zh", "en"] = Field(default="zh", description="The page's first language.")
    name: str = Field(default="", max_length=80, description="The pharmacy's name, on the page and the receipt.")
    reader: str = Field(default="auto", description="Which adapter reads cards: auto, typed, id-card, electronic.")
    models: Path = Field(default=Path("models/wardwatch-default"), description="Folder of the model pack.")
    passive: Path | None = Field(
        default=None, description="Folder of a passive liveness model, which may warn. Without it there is none."
    )
    idle_seconds: int = Field(default=75, ge=15, le=600, description="Without a touch or key the screen is wiped.")
    refresh_seconds: int = Field(default=300, ge=10, le=86_400, description="Between two copies of the register.")
    timeout_seconds: float = Field(default=8.0, gt=0, le=60, description="For one answer of the server.")
    ca_file: Path | None = Field(default=None, description="PEM file, where the server's certificate is private.")

    @field_validator("server")
    @classmethod
    def _server_is_an_origin(cls, text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable():
            raise ValueError("write scheme and host, like https://ward.example.org")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("write scheme, host and port only")
        return text.rstrip("/")

    @model_validator(mode="after")
    def _has_one_credential(self) -> KioskSettings:
        if (self.key_file is None) == (self.token_file is None):
            raise ValueError("give key_file (wardwatch-edge pair) or token_file, one of them")
        return self


def load_settings(config: Path | None, flags: dict[str, Any]) -> KioskSettings:
    """The file's values under the flags' (those not `None`). Raises `SettingsInvalid` that names the first fault."""
    values = _file_values(config) if config is not None else {}
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return KioskSettings.model_validate(values)
    except ValidationError as error:
        fault = faults_of(error)[0]
        raise SettingsInvalid(fault.message, field=fault.field, remedy="see wardwatch-edge kiosk --help") from None


def _file_values(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            document = yaml.safe_load(file.read(_MAX_CONFIG_BYTES))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: {type(error).__name__}", field="config", remedy="name a YAML file") from None
    if not isinstance(document, dict):
        raise SettingsInvalid(f"{path} holds no settings", field="config", remedy="write lines like server: https://…")
    return {str(key).replace("-", "_"): value for key, value in document.items()}
