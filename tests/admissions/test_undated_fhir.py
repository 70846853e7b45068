"""FHIR resources without `meta.lastUpdated`: ordered by the best time there is, in whatever order they come."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from service.admissions import InboundMessage
from service.admissions.fhir.times import _overtaken, _Version
from service.facilities.tables import Facility
from service.kit.errors import NotFound
from service.platform.context import Context
from tests.admissions.test_samples import beds, bills, local, record, sender

__all__ = ["sender"]

DAY = "2026-03-{:02}T{}:00+08:00"


def encounter(status: str, *places: tuple[str, str], history: list[Any] | None = None, end: str = "") -> dict[str, Any]:
    """A version of the stay Z9, admitted on the 2nd at 08:00; `places`: (bed, since)."""
    body: dict[str, Any] = {
        "resourceType": "Encounter",
        "id": "z9",
        "identifier": [{"value": "Z9"}],
        "status": status,
        "class": {"code": "IMP"},
        "subject": {"identifier": {"value": "P9"}},
        "period": {"start": DAY.format(2, "08:00")} | ({"end": end} if end else {}),
        "location": [{"location": {"identifier": {"value": bed}}, "period": {"start": since}} for bed, since in places],
    }
    if history:
        body["statusHistory"] = history
    return body


FIRST, MOVED = ("N1-01", DAY.format(2, "08:00")), ("N1-02", DAY.format(3, "10:00"))
AWAY: dict[str, Any] = {"status": "onleave", "period": {"start": DAY.format(4, "09:00")}}
BACK: dict[str, Any] = {"status": "onleave", "period": {"start": DAY.format(4, "09:00"), "end": DAY.format(4, "17:00")}}
VERSIONS = [
    encounter("in-progress", FIRST),
    encounter("in-progress", FIRST, MOVED),
    encounter("onleave", FIRST, MOVED, history=[AWAY]),
    encounter("in-progress", FIRST, MOVED, history=[BACK]),
    encounter("finished", FIRST, MOVED, history=[BACK], end=DAY.format(6, "10:00")),
]


def put(sender: TestClient, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = sender.put(f"/fhir/r4/{body['resourceType']}/{body['id']}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("seed", [None, 1, 2, 3, 4, 5, 6])
def test_undated_versions_in_any_order_lead_to_what_an_orderly_feed_leads_to(
    context: Context, sender: TestClient, seed: int | None
) -> None:
    versions = list(VERSIONS)
    if seed is not None:
        dice = random.Random(seed)
        versions += dice.sample(versions, 2)  # and twice
        dice.shuffle(versions)
    for body in versions:
        put(sender, body)
    stay = record(context, "Z9")
    assert beds(context, "Z9") == [("N1-01", "02 08:00"), ("N1-02", "03 10:00")]
    assert stay.discharged_at is not None
    assert local(stay.discharged_at) == "06 10:00"
    assert [(local(one.interval.start), local(one.interval.end)) for one in stay.leaves] == [("04 09:00", "04 17:00")]


def test_an_older_version_says_that_it_changes_little(sender: TestClient) -> None:
    put(sender, VERSIONS[-1])
    notes = [issue["diagnostics"] for issue in put(sender, VERSIONS[1])["issue"]]
    assert any("meta.lastUpdated" in note for note in notes), notes


def test_versions_that_name_one_time_are_taken_as_they_come(context: Context, sender: TestClient) -> None:
    put(sender, encounter("in-progress", ("N1-03", DAY.format(2, "08:00"))))
    put(sender, encounter("in-progress", FIRST))
    assert beds(context, "Z9") == [("N1-01", "02 08:00")]


@pytest.mark.parametrize("how", ["last-modified", "bundle"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_the_request_may_say_when(context: Context, sender: TestClient, how: str, newest_first: bool) -> None:
    """A discharge that is taken back names no time: the header or the bundle does."""
    over, there = VERSIONS[-1], encounter("in-progress", FIRST)
    sent = [(over, "Sat, 07 Mar 2026 02:00:00 GMT"), (there, "Sat, 07 Mar 2026 03:00:00 GMT")]
    for body, said in reversed(sent) if newest_first else sent:
        if how == "last-modified":
            put(sender, body, {"Last-Modified": said})
            continue
        stamp = f"2026-03-07T{said[17:25]}Z"
        request = {"method": "PUT", "url": "Encounter/z9"}
        bundle = {"resourceType": "Bundle", "type": "transaction", "timestamp": stamp}
        answer = sender.post("/fhir/r4", json=bundle | {"entry": [{"resource": body, "request": request}]})
        assert answer.status_code == 200, answer.text
    assert record(context, "Z9").discharged_at is None


def test_a_bundle_of_many_versions_of_one_stay_says_nothing_of_their_order(
    context: Context, sender: TestClient
) -> None:
    request = {"method": "PUT", "url": "Encounter/z9"}
    entries = [{"resource": body, "request": request} for body in reversed(VERSIONS)]
    bundle = {"resourceType": "Bundle", "type": "batch", "timestamp": DAY.format(9, "08:00"), "entry": entries}
    assert sender.post("/fhir/r4", json=bundle).status_code == 200
    assert beds(context, "Z9") == [("N1-01", "02 08:00"), ("N1-02", "03 10:00")]
    assert record(context, "Z9").discharged_at is not None


def test_a_bundle_whose_time_is_none_is_told_so(sender: TestClient) -> None:
    request = {"method": "PUT", "url": "Encounter/z9"}
    bundle = {"resourceType": "Bundle", "type": "batch", "timestamp": "yesterday"}
    answer = sender.post("/fhir/r4", json=bundle | {"entry": [{"resource": VERSIONS[0], "request": request}]})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.timestamp"]


def charge(amount: float, entered: str) -> dict[str, Any]:
    return {
        "resourceType": "ChargeItem",
        "id": "c9",
        "identifier": [{"value": "C9"}],
        "status": "billable",
        "code": {"coding": [{"code": "bed"}]},
        "subject": {"identifier": {"value": "P9"}},
        "context": {"identifier": {"value": "Z9"}},
        "occurrenceDateTime": DAY.format(3, "08:00"),
        "enteredDate": entered,
        "priceOverride": {"value": amount},
    }


def test_charges_without_a_date_are_ordered_by_when_they_were_entered(context: Context, sender: TestClient) -> None:
    put(sender, VERSIONS[0])
    late, early = charge(40, DAY.format(4, "08:00")), charge(400, DAY.format(3, "09:00"))
    for body in (late, early):
        put(sender, body)
    assert bills(context, "Z9")[1] == ["bed 40"]
    put(sender, charge(30, DAY.format(4, "08:00")))  # the same time once more: as it comes
    assert bills(context, "Z9")[1] == ["bed 30"]


def numbered(version: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body as a version of its server's."""
    return body | {"meta": {"versionId": version}}


RETURNED = [
    numbered("1", encounter("in-progress", FIRST)),
    numbered("2", encounter("in-progress", FIRST, MOVED)),
    numbered("3", encounter("finished", FIRST, MOVED, end=DAY.format(6, "10:00"))),
    numbered("4", encounter("in-progress", FIRST)),  # neither the discharge nor the move was
]


@pytest.mark.parametrize("seed", [None, 1, 2, 3, 4, 5, 6])
def test_a_discharge_is_taken_back_by_a_higher_version_in_whatever_order(
    context: Context, sender: TestClient, seed: int | None
) -> None:
    versions = list(RETURNED)
    if seed is not None:
        dice = random.Random(seed)
        versions += dice.sample(versions, 2)
        dice.shuffle(versions)
    for body in versions:
        put(sender, body)
    assert record(context, "Z9").discharged_at is None
    assert beds(context, "Z9") == [("N1-01", "02 08:00")]


def test_a_lower_version_that_comes_late_says_that_it_changes_little(context: Context, sender: TestClient) -> None:
    put(sender, RETURNED[3])
    notes = [issue["diagnostics"] for issue in put(sender, RETURNED[2])["issue"]]
    assert any("a later version is known" in note for note in notes), notes
    assert record(context, "Z9").discharged_at is None


@pytest.mark.parametrize("name", ["a3f", "", "٣", "9" * 40])
def test_a_version_that_counts_nothing_has_no_order(context: Context, sender: TestClient, name: str) -> None:
    put(sender, numbered("7", RETURNED[0]))
    body = dict(RETURNED[2])
    answer = sender.put("/fhir/r4/Encounter/z9", json=body | {"meta": {"versionId": name} if name else {}})
    if answer.status_code == 422:  # no id by FHIR's own rules
        assert answer.json()["issue"][0]["expression"] == ["Encounter.meta.versionId"]
        return
    assert record(context, "Z9").discharged_at is not None, "by the times that it names"


@pytest.mark.parametrize("first", ["7", "9" * 18])
def test_a_higher_number_of_before_is_not_the_last_word_of_a_stay(
    context: Context, sender: TestClient, first: str
) -> None:
    """A server set up anew counts from 1 again; a number out of the air is one that nothing later could reach."""
    now = datetime.now(UTC).replace(microsecond=0)
    begun, ended = now - timedelta(days=5), now - timedelta(hours=3)

    def since(bed: str) -> dict[str, Any]:
        return encounter("in-progress", (bed, begun.isoformat())) | {"period": {"start": begun.isoformat()}}

    with context.database.transaction() as session:
        session.execute(update(Facility).values(clock="live"))
    put(sender, numbered(first, since("N1-01")))
    with context.database.transaction() as session:  # it came five days ago
        session.execute(update(InboundMessage).values(received_at=begun + timedelta(minutes=1)))
    over = since("N1-01") | {
        "status": "finished",
        "period": {"start": begun.isoformat(), "end": ended.isoformat()},
    }
    put(sender, numbered("2", over))
    assert record(context, "Z9").discharged_at == ended
    # The new count goes on in its own order, whatever the versions name.
    put(sender, numbered("4", since("N1-02")))
    put(sender, numbered("3", over))
    assert record(context, "Z9").discharged_at is None
    assert [bed for bed, _ in beds(context, "Z9")] == ["N1-02"]


def test_an_entry_of_a_batch_that_deletes_creates_nothing_when_it_is_taken_once_more(
    context: Context, sender: TestClient
) -> None:
    put(sender, VERSIONS[0])
    entry = {
        "resource": encounter("in-progress", FIRST) | {"identifier": [{"value": "Z8"}], "id": "z8"},
        "request": {"method": "DELETE", "url": "Encounter/z8"},
    }
    answer = sender.post("/fhir/r4", json={"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    assert answer.json()["entry"][0]["response"]["status"].startswith("422")
    (kept,) = sender.get("/api/v1/messages", params={"state": "rejected"}).json()
    shown = sender.get(f"/api/v1/messages/{kept['id']}").json()
    assert '"method": "DELETE"' in shown["text"]
    again = sender.post(f"/api/v1/messages/{kept['id']}/replay").json()
    assert again["state"] == "rejected"
    with pytest.raises(NotFound):
        record(context, "Z8")


class Counting(datetime):
    """An instant that counts how often it is compared."""

    compared: ClassVar[int] = 0

    def __gt__(self, other: datetime) -> bool:  # type: ignore[override]
        Counting.compared += 1
        return super().__gt__(other)


def test_thousands_of_versions_are_laid_in_order_in_one_pass() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    known = []
    for number in range(2_000):
        at = start + timedelta(minutes=number)
        known.append(_Version(number, Counting.fromtimestamp(at.timestamp(), UTC), at, str(number)))
    late = replace(known[0], number=1_500, received_at=start, sha256="another count")
    assert _overtaken([*known, late], 2_000, start + timedelta(days=2)) == {late}
    assert Counting.compared <= 4 * len(known)
