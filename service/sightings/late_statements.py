"""Statements that come after their pictures: from a box whose server, when it took those, did not know statements."""

from __future__ import annotations

import base64
from datetime import datetime

from sqlmodel import Session

from service.access import Actor, device_key, nonce_issued_at
from service.contracts import CaptureStatement, LateStatements, LateStatementsAccepted, is_signed_by, statement_hash
from service.facilities import Camera
from service.platform.context import Context
from service.platform.crypto import KeyRing
from service.sightings.device_tables import SnapshotStatement
from service.sightings.heartbeats import camera_of_device
from service.sightings.repository import find_snapshot
from service.sightings.statements import Verified, keep_statement


def attach_statements(context: Context, actor: Actor, told: LateStatements) -> LateStatementsAccepted:
    """Keeps each statement with the picture that it is of. A picture's trust, judged when it came, stays.

    Raises `CameraUnknown`.
    """
    kept = known = 0
    with context.database.transaction() as session:
        camera = camera_of_device(session, actor, told.camera_id)
        for statement in told.statements:
            if camera is None or actor.kind != "device":
                continue
            snapshot = find_snapshot(session, camera.id, statement.sequence, statement.sha256)
            verified = _verified(session, context.keys, actor, camera, statement)
            if snapshot is None or verified is None:
                continue
            if session.get(SnapshotStatement, snapshot.id) is not None:
                known += 1
                continue
            keep_statement(session, snapshot, verified)
            kept += 1
    return LateStatementsAccepted(kept=kept, known=known, unmatched=len(told.statements) - kept - known)


def _verified(
    session: Session, keys: KeyRing, actor: Actor, camera: Camera, statement: CaptureStatement
) -> Verified | None:
    """The statement, if a key of the sender signed it for this camera."""
    found = device_key(session, statement.key_id)
    if statement.camera not in (camera.id, camera.code) or found is None:
        return None
    if found[1].id != actor.id or found[1].camera_id != camera.id:
        return None
    if not is_signed_by(statement, base64.b64decode(found[0].public_key)):
        return None
    nonce_at: datetime | None = nonce_issued_at(keys, found[1].id, statement.nonce) if statement.nonce else None
    return Verified(statement, found[1].id, statement_hash(statement), nonce_at)
