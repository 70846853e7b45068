"""Capture statements: verified when a picture comes in, kept with it, and read again as a chain."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from service.access import Actor, SignatureFault, device_key, faults_between, nonce_issued_at
from service.contracts import (
    CaptureStatement,
    ChainGap,
    SnapshotMeta,
    chain_gaps,
    is_signed_by,
    statement_hash,
)
from service.facilities import Camera
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.crypto import KeyRing
from service.sightings.device_tables import SnapshotStatement
from service.sightings.errors import StatementRefused
from service.sightings.tables import Snapshot

LIVE_WITHIN = timedelta(minutes=10)
"""A picture that arrives within so long of being taken is live: there was no time to think of another one."""
LOWER_TRUST = ("late", "unproven")
"""Of pictures that excuse and do not prove: late and outside of the chain, or of a roll call whose commanded change the
box did not answer or the pictures do not show (`sightings.command_answers`)."""
_ROUNDING = timedelta(milliseconds=2)
_NONCE_TOLERANCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement that holds, with whose it is."""

    statement: CaptureStatement
    device_id: str
    hash: str
    nonce_at: datetime | None


def verify_statement(
    session: Session, keys: KeyRing, actor: Actor, camera: Camera, meta: SnapshotMeta, sha256: str
) -> Verified | None:
    """The statement of `meta`, if it says the same as the picture and its meta, signed by a key of the sender.

    None for a sender with a token, who has no key. Raises `StatementRefused`.
    """
    statement = meta.statement
    if statement is None:
        if actor.kind == "device":
            raise _refused("a paired device signs a statement of each picture", "meta.statement")
        return None
    offset = timedelta(milliseconds=meta.clock_offset_ms or 0)
    for holds, name in (
        (statement.sha256 == sha256, "sha256"),
        (statement.sequence == meta.sequence, "sequence"),
        (statement.camera in (camera.id, camera.code), "camera"),
        (abs(statement.captured_at + offset - meta.captured_at) <= _ROUNDING, "captured_at"),
    ):
        if not holds:
            raise _refused(f"its {name} is not the picture's", f"meta.statement.{name}")
    found = device_key(session, statement.key_id)
    if found is None or found[1].id != actor.id or found[1].camera_id != camera.id:
        raise _refused("its key is not the sender's", "meta.statement.key_id")
    if not is_signed_by(statement, base64.b64decode(found[0].public_key)):
        raise _refused("its signature does not hold", "meta.statement.signature")
    nonce_at = nonce_issued_at(keys, found[1].id, statement.nonce) if statement.nonce else None
    return Verified(statement, found[1].id, statement_hash(statement), nonce_at)


def trust_of(session: Session, camera: Camera, verified: Verified | None, captured_at: datetime, now: datetime) -> str:
    """`live`, `chained` or `late`.

    Chained: late, but its statement names a nonce that the server gave before the picture was taken, no newer than
    that of any later statement and no older than that of any earlier one. A picture invented afterwards would have to
    stand before pictures whose statements, already here, name the hash of what came before them.
    """
    if now - captured_at <= LIVE_WITHIN:
        return "live"
    if verified is None or verified.nonce_at is None or verified.nonce_at > captured_at + _NONCE_TOLERANCE:
        return "late"
    sequence = verified.statement.sequence
    of_camera = select(SnapshotStatement).where(SnapshotStatement.camera_id == camera.id)
    later = session.exec(
        of_camera.where(col(SnapshotStatement.sequence) > sequence).order_by(col(SnapshotStatement.sequence)).limit(1)
    ).first()
    earlier = session.exec(
        of_camera.where(col(SnapshotStatement.sequence) < sequence)
        .order_by(col(SnapshotStatement.sequence).desc())
        .limit(1)
    ).first()
    if later is not None and later.nonce_at is not None and later.nonce_at < verified.nonce_at:
        return "late"
    if earlier is not None and earlier.nonce_at is not None and earlier.nonce_at > verified.nonce_at:
        return "late"
    if later is not None and later.sequence == sequence + 1 and later.previous != verified.hash:
        return "late"
    if earlier is not None and earlier.sequence == sequence - 1 and earlier.hash != verified.statement.previous:
        return "late"
    return "chained"


def keep_statement(session: Session, snapshot: Snapshot, verified: Verified) -> None:
    """Keeps the statement with its picture."""
    session.add(
        SnapshotStatement(
            snapshot_id=snapshot.id,
            facility_id=snapshot.facility_id,
            camera_id=snapshot.camera_id,
            device_id=verified.device_id,
            sequence=verified.statement.sequence,
            statement=verified.statement.model_dump(mode="json"),
            hash=verified.hash,
            previous=verified.statement.previous,
            nonce_at=verified.nonce_at,
        )
    )


def statements_of_camera(session: Session, camera_id: str, interval: Interval) -> tuple[CaptureStatement, ...]:
    """A camera's statements of pictures taken in `interval`, in order of sequence."""
    query = (
        select(SnapshotStatement)
        .join(Snapshot, col(Snapshot.id) == col(SnapshotStatement.snapshot_id))
        .where(
            SnapshotStatement.camera_id == camera_id,
            col(Snapshot.captured_at) >= interval.start,
            col(Snapshot.captured_at) < interval.end,
        )
        .order_by(col(SnapshotStatement.sequence))
    )
    return tuple(CaptureStatement.model_validate(row.statement) for row in session.exec(query))


def statement_gaps(session: Session, camera_id: str, interval: Interval) -> tuple[ChainGap, ...]:
    """Where a camera's chain does not hold: pictures that are missing (still on the box, dropped, or withheld)."""
    return chain_gaps(statements_of_camera(session, camera_id, interval))


@dataclass(frozen=True, slots=True)
class StatementProof:
    """A camera's statements, checked again. `pictures`: those still kept, compared byte by byte. `false`: those whose
    signature or picture does not hold. `gaps`: where the chain does not."""

    statements: int
    pictures: int
    false: tuple[int, ...]
    gaps: tuple[ChainGap, ...]


def verify_kept_statements(context: Context, session: Session, camera_id: str) -> StatementProof:
    """Checks every statement kept of a camera against the public key of its device, and against its picture."""
    query = (
        select(SnapshotStatement, Snapshot)
        .join(Snapshot, col(Snapshot.id) == col(SnapshotStatement.snapshot_id))
        .where(SnapshotStatement.camera_id == camera_id)
        .order_by(col(SnapshotStatement.sequence))
    )
    statements, false, pictures = [], [], 0
    for row, snapshot in session.exec(query):
        statement = CaptureStatement.model_validate(row.statement)
        statements.append(statement)
        found = device_key(session, statement.key_id)
        good = found is not None and is_signed_by(statement, base64.b64decode(found[0].public_key))
        if good and snapshot.blob_key is not None:
            pictures += 1
            good = hashlib.sha256(context.blobs.get(snapshot.blob_key)).hexdigest() == statement.sha256
        if not good:
            false.append(statement.sequence)
    return StatementProof(len(statements), pictures, tuple(false), chain_gaps(statements))


def signature_faults(session: Session, facility_id: str, interval: Interval) -> tuple[SignatureFault, ...]:
    """Requests of a facility's devices that were refused, by device, hour and reason (altered, replayed, …)."""
    return faults_between(session, facility_id, interval)


def _refused(message: str, field: str) -> StatementRefused:
    return StatementRefused(
        message,
        field=field,
        remedy="sign sha256, camera, captured_at, sequence, previous, nonce and key_id as the API's description says",
        message_zh="拍摄声明与图片或发送设备不符",
        remedy_zh="请按接口说明对拍摄声明签名",
    )
