"""What the agent is told: by flags, or by a YAML file with the flags' names (`token_file: …`); a flag wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from edge_agent.errors import SettingsInvalid
from edge_agent.logs import keep_secret, redact
from edge_agent.sources.folder import AfterSpooling
from service.contracts import faults_of
from service.kit.providers import provider_names

MAX_CONFIG_BYTES = 256 * 1024


class AgentSettings(BaseModel):
    """Settings of `wardwatch-edge camera`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    server: str = Field(
        title="Server", description="Scheme, host and port of the wardwatch server: https://ward.example.org"
    )
    token_file: Path | None = Field(
        default=None, title="Token file", description="File with the device's token, readable by its owner only."
    )
    key_file: Path | None = Field(
        alias="key",
        default=None,
        title="Key file",
        description="The key that wardwatch-edge pair made, instead of a token: requests and pictures are signed.",
    )
    camera: str = Field(
        min_length=1, max_length=64, title="Camera", description="The camera's code in its facility, or its id."
    )
    spool_key: Path | None = Field(
        default=None,
        title="Spool key",
        description="File with the key that seals the spool's pictures; made when missing. Default: beside the spool.",
    )
    heartbeat_seconds: float = Field(
        alias="heartbeat", default=60.0, gt=0, le=3600, title="Heartbeat", description="Seconds between two heartbeats."
    )
    config_seconds: float = Field(
        alias="config_every",
        default=5.0,
        gt=0,
        le=3600,
        title="Schedule",
        description="Seconds between two looks at it.",
    )
    backfill_kbit_s: float | None = Field(
        alias="backfill_kbit",
        default=None,
        gt=0,
        title="Backfill",
        description="Kilobits a second that old pictures may take of the line; what is taken now is never held back.",
    )
    source: str = Field(
        title="Source", description="folder:DIR, file:VIDEO, usb:N, rtsp://… or an MJPEG stream http://…"
    )
    spool: Path = Field(
        title="Spool", description="SQLite file that holds pictures until the server has them. On a local disk."
    )
    source_credentials: Path | None = Field(
        default=None,
        title="Stream credentials",
        description="File with one line user:password for a stream, so that it stands in no command line.",
    )
    cadence_seconds: float = Field(
        alias="cadence",
        default=300.0,
        ge=0,
        le=86_400,
        title="Cadence",
        description="Seconds between two pictures of a video or camera; 0: every one. A folder's files are all taken.",
    )
    look_seconds: float | None = Field(
        alias="look",
        default=None,
        gt=0,
        le=86_400,
        title="Look",
        description="Seconds between two looks at a live camera; only what changed is sent, and one picture a cadence.",
    )
    follow: bool = Field(default=False, title="Follow", description="Wait for new files in the folder.")
    after: AfterSpooling = Field(
        default=AfterSpooling.KEEP,
        title="After spooling",
        description="What becomes of a folder's file once it is safe in the spool: keep, move (to spooled/), delete.",
    )
    until_empty: bool = Field(
        default=False, title="Until empty", description="End when the source is exhausted and everything is sent."
    )
    give_up_after_seconds: float | None = Field(
        alias="give_up_after",
        default=None,
        gt=0,
        title="Give up",
        description="With until_empty: end with status 1 when nothing could be sent for so long. Nothing is lost.",
    )
    start: str | None = Field(
        default=None, title="Start of the video", description="Instant of a video's first picture, with its offset."
    )
    timezone: str | None = Field(
        default=None, title="Time zone of EXIF", description="For EXIF times without an offset, like Asia/Shanghai."
    )
    max_spool_mb: int = Field(
        default=2048, ge=1, le=1_048_576, title="Spool bound", description="Pictures held for this camera, MiB."
    )
    overflow: Literal["auto", "wait", "drop-oldest"] = Field(
        default="auto",
        title="When the spool is full",
        description="wait: the source waits; drop-oldest: the oldest pictures give way, counted. auto: folders and "
        "videos wait, cameras drop.",
    )
    max_image_bytes: int = Field(
        default=8 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024, title="Largest picture", description="Bytes of a file."
    )
    jpeg_quality: int = Field(
        default=90, ge=50, le=100, title="JPEG quality", description="Of pictures from videos and cameras."
    )
    exposure_hook: Path | None = Field(
        default=None,
        title="Exposure hook",
        description="Program that is called with dark, bright or normal when a roll call commands a change.",
    )
    onvif: str | None = Field(
        default=None,
        title="ONVIF service",
        description="http://host/onvif/device_service: the camera's own service changes its picture, without a hook.",
    )
    onvif_credentials: Path | None = Field(
        default=None,
        title="ONVIF credentials",
        description="File with user:password of an ONVIF user who may change the picture. Default: the stream's.",
    )
    onvif_change: Literal["auto", "exposure", "brightness", "infrared"] = Field(
        default="auto",
        title="ONVIF change",
        description="What is changed: exposure, brightness, infrared; auto: the first of these that the camera can.",
    )
    matching: Literal["server", "local"] = Field(
        default="server",
        title="Matching",
        description="server: pictures are sent and read there. local: they stay here, are read here, and only readings "
        "leave; needs a key, and a site whose transmission_basis is readings.",
    )
    models: Path | None = Field(
        default=None, title="Models", description="Folder of the model pack, the server's own; with matching local."
    )
    providers: tuple[str, ...] = Field(
        default=("CPUExecutionProvider",),
        min_length=1,
        title="Execution providers",
        description="With matching local, onnxruntime providers in order, with commas: cpu, cuda, openvino, coreml, or "
        "their full names. One that is asked for and missing stops the start.",
    )
    keep_hours: float = Field(
        default=72.0, ge=1, le=720, title="Kept pictures", description="Hours for which local matching keeps pictures."
    )
    keep_mb: int = Field(
        default=4096, ge=1, le=1_048_576, title="Kept at most", description="MiB of pictures that local matching keeps."
    )
    ca_file: Path | None = Field(
        default=None, title="Certificate authority", description="PEM file, where the server's certificate is private."
    )
    proxy: str | None = Field(
        default=None,
        title="Proxy",
        description="Address of the proxy on the way to an https server, like http://proxy.intranet:3128. It is never "
        "guessed from the environment.",
    )
    timeout_seconds: float = Field(
        alias="timeout",
        default=30.0,
        gt=0,
        le=600,
        title="Timeout",
        description="Seconds for one post, and for a camera to answer.",
    )
    retry_max_seconds: float = Field(
        alias="retry_max",
        default=60.0,
        gt=0,
        le=3600,
        title="Longest pause",
        description="Seconds between two attempts, at most.",
    )
    log: Literal["json", "text"] = Field(default="text", title="Log lines", description="On stderr: json or text.")

    @field_validator("server")
    @classmethod
    def _server_is_an_origin(cls, text: str) -> str:
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            raise ValueError("no address") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable():
            raise ValueError("write scheme and host, like https://ward.example.org")
        if parts.username or parts.password:
            raise ValueError("leave credentials out: the token goes into the token file")
        if parts.query or parts.fragment:
            raise ValueError("leave out what follows the path")
        return text.rstrip("/")

    @field_validator("proxy")
    @classmethod
    def _proxy_is_an_address(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                parts = urlsplit(text)
                _ = parts.port
            except ValueError:
                raise ValueError("no address") from None
            if parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable():
                raise ValueError("write scheme, host and port, like http://proxy.intranet:3128")
            keep_secret(parts.password or "")
        return text

    @field_validator("providers", mode="before")
    @classmethod
    def _providers_named(cls, given: object) -> object:
        return provider_names(given)

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (OSError, ValueError, KeyError):
                raise ValueError("no such time zone; write one like Asia/Shanghai") from None
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> AgentSettings:
        if (self.token_file is None) == (self.key_file is None):
            raise ValueError("give a key_file (wardwatch-edge pair makes it) or a token_file")
        if self.matching == "local" and self.key_file is None:
            raise ValueError("matching local needs a key_file (wardwatch-edge pair makes it), a token will not do")
        if self.matching == "local" and self.models is None:
            raise ValueError("matching local needs models: the folder of the server's model pack")
        if self.onvif is not None and self.exposure_hook is not None:
            raise ValueError("onvif and exposure_hook change one picture: choose one")
        if self.proxy is not None and not self.server.startswith("https://"):
            raise ValueError("a proxy goes with an https server: it would read token and pictures otherwise")
        if self.follow and self.until_empty:
            raise ValueError("follow never ends, until_empty does: choose one")
        if self.give_up_after_seconds is not None and not self.until_empty:
            raise ValueError("give_up_after goes with until_empty")
        if self.until_empty and not self.source.startswith(("folder:", "file:")):
            raise ValueError("until_empty goes with a folder or a file: a camera is never exhausted")
        return self


def load_settings(config: Path | None, flags: dict[str, Any]) -> AgentSettings:
    """Settings of the file, over them the flags that were given (not none). Raises `SettingsInvalid` naming a field."""
    values = {**(_read(config) if config is not None else {}), **{k: v for k, v in flags.items() if v is not None}}
    try:
        return AgentSettings.model_validate(values)
    except ValidationError as error:
        fault = faults_of(error)[0]
        raise SettingsInvalid(
            redact(fault.message),
            field=None if fault.field == "message" else fault.field,
            remedy="see wardwatch-edge camera --help",
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
        if len(text) > MAX_CONFIG_BYTES:
            raise ValueError("it is too large for a configuration")
        values = yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsInvalid(
            f"{path}: {redact(first)}", field="config", remedy="write YAML, one setting: value a line"
        ) from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SettingsInvalid(f"{path} holds no settings", field="config", remedy="write one setting: value a line")
    return values
