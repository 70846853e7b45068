"""Who does which job, and what is asked for as time passes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session

from service import access, admissions, enrolment, occupancy, pharmacy, screening, sightings
from service.contracts import RollCallOut, steps_of
from service.facilities import facilities_readable
from service.platform.context import Context
from service.platform.jobs import Handler, enqueue

# What is due every hour, and at `wardwatch purge`.
HOUSEKEEPING = (
    "frames.purge",
    "handheld.purge",
    "access.purge",
    "heartbeats.purge",
    "messages.purge",
    "enrolment.expire",
    "purchases.lapse",
)

_TICK_SECONDS = 30.0
_TICKS_AN_HOUR = 120
_TICKS_A_WATCH = 2

_log = logging.getLogger(__name__)


def handlers() -> dict[str, Handler]:
    """The handler of every kind of job."""
    return {
        "sightings.analyse": analyse_job,
        "sightings.reread": sightings.reread_job,
        "sightings.judge": sightings.judge_job,
        "sightings.commands": sightings.settle_answers_job,
        "cameras.watch": sightings.watch_job,
        "cameras.post_alarm": sightings.post_alarm_job,
        "presence.dirty": occupancy.dirty_job,
        "presence.advance": occupancy.advance_job,
        "patient.merged": patient_merged_job,
        "admission.opened": occupancy.admission_opened_job,
        "handheld.purge": occupancy.purge_handheld_job,
        "purchases.lapse": pharmacy.lapse_job,
        "purchases.rescreen": pharmacy.rescreen_job,
        "screening.run": screening.run_job,
        "screening.places": screening.places_job,
        "screening.purchases": screening.purchases_job,
        "frames.purge": sightings.purge_job,
        "access.purge": access.purge_job,
        "heartbeats.purge": sightings.purge_heartbeats_job,
        "messages.purge": admissions.purge_messages_job,
        "enrolment.expire": expire_templates_job,
    }


def analyse_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `sightings.analyse` {snapshot_id}. What people wait for is always read itself."""
    sightings.analyse_job(context, payload, occupancy.is_watched)


def patient_merged_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `patient.merged` {facility_id, prior_patient_id, surviving_patient_id}: references and readings follow."""
    prior, surviving = payload.get("prior_patient_id"), payload.get("surviving_patient_id")
    if not prior or not surviving:
        return
    with context.database.transaction() as session:
        now, threshold = context.clock.now(), partial(enrolment.threshold_of, context)
        if enrolment.carry_over(session, context.keys, str(prior), str(surviving), now, threshold):
            sightings.rename_patient(session, str(payload["facility_id"]), str(prior), str(surviving))


def expire_templates_job(context: Context, _payload: dict[str, Any]) -> None:
    """Job `enrolment.expire`: templates of patients who left long ago are wiped, unless still needed."""
    enrolment.expire_templates(context, _still_needed)


def _still_needed(session: Session, facility_id: str, patient_ids: Collection[str]) -> frozenset[str]:
    """Patients about whom a finding stands, or whom a picture shows that may be read again."""
    pictured = sightings.patients_in_kept_pictures(session, facility_id, patient_ids)
    return pictured | screening.patients_with_findings(session, facility_id, patient_ids)


def open_roll_calls(session: Session, ward_id: str, at: datetime) -> tuple[RollCallOut, ...]:
    """What a camera of the ward is told of roll calls that are open at `at`."""
    return tuple(
        RollCallOut(
            roll_call_id=call.roll_call_id,
            opens_at=call.opens_at,
            closes_at=call.closes_at,
            command=steps_of(call.roll_call_id),
        )
        for call in occupancy.open_roll_calls(session, (ward_id,), at)
    )


def advance_live_facilities(context: Context) -> None:
    """Asks for the checks that have become due in facilities on the real clock: time moves on without any message."""
    now = context.clock.now()
    with context.database.transaction() as session:
        for facility in facilities_readable(session, None):
            if facility.clock == "live":
                key = f"presence.advance:{facility.id}"
                enqueue(session, "presence.advance", {"facility_id": facility.id}, now=now, dedupe_key=key)


def watch_cameras(context: Context) -> None:
    """Asks for a look at the cameras of facilities on the real clock: silence sends no message."""
    with context.database.transaction() as session:
        sightings.ask_for_watch(session, context.clock.now())


def keep_house(context: Context) -> None:
    """Asks for the deletion of what is kept no longer."""
    now = context.clock.now()
    with context.database.transaction() as session:
        for kind in HOUSEKEEPING:
            enqueue(session, kind, {}, now=now, dedupe_key=kind)


class Ticker:
    """A thread that asks for what time alone makes necessary: every thirty seconds, and every hour."""

    def __init__(self, context: Context, seconds: float = _TICK_SECONDS) -> None:
        self._context = context
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Starts; the first tick is at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stops, if it was started."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        ticks = 0
        while not self._stopping.is_set():
            try:
                advance_live_facilities(self._context)
                if ticks % _TICKS_A_WATCH == 0:
                    watch_cameras(self._context)
                if ticks % _TICKS_AN_HOUR == 0:
                    keep_house(self._context)
                ticks += 1
            except Exception:
                # The database is away for a while; the next tick tries again.
                _log.exception("the tick failed")
            self._stopping.wait(self._seconds)
