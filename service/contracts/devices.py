"""What a device is told about its work, and what it tells about itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.contracts.messages import Answer, Code, Instant, Message
from service.contracts.releases import ReleaseOffer
from service.contracts.snapshots import CLOCK_OFFSET_MAX_MS

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
ShortText = Annotated[str, Field(strict=True, max_length=64)]
KeyText = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9+/]{43}=$")]
"""An Ed25519 public key: 32 bytes in Base64."""
DeviceKind = Literal["camera", "kiosk"]


class PairRequest(Message):
    """What a device sends once to `POST /api/v1/devices/pair`. The private half of its key never leaves it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"code": "7K3Q-9XWD", "public_key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}]
        }
    )

    code: Annotated[str, Field(strict=True, min_length=8, max_length=16)] = Field(
        description="As `wardwatch devices pair` printed it; case and hyphens do not matter."
    )
    public_key: KeyText = Field(description="Ed25519, 32 bytes in Base64.")
    versions: dict[ShortText, ShortText] = Field(default_factory=dict, max_length=32)


class PairAccepted(Answer):
    """The device is known from now on, and signs its requests with `key_id`."""

    device_id: str
    key_id: str
    kind: DeviceKind
    name: str
    facility_code: str
    camera_code: str | None = None
    server_time: Instant
    nonce: str = Field(default="", description="For the first capture statement.")


class KeyRequest(Message):
    """A new key for a device that is paired already: `POST /api/v1/devices/me/keys`, signed with the old key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"public_key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=", "proof": "A" * 86 + "=="}]
        }
    )

    public_key: KeyText
    proof: Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9+/]{86}==$")] = Field(
        description="The new key's signature over `wardwatch-key/1`, device id and new public key, one a line."
    )


class KeyAccepted(Answer):
    """Both keys are good until `old_key_valid_until`; then only the new one."""

    key_id: str
    old_key_valid_until: Instant


class ZoneOut(Answer):
    """Where a bed lies in the camera's view."""

    zone_id: str
    bed_id: str
    bed_code: str
    polygon: tuple[tuple[Fraction, Fraction], ...] = Field(
        min_length=3, description="x and y as fractions of the picture's width and height."
    )
    head_edge: int = Field(ge=0, description="The head lies at the edge from this vertex to the next.")
    version: int = Field(ge=1, description="Redrawing a zone makes a new version.")


class CameraOut(Answer):
    """The camera that a device's token belongs to."""

    camera_id: str
    code: str
    name: str = ""
    facility_code: str
    ward_code: str


class RollCallOut(Answer):
    """A roll call that is open now: take a picture at once, and keep what belongs to it longest."""

    roll_call_id: str
    opens_at: Instant
    closes_at: Instant
    command: tuple[Literal["dark", "bright"], ...] = Field(
        default=(), description="Change the picture so, one after another, and say what became of it."
    )


class DeviceConfig(Answer):
    """What `GET /api/v1/devices/me/config` says. `version` is also the answer's ETag."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": "5f0c1d9a",
                    "cadence_seconds": 300,
                    "camera": {
                        "camera_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e01",
                        "code": "w1-cam1",
                        "name": "Ward 1, window side",
                        "facility_code": "hospital-1",
                        "ward_code": "w1",
                    },
                    "zones": [
                        {
                            "zone_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e02",
                            "bed_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e80",
                            "bed_code": "03",
                            "polygon": [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9], [0.1, 0.9]],
                            "head_edge": 0,
                            "version": 1,
                        }
                    ],
                }
            ]
        }
    )

    version: str = Field(description="Changes whenever anything else here does.")
    cadence_seconds: int = Field(ge=1, description="Seconds between two pictures.")
    jitter_seconds: float = Field(
        default=0.0,
        ge=0,
        description="Each pause is up to so much shorter or longer, at random.",
    )
    roll_calls: tuple[RollCallOut, ...] = Field(default=(), description="Open now.")
    transmission_basis: Literal["pictures", "readings"] = Field(
        default="pictures",
        description="What may leave the box: pictures, or only what it reads in them (docs/edge-matching.md).",
    )
    camera: CameraOut
    zones: tuple[ZoneOut, ...] = ()
    updates: tuple[ReleaseOffer, ...] = Field(default=(), description="Versions of the agent that the box may fetch.")
    accepts: tuple[str, ...] = Field(
        default=(),
        description="What a picture's meta may hold beyond its oldest fields, like `statement`. A server that names "
        "nothing is tried, and not asked again once it refused a field as unknown.",
    )


class Heartbeat(Message):
    """How a device is. Sent to `POST /api/v1/heartbeats`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "camera_id": "w1-cam1",
                    "clock": "2026-03-02T08:15:00.250Z",
                    "spool_depth": 3,
                    "refused": 0,
                    "dropped": {"drop_oldest": 0},
                    "versions": {"wardwatch": "0.1.0"},
                }
            ]
        }
    )

    camera_id: Code | None = Field(
        default=None, description="The camera's id or code. A signing device may leave it out: it is its own."
    )
    clock: Instant = Field(description="What the device's own clock reads, uncorrected.")
    spool_depth: Count = Field(description="Pictures waiting to be sent.")
    refused: Count = Field(default=0, description="Pictures the server refused for good, kept on the device.")
    dropped: dict[ShortText, Count] = Field(
        default_factory=dict, max_length=32, description="Pictures given up for want of room, ever, by policy."
    )
    versions: dict[ShortText, ShortText] = Field(
        default_factory=dict, max_length=32, description="Versions of what runs on the device."
    )
    clock_offset_ms: Annotated[int, Field(strict=True, ge=-CLOCK_OFFSET_MAX_MS, le=CLOCK_OFFSET_MAX_MS)] | None = Field(
        default=None, description="Server's time minus the device's, as the device measured it last."
    )
    temperature_c: Annotated[float, Field(ge=-60, le=150, allow_inf_nan=False)] | None = Field(
        default=None, description="Of the box, degrees Celsius."
    )
    captured: Count = Field(default=0, description="Pictures made durable on the device, ever.")
    camera_away: Count = Field(default=0, description="Attempts at which the camera gave no picture, ever.")
    oldest_waiting_at: Instant | None = Field(default=None, description="When the oldest waiting picture was taken.")


class HeartbeatAccepted(Answer):
    """The server's answer, from which the device measures how far its clock is off."""

    server_time: Instant
    nonce: str = Field(default="", description="Goes into the capture statements from now on.")
    config_version: str | None = Field(default=None, description="Differs from what the device holds: fetch it again.")
