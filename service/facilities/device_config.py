"""What a camera box is told: its zones and how often to send."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from service.contracts import CameraOut, DeviceConfig, RollCallOut, ZoneOut
from service.facilities.releases import offers_to
from service.facilities.repository import beds_of_ward, facility_by_id, ward_by_id, zones_of_camera
from service.facilities.tables import Camera

JITTER = 0.1
"""Share of a pause by which each is longer or shorter at random: whoever knows the beat knows when nobody looks."""

ACCEPTS = ("clock_offset_ms", "statement", "statements")
"""What not every server knew: fields of a picture's meta, and statements that come after their pictures."""

OpenRollCalls = Callable[[Session, str, datetime], tuple[RollCallOut, ...]]
"""Which roll calls of a ward (by id) are open at an instant. A higher room knows; the application hands it down."""


def device_config(
    session: Session, camera: Camera, at: datetime, open_roll_calls: OpenRollCalls | None = None
) -> DeviceConfig:
    """The camera's configuration at event time `at`; its version is a hash of everything else in it."""
    ward, facility = ward_by_id(session, camera.ward_id), facility_by_id(session, camera.facility_id)
    codes = {bed.id: bed.code for bed in beds_of_ward(session, ward.id)}
    config = DeviceConfig(
        version="",
        cadence_seconds=camera.cadence_seconds,
        jitter_seconds=round(JITTER * camera.cadence_seconds, 1),
        roll_calls=open_roll_calls(session, camera.ward_id, at) if open_roll_calls else (),
        transmission_basis="readings" if facility.transmission_basis == "readings" else "pictures",
        camera=CameraOut(
            camera_id=camera.id,
            code=camera.code,
            name=camera.name,
            facility_code=facility.code,
            ward_code=ward.code,
        ),
        zones=tuple(
            ZoneOut(
                zone_id=zone.id,
                bed_id=zone.bed_id,
                bed_code=codes.get(zone.bed_id, ""),
                polygon=[(float(x), float(y)) for x, y in zone.polygon],
                head_edge=zone.head_edge,
                version=zone.version,
            )
            for zone in zones_of_camera(session, camera.id, at)
        ),
        updates=offers_to(session, camera),
        accepts=ACCEPTS,
    )
    body = json.dumps(config.model_dump(mode="json", exclude={"version"}), sort_keys=True)
    return config.model_copy(update={"version": hashlib.sha256(body.encode()).hexdigest()[:16]})
