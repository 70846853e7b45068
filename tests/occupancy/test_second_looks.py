"""A find by one person is verified again by another ward's people, as the wards on record say; over the API."""

from __future__ import annotations

import pytest
from sqlmodel import select

from service.access import assign_ward
from service.ledger.tables import LedgerEntry
from service.occupancy import advance_job
from service.occupancy.tables import DirectedCheck, Reverification
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
