"""A small hospital after two days, made through the real rooms: an honest patient, one who left, one who never came,
and somebody else in a bed. What pages show of it is known by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.access.tables import UserAccount
from service.facilities.tables import Facility, Ward
from service.platform.context import Context
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.chain import Hospital, build, shots

HONEST, GONE, GHOST, IMPOSTOR = range(4)
END = at("03 13:00")
_STEP = timedelta(hours=6)
_NOT_FOUND = ("not_found", "ward_search")
LOOKS = [
    # admission, check, minutes after it, by the inspector, result, method
    *[
        (who, due, m, m > 60, *_NOT_FOUND)
        for who in (GONE, GHOST)
        for due in ("02 16:00", "03 09:00")
        for m in (40, 170)
    ],
    (IMPOSTOR, "02 16:00", 60, True, "identity_mismatch", "id_card"),
]


@dataclass(frozen=True)
class Scene:
    """The installation, and people with roles there and elsewhere."""

    app: FastAPI
    context: Context
    hospital: Hospital
    ward_id: str
    facility: Facility
    people: dict[str, UserAccount]

    def browser(self, who: str) -> TestClient:
        """A browser in which `who` is logged in, asking for pages."""
        client = builders.browser(self.app, self.context, self.people[who])
        client.headers["Accept"] = "text/html"
        return client


def truth(bed: int, when: datetime) -> str:
    """What a bed shows: the honest one sleeps under the blanket and shows a face at 8 and 20; camera 1 is blind in the
    last hours."""
    face = when.hour in (8, 20) and when.minute == 0
    if bed in (GHOST, IMPOSTOR) and when >= at("03 11:00"):
        return "X"
    if bed == HONEST:
        return "P" if face else "U"
    if bed == GONE:
        return ("P" if face else "U") if when < at("02 12:00") else "E"
    return "E" if bed == GHOST else "O"


def play(app: FastAPI, context: Context) -> Scene:
    """Two days and five hours, in event time."""
    hospital = build(context)
    pictures = shots("01 08:00", "03 13:00", truth)
    now = at("01 08:00")
    while now < END:
        until = min(now + _STEP, END)
        for shot in pictures:
            if now <= shot.when < until:
                hospital.post(shot)
        hospital.work()
        hospital.advance(until)
        hospital.work()
        _look(hospital, until)
        hospital.work()
        now = until
    return Scene(app, context, hospital, hospital.beds[0].ward_id, *_people(context, hospital))


def _look(hospital: Hospital, until: datetime) -> None:
    for who, due, minutes, by_inspector, result, method in LOOKS:
        when = at(due) + timedelta(minutes=minutes)
        if until - _STEP < when <= until:
            actor = hospital.doctor if by_inspector else hospital.nurse
            hospital.look(who, at(due), actor, when, result, method)


def _people(context: Context, hospital: Hospital) -> tuple[Facility, dict[str, UserAccount]]:
    with context.database.transaction() as session:
        facility = session.get_one(Facility, hospital.facility.id)
        facility.name, facility.name_zh = "North District Hospital", "北区医院"
        ward = session.get_one(Ward, hospital.beds[0].ward_id)
        ward.name, ward.name_zh = "Ward 3 East", "三病区东"
        session.add_all([facility, ward])
        elsewhere = builders.create_facility(session)
        people = {
            "admin": builders.create_user(session, role="admin", facility=facility),
            "viewer": builders.create_user(session, role="viewer", facility=facility),
            "stranger": builders.create_user(session, role="admin", facility=elsewhere),
            "operator": builders.create_user(session, role="admin", facility=None),
        }
        return facility, people
