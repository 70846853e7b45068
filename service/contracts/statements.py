"""The capture statement: what a device says of a picture at the moment it takes it, signed and chained.

It proves offline which device produced which bytes, in which order, and not before which moment: the server's last
nonce stands in it. What it cannot prove is the scene: a box can be shown a replay.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ConfigDict, Field

from service.contracts.messages import Answer, Code, Instant, Message

DOMAIN = "wardwatch-capture/1"
"""First line of what is signed, so that a signature of anything else is never taken for a statement."""
FIRST = "0" * 64
"""`previous` of a chain's first statement."""

Sha256 = Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{64}$")]
Nonce = Annotated[str, Field(strict=True, max_length=64, pattern=r"^[A-Za-z0-9._~-]*$")]


class CaptureStatement(Message):
    """Signed by the device's Ed25519 key over `signed_bytes`."""

    camera: Code = Field(description="As in the meta: the camera's id or code.")
    sha256: Sha256 = Field(description="Of the picture's bytes, as posted.")
    captured_at: Instant = Field(description="By the device's own clock, uncorrected.")
    sequence: Annotated[int, Field(strict=True, ge=0)]
    previous: Sha256 = Field(description="Hash of the camera's statement before this one; 64 zeros for the first.")
    nonce: Nonce = Field(default="", description="The last nonce the server gave; empty before the first contact.")
    key_id: Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{32}$")]
    signature: Annotated[str, Field(strict=True, max_length=100)] = Field(description="64 bytes in Base64.")


class LateStatements(Message):
    """Statements of pictures that are here already: a server before this one took those without."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"camera_id": "w1-cam1", "statements": []}]},
    )

    camera_id: Code = Field(description="The camera's id or code.")
    statements: Annotated[tuple[CaptureStatement, ...], Field(max_length=200)]


class LateStatementsAccepted(Answer):
    """What became of them. The device may forget them all."""

    kept: int = Field(description="Kept with their pictures now.")
    known: int = Field(description="Kept already.")
    unmatched: int = Field(description="Of no picture that is here, or not of it: not kept.")


def signed_bytes(
    camera: str, sha256: str, captured_at: Instant, sequence: int, previous: str, nonce: str, key_id: str
) -> bytes:
    """The text that is signed: one value a line, in a fixed order; the instant in UTC, as ISO 8601 writes it.

    No value can hold a line break (`Code` is printable), so that two statements never share their bytes.
    """
    lines = (DOMAIN, camera, sha256, captured_at.isoformat(), str(sequence), previous, nonce, key_id)
    return "\n".join(lines).encode()


def bytes_of(statement: CaptureStatement) -> bytes:
    """What `statement`'s signature is of."""
    return signed_bytes(
        statement.camera,
        statement.sha256,
        statement.captured_at,
        statement.sequence,
        statement.previous,
        statement.nonce,
        statement.key_id,
    )


def statement_hash(statement: CaptureStatement) -> str:
    """What the next statement names as `previous`: of the text and its signature."""
    return hashlib.sha256(bytes_of(statement) + b"\n" + statement.signature.encode()).hexdigest()


def is_signed_by(statement: CaptureStatement, public_key: bytes) -> bool:
    """Whether the Ed25519 key (32 bytes) signed it."""
    try:
        signature = base64.b64decode(statement.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, bytes_of(statement))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class ChainGap:
    """Where a camera's chain does not hold: `missing` statements between two, or, with none missing, a break."""

    after_sequence: int
    before_sequence: int

    @property
    def missing(self) -> int:
        """Sequences for which there is no statement."""
        return self.before_sequence - self.after_sequence - 1


def chain_gaps(statements: Iterable[CaptureStatement]) -> tuple[ChainGap, ...]:
    """Where a camera's statements, in order of sequence, do not name the one before."""
    gaps = []
    before: CaptureStatement | None = None
    for statement in statements:
        if before is not None and statement.previous != statement_hash(before):
            gaps.append(ChainGap(before.sequence, statement.sequence))
        before = statement
    return tuple(gaps)
