"""Who sees findings, and what they read."""

from __future__ import annotations

import pytest

from service.platform.context import Context
from service.screening.tables import Finding
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.chain import Hospital, build


@pytest.fixture
def hospital(context: Context) -> Hospital:
    return build(context)


def finding(context: Context, hospital: Hospital, **values: object) -> Finding:
    facts = [
        {"code": code, "value": value, "threshold": threshold}
        for code, value, threshold in (
            ("confirmed_checks", 3, 2),
            ("confirmed_days", 2, 2),
            ("days", ["2026-03-02", "2026-03-03"], None),
            ("checks_judged", 9, None),
        )
    ]
    row = Finding(
        facility_id=hospital.facility.id,
        admission_id=hospital.admissions[0].id,
        subject_id=hospital.admissions[0].id,
        rule="phantom_admission",
        rule_version="1",
        severity="high",
        event_at=at("03 12:00"),
        facts={"variant": "days", "facts": facts, "admission_no": "A1", "policy_version": "1", "pack_hashes": []},
        counter_evidence={"verified_checks": 4, "last_verified_at": "2026-03-02T01:00:00+00:00"},
        raised_at=at("03 12:00"),
        updated_at=at("03 12:00"),
    )
    for name, value in values.items():
        setattr(row, name, value)
    with context.database.transaction() as session:
        session.add(row)
    return row


def browser(app, context, role, facility):
    with context.database.transaction() as session:
        user = builders.create_user(session, role=role, facility=facility)
    return builders.browser(app, context, user)


def test_a_finding_explains_itself_in_the_readers_language(app, client, context, hospital):
    row = finding(context, hospital)
    viewer = browser(app, context, "viewer", hospital.facility)
    body = viewer.get(f"/api/v1/findings/{row.id}", headers={"Accept-Language": "en"}).json()
    words = body["explanation"]
    assert "3 checks on 2 days" in words["headline"]
    assert any("verified at 4 checks" in line for line in words["counter_evidence"])
    assert {
        "code": "confirmed_checks",
        "label": "Checks with a confirmed absence",
        "value": "3",
        "threshold": "2",
    } in words["facts"]
    chinese = viewer.get("/api/v1/findings", headers={"Accept-Language": "zh-CN"}).json()
    assert "确认不在院" in chinese[0]["headline"]


def test_a_shadow_finding_stays_in_its_house(app, client, context, hospital):
    row = finding(context, hospital)
    above = browser(app, context, "admin", None)
    assert above.get("/api/v1/findings").json() == []
    assert above.get(f"/api/v1/findings/{row.id}").status_code == 404
    with context.database.transaction() as session:
        other = builders.create_facility(session)
    stranger = browser(app, context, "admin", other)
    assert stranger.get("/api/v1/findings").json() == []
    assert stranger.get(f"/api/v1/findings/{row.id}").status_code == 404


def test_a_finding_out_of_shadow_is_seen_from_above_and_still_not_by_neighbours(app, client, context, hospital):
    row = finding(context, hospital, in_shadow=False)
    assert browser(app, context, "admin", None).get(f"/api/v1/findings/{row.id}").status_code == 200
    with context.database.transaction() as session:
        other = builders.create_facility(session)
    assert browser(app, context, "admin", other).get(f"/api/v1/findings/{row.id}").status_code == 404
