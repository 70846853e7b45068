"""A region's surprise roll call played to its end: opened everywhere at once, cameras answer, nurses do the rest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import FastAPI
from sqlmodel import Session

from service.access.tables import UserAccount
from service.facilities import move_watermark
from service.facilities.tables import Facility
from service.occupancy import advance_job
from service.platform.context import Context
from tests import builders
from tests.occupancy.region import Full, fill, photograph


@dataclass(frozen=True)
class Round:
    """How the roll call went. Seconds are of this machine's clock; the window is 30 minutes of event time."""

    facilities: int
    people: int
    by_hand: int
    expected: int
    covered: int
    unanswered: int
    open_left: int
    seconds_open: float
    seconds_cameras: float
    seconds_hands: float
    seconds_close: float

    @property
    def seconds(self) -> float:
        """Everything that had to happen within the window."""
        return self.seconds_open + self.seconds_cameras + self.seconds_hands + self.seconds_close


def play_round(app: FastAPI, context: Context, sizes: Sequence[int], at: datetime, missed_every: int) -> Round:
    """Counts hospitals of these sizes at `at`. One person in `missed_every` is not seen by the camera and is looked for
    by a nurse, through the API."""
    hospitals, inspector, nurses = _make(context, sizes, at)
    client = builders.browser(app, context, inspector)
    started = time.perf_counter()
    answer = client.post("/api/v1/roll-calls", json={"region": "east"})
    assert answer.status_code == 201, answer.text
    calls = {call["facility"]: call["id"] for call in answer.json()}
    opened = time.perf_counter()
    for full in hospitals:
        with context.database.transaction() as session:
            photograph(
                session,
                full,
                [at + timedelta(minutes=1), at + timedelta(minutes=4)],
                lambda bed, _: "empty" if bed % missed_every == 0 else "patient",
            )
        _advance(context, full, at + timedelta(minutes=6))
    seen = time.perf_counter()
    by_hand = 0
    for full, nurse in zip(hospitals, nurses, strict=True):
        with builders.browser(app, context, nurse) as phone:
            progress = phone.get(f"/api/v1/roll-calls/{calls[full.code]}").json()
            for line in progress["people"]:
                if line["standing"] == "open":
                    look = {"result": "found", "method": "wristband"}
                    path = f"/api/v1/directed-checks/{line['directed_check_id']}/looks"
                    assert phone.post(path, json=look).status_code == 201
                    by_hand += 1
    handed = time.perf_counter()
    sums = {"expected": 0, "covered": 0, "unanswered": 0, "open": 0}
    for full in hospitals:
        _advance(context, full, at + timedelta(minutes=31))
        progress = client.get(f"/api/v1/roll-calls/{calls[full.code]}").json()
        assert progress["is_open"] is False
        assert progress["roll_call"]["closed_at"] == progress["roll_call"]["closes_at"]
        for name in sums:
            sums[name] += progress[name]
    closed = time.perf_counter()
    return Round(
        facilities=len(hospitals),
        people=sum(sizes),
        by_hand=by_hand,
        expected=sums["expected"],
        covered=sums["covered"],
        unanswered=sums["unanswered"],
        open_left=sums["open"],
        seconds_open=opened - started,
        seconds_cameras=seen - opened,
        seconds_hands=handed - seen,
        seconds_close=closed - handed,
    )


def _make(context: Context, sizes: Sequence[int], at: datetime) -> tuple[list[Full], UserAccount, list[UserAccount]]:
    hospitals, nurses = [], []
    for k, size in enumerate(sizes):
        with context.database.transaction() as session:
            full = fill(session, size, at=at, code=f"east-{k:02d}", region="east", policy={"reverify_share": 0.05})
            photograph(session, full, [at - timedelta(minutes=10)], lambda *_: "patient")
            nurses.append(builders.create_user(session, role="ward_staff", facility=_facility(session, full)))
        hospitals.append(full)
        _advance(context, full, at)
    with context.database.transaction() as session:
        inspector = builders.create_user(session, role="inspector", facility=None)
    return hospitals, inspector, nurses


def _facility(session: Session, full: Full) -> Facility:
    return session.get_one(Facility, full.facility_id)


def _advance(context: Context, full: Full, to: datetime) -> None:
    with context.database.transaction() as session:
        facility = _facility(session, full)
        move_watermark(facility, to)
        session.add(facility)
    advance_job(context, {"facility_id": full.facility_id})
