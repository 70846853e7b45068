"""Roll calls from opening to closing, over the real rooms and the API: frozen, counted once, closed in time."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, timedelta

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from service.cli.program import app as cli
from service.kit.intervals import Interval
from service.ledger.tables import LedgerEntry
from service.occupancy import open_roll_calls, roll_call_entries, roll_calls
from service.occupancy.draws import join_late_wards
from service.occupancy.roll_call_tables import RollCall, RollCallDraw
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.chain import Hospital, build, shots


@pytest.fixture
def hospital(context) -> Hospital:
    """A morning: bed 0 verified, bed 1 empty, bed 2 under a blanket and never seen with a face, bed 3 blind."""
    hospital = build(context)
    for shot in shots("02 08:00", "02 12:00", lambda bed, when: ["P", "E", "E", "X"][bed], every=5):
        hospital.post(shot)
    hospital.work()
    hospital.advance(at("02 10:40"))
    hospital.work()
    return hospital


@pytest.fixture
def people(app, client, context, hospital):
    def make(role, facility="own"):
        with context.database.transaction() as session:
            place = hospital.facility if facility == "own" else builders.create_facility(session)
            user = builders.create_user(session, role=role, facility=place)
        return builders.browser(app, context, user)

    return make


def start(client, hospital, **scope):
    answer = client.post("/api/v1/roll-calls", json={"facility": hospital.facility.code, **scope})
    assert answer.status_code == 201, answer.text
    return answer.json()[0]


def test_a_surprise_call_is_frozen_answered_and_closed(hospital, people):
    inspector, nurse = people("inspector"), people("ward_staff")
    call = start(inspector, hospital)
    path = f"/api/v1/roll-calls/{call['id']}"
    progress = inspector.get(path).json()
    # Before the cameras had their five minutes everybody waits.
    assert (progress["expected"], progress["covered"], progress["open"], progress["is_open"]) == (4, 0, 4, True)

    hospital.advance(at("02 10:46"))
    hospital.work()
    progress = inspector.get(path).json()
    # bed 0 is seen; 1 and 2 are empty, 3 is blind: three are asked for by hand.
    assert [line["standing"] for line in progress["people"]].count("seen") == 1
    assert (progress["covered"], progress["open"], progress["unanswered"]) == (1, 3, 0)

    asked = [line for line in progress["people"] if line["standing"] == "open"]
    for line, result in zip(asked[:2], ("found", "not_found"), strict=True):
        look = {"result": result, "method": "wristband", "looked_at": "2026-03-02T10:46:00+08:00"}
        answer = nurse.post(f"/api/v1/directed-checks/{line['directed_check_id']}/looks", json=look)
        assert answer.status_code == 201, answer.text
    hospital.work()
    progress = inspector.get(path).json()
    assert (progress["covered"], progress["open"]) == (3, 1)

    hospital.advance(at("02 11:11"))
    hospital.work()
    progress = inspector.get(path).json()
    assert (progress["is_open"], progress["covered"], progress["unanswered"]) == (False, 3, 1)
    closed = progress["roll_call"]
    assert (closed["expected"], closed["covered"], closed["unanswered"]) == (4, 3, 1)
    # 30 minutes to respond, and the silence has gone to an inspector; nobody is called absent for it.
    assert closed["closed_at"] == closed["closes_at"]
    escalated = inspector.get(
        "/api/v1/directed-checks", params={"facility": hospital.facility.code, "escalated": "true"}
    ).json()
    last = [line for line in progress["people"] if line["standing"] == "unanswered"]
    assert last[0]["directed_check_id"] in {item["id"] for item in escalated}
    assert "absent_confirmed" not in {line["state"] for line in progress["people"]}


def test_an_answer_after_the_half_hour_does_not_show_presence(hospital, people):
    inspector, nurse = people("inspector"), people("ward_staff")
    call = start(inspector, hospital)
    hospital.advance(at("02 11:30"))
    hospital.work()
    path = f"/api/v1/roll-calls/{call['id']}"
    line = next(x for x in inspector.get(path).json()["people"] if x["standing"] == "unanswered")
    late = {"result": "found", "method": "bedside", "looked_at": "2026-03-02T11:29:00+08:00"}
    answer = nurse.post(f"/api/v1/directed-checks/{line['directed_check_id']}/looks", json=late)
    assert answer.status_code == 201
    hospital.work()
    again = next(x for x in inspector.get(path).json()["people"] if x["admission_no"] == line["admission_no"])
    assert (again["state"], again["standing"]) == (line["state"], "unanswered")
    assert again["state"] != "present_alternative"


def test_a_call_of_one_bed_asks_for_one_person(hospital, people, context):
    call = start(people("admin"), hospital, bed=hospital.beds[1].hospital_code)
    assert (call["scope"], call["kind"]) == ("bed", "surprise")
    with context.database.reading() as session:
        entries = roll_call_entries(session, call["id"])
    assert [entry.bed_id for entry in entries] == [hospital.beds[1].id]


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("ward_staff", 403), ("inspector", 201), ("admin", 201)])
def test_who_may_call(hospital, people, role, status):
    answer = people(role).post("/api/v1/roll-calls", json={"facility": hospital.facility.code})
    assert answer.status_code == status


def test_a_region_is_counted_at_once(hospital, people, context, app):
    with context.database.transaction() as session:
        place = session.get_one(type(hospital.facility), hospital.facility.id)
        place.region = "north"
        session.add(place)
        other = builders.create_facility(session, region="north", clock="replay", watermark=at("02 10:40"))
        builders.create_facility(session, region="south")
        operator = builders.create_user(session, role="inspector", facility=None)
        code = other.code
    client = builders.browser(app, context, operator)
    answer = client.post("/api/v1/roll-calls", json={"region": "north"})
    assert answer.status_code == 201, answer.text
    calls = answer.json()
    assert {call["facility"] for call in calls} == {hospital.facility.code, code}
    assert len({call["group_id"] for call in calls}) == 1
    assert {call["scope"] for call in calls} == {"region"}
    # Whoever may count only one of them counts only that one.
    assert len(people("inspector").post("/api/v1/roll-calls", json={"region": "north"}).json()) == 1


def test_calls_that_close_together_each_count_their_own(hospital, people):
    inspector = people("inspector")
    beds = [hospital.beds[k].hospital_code for k in (0, 1)]
    calls = [start(inspector, hospital), *(start(inspector, hospital, bed=bed) for bed in beds)]
    hospital.advance(at("02 11:30"))
    hospital.work()
    shown = [inspector.get(f"/api/v1/roll-calls/{call['id']}").json() for call in calls]
    assert [(c["expected"], c["covered"], c["unanswered"]) for c in shown] == [(4, 1, 3), (1, 1, 0), (1, 0, 1)]
    span = Interval(at("02 10:00"), at("02 12:00"))
    with hospital.context.database.reading() as session:
        rows = {row.id: row for row in roll_calls(session, hospital.facility.id, span)}
    kept = [rows[call["id"]] for call in calls]
    assert [(row.expected, row.covered, row.unanswered) for row in kept] == [(4, 1, 3), (1, 1, 0), (1, 0, 1)]


def test_one_person_counts_once(hospital, people, context):
    """The same patient admitted twice, and the same face seen in another bed during the call."""
    with context.database.transaction() as session:
        first = hospital.admissions[0]
        spare = builders.create_bed(session, session.get_one(builders.Ward, hospital.beds[0].ward_id))
        patient = session.get_one(builders.Patient, first.patient_id)
        builders.create_admission(session, bed=spare, patient=patient, admitted_at=at("02 09:00"))
    call = start(people("inspector"), hospital)
    hospital.advance(at("02 11:12"))
    hospital.work()
    progress = people("viewer").get(f"/api/v1/roll-calls/{call['id']}").json()
    standings = sorted(line["standing"] for line in progress["people"])
    assert standings.count("second") == 1
    assert (progress["expected"], progress["counted_before"]) == (4, 1)


def test_cameras_are_told_of_open_calls_of_their_ward_only(hospital, people, context):
    ward_id = hospital.beds[0].ward_id
    with context.database.reading() as session:
        assert open_roll_calls(session, [ward_id], at("02 10:40")) == ()
    call = start(people("inspector"), hospital)
    with context.database.reading() as session:
        told = open_roll_calls(session, [ward_id], at("02 10:41"))
        assert [item.roll_call_id for item in told] == [call["id"]]
        assert open_roll_calls(session, [ward_id], at("02 11:10")) == ()
        assert open_roll_calls(session, ["another"], at("02 10:41")) == ()


def commit(client, hospital, first="2026-03-03", days=7):
    body = {"facility": hospital.facility.code, "first_day": first, "days": days}
    return client.post("/api/v1/roll-call-draws", json=body)


def test_a_draw_is_committed_held_and_revealed_and_nobody_sees_it_early(hospital, people, context):
    admin = people("admin")
    draw = commit(admin, hospital).json()
    assert (draw["seed"], len(draw["commitment"])) == (None, 64)
    # Nobody reads the plan, and that an admin tried is in the ledger.
    refused = admin.get(f"/api/v1/roll-call-draws/{draw['id']}/plan")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/draw-sealed")
    hospital.advance(at("12 08:00"))
    hospital.work()
    shown = admin.get(f"/api/v1/roll-call-draws/{draw['id']}/plan").json()
    assert (shown["holds"], shown["commitment_holds"], shown["missing"], shown["unexpected"]) == (True, True, [], [])
    seed = shown["draw"]["seed"]
    assert hashlib.sha256(bytes.fromhex(seed)).hexdigest() == draw["commitment"]
    assert 1 <= len(shown["calls"]) <= 2  # one ward, one week
    with context.database.reading() as session:
        held = [row for row in session.exec(select(RollCall)) if row.kind == "random"]
        assert {row.opens_at.isoformat() for row in held} == {
            call["at"].replace("Z", "+00:00") for call in shown["calls"]
        }
        actions = [entry.action for entry in session.exec(select(LedgerEntry).order_by(LedgerEntry.seq))]
    assert actions.index("roll_call_draw.committed") < actions.index("roll_call_draw.refused")
    assert actions.index("roll_call_draw.refused") < actions.index("roll_call_draw.opened")
    assert actions.index("roll_call_draw.opened") < actions.index("roll_call_draw.revealed")


def test_a_changed_call_or_seed_is_found(hospital, people, context):
    admin = people("admin")
    draw = commit(admin, hospital).json()
    hospital.advance(at("12 08:00"))
    hospital.work()
    with context.database.transaction() as session:
        row = session.exec(select(RollCall).where(RollCall.kind == "random")).first()
        row.opens_at += timedelta(minutes=7)
        session.add(row)
    shown = admin.get(f"/api/v1/roll-call-draws/{draw['id']}/plan").json()
    assert (shown["holds"], len(shown["missing"]), len(shown["unexpected"])) == (False, 1, 1)
    with context.database.transaction() as session:
        stored = session.exec(select(RollCallDraw).where(RollCallDraw.id == draw["id"])).one()
        stored.seed = "00" * 32
        session.add(stored)
    assert admin.get(f"/api/v1/roll-call-draws/{draw['id']}/plan").json()["commitment_holds"] is False


@pytest.mark.parametrize(
    ("first", "days", "status"), [("2026-03-02", 7, 422), ("2026-03-03", 0, 422), ("2026-03-03", 7, 201)]
)
def test_a_commitment_comes_before_its_first_day(hospital, people, first, days, status):
    assert commit(people("admin"), hospital, first, days).status_code == status


def test_the_same_days_are_not_committed_to_twice(hospital, people):
    admin = people("admin")
    assert commit(admin, hospital).status_code == 201
    assert commit(admin, hospital, "2026-03-05").status_code == 409


def test_draws_renew_themselves_before_they_end(hospital, people, context):
    commit(people("admin"), hospital)
    hospital.advance(at("09 12:00"))
    hospital.work()
    with context.database.reading() as session:
        rows = sorted(session.exec(select(RollCallDraw)), key=lambda row: row.first_day)
    assert [row.first_day for row in rows] == [date(2026, 3, 3), date(2026, 3, 10)]
    assert rows[1].committed_by == "system"


def test_a_ward_that_two_workers_see_at_once_joins_once(hospital, people, context):
    """A second entry in the ledger would say that somebody had changed when it joined."""
    assert commit(people("admin"), hospital, days=14).status_code == 201
    facility_id = hospital.facility.id
    with context.database.transaction() as session:
        builders.create_ward(session, session.merge(hospital.facility), code="new")

    def join(minute: int) -> int:
        with context.database.transaction() as session:
            return join_late_wards(context, session, facility_id, at(f"06 12:{minute:02}"))

    with ThreadPoolExecutor(1) as other:
        with context.database.transaction() as session:
            assert join_late_wards(context, session, facility_id, at("06 12:00")) == 1
            second = other.submit(join, 1)
            wait([second], timeout=0.5)
        assert second.result(30) == 0
    with context.database.reading() as session:
        entries = session.exec(select(LedgerEntry).where(LedgerEntry.action == "roll_call_draw.ward_joined")).all()
        assert [entry.details for entry in entries] == session.exec(select(RollCallDraw)).one().late_wards


def test_a_ward_opened_after_the_commitment_is_drawn_for_from_the_same_seed(hospital, people, context, tmp_path):
    """It joins when the service first sees it; from then on its calls are held, and anybody can make them again."""
    admin = people("admin")
    draw = commit(admin, hospital, days=14).json()
    assert draw["late_wards"] == []
    hospital.advance(at("06 08:00"))
    hospital.work()
    with context.database.transaction() as session:
        builders.create_ward(session, session.merge(hospital.facility), code="new")
    for moment in ("06 12:00", "18 12:00"):
        hospital.advance(at(moment))
        hospital.work()
    shown = admin.get(f"/api/v1/roll-call-draws/{draw['id']}/plan").json()
    joined = [{"ward": "new", "since": "2026-03-06T04:00:00+00:00"}]  # noon in Shanghai
    assert (shown["draw"]["wards"], shown["holds"]) == (draw["wards"], True)
    assert [{**item, "since": item["since"].replace("Z", "+00:00")} for item in shown["draw"]["late_wards"]] == joined
    own = [call["at"] for call in shown["calls"] if call["ward"] == "new"]
    assert 1 <= len(own) <= 4  # one or two a week, of what was left of two weeks
    assert min(own) > shown["draw"]["late_wards"][0]["since"]
    with context.database.reading() as session:
        held = session.exec(select(RollCall).where(RollCall.draw_id == draw["id"])).all()
        entries = session.exec(select(LedgerEntry).order_by(LedgerEntry.seq)).all()
    assert len(held) == len(shown["calls"])
    assert [entry.details for entry in entries if entry.action == "roll_call_draw.ward_joined"] == joined

    def verified(told) -> bool:
        (tmp_path / "plan.json").write_text(json.dumps(told), encoding="utf-8")
        return CliRunner().invoke(cli, ["rollcalls", "verify", "--plan", str(tmp_path / "plan.json")]).exit_code == 0

    assert verified(shown)
    # Whoever says that the ward joined later, to be rid of a call, is found out by the calls and by the ledger.
    later = {**shown, "draw": {**shown["draw"], "late_wards": [{"ward": "new", "since": own[0]}]}}
    assert not verified(later)
    with context.database.transaction() as session:
        row = session.exec(select(RollCallDraw).where(RollCallDraw.id == draw["id"])).one()
        row.late_wards = [{"ward": "new", "since": max(own).replace("Z", "+00:00")}]
        named = select(builders.Ward.id).where(builders.Ward.code == "new")
        for call in session.exec(select(RollCall).where(RollCall.draw_id == row.id, RollCall.ward_id.in_(named))):
            session.delete(call)
    again = admin.get(f"/api/v1/roll-call-draws/{draw['id']}/plan").json()
    assert (again["missing"], again["unexpected"], again["holds"]) == ([], [], False)


def test_routine_checks_are_roll_calls_too(hospital, context, people):
    with context.database.reading() as session:
        calls = roll_calls(session, hospital.facility.id, Interval(at("02 08:00"), at("02 10:40")))
    assert [(call.kind, call.opens_at) for call in calls] == [("routine", at("02 09:00"))]
    assert (calls[0].expected, calls[0].covered) == (4, 1)
