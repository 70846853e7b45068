"""What a box that judges its pictures itself says instead of sending them (docs/edge-matching.md).

A picture is captured, spooled and signed as always. What it was read to show is a text of its own, `body`, signed
together with the hash of the picture's capture statement: the server keeps it word for word.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ConfigDict, Field

from service.contracts.devices import KeyText
from service.contracts.messages import Answer, Code, Instant, Message
from service.contracts.snapshots import CLOCK_OFFSET_MAX_MS, SEQUENCE_MAX, BedStateCode
from service.contracts.statements import CaptureStatement, Sha256

DOMAIN = "wardwatch-reading/1"
"""First line of what is signed."""
MAX_BODY = 256 * 1024
MAX_ZONES = 64

Id = Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{32}$")]
PersonKey = Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{32}$")]
"""Whom a face belongs to, under a name that only this box and the server know: no patient's id."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=-1.001, le=1.001, allow_inf_nan=False)]
Pixel = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]
Text64 = Annotated[str, Field(strict=True, max_length=64)]
Base64 = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class SealingKeyRequest(Message):
    """The public half of the key for which the server seals what only this box may read."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"public_key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}]}
    )

    public_key: KeyText = Field(description="X25519, 32 bytes in Base64.")


class SealingKeyAccepted(Answer):
    """From now on the gallery is sealed for this key, and for no other."""

    public_key: str


class GalleryPerson(Message):
    """A person whose face may be recognised here. `vectors`: little-endian float32, in Base64, one a template."""

    key: PersonKey
    vectors: tuple[Base64, ...] = Field(min_length=1, max_length=64)


class GalleryBed(Message):
    """Who belongs into a bed of this camera, from an instant on and until another."""

    zone_id: Id
    key: PersonKey
    since: Instant
    until: Instant | None = None


class GalleryZone(Message):
    """Where a bed lies in the camera's view, from an instant on and until another. In the order in which they count."""

    zone_id: Id
    polygon: tuple[tuple[Share, Share], ...] = Field(min_length=3, max_length=64)
    head_edge: Annotated[int, Field(strict=True, ge=0, le=64)]
    since: Instant
    until: Instant | None = None


class WardGallery(Message):
    """What the box may compare faces with. It travels sealed, and is opened in memory only.

    `templates`: changes when any template of the facility does; readings name it. `persons`: the ward's admitted
    patients with a proven reference and consent, and enrolled staff. `same_person`: the pack's threshold at the server.
    """

    version: Text64
    templates: Text64
    device_id: Id
    pack_hash: Sha256
    dimension: Annotated[int, Field(strict=True, ge=1, le=4096)]
    same_person: Share
    other_person: Share
    issued_at: Instant
    expires_at: Instant
    persons: tuple[GalleryPerson, ...] = Field(default=(), max_length=5000)
    beds: tuple[GalleryBed, ...] = Field(default=(), max_length=5000)
    zones: tuple[GalleryZone, ...] = Field(default=(), max_length=1000)


class SealedGallery(Answer):
    """A `WardGallery`, sealed by HPKE (RFC 9180, base mode: X25519, HKDF-SHA256, AES-256-GCM) for the box's key."""

    version: str = Field(description="Also the answer's ETag.")
    pack_hash: str = Field(description="The only model pack with which it is of use.")
    expires_at: Instant
    sealed: str = Field(description="Base64.")


class EdgeZoneReading(Message):
    """What the box read of one bed. Its names are those of `service.vision.BedReading`.

    `crop`: the commitment to the pixels of the bed's crop (`service.vision.bed_crop`); none when nothing decoded.
    """

    zone_id: Id
    expected: PersonKey | None = None
    state: BedStateCode
    confidence: Share
    cause: Text64 | None = None
    recognised: PersonKey | None = None
    similarity: Cosine | None = None
    expected_similarity: Cosine | None = None
    face_quality: Share | None = None
    quality_reasons: tuple[Text64, ...] = Field(default=(), max_length=16)
    body_score: Share | None = None
    face_box: tuple[Pixel, Pixel, Pixel, Pixel] | None = None
    trace: Annotated[Base64, Field(max_length=128)] | None = None
    crop: Sha256 | None = None


class EdgeFrameReading(Message):
    """The `body`: everything the box says of one picture.

    `statement`: hash of the picture's capture statement. `view_print`: see docs/views.md; too coarse to recognise
    anybody, and what frozen, looped and moved views are found by. `unreadable`: the picture did not decode.
    """

    camera: Code
    sequence: Annotated[int, Field(strict=True, ge=0, le=SEQUENCE_MAX)]
    statement: Sha256
    pack_hash: Sha256
    templates: Text64
    agent: Text64 = ""
    width: Annotated[int, Field(strict=True, ge=0, le=65_535)] = 0
    height: Annotated[int, Field(strict=True, ge=0, le=65_535)] = 0
    byte_count: Annotated[int, Field(strict=True, ge=0, le=2**31)] = 0
    media_type: Annotated[str, Field(strict=True, max_length=32)] = "image/jpeg"
    unreadable: Text64 | None = None
    view_cause: Text64 | None = None
    strangers: Annotated[int, Field(strict=True, ge=0, le=1000)] = 0
    view_print: Annotated[Base64, Field(max_length=64 * 1024)] = ""
    zones: tuple[EdgeZoneReading, ...] = Field(default=(), max_length=MAX_ZONES)


class EdgeReadingPost(Message):
    """What stands in the place of a picture: `POST /api/v1/edge-readings`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "camera_id": "w1-cam1",
                    "captured_at": "2026-03-02T08:15:00Z",
                    "sequence": 42,
                    "statement": {
                        "camera": "w1-cam1",
                        "sha256": "0" * 64,
                        "captured_at": "2026-03-02T08:15:00Z",
                        "sequence": 42,
                        "previous": "0" * 64,
                        "nonce": "",
                        "key_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e90",
                        "signature": "A" * 86 + "==",
                    },
                    "body": '{"camera": "w1-cam1", "sequence": 42, "statement": "…"}',
                    "key_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e90",
                    "signature": "A" * 86 + "==",
                }
            ]
        }
    )

    camera_id: Code
    captured_at: Instant = Field(description="As for a snapshot: the device's clock, already corrected.")
    sequence: Annotated[int, Field(strict=True, ge=0, le=SEQUENCE_MAX)]
    clock_offset_ms: Annotated[int, Field(strict=True, ge=-CLOCK_OFFSET_MAX_MS, le=CLOCK_OFFSET_MAX_MS)] | None = None
    statement: CaptureStatement = Field(description="Of the picture, as signed when it was taken.")
    body: Annotated[str, Field(strict=True, max_length=MAX_BODY)] = Field(description="JSON: EdgeFrameReading.")
    key_id: Id = Field(description="Of the key that signed this reading.")
    signature: Annotated[str, Field(strict=True, max_length=100)] = Field(
        description="Of `wardwatch-reading/1`, the statement's hash and the body's SHA-256, one a line, in Base64."
    )
    request_id: Id | None = Field(default=None, description="The server's request that this reading answers.")


class EdgeRequestOut(Answer):
    """Something the server wants to know about a picture that the box keeps."""

    request_id: str
    purpose: Literal["crop", "reread"]
    sequence: int
    sha256: str
    zone_id: str | None = None
    due_at: Instant


class EdgeRequests(Answer):
    """What is open for this box, oldest first."""

    requests: tuple[EdgeRequestOut, ...] = ()


class EdgeCropMeta(Message):
    """Form field `meta` of `POST /api/v1/edge-crops`; the image is the crop as PNG, other people's faces blurred.

    `covered`: index of each tile whose pixels were changed, and the hash of its original. `gone`: the box does not have
    the picture any more; then there is no image.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"request_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e91", "covered": {}}]}
    )

    request_id: Id
    covered: dict[Annotated[int, Field(ge=0, le=100_000)], Sha256] = Field(default_factory=dict, max_length=20_000)
    gone: bool = False


class EdgeAnswerAccepted(Answer):
    """The request is answered."""

    request_id: str


def signed_text(statement_hash: str, body: str) -> bytes:
    """What the box signs of a reading."""
    return f"{DOMAIN}\n{statement_hash}\n{hashlib.sha256(body.encode()).hexdigest()}".encode()


def reading_is_signed_by(statement_hash: str, body: str, signature: str, public_key: bytes) -> bool:
    """Whether the Ed25519 key (32 bytes) signed the reading."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            base64.b64decode(signature, validate=True), signed_text(statement_hash, body)
        )
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
