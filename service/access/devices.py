"""Devices: paired by a one-time code, known by their keys, rotated without a pause, revoked in one step."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Request
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service import ledger
from service.access import device_repository as repository
from service.access.actor import Actor, Permission
from service.access.device_errors import (
    DeviceRevoked,
    KeyRefused,
    PairingRefused,
    RequestReplayed,
    SignatureRefused,
)
from service.access.device_signatures import check_age, check_key, check_signature, read_claims
from service.access.device_tables import Device, DeviceKey, PairingCode, UsedNonce
from service.contracts import DeviceKind
from service.kit.errors import InvalidInput, NotFound
from service.platform.context import Context
from service.platform.crypto import hash_secret
from service.platform.metrics import counter

CODE_LIFE = timedelta(hours=1)
ROTATION_OVERLAP = timedelta(hours=24)
"""How long the old key stays good: a device that lost the answer of its rotation still gets in."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is misread from a screen
_CODE_LENGTH = 8

SCOPES: dict[str, frozenset[Permission]] = {
    "camera": frozenset({Permission.SNAPSHOTS_POST, Permission.CONFIG_READ}),
    "kiosk": frozenset({Permission.PURCHASES_VERIFY, Permission.CONFIG_READ}),
}

device_requests_total = counter(
    "device_requests_total",
    "Signed requests, by result: accepted, incomplete, unknown, revoked, altered, wrongly_aimed, stale, replayed",
    ("result",),
)


def new_pairing_code(
    session: Session,
    *,
    facility_id: str,
    facility_code: str,
    kind: DeviceKind,
    name: str,
    camera_id: str | None,
    camera_code: str | None,
    replace: bool,
    actor: str,
    now: datetime,
    life: timedelta = CODE_LIFE,
) -> str:
    """A code that pairs one device, once, within `life`. Raises `InvalidInput`.

    A camera has one box. With `replace` the new one takes its place when it pairs, and the old one is revoked then.
    """
    if not name.strip() or len(name) > 100:
        raise InvalidInput("a device has a name of 1 to 100 characters", field="name", remedy="name the place it has")
    if camera_id is not None and not replace and repository.working_devices_of_camera(session, camera_id):
        raise InvalidInput(
            f"camera {camera_code} has a box already",
            field="camera",
            remedy="add --replace: the old box is revoked when the new one pairs",
            message_zh=f"摄像头 {camera_code} 已有设备",
            remedy_zh="如需更换请加 --replace，新设备配对时旧设备即停用",
        )
    plain = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
    row = PairingCode(
        code_hash=hash_secret(plain),
        facility_id=facility_id,
        facility_code=facility_code,
        kind=kind,
        name=name.strip(),
        camera_id=camera_id,
        camera_code=camera_code,
        expires_at=now + life,
    )
    session.add(row)
    session.flush()
    _record(session, "device.code", actor, now, "pairing_code", row.id, facility_id, name=row.name)
    return f"{plain[:4]}-{plain[4:]}"


def pair_device(session: Session, code: str, public_key: str, now: datetime) -> tuple[Device, DeviceKey, PairingCode]:
    """Lets in the device that has the code. Raises `PairingRefused`, `KeyRefused`."""
    plain = code.replace("-", "").replace(" ", "").upper().translate(str.maketrans("OIL", "011"))
    row = repository.code_for_update(session, hash_secret(plain))
    if row is None or row.used_at is not None or row.expires_at <= now:
        raise PairingRefused(
            "the code is unknown, used or expired",
            remedy="make another: wardwatch devices pair",
            message_zh="配对码不存在、已使用或已过期",
            remedy_zh="请用 wardwatch devices pair 重新生成",
        )
    _check_new_key(session, public_key)
    row.used_at = now
    session.add(row)
    if row.camera_id is not None:
        for old in repository.working_devices_of_camera(session, row.camera_id):
            _revoke(session, old, f"replaced with code {row.id}", now)
    device = Device(facility_id=row.facility_id, kind=row.kind, name=row.name, camera_id=row.camera_id, paired_at=now)
    session.add(device)
    session.flush()
    key = _add_key(session, device, public_key, now)
    _record(
        session, "device.pair", f"device:{device.name}", now, "device", device.id, device.facility_id, key=public_key
    )
    return device, key, row


def rotate_key(
    session: Session, device_id: str, public_key: str, proof: str, now: datetime
) -> tuple[DeviceKey, datetime]:
    """Gives the device another key; the older ones stay good for a while. Raises `KeyRefused`, `DeviceRevoked`."""
    device = repository.device_by_id(session, device_id)
    if device is None or device.revoked_at is not None:
        raise DeviceRevoked("the device was put out of use", remedy="pair it anew: wardwatch devices pair --replace")
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True)).verify(
            base64.b64decode(proof, validate=True), rotation_text(device_id, public_key)
        )
    except (InvalidSignature, ValueError, binascii.Error):
        raise KeyRefused(
            "the proof is not the new key's signature",
            field="proof",
            remedy="sign the text that the API's description names, with the new key",
            message_zh="未能证明持有新密钥",
        ) from None
    until = now + ROTATION_OVERLAP
    known = repository.key_by_public(session, public_key)
    if known is not None and known.device_id == device_id and known.valid_until is None:
        return known, until  # the answer was lost, and the device asks again
    _check_new_key(session, public_key)
    for old in repository.keys_of(session, device_id):
        if old.valid_until is None or old.valid_until > until:
            old.valid_until = until
            session.add(old)
    key = _add_key(session, device, public_key, now)
    _record(
        session, "device.rotate", f"device:{device.name}", now, "device", device.id, device.facility_id, key=public_key
    )
    return key, until


def rotation_text(device_id: str, public_key: str) -> bytes:
    """What a new key signs to show that its sender has it."""
    return f"wardwatch-key/1\n{device_id}\n{public_key}".encode()


def revoke_device(session: Session, device_id: str, *, actor: str, now: datetime) -> Device:
    """Puts a device out of use, with all its keys, from this moment on. Raises `NotFound`."""
    device = repository.device_by_id(session, device_id)
    if device is None:
        raise NotFound(f"no device {device_id[:40]!r}", remedy="see `wardwatch devices ls`")
    if device.revoked_at is None:
        _revoke(session, device, actor, now)
    return device


def actor_of_signature(context: Context, request: Request) -> Actor:
    """The device that signed the request. Raises a `SignatureRefused`, counted by its reason."""
    try:
        actor = _authenticated(context, request)
    except SignatureRefused as refused:
        device_requests_total.labels(refused.reason).inc()
        raise
    device_requests_total.labels("accepted").inc()
    return actor


def _authenticated(context: Context, request: Request) -> Actor:
    now, window = context.clock.now(), timedelta(seconds=context.settings.signature_seconds)
    claims = read_claims(request)
    with context.database.reading() as session:
        found = repository.device_key(session, claims.key_id)
    try:
        key, device = check_key(found, now)
        check_signature(request, key, context.settings.public_origin)
        check_age(claims, now, window)
        _remember(context, claims.key_id, claims.nonce, claims.expires + window)
    except SignatureRefused as refused:
        # A clock that is off is no fault of honesty; the rest of what a known key's requests suffer is kept.
        if found is not None:
            with context.database.transaction(durable=False) as session:
                repository.count_fault(session, found[1], refused.reason, now)
        raise
    return Actor(
        kind="device",
        id=device.id,
        name=device.name,
        scopes=SCOPES.get(device.kind, frozenset()),
        facility_id=device.facility_id,
        camera_id=device.camera_id,
        kiosk_id=device.id if device.kind == "kiosk" else None,
    )


def _remember(context: Context, key_id: str, nonce: str, forget_at: datetime) -> None:
    """A power cut may forget it: what it protects (one picture is one, a challenge is used once) is kept elsewhere."""
    try:
        with context.database.transaction(durable=False) as session:
            session.add(UsedNonce(key_id=key_id, nonce=nonce, forget_at=forget_at))
            session.flush()
    except IntegrityError:
        raise RequestReplayed(
            "a request with this nonce came before",
            remedy="sign afresh, with a new nonce",
            message_zh="该签名已被使用过",
            remedy_zh="请使用新的随机数重新签名",
        ) from None


def _check_new_key(session: Session, public_key: str) -> None:
    if repository.key_by_public(session, public_key) is not None:
        raise KeyRefused(
            "the key is in use already",
            field="public_key",
            remedy="let the device make a new key: remove its key file and pair again",
            message_zh="该密钥已被使用",
            remedy_zh="请删除设备上的密钥文件后重新配对",
        )


def _add_key(session: Session, device: Device, public_key: str, now: datetime) -> DeviceKey:
    key = DeviceKey(device_id=device.id, public_key=public_key, created_at=now)
    session.add(key)
    session.flush()
    return key


def _revoke(session: Session, device: Device, actor: str, now: datetime) -> None:
    device.revoked_at = now
    session.add(device)
    session.flush()
    _record_device(session, "device.revoke", actor, now, device, name=device.name)


def _record_device(session: Session, action: str, actor: str, now: datetime, device: Device, **details: str) -> None:
    _record(session, action, actor, now, "device", device.id, device.facility_id, **details)


def _record(
    session: Session,
    action: str,
    actor: str,
    now: datetime,
    kind: str,
    object_id: str,
    facility_id: str,
    **details: str,
) -> None:
    ledger.append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action=action,
        object_kind=kind,
        object_id=object_id,
        facility_id=facility_id,
        details=details,
    )
