"""All queries about devices."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from service.access.device_tables import Device, DeviceKey, PairingCode, SignatureFault, UsedNonce
from service.kit.intervals import Interval


def device_key(session: Session, key_id: str) -> tuple[DeviceKey, Device] | None:
    """A key and whose it is, revoked or not."""
    query = select(DeviceKey, Device).join(Device, col(Device.id) == col(DeviceKey.device_id))
    row = session.exec(query.where(DeviceKey.id == key_id)).first()
    return (row[0], row[1]) if row else None


def key_by_public(session: Session, public_key: str) -> DeviceKey | None:
    """The key with that public half."""
    return session.exec(select(DeviceKey).where(DeviceKey.public_key == public_key)).first()


def keys_of(session: Session, device_id: str) -> tuple[DeviceKey, ...]:
    """All keys of a device, oldest first."""
    return tuple(session.exec(select(DeviceKey).where(DeviceKey.device_id == device_id).order_by(col(DeviceKey.id))))


def device_by_id(session: Session, device_id: str) -> Device | None:
    """A device by its id."""
    return session.get(Device, device_id)


def devices_at(session: Session, facility_id: str | None) -> tuple[Device, ...]:
    """The devices of a facility, or of all, in order of pairing."""
    query = select(Device).order_by(col(Device.id))
    if facility_id is not None:
        query = query.where(Device.facility_id == facility_id)
    return tuple(session.exec(query))


def working_devices_of_camera(session: Session, camera_id: str) -> tuple[Device, ...]:
    """The devices in use for a camera: one, unless a pairing goes on."""
    query = select(Device).where(Device.camera_id == camera_id, col(Device.revoked_at).is_(None))
    return tuple(session.exec(query))


def code_for_update(session: Session, code_hash: str) -> PairingCode | None:
    """The pairing code with that hash, locked so that two devices cannot both use it."""
    return session.exec(select(PairingCode).where(PairingCode.code_hash == code_hash).with_for_update()).first()


def faults_between(session: Session, facility_id: str, interval: Interval) -> tuple[SignatureFault, ...]:
    """Refused requests of a facility's devices in the hours that `interval` touches."""
    query = (
        select(SignatureFault)
        .where(
            SignatureFault.facility_id == facility_id,
            col(SignatureFault.hour) >= interval.start.replace(minute=0, second=0, microsecond=0),
            col(SignatureFault.hour) < interval.end,
        )
        .order_by(col(SignatureFault.hour))
    )
    return tuple(session.exec(query))


def count_fault(session: Session, device: Device, reason: str, now: datetime) -> None:
    """One more refused request in this hour."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    row = session.get(SignatureFault, (device.id, hour, reason))
    if row is None:
        row = SignatureFault(
            device_id=device.id, hour=hour, reason=reason, facility_id=device.facility_id, camera_id=device.camera_id
        )
    row.count += 1
    session.add(row)


def nonces_kept(session: Session) -> int:
    """How many nonces are remembered now."""
    return session.exec(select(func.count()).select_from(UsedNonce)).one()


def forget_nonces(session: Session, now: datetime) -> None:
    """Forgets nonces whose signatures could be good no more, and pairing codes long expired."""
    session.execute(delete(UsedNonce).where(col(UsedNonce.forget_at) < now))
