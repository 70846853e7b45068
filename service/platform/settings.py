"""What an operator may set, by environment variable (`WARDWATCH_…`) or a `.env` file, each with its reason."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.kit.providers import provider_names

_ALARM_KEY_CHARACTERS = 16


class Settings(BaseSettings):
    """The server's settings. Secrets have no default: the master key is made at first start, in the data folder."""

    model_config = SettingsConfigDict(env_prefix="WARDWATCH_", env_file=".env", env_ignore_empty=True, extra="ignore")

    data_dir: Path = Field(
        default=Path("data"),
        title="Data folder",
        description="Database, encrypted frames and keys. Back it up as one; keep it on a local disk.",
    )
    database_url: str | None = Field(
        default=None,
        title="Database",
        description="SQLAlchemy URL. Empty: SQLite in the data folder. PostgreSQL 15+: postgresql+psycopg://…",
    )
    models_dir: Path = Field(
        default=Path("models"), title="Model packs", description="Folder that holds one folder a model pack."
    )
    pack: str = Field(
        default="wardwatch-default",
        title="Model pack",
        description="Name of a folder in the model packs' folder, or a path of an insightface pack.",
    )
    passive_pad_pack: Path | None = Field(
        default=None,
        title="Passive liveness model",
        description="Folder with an ONNX file and its passive.json (docs/kiosk.md). It may warn about a buyer's "
        "pictures and changes no verdict. Empty: none.",
    )
    cache_dir: Path = Field(
        default=Path.home() / ".cache" / "wardwatch",
        title="Download cache",
        description="Where fetched packages stay between runs, checked by sha256 each time.",
    )
    models_mirror: Path | None = Field(
        default=None,
        title="Mirror of model sources",
        description="Folder with the packages or files of the default pack, for a machine without a network.",
    )
    host: str = Field(default="127.0.0.1", title="Address", description="Address the server listens on.")
    port: int = Field(default=8765, ge=0, le=65535, title="Port", description="Port the server listens on.")
    public_origin: str | None = Field(
        default=None,
        title="Public origin",
        description="Scheme and host that browsers see, when a proxy ends TLS: https://ward.example.org. "
        "Used for the origin check of forms and to mark cookies secure.",
    )
    worker_threads: int = Field(
        default=2, ge=0, le=64, title="Worker threads", description="Threads of the server that analyse. 0: none."
    )
    intra_threads: int = Field(
        default=1, ge=1, le=64, title="Threads a model call", description="onnxruntime's intra-op threads."
    )
    providers: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("CPUExecutionProvider",),
        title="Execution providers",
        description="onnxruntime providers in order, with commas: cpu, cuda, openvino, coreml, or their full names. "
        "One that is asked for and missing stops the start.",
    )
    carry_unchanged: bool = Field(
        default=True,
        title="Carry readings over",
        description="A picture in which nothing has changed since the first one of its quarter of an hour is not read "
        "again: that one's readings stand, and say so. False: every picture is read in full.",
    )
    max_image_bytes: int = Field(
        default=8 * 1024 * 1024, ge=1024, title="Largest image, bytes", description="A larger upload gets 413."
    )
    max_image_pixels: int = Field(
        default=12_000_000, ge=4096, title="Largest image, pixels", description="A larger picture gets 413."
    )
    max_image_side: int = Field(
        default=8192, ge=64, title="Longest side, pixels", description="A longer side gets 413."
    )
    max_queued_snapshots: int = Field(
        default=5000,
        ge=1,
        title="Longest queue",
        description="Snapshots waiting for analysis; beyond it: 503 with Retry-After, and boxes keep theirs.",
    )
    frame_retention_hours: int = Field(
        default=72, ge=1, title="Frames behind verified readings, hours", description="Then they are purged."
    )
    edge_audit_rate: float = Field(
        default=0.02,
        ge=0,
        le=1,
        title="Audited edge readings",
        description="Share of readings judged at the edge of which the crop is asked for, drawn at random; where it is "
        "above 0, at least one a camera and day.",
    )
    open_check_retention_days: int = Field(
        default=30, ge=1, title="Frames behind open questions, days", description="Upper bound for unverified checks."
    )
    template_retention_days: int = Field(
        default=30,
        ge=1,
        title="Face templates after discharge, days",
        description="The time for appeals. Then they are wiped, unless a finding about the patient stands.",
    )
    message_retention_days: int = Field(
        default=30,
        ge=1,
        title="Messages that became nothing, days",
        description="Unclaimed ones are deleted then, refused and dismissed ones lose their text. Dead letters stay.",
    )
    signature_seconds: int = Field(
        default=300,
        ge=30,
        le=86_400,
        title="Age of a device's signature, seconds",
        description="A signed request that is older, or as far ahead, is refused; the answer says the server's time.",
    )
    alarm_url: str | None = Field(
        default=None,
        title="Where alarms are posted",
        description="http or https address that gets a signed POST when a camera's alarm opens or clears. Empty: none.",
    )
    alarm_key: SecretStr | None = Field(
        default=None,
        title="Key of posted alarms",
        description="Secret of 16 characters or more that the receiver knows too, for the HMAC-SHA256 of each post.",
    )
    alarm_ca_file: Path | None = Field(
        default=None,
        title="Authority of the alarms' receiver",
        description="PEM file, where its certificate comes from the hospital's own authority.",
    )
    session_hours: int = Field(default=12, ge=1, le=168, title="Session, hours", description="Then people log in anew.")
    language: Literal["en", "zh"] = Field(
        default="en", title="Language", description="Of pages and errors when the browser asks for neither."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", title="Log level", description="Logs are JSON lines on standard error."
    )

    @field_validator("providers", mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        """Names with commas, or a JSON list, each a full name or a short one."""
        return provider_names(given)

    @model_validator(mode="after")
    def _posts_alarms_safely(self) -> Self:
        """An address of the operator's own, and never without a signature."""
        if self.alarm_url is None:
            return self
        parts = urlsplit(self.alarm_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.fragment:
            raise ValueError("WARDWATCH_ALARM_URL: give http(s)://host/path, without a name or password in it")
        if self.alarm_key is None or len(self.alarm_key.get_secret_value()) < _ALARM_KEY_CHARACTERS:
            raise ValueError("WARDWATCH_ALARM_KEY: give the secret that signs posted alarms, 16 characters or more")
        return self

    def resolved_database_url(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'wardwatch.db').absolute()}"

    def pack_folder(self) -> Path:
        """The folder of the chosen model pack."""
        path = Path(self.pack)
        return path if path.is_absolute() or path.parent != Path(".") else self.models_dir / self.pack


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
