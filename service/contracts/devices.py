"""What a device is told about its work, and what it tells about itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from service.contracts.messages import Answer, Code, Instant, Message

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
ShortText = Annotated[str, Field(strict=True, max_length=64)]


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
    camera: CameraOut
    zones: tuple[ZoneOut, ...] = ()


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

    camera_id: Code = Field(description="The camera's id, or its code within the token's facility.")
    clock: Instant = Field(description="What the device's own clock reads, uncorrected.")
    spool_depth: Count = Field(description="Pictures waiting to be sent.")
    refused: Count = Field(default=0, description="Pictures the server refused for good, kept on the device.")
    dropped: dict[ShortText, Count] = Field(
        default_factory=dict, max_length=32, description="Pictures given up for want of room, ever, by policy."
    )
    versions: dict[ShortText, ShortText] = Field(
        default_factory=dict, max_length=32, description="Versions of what runs on the device."
    )


class HeartbeatAccepted(Answer):
    """The server's answer, from which the device measures how far its clock is off."""

    server_time: Instant
    config_version: str | None = Field(default=None, description="Differs from what the device holds: fetch it again.")
