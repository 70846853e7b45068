"""`wardwatch rollcalls verify`: anybody with the published plan can make the draw again; one that was bent is seen."""

from __future__ import annotations

import json
from datetime import date, time
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from service.cli import rollcalls as command
from service.cli.program import app
from service.occupancy.draw import DrawTerms, commitment_of, draw
from service.occupancy.roll_call_tables import RollCall, RollCallDraw
from tests import builders
from tests.occupancy.scenes import ZONE, at

SEED = bytes(range(32))
WARDS = ["n1", "n2"]
FIRST, LAST = date(2026, 3, 2), date(2026, 3, 15)
TERMS = DrawTerms(2, 4, time(19, 0), time(7, 0))


def drawn(facility: str = "demo"):
    return draw(SEED, facility, WARDS, FIRST, LAST, ZoneInfo("Asia/Shanghai"), TERMS)


def plan() -> dict[str, object]:
    return {
        "draw": {
            "facility": "demo",
            "wards": WARDS,
            "first_day": FIRST.isoformat(),
            "last_day": LAST.isoformat(),
            "timezone": "Asia/Shanghai",
            "terms": TERMS.to_json(),
            "commitment": commitment_of(SEED),
            "seed": SEED.hex(),
        },
        "calls": [{"ward": call.ward, "at": call.at.isoformat()} for call in drawn()],
        "missing": [],
        "unexpected": [],
    }


def verify(tmp_path, told):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(told), encoding="utf-8")
    result = CliRunner().invoke(app, ["rollcalls", "verify", "--plan", str(file), "--json"])
    return result.exit_code, json.loads(result.stdout)[0] if result.stdout.startswith("[") else None


def test_a_good_draw_holds(tmp_path):
    code, told = verify(tmp_path, plan())
    assert code == 0
    assert (told["holds"], told["commitment_holds"], told["missing"], told["unexpected"]) == (True, True, [], [])
    assert told["drawn"] == len(drawn()) >= 8  # two wards, two weeks, at least two calls a week


def moved(told):
    told["calls"][0]["at"] = "2026-03-02T20:01:30+08:00"


def left_out(told):
    told["missing"] = [told["calls"][0]]


def added(told):
    told["unexpected"] = [{"ward": "n1", "at": "2026-03-02T20:01:30+08:00"}]


def reseeded(told):
    told["draw"]["seed"] = (b"\x01" * 32).hex()


def gentler(told):
    told["draw"]["terms"] = DrawTerms(1, 1, time(19, 0), time(7, 0)).to_json()


@pytest.mark.parametrize("bend", [moved, left_out, added, reseeded, gentler])
def test_a_bent_plan_does_not_hold(tmp_path, bend):
    told = plan()
    bend(told)
    code, found = verify(tmp_path, told)
    assert (code, found["holds"]) == (1, False)
    assert found["commitment_holds"] is (bend is not reseeded)


def test_what_is_no_plan_is_refused(tmp_path):
    assert verify(tmp_path, {"draw": {}})[0] != 0
    assert CliRunner().invoke(app, ["rollcalls", "verify"]).exit_code != 0


@pytest.fixture
def recorded(context, monkeypatch):
    """A facility whose draw is over and whose calls were held as drawn."""
    with context.database.transaction() as session:
        place = builders.create_facility(session, clock="replay", watermark=at("20 08:00"))
        wards = {code: builders.create_ward(session, place, code=code).id for code in WARDS}
        calls = drawn(place.code)
        row = RollCallDraw(
            facility_id=place.id,
            first_day=FIRST,
            last_day=LAST,
            starts_at=at("02 19:00"),
            ends_at=at("16 07:00"),
            timezone=str(ZONE),
            wards=WARDS,
            terms=TERMS.to_json(),
            commitment=commitment_of(SEED),
            sealed_seed=b"",
            seed=SEED.hex(),
            revealed_at=at("16 07:00"),
            committed_by="user:somebody",
            committed_at=at("01 12:00"),
        )
        session.add(row)
        session.flush()
        for call in calls:
            session.add(
                RollCall(
                    group_id=row.id,
                    facility_id=place.id,
                    kind="random",
                    scope="ward",
                    scope_key=f"ward:{call.ward}",
                    ward_id=wards[call.ward],
                    draw_id=row.id,
                    opens_at=call.at,
                    frozen_until=call.at,
                    closes_at=call.at,
                    called_by="system",
                    recorded_at=call.at,
                )
            )

    class Opened:
        def __enter__(self):
            return context

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(command, "installation", Opened)
    return place


def test_the_installations_own_draws_are_verified(context, recorded):
    def ask():
        return CliRunner().invoke(app, ["rollcalls", "verify", "--facility", recorded.code])

    good = ask()
    assert (good.exit_code, "holds" in good.stdout) == (0, True), good.output
    with context.database.transaction() as session:
        session.delete(session.exec(select(RollCall)).first())
    bent = ask()
    assert bent.exit_code == 1
    assert "DOES NOT HOLD (commitment agrees;" in bent.stdout
    assert "1 missing" in bent.stdout
