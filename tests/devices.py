"""Paired devices for tests, as the real pairing makes them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.device_key import DeviceKey, public_text
from service.access import new_pairing_code
from service.access.devices import pair_device as take_code
from service.contracts import DeviceKind
from service.facilities.tables import Camera, Facility
from service.platform.context import Context


def pair_device(
    context: Context, facility: Facility, kind: DeviceKind = "camera", camera: Camera | None = None, *, name: str = ""
) -> DeviceKey:
    """A device of `facility` that is in use, and its key: sign with `SigningAuth(key)`."""
    private, now = Ed25519PrivateKey.generate(), context.clock.now()
    with context.database.transaction() as session:
        code = new_pairing_code(
            session,
            facility_id=facility.id,
            facility_code=facility.code,
            kind=kind,
            name=name or (camera.code if camera else "counter 1"),
            camera_id=camera.id if camera else None,
            camera_code=camera.code if camera else None,
            replace=True,
            actor="system",
            now=now,
        )
        device, key, _ = take_code(session, code, public_text(private), now)
    return DeviceKey(device.id, key.id, kind, device.name, camera.code if camera else None, private)
