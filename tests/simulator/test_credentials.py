"""By what a simulation's boxes are known to the server: keys, as in a ward."""

from __future__ import annotations

from dataclasses import replace

from sqlmodel import col, select

from service.access.device_tables import Device
from service.cli.simulate import credentials_for
from service.platform.context import Context
from service.simulator import Scenario


def test_the_boxes_of_a_simulation_are_paired_and_send_pictures(demo_week: Scenario, context: Context) -> None:
    made = credentials_for(context, demo_week)
    codes = {camera.code for camera in demo_week.cameras}
    assert (set(made.devices), made.cameras, made.matching) == (codes, {}, "server")
    with context.database.reading() as session:
        paired = session.exec(select(Device).where(col(Device.revoked_at).is_(None))).all()
    assert {device.name for device in paired} == codes


def test_behind_a_public_origin_the_relays_addresses_cannot_be_signed(demo_week: Scenario, context: Context) -> None:
    settings = context.settings.model_copy(update={"public_origin": "https://ward.example.org"})
    made = credentials_for(replace(context, settings=settings), demo_week)
    assert (set(made.cameras), made.devices) == ({camera.code for camera in demo_week.cameras}, {})
