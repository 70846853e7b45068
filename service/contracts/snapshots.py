"""A picture on its way in, and what the server says of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.contracts.messages import Answer, Code, Instant, Message
from service.contracts.statements import CaptureStatement

SEQUENCE_MAX = 2**31 - 1
"""Largest sequence: what every database's INTEGER holds. At a frame a second it lasts 68 years."""

CLOCK_OFFSET_MAX_MS = 366 * 86_400_000
"""A clock off by more than a year was never set; such an offset is a fault, not a measurement."""


class SnapshotMeta(Message):
    """What a camera says of a picture: the form field `meta` of `POST /api/v1/snapshots`, as JSON."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"camera_id": "w1-cam1", "captured_at": "2026-03-02T08:15:00Z", "sequence": 42}]
        }
    )

    camera_id: Code = Field(description="The camera's id, or its code within the token's facility.")
    captured_at: Instant = Field(
        description="When the picture was taken, with its offset. By the device's clock, already corrected by "
        "`clock_offset_ms`. It orders everything."
    )
    sequence: Annotated[int, Field(strict=True, ge=0, le=SEQUENCE_MAX)] = Field(
        description="Counts a camera's pictures. The same camera, sequence and image twice is one snapshot."
    )
    width: Annotated[int, Field(strict=True, ge=1, le=65_535)] | None = Field(
        default=None, description="Width in pixels, if the device knows it. The picture's own header decides."
    )
    height: Annotated[int, Field(strict=True, ge=1, le=65_535)] | None = Field(
        default=None, description="Height in pixels, if the device knows it. The picture's own header decides."
    )
    clock_offset_ms: Annotated[int, Field(strict=True, ge=-CLOCK_OFFSET_MAX_MS, le=CLOCK_OFFSET_MAX_MS)] | None = Field(
        default=None,
        description="Server's time minus the device's, milliseconds, as last measured and already added to "
        "`captured_at`. Absent: never measured.",
    )
    statement: CaptureStatement | None = Field(
        default=None, description="What the device signed when it took the picture. Required of paired devices."
    )


class SnapshotAccepted(Answer):
    """The frame and its job are durable: the device may forget the picture."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"snapshot_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e7f", "duplicate": False}]}
    )

    snapshot_id: str = Field(description="The server's id of the snapshot.")
    duplicate: bool = Field(description="True: this picture was already here, and this post changed nothing.")


class BedStateCode(StrEnum):
    """What one frame says about one bed."""

    PATIENT = "patient"
    OTHER_PERSON = "other_person"
    UNIDENTIFIED = "unidentified"
    EMPTY = "empty"
    UNOBSERVED = "unobserved"


class ReadingOut(Answer):
    """What one frame says about one bed. It names nobody."""

    bed_id: str = Field(description="The bed's id.")
    bed_code: str = Field(description="The bed's code on its ward.")
    state: BedStateCode = Field(description="Unobserved is never empty.")
    confidence: float = Field(ge=0, le=1, description="Orders readings of one state; not a probability.")
    cause: str | None = Field(default=None, description="Why the bed is unobserved; absent for other states.")
    similarity: float | None = Field(
        default=None, ge=-1, le=1, description="Cosine similarity of the face to the patient expected in the bed."
    )
    threshold: float | None = Field(
        default=None, ge=-1, le=1, description="The similarity from which the face counts as the expected patient's."
    )
    face_quality: float | None = Field(default=None, ge=0, le=1, description="0 useless, 1 a good portrait.")
    quality_reasons: tuple[str, ...] = Field(default=(), description="What is wrong with the face's picture, by code.")


class ViewOut(Answer):
    """Whether the frame as a whole shows anything."""

    observed: bool
    cause: str | None = Field(default=None, description="black, over_exposed, covered, out_of_focus, …")


class SnapshotReadings(Answer):
    """A snapshot and, once analysed, its readings: one for each bed that has a zone in this camera's view."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "snapshot_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e7f",
                    "duplicate": False,
                    "state": "analysed",
                    "view": {"observed": True, "cause": None},
                    "readings": [
                        {
                            "bed_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e80",
                            "bed_code": "03",
                            "state": "patient",
                            "confidence": 0.91,
                            "cause": None,
                            "similarity": 0.62,
                            "threshold": 0.36,
                            "face_quality": 0.8,
                            "quality_reasons": [],
                        }
                    ],
                }
            ]
        }
    )

    snapshot_id: str
    duplicate: bool = Field(default=False, description="True: this picture was already here.")
    state: Literal["queued", "analysed", "unreadable"] = Field(
        description="queued: not analysed yet, ask again; unreadable: it did not decode, every bed is unobserved."
    )
    view: ViewOut | None = Field(default=None, description="Absent while queued.")
    carried_from: str | None = Field(
        default=None,
        description="The snapshot whose readings these are: nothing has changed since it was taken, at most a quarter "
        "of an hour before. Absent for a picture that was read itself.",
    )
    readings: tuple[ReadingOut, ...] = ()
