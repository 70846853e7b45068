"""A person settles a finding: by whom, with what reason, and what the rules may and may not do afterwards."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from service.access import SYSTEM
from service.admissions import cancel_admission
from service.admissions.tables import Admission, StayEvent
from service.ledger import verify
from service.ledger.tables import LedgerEntry
from service.screening import decide, explain, run_stays, tell
from service.screening.decisions import FindingMoved, Verdict, decisions_of
from service.screening.tables import Finding, FindingDecision
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.standing import Case, case

pytestmark = pytest.mark.usefixtures("client")

WHY = "The leave form is in the file, entered late by the ward."
ABSENT = ("03 09:00", "04 09:00")


@pytest.fixture
def named(context) -> Case:
    """A phantom of two absences on two days, out of shadow."""
    found = case(context, mode="live")
    found.checks("absent_confirmed", *ABSENT)
    row = found.run()
    assert row is not None
    assert row.state == "raised"
    assert not row.in_shadow
    return found


def browser(app, context, role, facility):
    with context.database.transaction() as session:
        user = builders.create_user(session, role=role, facility=facility)
    return builders.browser(app, context, user), user


def say(app, named: Case, verdict: str, reason: str = WHY, role: str = "inspector", **body: Any):
    client, _ = browser(app, named.context, role, named.facility)
    return client.post(
        f"/api/v1/findings/{named.run().id}/decisions", json={"verdict": verdict, "reason": reason, **body}
    )


def test_a_dismissed_finding_is_raised_by_no_run_of_the_same_facts_and_by_a_new_one(app, named, context):
    answer = say(app, named, "dismissed")
    assert answer.status_code == 201
    assert answer.json()["reason"] == WHY
    assert named.run().state == "dismissed"
    # A check that is no absence changes the number judged, and nothing that the finding rests on.
    named.checks("present_verified", "05 09:00")
    row = named.run()
    assert (row.state, row.decision) == ("dismissed", "dismissed")
    # The facts go, and come back as they were.
    named.become("on_leave", *ABSENT)
    assert named.run().state == "dismissed"
    named.become("absent_confirmed", *ABSENT)
    assert named.run().state == "dismissed"
    # One more absence is new.
    named.checks("absent_confirmed", "06 09:00")
    row = named.run()
    assert (row.state, row.decision) == ("raised", "")
    with context.database.reading() as session:
        (kept,) = decisions_of(session, [row.id])[row.id]
        assert (kept.verdict, kept.reason) == ("dismissed", WHY)
        actions = session.exec(
            select(LedgerEntry.action, LedgerEntry.actor).where(LedgerEntry.object_id == row.id)
        ).all()
        assert [action for action, _ in actions] == ["finding.raised", "finding.dismissed", "finding.raised_again"]
        assert actions[1][1].startswith("user:")
        assert verify(session) is None


def test_an_upheld_finding_keeps_its_decision_when_the_facts_go(app, named, context):
    assert say(app, named, "upheld").status_code == 201
    row = named.run()
    assert (row.state, row.decision) == ("raised", "upheld")
    named.become("on_leave", *ABSENT)
    row = named.run()
    assert (row.state, row.decision) == ("withdrawn", "upheld")
    with context.database.reading() as session:
        assert len(decisions_of(session, [row.id])[row.id]) == 1
    refused = say(app, named, "dismissed")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/finding-withdrawn")


def test_what_was_corrected_after_notice_stands_until_a_person_has_weighed_it(app, named, context):
    with context.database.transaction() as session:
        session.add(
            StayEvent(
                facility_id=named.facility.id,
                admission_id=named.stay.id,
                admission_no=named.stay.admission_no,
                source="hl7",
                kind="leave",
                trigger="A21",
                event_at=at("03 07:00"),
                stated_at=at("09 10:00"),
                received_at=at("09 10:00"),
                fingerprint="f" * 64,
                corrects=True,
            )
        )
    named.become("on_leave", *ABSENT)
    row = named.run()
    assert (row.state, row.corrected_after_notice) == ("raised", True)
    assert say(app, named, "upheld").status_code == 201
    row = named.run()
    assert (row.state, row.decision, row.corrected_after_notice) == ("raised", "upheld", True)
    assert say(app, named, "dismissed").status_code == 201
    assert named.run().state == "dismissed"
    with context.database.reading() as session:
        assert [item.corrected_after_notice for item in decisions_of(session, [row.id])[row.id]] == [True, True]


@pytest.mark.parametrize("role", ["viewer", "ward_staff"])
def test_only_inspectors_and_administrators_decide(app, named, role):
    assert say(app, named, "dismissed", role=role).status_code == 403
    assert named.run().state == "raised"


def test_nobody_decides_elsewhere_and_nobody_from_above_about_what_is_in_shadow(app, context, named):
    hidden = case(context)
    hidden.checks("absent_confirmed", *ABSENT)
    row = hidden.run()
    assert row.in_shadow
    above, _ = browser(app, context, "admin", None)
    neighbour, _ = browser(app, context, "inspector", named.facility)
    body = {"verdict": "dismissed", "reason": WHY}
    for who in (above, neighbour):
        assert who.post(f"/api/v1/findings/{row.id}/decisions", json=body).status_code == 404
    assert hidden.run().state == "raised"
    assert above.post(f"/api/v1/findings/{named.run().id}/decisions", json=body).status_code == 201


def test_no_program_decides(app, context, named):
    from fastapi.testclient import TestClient

    with context.database.transaction() as session:
        secret = builders.create_token(session, named.facility, ["findings:decide", "findings:read"])
    answer = TestClient(app).post(
        f"/api/v1/findings/{named.run().id}/decisions",
        json={"verdict": "dismissed", "reason": WHY},
        headers=builders.bearer(secret),
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("reason", ["", "    ", "ok", "\n\n \t       a\n"])
def test_a_decision_has_a_reason(app, named, reason):
    answer = say(app, named, "dismissed", reason)
    assert answer.status_code == 422
    assert "reason" in answer.text
    assert named.run().decision == ""


def test_nobody_decides_about_facts_that_they_did_not_read(app, named):
    seen = named.run().updated_at
    named.checks("absent_confirmed", "05 09:00")
    assert named.run().updated_at > seen
    answer = say(app, named, "dismissed", seen=seen.isoformat())
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/finding-changed")
    assert say(app, named, "dismissed", seen=named.run().updated_at.isoformat()).status_code == 201


def test_the_page_takes_a_decision_and_shows_it(app, context, named):
    client, user = browser(app, context, "inspector", named.facility)
    path = f"/findings/{named.run().id}"
    page = client.get(path, headers={"Accept": "text/html"}).text
    field = {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("csrf_token", "seen")}
    form = {**field, "verdict": "dismissed", "reason": WHY}
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    forged = client.post(f"{path}/decisions", data={**form, "csrf_token": "x"}, headers=headers, follow_redirects=False)
    assert forged.status_code == 403
    assert named.run().state == "raised"
    answer = client.post(f"{path}/decisions", data=form, headers=headers, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}#decisions")
    for language, words in (("en", "dismissed by a person"), ("zh", "经人员认定不成立")):
        shown = client.get(f"{path}?lang={language}", headers={"Accept": "text/html"}).text
        assert words in shown
        assert WHY in shown
        assert user.username in shown
    listed = client.get("/findings?state=dismissed&lang=en", headers={"Accept": "text/html"}).text
    assert "dismissed by a person" in listed
    assert client.get("/api/v1/findings?state=dismissed").json()[0]["decision"] == "dismissed"
    told = client.get(f"/api/v1{path}").json()["decisions"]
    assert [(item["verdict"], item["decided_by"]) for item in told] == [("dismissed", user.username)]


def test_who_may_only_read_gets_no_form(app, context, named):
    client, _ = browser(app, context, "viewer", named.facility)
    page = client.get(f"/findings/{named.run().id}", headers={"Accept": "text/html"}).text
    assert "/decisions" not in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_story_tells_who_decided_what_and_why(context, named, language):
    row = named.run()
    with context.database.transaction() as session:
        user = builders.create_user(session, role="inspector", facility=named.facility)
        actor = builders.actor_for(session, user)
        decide(session, actor, session.get_one(Finding, row.id), Verdict.DISMISSED, WHY, context.clock)
    story = tell(context, named.facility.id, named.stay.id, [named.run()], language)
    (event,) = [event for event in story.events if WHY in event.words]
    assert user.username in event.words
    assert explain(row, language).rule_name in event.words
    assert [item.reason for item in story.decisions[row.id]] == [WHY]


def test_the_system_itself_decides_nothing(context, named):
    from service.access import Forbidden

    row = named.run()
    with pytest.raises(Forbidden), context.database.transaction() as session:
        decide(session, SYSTEM, session.get_one(Finding, row.id), Verdict.DISMISSED, WHY, context.clock)


def test_an_explained_screen_prints_the_decision(context, named, monkeypatch, capsys):
    from service.cli.screen import _decided, _state

    row = named.run()
    with context.database.transaction() as session:
        actor = builders.actor_for(session, builders.create_user(session, role="admin", facility=named.facility))
        decide(session, actor, session.get_one(Finding, row.id), Verdict.UPHELD, WHY, context.clock)
    row = named.run()
    story = tell(context, named.facility.id, named.stay.id, [row], "en")
    assert _state(row) == "raised, upheld by a person"
    assert json.loads(json.dumps(_decided(story, row)))[0]["reason"] == WHY
    assert run_stays(context, named.facility.id).raised == 0


def test_two_decisions_are_both_kept_and_the_later_one_counts(app, named, context):
    assert say(app, named, "dismissed").status_code == 201
    assert say(app, named, "upheld", "Another inspector asked the ward: there is no such form.").status_code == 201
    row = named.run()
    assert (row.state, row.decision) == ("raised", "upheld")
    with context.database.reading() as session:
        rows = session.exec(select(FindingDecision).where(FindingDecision.finding_id == row.id)).all()
        assert {item.verdict for item in rows} == {"dismissed", "upheld"}
        assert all(item.decided_at - row.raised_at < timedelta(days=1) for item in rows)


def test_who_decides_second_reads_what_was_decided_first(named, context):
    """What this session read before is stale: the row is read again, and locked where the database can."""
    row = named.run()
    with context.database.transaction() as session:
        user = builders.create_user(session, role="inspector", facility=named.facility)
        actor = builders.actor_for(session, user)
        stale = session.get_one(Finding, row.id)
        seen, meanwhile = stale.updated_at, stale.updated_at + timedelta(seconds=1)
        changed = update(Finding).where(col(Finding.id) == row.id).values(updated_at=meanwhile)
        session.execute(changed, execution_options={"synchronize_session": False})
        assert stale.updated_at == seen
        with pytest.raises(FindingMoved):
            decide(session, actor, stale, Verdict.UPHELD, WHY, context.clock, seen=seen)


@pytest.mark.parametrize(("language", "words"), [("en", "admission cancelled"), ("zh", "取消入院")])
def test_the_story_of_a_cancelled_stay_says_so_in_words(context, named, language, words):
    with context.database.transaction() as session:
        actor = builders.actor_for(session, builders.create_user(session, role="admin", facility=named.facility))
        stay = session.get_one(Admission, named.stay.id)
        cancel_admission(session, named.facility, stay, actor=actor, now=context.clock.now())
    story = tell(context, named.facility.id, named.stay.id, [], language)
    assert any(words in event.words for event in story.events)
    assert not any("cancel_admission" in event.words for event in story.events)
