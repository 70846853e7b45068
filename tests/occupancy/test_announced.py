"""An announced admission on a live clock, with the server's own workers: its bed check is there within a minute."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlmodel import select

from service.access import SYSTEM
from service.admissions import take_hl7
from service.facilities import Facility
from service.occupancy.tables import DirectedCheck, PresenceCheck
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.worker import handlers
from tests import builders
from tests.admissions.feed import adt

WITHIN = 60.0
"""Seconds, on the wall's clock (domain, C10: admit message to task < 1 min)."""


def test_on_an_a01_a_bed_check_exists_within_a_minute(context: Context) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with context.database.transaction() as session:
        facility = builders.create_facility(session, clock="live")
        ward = builders.create_ward(session, facility, code="N1")
        builders.create_bed(session, ward, code="01")
    runner = JobRunner(context, handlers(), 1)
    runner.start()
    try:
        started = time.monotonic()
        with context.database.transaction() as session:
            place = session.get_one(Facility, facility.id)
            told = adt("A01", at=now - timedelta(minutes=2), place="N1^^01").encode()
            take_hl7(context, session, place, told, channel="hl7-http", actor=SYSTEM)
        found = None
        while found is None and time.monotonic() - started < WITHIN:
            time.sleep(0.1)
            with context.database.reading() as session:
                found = session.exec(select(PresenceCheck).where(PresenceCheck.kind == "admission")).first()
        assert found is not None, f"no bed check after {WITHIN:.0f} s"
        with context.database.reading() as session:
            request = session.get_one(DirectedCheck, found.directed_check_id)
    finally:
        runner.stop()
    assert (request.cause, request.deadline_at > request.opened_at) == ("admission", True)
