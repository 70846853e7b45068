"""The API of devices: pairing and new keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Request

from service.access.actor import Actor, Permission
from service.access.attempts import AttemptLimit
from service.access.device_errors import PairingRefused
from service.access.device_nonces import issue_nonce
from service.access.devices import pair_device, rotate_key
from service.access.errors import Forbidden, TooManyAttempts
from service.access.rules import allow
from service.contracts import KeyAccepted, KeyRequest, PairAccepted, PairRequest
from service.platform.context import Context
from service.platform.database import Database
from service.platform.http import ContextDep, WriteSession

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])

_PERIOD = timedelta(minutes=15)
_EVERYBODY = "everybody"


class _Limits:
    """40 bits of code, ten tries an address and 200 altogether in a quarter of an hour: guessing is hopeless."""

    def __init__(self) -> None:
        self.by_address = AttemptLimit(10, _PERIOD)
        self.together = AttemptLimit(200, _PERIOD)


_limits: WeakKeyDictionary[Database, _Limits] = WeakKeyDictionary()


@router.post("/pair", status_code=201, summary="Pair a device")
def pair(wanted: PairRequest, request: Request, context: ContextDep) -> PairAccepted:
    """Takes a device's public key for a one-time code. Ten wrong codes lock an address for fifteen minutes."""
    limits = _limits.setdefault(context.database, _Limits())
    address, now = request.client.host if request.client else "", context.clock.now()
    _refuse_locked(context, limits, address)
    try:
        with context.database.transaction() as session:
            device, key, code = pair_device(session, wanted.code, wanted.public_key, now)
    except PairingRefused:
        limits.by_address.fail(address, now)
        limits.together.fail(_EVERYBODY, now)
        raise
    return PairAccepted(
        device_id=device.id,
        key_id=key.id,
        kind="kiosk" if device.kind == "kiosk" else "camera",
        name=device.name,
        facility_code=code.facility_code,
        camera_code=code.camera_code,
        server_time=now,
        nonce=issue_nonce(context.keys, device.id, now),
    )


@router.post("/me/keys", status_code=201, summary="Change a device's key")
def change_key(
    wanted: KeyRequest,
    actor: Annotated[Actor, allow(Permission.CONFIG_READ)],
    session: WriteSession,
    context: ContextDep,
) -> KeyAccepted:
    """Takes a new key, with proof that the device has it. Both are good for a day."""
    if actor.kind != "device":
        raise Forbidden("only a paired device has keys", remedy="pair it: wardwatch devices pair")
    key, until = rotate_key(session, actor.id, wanted.public_key, wanted.proof, context.clock.now())
    return KeyAccepted(key_id=key.id, old_key_valid_until=until)


def _refuse_locked(context: Context, limits: _Limits, address: str) -> None:
    now = context.clock.now()
    until = [
        at
        for at in (limits.by_address.locked_until(address, now), limits.together.locked_until(_EVERYBODY, now))
        if at is not None
    ]
    if until:
        seconds = max(1, int((max(until) - now).total_seconds()))
        raise TooManyAttempts(
            "too many wrong pairing codes",
            remedy=f"try again in {seconds // 60 + 1} minutes",
            message_zh="配对码错误次数过多",
            remedy_zh=f"请在 {seconds // 60 + 1} 分钟后重试",
            retry_after=seconds,
        )
