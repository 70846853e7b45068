"""`wardwatch messages`, `orders`, `charges`: what hospital systems sent, shown, replayed and imported for good."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from service.access import SYSTEM
from service.admissions import Routes, admission_by_no, charges_of, orders_of, parse_routes, routed, take_hl7
from service.cli import feed
from service.cli.program import app
from service.facilities import Facility, ward_by_id
from service.kit.errors import Conflict, InvalidInput
from service.ledger.tables import LedgerEntry
from service.platform.context import Context
from tests.admissions.feed import adt
from tests.builders import EPOCH, create_bed, create_facility, create_ward

ORDERS = """order_no,admission_no,kind,code,ordered_at,performed_at
O1,V1,examination,CT01,2026-03-01 09:00,2026-03-01 10:30
O2,V1,medication,M0002,2026-03-01 09:05,
O3,V1,medication,M0002,yesterday,
"""
CHARGES = """charge_no,admission_no,kind,code,service_at,quantity,amount
C1,V1,bed,B01,2026-03-01 12:00,1,80.50
C2,V1,examination,CT01,2026-03-01 10:30,1,280.00
"""


class Line:
    """A hospital's line and its command line."""

    def __init__(self, context: Context) -> None:
        self.context = context
        with context.database.transaction() as session:
            place = create_facility(session, clock="replay", watermark=EPOCH + timedelta(days=5))
            self.ward_id = create_ward(session, place, code="N1").id
            self.facility_id, self.code = place.id, place.code

    def bed(self, code: str) -> None:
        with self.context.database.transaction() as session:
            create_bed(session, ward_by_id(session, self.ward_id), code=code)

    def send(self, message: str) -> str:
        """Sends; returns what became of it."""
        with self.context.database.transaction() as session:
            place = session.get_one(Facility, self.facility_id)
            return take_hl7(
                self.context, session, place, message.encode(), channel="hl7-mllp", actor=SYSTEM
            ).outcome.state

    def run(self, *arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [*arguments, "--facility", self.code])
        assert result.exit_code == status, result.output
        return result

    def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", status=status).stdout)


@pytest.fixture
def line(context: Context, monkeypatch: pytest.MonkeyPatch) -> Line:
    class Opened:
        def __enter__(self) -> Context:
            return context

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(feed, "installation", Opened)
    return Line(context)


def test_a_message_is_shown_with_its_text_its_effects_and_a_trace_of_who_looked(line: Line) -> None:
    line.bed("01")
    assert line.send(adt("A01", at=EPOCH, place="N1^^01")) == "applied"
    [kept] = line.json("messages", "ls")
    shown = line.json("messages", "show", kept["id"])
    assert shown["text"].startswith("MSH|^~\\&|HIS|")
    assert "|19500131|F" in shown["text"]
    assert [one["admission_no"] for one in shown["effects"]] == ["V1"]
    plain = line.run("messages", "show", kept["id"]).stdout
    assert "PID|1||P1^^^HIS^PI" in plain
    assert "said: " in plain
    with line.context.database.reading() as session:
        looks = [entry for entry in session.exec(select(LedgerEntry)).all() if entry.action == "message.shown"]
    assert [entry.object_id for entry in looks] == [kept["id"]] * 2
    missing = CliRunner().invoke(app, ["messages", "show", "0" * 32, "--facility", line.code])
    assert missing.exit_code != 0


def test_a_message_is_replayed_once_what_it_stumbled_over_is_mended(line: Line) -> None:
    assert line.send(adt("A01", at=EPOCH, place="N1^^01")) == "dead_letter"
    [still] = line.json("messages", "replay", "--dead-letters", status=1)
    assert still["state"] == "dead_letter"
    assert still["error"]
    line.bed("01")
    [kept] = line.json("messages", "ls", "--state", "dead_letter")
    [done] = line.json("messages", "replay", kept["id"])
    assert done == {"id": kept["id"], "state": "applied", "error": ""}
    with line.context.database.reading() as session:
        assert admission_by_no(session, line.facility_id, "V1").discharged_at is None
    assert line.json("messages", "replay", "--dead-letters") == []
    assert "no dead letter waits" in line.run("messages", "replay", "--dead-letters").stdout
    assert line.json("messages", "list") == line.json("messages", "ls")
    assert "'dead_letter'" in line.run("messages", "ls", "--state", "dead", status=2).output
    nothing = CliRunner().invoke(app, ["messages", "replay", "--facility", line.code])
    assert isinstance(nothing.exception, InvalidInput)


def test_orders_and_charges_are_imported_for_good(line: Line, tmp_path: Path) -> None:
    line.bed("01")
    line.send(adt("A01", at=EPOCH, place="N1^^01"))
    orders, charges = tmp_path / "orders.csv", tmp_path / "charges.csv"
    orders.write_text(ORDERS)
    charges.write_text(CHARGES)

    def kept() -> tuple[set[str], set[str]]:
        with line.context.database.reading() as session:
            stay = admission_by_no(session, line.facility_id, "V1").id
            ordered = orders_of(session, [stay]).get(stay, ())
            charged = charges_of(session, [stay]).get(stay, ())
            return {one.code for one in ordered}, {str(one.amount) for one in charged}

    line.run("orders", "import", str(orders), "--dry-run", status=1)
    assert kept() == (set(), set())
    report = line.run(
        "orders", "import", str(orders), status=1
    ).stdout  # a time that is none is refused, the others go on
    assert "line 4" in report
    line.run("charges", "import", str(charges))
    assert kept() == ({"CT01", "M0002"}, {"80.50", "280.00"})
    line.run("charges", "import", str(charges))
    assert kept()[1] == {"80.50", "280.00"}, "the same file twice is one"


def test_a_strangers_message_is_listed_and_claimed(line: Line) -> None:
    routes = Routes(parse_routes(["ELSEWHERE=nowhere"]))
    line.bed("01")
    data = adt("A01", at=EPOCH, visit="V7", place="N1^^01").encode()
    assert b"\rMSA|AR|" in routed(line.context, routes, lambda _: SYSTEM)(frozenset())(data)
    listed = CliRunner().invoke(app, ["messages", "unclaimed", "--json"])
    assert listed.exit_code == 0, listed.output
    [waiting] = json.loads(listed.stdout)
    assert (waiting["sending_facility"], waiting["attempts"]) == ("HOSPITAL", 1)
    assert "V7" not in listed.stdout
    claimed = line.json("messages", "claim", waiting["id"])
    assert claimed["state"] == "applied"
    assert line.json("messages", "ls")[0]["admission_no"] == "V7"
    with pytest.raises(Conflict):
        CliRunner().invoke(app, ["messages", "claim", waiting["id"], "--facility", line.code], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ([], "facility"),
        (["--facility", "a", "--map", "H=a"], "facility"),
        (["--map", "H"], "map"),
        (["--facility", "a", "--tls-client", "his=a"], "tls_client"),
        (["--map", "H=a", "--tls-client", "his=a"], "tls_client"),
        (["--map", "H=a", "--tls-cert", "c.pem"], "tls"),
    ],
)
def test_a_listener_that_cannot_know_whose_messages_come_does_not_start(arguments: list[str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        CliRunner().invoke(app, ["adt-listen", *arguments], catch_exceptions=False)
    assert refused.value.field == field


def test_a_dead_letter_is_dismissed_with_a_reason_and_waits_no_longer(line: Line) -> None:
    assert line.send(adt("A01", at=EPOCH, place="N1^^09")) == "dead_letter"
    [kept] = line.json("messages", "ls", "--state", "dead_letter")
    done = line.json("messages", "dismiss", kept["id"], "--reason", "a test of the vendor's")
    assert done == {"id": kept["id"], "state": "dismissed", "note": "a test of the vendor's"}
    assert line.json("messages", "replay", "--dead-letters") == []
    assert "no dead letter waits" in line.run("messages", "replay", "--dead-letters").stdout
    assert line.json("messages", "list") == line.json("messages", "ls")
    assert "'dead_letter'" in line.run("messages", "ls", "--state", "dead", status=2).output
    again = CliRunner().invoke(app, ["messages", "dismiss", kept["id"], "--facility", line.code, "--reason", "again"])
    assert isinstance(again.exception, Conflict)
