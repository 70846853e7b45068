"""How long messages are kept that became nothing, and that a dead letter never vanishes unseen."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from service.access import SYSTEM, Permission
from service.admissions import (
    InboundMessage,
    Routes,
    UnclaimedMessage,
    claim_message,
    dismiss_message,
    message_by_id,
    parse_routes,
    purge_messages_job,
    replay_message,
    routed,
    show_message,
    take_hl7,
    waiting_messages,
)
from service.facilities import Facility
from service.kit.errors import Conflict, InvalidInput
from service.ledger.tables import LedgerEntry
from service.platform import metrics
from service.platform.context import Context
from service.worker import HOUSEKEEPING, handlers
from tests.admissions.feed import adt
from tests.builders import EPOCH, bearer, create_bed, create_facility, create_token, create_ward

DAY = timedelta(days=1)


@dataclass
class Told:
    """A clock that a test moves."""

    at: datetime = EPOCH + 5 * DAY

    def now(self) -> datetime:
        return self.at


class House:
    """A hospital without a bed, its line, and its clock."""

    def __init__(self, context: Context) -> None:
        self.clock = Told()
        self.context = replace(context, clock=self.clock)
        with context.database.transaction() as session:
            self.place = create_facility(session, code="east")
            self.ward = create_ward(session, self.place, code="N1")

    def send(self, message: str) -> str:
        """Sends a message; its id."""
        with self.context.database.transaction() as session:
            place = session.get_one(Facility, self.place.id)
            data = message.encode()
            return take_hl7(self.context, session, place, data, channel="hl7-mllp", actor=SYSTEM).outcome.message_id

    def text(self, message_id: str) -> bytes:
        with self.context.database.transaction() as session:
            row = message_by_id(session, self.place.id, message_id)
            return show_message(self.context, session, self.place, row, actor=SYSTEM)

    def state(self, message_id: str) -> str:
        with self.context.database.reading() as session:
            return session.get_one(InboundMessage, message_id).state

    def dismiss(self, message_id: str, reason: str) -> None:
        with self.context.database.transaction() as session:
            row = message_by_id(session, self.place.id, message_id)
            dismiss_message(self.context, session, self.place, row, reason, actor=SYSTEM)

    def later(self, days: float) -> None:
        """Time passes, and the hourly purge runs."""
        self.clock.at += days * DAY
        purge_messages_job(self.context, {})


@pytest.fixture
def house(context: Context) -> House:
    return House(context)


ADMIT = adt("A01", at=EPOCH, visit="V1", patient="P1", place="N1^^01")
REFUSED = ADMIT.replace("PV1|1|I|", "PV1|1|XX|")


def stranger(house: House, name: str) -> None:
    answer = routed(house.context, Routes(parse_routes(["H-EAST=east"])), lambda _: SYSTEM)(frozenset())
    assert b"\rMSA|AR|" in answer(ADMIT.replace("|HOSPITAL|", f"|{name}|").encode())


def unclaimed(house: House) -> list[str]:
    with house.context.database.reading() as session:
        return [row.sending_facility for row in waiting_messages(session)]


def purged(state: str) -> float:
    return metrics.REGISTRY.get_sample_value("wardwatch_messages_purged_total", {"state": state}) or 0.0


def test_it_is_done_every_hour() -> None:
    assert "messages.purge" in HOUSEKEEPING
    assert handlers()["messages.purge"] is purge_messages_job


def test_unclaimed_messages_go_a_month_after_they_last_came(house: House) -> None:
    before = purged("unclaimed")
    stranger(house, "H-OLD")
    stranger(house, "H-BUSY")
    house.later(20)
    stranger(house, "H-BUSY")
    house.later(9.9)
    assert sorted(unclaimed(house)) == ["H-BUSY", "H-OLD"]
    house.later(0.2)
    assert unclaimed(house) == ["H-BUSY"]
    assert purged("unclaimed") == before + 1
    with house.context.database.reading() as session:
        [entry] = session.exec(select(LedgerEntry).where(LedgerEntry.action == "message.unclaimed_purged")).all()
    assert '"H-OLD"' in str(entry.details).replace("'", '"')


def test_what_was_claimed_is_the_facilitys_and_stays(house: House) -> None:
    stranger(house, "H-NEW")
    with house.context.database.transaction() as session:
        create_bed(session, house.ward, code="01")
        [row] = waiting_messages(session)
        taken = claim_message(house.context, session, house.place, row.id, actor=SYSTEM).outcome
    house.later(31)
    with house.context.database.reading() as session:
        assert session.exec(select(UnclaimedMessage)).all() == []
    assert house.text(taken.message_id).startswith(b"MSH|")


def test_a_refused_message_loses_its_text_and_its_row_stays(house: House) -> None:
    before = purged("rejected")
    refused = house.send(REFUSED)
    house.later(29)
    assert house.text(refused) == REFUSED.encode()
    house.later(2)
    assert house.text(refused) == b""
    assert (house.state(refused), purged("rejected")) == ("rejected", before + 1)
    with house.context.database.transaction() as session:
        row = message_by_id(session, house.place.id, refused)
        with pytest.raises(Conflict, match="kept no longer"):
            replay_message(house.context, session, house.place, row, actor=SYSTEM)
    # Sent once more it is kept once more.
    assert house.text(house.send(REFUSED)) == REFUSED.encode()


def test_a_dead_letter_waits_for_as_long_as_it_takes(house: House) -> None:
    dead = house.send(ADMIT)
    house.later(400)
    assert house.text(dead) == ADMIT.encode()
    with house.context.database.transaction() as session:
        create_bed(session, house.ward, code="01")
        row = message_by_id(session, house.place.id, dead)
        assert replay_message(house.context, session, house.place, row, actor=SYSTEM).state == "applied"
    house.later(400)
    assert house.text(dead) == ADMIT.encode(), "a stay rests on it"


def test_a_dead_letter_that_came_again_and_was_applied_waits_no_longer(house: House) -> None:
    dead, twice = house.send(ADMIT), house.send(ADMIT)
    with house.context.database.transaction() as session:
        create_bed(session, house.ward, code="01")
    done = house.send(ADMIT)
    assert [house.state(one) for one in (dead, twice, done)] == ["duplicate", "duplicate", "applied"]
    house.later(31)
    assert house.text(done) == ADMIT.encode(), "the first row holds the text of all three"


def test_a_person_dismisses_a_dead_letter_with_a_reason(house: House) -> None:
    dead = house.send(ADMIT)
    with pytest.raises(InvalidInput, match="why"):
        house.dismiss(dead, "  ")
    house.dismiss(dead, "a test of the vendor's")
    with pytest.raises(Conflict, match="no dead letter"):
        house.dismiss(dead, "again")
    assert house.state(dead) == "dismissed"
    with house.context.database.reading() as session:
        [entry] = session.exec(select(LedgerEntry).where(LedgerEntry.action == "message.dismissed")).all()
    assert "a test of the vendor's" in str(entry.details)
    house.later(31)
    assert house.text(dead) == b""


def test_the_term_of_a_dismissed_message_begins_with_its_dismissal(house: House) -> None:
    """Else a discharge that nobody could use would be gone within the hour in which somebody puts it aside."""
    first, again = house.send(ADMIT), house.send(ADMIT)
    house.later(60)
    house.dismiss(first, "a test of the vendor's")
    house.later(20)
    house.dismiss(again, "the same")
    house.later(29)
    assert house.text(first) == house.text(again) == ADMIT.encode()
    house.later(2)
    assert house.text(first) == b""


def test_what_waits_is_on_the_metrics_page(house: House, client: TestClient) -> None:
    house.send(ADMIT)
    stranger(house, "H-OLD")
    with house.context.database.transaction() as session:
        secret = create_token(session, house.place, [Permission.OPERATE])
    text = client.get("/metrics", headers=bearer(secret)).text
    found = dict(re.findall(r'wardwatch_messages_waiting\{kind="(\w+)"\} ([0-9.]+)', text))
    assert found == {"unclaimed": "1.0", "dead_letter": "1.0"}
