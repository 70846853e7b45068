"""A find by one person is verified again by another ward's people, as the wards on record say; over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from service.access import assign_ward
from service.admissions.tables import Admission
from service.facilities import move_watermark
from service.ledger.tables import LedgerEntry
from service.occupancy import advance_job
from service.occupancy.tables import DirectedCheck, Reverification
from service.screening import Finding
from tests import builders
from tests.occupancy.region import fill, photograph
from tests.occupancy.scenes import at

FOUND = {"result": "found", "method": "wristband"}
AGAIN = {"result": "confirmed", "method": "wristband"}


class House:
    """Four inpatients on two wards of two beds; nobody was seen at 09:00. Every find is to be looked at again."""

    def __init__(self, context, app):
        self.context, self.app = context, app
        with context.database.transaction() as session:
            self.full = fill(session, 4, at=at("02 10:00"), ward_size=2, policy={"reverify_share": 1.0})
            frames = [at("02 09:00"), at("02 09:15"), at("02 09:30")]
            photograph(session, self.full, frames, lambda *_: "empty")
        advance_job(context, {"facility_id": self.full.facility_id})

    def nurse(self, ward: int | None, role: str = "ward_staff"):
        """Somebody with this ward on record, or none, at a browser."""
        with self.context.database.transaction() as session:
            facility = session.get_one(builders.Facility, self.full.facility_id)
            user = builders.create_user(session, role=role, facility=facility)
            if ward is not None:
                ward_id = self.full.wards[ward]
                assign_ward(session, user, facility.id, ward_id, actor="user:head", now=at("02 08:00"))
        return builders.browser(self.app, self.context, user)

    def finds(self, nurse, bed: int) -> str:
        """The nurse finds the bed's patient; the second look that is asked for."""
        with self.context.database.reading() as session:
            bed_id = self.full.places[bed][0]
            request = session.exec(select(DirectedCheck).where(DirectedCheck.bed_id == bed_id)).one()
        answer = nurse.post(f"/api/v1/directed-checks/{request.id}/looks", json=FOUND)
        assert answer.status_code == 201, answer.text
        with self.context.database.reading() as session:
            query = select(Reverification).where(Reverification.look_id == answer.json()["look_id"])
            return session.exec(query).one().id

    def moves_on(self, **by: int) -> None:
        """Event time goes on, and with it what time alone makes due."""
        with self.context.database.transaction() as session:
            facility = session.get_one(builders.Facility, self.full.facility_id)
            move_watermark(facility, facility.watermark + timedelta(**by))
        advance_job(self.context, {"facility_id": self.full.facility_id})

    def verified_again(self, reader) -> list[tuple[int, int]]:
        """(second looks asked for, given) of each person who found somebody."""
        rows = reader.get(f"/api/v1/confirmations?facility={self.full.code}").json()
        return [(row["asked_again"], row["verified_again"]) for row in rows]


@pytest.fixture
def house(context, app, client):
    return House(context, app)


def test_a_colleague_of_the_ward_is_refused_and_another_wards_person_is_heard(house, context):
    first, colleague, other = house.nurse(0), house.nurse(0), house.nurse(1)
    path = f"/api/v1/reverifications/{house.finds(first, 0)}"
    refused = colleague.post(path, json=AGAIN)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/look-refused")
    assert "another ward" in refused.json()["remedy"]
    assert first.post(path, json=AGAIN).status_code == 422
    # What was refused, and what was only asked for, does not count as verified again.
    assert house.verified_again(other) == [(1, 0)]
    assert house.finds(other, 1)  # having looked on the ward of late does not make her one of it: the record decides
    answer = other.post(path, json=AGAIN)
    assert (answer.status_code, answer.json()["result"]) == (200, "confirmed")
    assert house.verified_again(other) == [(1, 1), (1, 0)]
    with context.database.reading() as session:
        entry = session.exec(select(LedgerEntry).where(LedgerEntry.action == "reverification.answered")).one()
    assert entry.details["voice"] == "another_ward"


def test_who_helps_out_on_another_ward_is_not_confirmed_by_her_own(house):
    helper, of_her_ward, of_the_patients = house.nurse(1), house.nurse(1), house.nurse(0)
    path = f"/api/v1/reverifications/{house.finds(helper, 0)}"
    assert of_her_ward.post(path, json=AGAIN).status_code == 422
    assert of_the_patients.post(path, json=AGAIN).status_code == 422  # nor by the ward that has the patient
    assert house.nurse(None, "inspector").post(path, json=AGAIN).status_code == 200


def test_without_a_ward_on_record_it_goes_by_where_one_looked_of_late(house):
    first, floating, stranger = house.nurse(0), house.nurse(None), house.nurse(None)
    path = f"/api/v1/reverifications/{house.finds(first, 0)}"
    house.finds(floating, 1)
    assert floating.post(path, json=AGAIN).status_code == 422
    assert stranger.post(path, json=AGAIN).status_code == 200


@pytest.mark.parametrize("was_on_record", [True, False])
def test_a_friend_who_is_moved_for_the_occasion_is_no_other_wards_person(house, was_on_record):
    """Whose record changed in the last week is of the ward of before as well: on record, or where they looked."""
    admin, first, friend = house.nurse(None, "admin"), house.nurse(0), house.nurse(0 if was_on_record else None)
    path = f"/api/v1/reverifications/{house.finds(first, 0)}"
    if not was_on_record:
        house.finds(friend, 1)
    name = friend.get("/api/v1/sessions/current").json()["name"]
    record = f"/api/v1/ward-staff/{name}?facility={house.full.code}"
    for ward in ("w01", None):
        assert admin.put(record, json={"ward": ward}).status_code == 200
        assert friend.post(path, json=AGAIN).status_code == 422
    assert house.nurse(1).post(path, json=AGAIN).status_code == 200


def test_an_admin_puts_the_ward_on_record_over_the_api(house, context):
    admin, nurse = house.nurse(None, "admin"), house.nurse(None)
    name = nurse.get("/api/v1/sessions/current").json()["name"]
    place = f"?facility={house.full.code}"

    def ward_of() -> object:
        people = {row["username"]: row["ward"] for row in admin.get(f"/api/v1/ward-staff{place}").json()}
        assert set(people) == {name}  # the ward staff alone
        return people[name]

    assert ward_of() is None
    path = f"/api/v1/ward-staff/{name}{place}"
    assert admin.put(path, json={"ward": "w01"}).json() == {"username": name, "active": True, "ward": "w01"}
    assert ward_of() == "w01"
    assert admin.put(path, json={"ward": "elsewhere"}).status_code == 404
    assert nurse.put(path, json={"ward": "w00"}).status_code == 403
    own = admin.get("/api/v1/sessions/current").json()["name"]
    assert admin.put(f"/api/v1/ward-staff/{own}{place}", json={"ward": "w01"}).status_code == 404
    assert admin.put(f"/api/v1/ward-staff/nobody{place}", json={"ward": "w01"}).status_code == 404
    assert admin.put(path, json={"ward": None}).json()["ward"] is None
    with context.database.reading() as session:
        entries = session.exec(select(LedgerEntry).where(LedgerEntry.action == "user.ward").order_by(LedgerEntry.seq))
        changes = [(entry.details["before"], entry.details["ward"]) for entry in entries]
    assert changes == [("", house.full.wards[1]), (house.full.wards[1], "")]


def test_what_nobody_looked_at_again_is_asked_once_more_and_then_shown_to_an_inspector(house, context):
    first, colleague, other = house.nurse(0), house.nurse(0), house.nurse(1)
    inspector = house.nurse(None, "inspector")
    row_id = house.finds(first, 0)
    path, listed = f"/api/v1/reverifications/{row_id}", f"/api/v1/reverifications?facility={house.full.code}"

    def told() -> dict[str, object]:
        (row,) = inspector.get(listed).json()
        return {name: row[name] for name in ("state", "asked_twice", "drawn_for", "deadline_at")}

    begun = told()
    assert (begun["state"], begun["asked_twice"], begun["drawn_for"]) == ("open", False, None)
    house.moves_on(hours=6, minutes=1)
    again, drawn = told(), other.get("/api/v1/sessions/current").json()["name"]
    assert again["deadline_at"] > begun["deadline_at"]  # six hours more
    assert (again["state"], again["asked_twice"], again["drawn_for"]) == ("open", True, drawn)
    house.moves_on(minutes=30)
    assert told() == again  # once, and not at every tick
    with context.database.reading() as session:
        entry = session.exec(select(LedgerEntry).where(LedgerEntry.action == "reverification.asked_again")).one()
    assert entry.object_id == row_id
    assert drawn in other.get(f"/by-hand?facility={house.full.code}").text

    house.moves_on(hours=7)
    assert told() == again | {"state": "undone", "drawn_for": drawn}
    assert [row["id"] for row in inspector.get(f"{listed}&state=undone").json()] == [row_id]
    assert inspector.get(f"{listed}&state=open").json() == []
    assert house.verified_again(inspector) == [(1, 0)]
    with context.database.reading() as session:
        assert session.exec(select(Finding).where(Finding.facility_id == house.full.facility_id)).all() == []
    form = f'action="/second-looks/{row_id}"'
    assert form in inspector.get(f"/by-hand?facility={house.full.code}").text
    assert form not in other.get(f"/by-hand?facility={house.full.code}").text
    assert [who.post(path, json=AGAIN).status_code for who in (other, inspector, inspector)] == [409, 200, 409]
    assert colleague.post(path, json=AGAIN).status_code in (409, 422)
    assert told()["state"] == "answered"
    assert house.verified_again(inspector) == [(1, 1)]


def test_of_a_patient_who_has_left_nobody_is_asked_once_more(house, context):
    first, inspector = house.nurse(0), house.nurse(None, "inspector")
    row_id = house.finds(first, 0)
    with context.database.transaction() as session:
        row = session.get_one(Reverification, row_id)
        session.get_one(Admission, row.admission_id).discharged_at = row.asked_at
    house.moves_on(hours=6, minutes=1)
    (row,) = inspector.get(f"/api/v1/reverifications?facility={house.full.code}&state=undone").json()
    assert (row["asked_twice"], row["drawn_for"]) == (False, None)
