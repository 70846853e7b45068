"""Pictures that people wait for are read in full: the worker's own rule, through the real tables."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from service import worker
from service.facilities.tables import Facility
from service.occupancy import is_watched
from service.occupancy.roll_call_tables import RollCall
from service.occupancy.tables import DirectedCheck
from service.platform.context import Context
from service.sightings import Snapshot, analyse
from service.simulator.scene import Scene
from tests import builders
from tests.sightings.rendered_ward import START, RenderedWard, Shot, build, sleepers

MINUTE = timedelta(minutes=1)


@pytest.fixture
def ward(context: Context) -> RenderedWard:
    return build(context)


def roll_call(ward: RenderedWard, opens: datetime, kind: str = "surprise", *, where: str = "ward") -> None:
    with ward.context.database.transaction() as session:
        facility = session.get_one(Facility, ward.camera.facility_id)
        place = {
            "ward": ward.camera.ward_id,
            "house": None,
            "other ward": builders.create_ward(session, facility).id,
            "other house": None,
        }[where]
        if where == "other house":
            facility = builders.create_facility(session)
        times = {"opens_at": opens, "frozen_until": opens + 5 * MINUTE, "closes_at": opens + 30 * MINUTE}
        own = {"group_id": "g" * 32, "facility_id": facility.id, "kind": kind, "ward_id": place, "called_by": "user:i"}
        scope = {"scope": "ward" if place else "facility", "scope_key": place or "facility", "recorded_at": opens}
        session.add(RollCall(**own, **times, **scope))


def asked(ward: RenderedWard, bed: int, opened: datetime, until: datetime) -> None:
    with ward.context.database.transaction() as session:
        admission = builders.create_admission(session, bed=ward.beds[bed])
        own = {"facility_id": ward.camera.facility_id, "admission_id": admission.id, "bed_id": ward.beds[bed].id}
        times = {"due_at": opened, "opened_at": opened, "deadline_at": until, "recorded_at": opened}
        session.add(DirectedCheck(**own, **times, cause="not_seen"))


def is_waited_for(ward: RenderedWard, minute: float, *beds: int) -> bool:
    with ward.context.database.reading() as session:
        return is_watched(session, ward.camera.ward_id, [ward.beds[k].id for k in beds], START + minute * MINUTE)


@pytest.mark.parametrize(
    ("kind", "where", "watched"),
    [
        ("surprise", "ward", True),
        ("random", "house", True),
        ("routine", "ward", False),  # known beforehand: cameras send what they send anyway
        ("surprise", "other ward", False),
        ("surprise", "other house", False),
    ],
)
def test_a_roll_call_is_waited_for_where_and_while_it_is_open(
    ward: RenderedWard, kind: str, where: str, watched: bool
) -> None:
    roll_call(ward, START + 10 * MINUTE, kind, where=where)
    assert [is_waited_for(ward, minute, 0) for minute in (9.9, 10, 39.9, 40)] == [False, watched, watched, False]


def test_a_bed_that_somebody_is_asked_to_look_into_is_waited_for_until_the_deadline(ward: RenderedWard) -> None:
    asked(ward, 1, START + 10 * MINUTE, START + 370 * MINUTE)
    assert [is_waited_for(ward, minute, 0, 1) for minute in (9.9, 10, 369.9, 370)] == [False, True, True, False]
    assert not is_waited_for(ward, 20, 0, 2)
    assert not is_waited_for(ward, 20)


def test_the_worker_reads_every_picture_of_a_roll_call_itself(
    ward: RenderedWard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models stand aside; jobs, tables, pictures and the rule are the worker's own."""
    roll_call(ward, START + 3 * MINUTE)
    monkeypatch.setattr(analyse, "PackAnalyser", lambda _context: ward.analyser)
    with ward.context.database.transaction() as session:
        call = session.exec(select(RollCall)).one()
        call.closes_at = START + 9 * MINUTE
        session.add(call)
    ward.analyse_job = worker.handlers()["sightings.analyse"]
    ward.send([Shot(minute, Scene(sleepers()), number) for number, minute in enumerate((0, 2, 4, 8, 12))])
    assert ward.carried() == {0: None, 2: 0, 4: None, 8: None, 12: 0}
    with ward.context.database.reading() as session:
        assert len(session.exec(select(Snapshot).where(Snapshot.state == "analysed")).all()) == 5
