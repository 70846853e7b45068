"""A roll call as a nurse and an inspector live through it, page by page: phone, code, picture, half an hour."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert
from sqlmodel import select

from service.facilities import move_watermark
from service.facilities.tables import Bed, Facility
from service.kit.ids import new_id
from service.occupancy import advance_job, dirty_job, label_text
from service.occupancy.tables import DirectedCheck, PresenceCheck
from service.platform.jobs import JobRunner
from service.vision import encode_jpeg
from tests import builders
from tests.occupancy.region import fill, photograph
from tests.occupancy.scenes import at
from tests.vision.test_labels import with_labels

NOON = at("02 12:00")
PAGE = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture
def ward(context):
    """Four inpatients. At noon the camera will see the first, the second and third empty beds, and the fourth not."""
    with context.database.transaction() as session:
        return fill(session, 4, at=NOON, policy={"reverify_share": 0.0, "checks": [{"at": "08:00"}]})


@pytest.fixture
def people(context, app, client, ward):
    def make(role: str) -> TestClient:
        with context.database.transaction() as session:
            facility = session.get_one(Facility, ward.facility_id)
            return builders.create_user(session, role=role, facility=facility)

    return {role: builders.browser(app, context, make(role)) for role in ("inspector", "ward_staff")}


def go_to(context, ward, moment: datetime) -> None:
    with context.database.transaction() as session:
        move_watermark(session.get_one(Facility, ward.facility_id), moment)
    work(context)
    advance_job(context, {"facility_id": ward.facility_id})


def work(context) -> None:
    """What the worker does with what was asked of it."""
    handlers = {"presence.dirty": dirty_job, "presence.advance": advance_job}
    JobRunner(context, handlers, 0).run_until_idle()


def token(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


def by_phone(context, ward, nurse: TestClient, address: str, bed: int):
    """Opens the page at the bed, takes a picture with the bed's label, and sends it with the code that was shown."""
    html = nurse.get(address, headers=PAGE).text
    code = re.search(r'name="nonce" value="([^"]+)"', html)
    assert code is not None
    with context.database.reading() as session:
        label = label_text(ward.code, session.get_one(Bed, ward.places[bed][0]).hospital_code)
    picture = encode_jpeg(with_labels(label))
    form = {"csrf_token": token(html), "nonce": code[1], "identified_by": "wristband"}
    return nurse.post(address, data=form, files={"picture": ("p.jpg", picture, "image/jpeg")}, follow_redirects=False)


def request_of(context, ward, bed: int) -> DirectedCheck:
    with context.database.reading() as session:
        return session.exec(select(DirectedCheck).where(DirectedCheck.bed_id == ward.places[bed][0])).one()


def test_a_round_from_the_call_to_the_inspector(context, ward, people):
    nurse, inspector = people["ward_staff"], people["inspector"]
    start = inspector.get("/roll-calls", headers=PAGE).text
    form = {"csrf_token": token(start), "facility": ward.code}
    call = inspector.post("/roll-calls", data=form, follow_redirects=False).headers["location"]
    with context.database.transaction() as session:
        seen = [NOON + timedelta(minutes=minute) for minute in (1, 3, 5)]
        photograph(session, ward, seen, lambda bed, _: ["patient", "empty", "empty", "unobserved"][bed])
    go_to(context, ward, NOON + timedelta(minutes=6))

    # Three are to be looked for by hand, the bed that no camera saw among them; the page follows by itself.
    waiting = nurse.get("/directed-checks", headers=PAGE).text
    assert all(request_of(context, ward, bed).id in waiting for bed in (1, 2, 3))
    assert request_of(context, ward, 3).cause == "blind_bed"
    followed = nurse.get(f"{call}/progress", headers=PAGE)
    tag = {"If-None-Match": followed.headers["etag"], **PAGE}
    assert nurse.get(f"{call}/progress", headers=tag).status_code == 304

    # One is found at the bed by phone, one is excused in one tap, one is not answered for.
    phone = f"/hand-held/{request_of(context, ward, 3).id}"
    sent = by_phone(context, ward, nurse, phone, 3)
    assert (sent.status_code, sent.headers["location"]) == (303, phone.replace("hand-held", "directed-checks"))
    board = nurse.get(f"/wards/{ward.wards[0]}", headers=PAGE).text
    tap = {"csrf_token": token(board), "bed": ward.places[2][0], "kind": "imaging"}
    assert nurse.post(f"/wards/{ward.wards[0]}/excuses", data=tap, follow_redirects=False).status_code == 303
    go_to(context, ward, NOON + timedelta(minutes=7))
    assert nurse.get(f"{call}/progress", headers=tag).status_code == 200, "the page has something new to show"
    with context.database.reading() as session:
        query = select(PresenceCheck).where(PresenceCheck.due_at == NOON)
        states = {row.bed_id: (row.outcome, row.method) for row in session.exec(query)}
    assert [states[place[0]][0] for place in ward.places[:1]] == ["present_verified"]
    assert states[ward.places[3][0]] == ("present_alternative", "handheld")

    # After half an hour the call is closed; what nobody answered is an inspector's, and nobody's absence.
    go_to(context, ward, NOON + timedelta(minutes=31))
    told = inspector.get(f"/api/v1{call}").json()
    assert (told["is_open"], told["expected"], told["covered"], told["open"]) == (False, 4 - told["excused"], 2, 0)
    gone = inspector.get("/directed-checks?view=escalated", headers=PAGE).text
    assert request_of(context, ward, 1).id in gone
    assert request_of(context, ward, 3).id not in gone
    with context.database.reading() as session:
        assert "absent_confirmed" not in {row.outcome for row in session.exec(select(PresenceCheck))}
    taps = inspector.get(f"/api/v1/excuses?facility={ward.code}").json()
    assert [(row["kind"], row["number"], row["during_checks"]) for row in taps] == [("imaging", 1, 1)]


def test_an_old_request_stays_in_the_queue_behind_any_number_of_later_ones(context, ward, people):
    """600 later ones, all of them over, or none of them gone to an inspector."""
    common = {"facility_id": ward.facility_id, "admission_id": ward.places[0][2], "bed_id": ward.places[0][0]}
    with context.database.transaction() as session:
        rows = [
            common
            | {"id": new_id(), "due_at": NOON - timedelta(minutes=k), "cause": "bed_empty"}
            | {"deadline_at": NOON - timedelta(seconds=1), "opened_at": NOON - timedelta(minutes=k)}
            | {"recorded_at": NOON, "escalated_at": None}
            for k in range(1, 601)
        ]
        old = rows[-1] | {"id": new_id(), "due_at": NOON - timedelta(days=1), "escalated_at": NOON}
        session.execute(insert(DirectedCheck), [*rows, old])
    assert str(old["id"]) in people["inspector"].get("/directed-checks?view=escalated", headers=PAGE).text
