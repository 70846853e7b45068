"""Layouts: one file makes a facility, again and again; a wrong one names the place and changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from service.facilities import (
    LayoutInvalid,
    beds_of_facility,
    cameras_of_facility,
    facility_by_code,
    find_facility,
    load_layout,
    zones_of_camera,
)
from service.facilities.layout_text import parse_layout_json, parse_layout_text
from service.facilities.zones import checked_polygon
from service.kit.errors import Conflict
from service.ledger.tables import LedgerEntry
from service.platform.context import Context

EXAMPLE = Path(__file__).parents[2] / "fixtures" / "layouts" / "two-wards.yaml"
NOW = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


def test_a_layout_makes_a_facility_once(context: Context) -> None:
    text = EXAMPLE.read_bytes()
    with context.database.transaction() as session:
        first = load_layout(session, text, NOW)
    with context.database.transaction() as session:
        second = load_layout(session, text, NOW + timedelta(hours=1))
        facility = facility_by_code(session, "demo")
        entries = session.exec(select(LedgerEntry).where(LedgerEntry.action == "facility.layout")).all()
    # Counted in the file: 4 + 3 beds, 1 + 1 cameras, 4 + 2 zones; bed W2-03 has no zone.
    assert first.created == {"facility": 1, "ward": 2, "bed": 7, "camera": 2, "zone": 6}
    assert first.uncovered_beds == ("W2-03",)
    assert not second.changed
    assert second.unchanged == first.created
    assert (facility.mode, facility.shadow_until) == ("shadow", NOW + timedelta(days=14))
    assert len(entries) == 1


def test_codes_stay_as_they_are_written(context: Context) -> None:
    text = "facility: {code: no}\nwards: [{code: 010, beds: [{code: 01}, {code: 1e3}, {code: 12:30}, {code: 7}]}]"
    with context.database.transaction() as session:
        load_layout(session, text, NOW)
        codes = {bed.code: bed.hospital_code for bed in beds_of_facility(session, facility_by_code(session, "no").id)}
    assert codes == {"01": "010-01", "1e3": "010-1e3", "12:30": "010-12:30", "7": "010-7"}


def test_a_redrawn_zone_leaves_the_old_one_for_what_was_seen_before(context: Context) -> None:
    text = EXAMPLE.read_text()
    later = NOW + timedelta(days=1)
    with context.database.transaction() as session:
        load_layout(session, text, NOW)
        report = load_layout(session, text.replace("0.05, 0.30", "0.06, 0.30"), later)
        facility = facility_by_code(session, "demo")
        camera = cameras_of_facility(session, facility.id)[0]
        before = zones_of_camera(session, camera.id, later - timedelta(seconds=1))
        after = zones_of_camera(session, camera.id, later)
        long_ago = zones_of_camera(session, camera.id, NOW - timedelta(days=300))
    assert report.created == {"zone": 1}
    assert [len(before), len(after)] == [4, 4]
    assert sorted(zone.version for zone in after) == [1, 1, 1, 2]
    assert {zone.id for zone in long_ago} == {zone.id for zone in before}
    assert len({zone.id for zone in before} - {zone.id for zone in after}) == 1


def test_a_zone_left_out_is_closed_and_its_bed_uncovered(context: Context) -> None:
    text = EXAMPLE.read_text()
    line = next(line for line in text.splitlines(keepends=True) if "{bed: 02, polygon: [[0.29" in line)
    with context.database.transaction() as session:
        load_layout(session, text, NOW)
        report = load_layout(session, text.replace(line, ""), NOW + timedelta(hours=1))
    assert report.updated == {"zone": 1}
    assert report.uncovered_beds == ("N1-02", "W2-03")


def test_keys_left_out_change_nothing(context: Context) -> None:
    with context.database.transaction() as session:
        load_layout(session, EXAMPLE.read_bytes(), NOW)
        report = load_layout(session, "facility: {code: demo}\nwards: [{code: W1, cameras: [{code: W1-C1}]}]", NOW)
        facility = facility_by_code(session, "demo")
    assert not report.changed
    assert facility.name_zh == "示范县医院"
    assert "camera W2-C1" in report.unlisted


def test_the_clock_is_chosen_once(context: Context) -> None:
    with context.database.transaction() as session:
        load_layout(session, "facility: {code: x, clock: live}", NOW)
        with pytest.raises(Conflict, match="clock"):
            load_layout(session, "facility: {code: x, clock: replay}", NOW)


def test_a_replay_begins_where_the_layout_says(context: Context) -> None:
    text = "facility: {code: x, clock: replay, watermark: 2026-01-05T00:00:00+08:00}"
    with context.database.transaction() as session:
        load_layout(session, text, NOW)
        facility = facility_by_code(session, "x")
    assert facility.watermark == datetime(2026, 1, 4, 16, tzinfo=UTC)
    assert facility.shadow_until == datetime(2026, 1, 18, 16, tzinfo=UTC)


SQUARE = "[[0.1,0.1],[0.5,0.1],[0.5,0.5],[0.1,0.5]]"
ZONE = "facility: {{code: x}}\nwards: [{{code: w, beds: [{{code: b}}], cameras: [{{code: c, zones: [{0}]}}]}}]"


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("", "layout", "mapping"),
        ("[]", "layout", "mapping"),
        ("facility: {code: x", "line 1", ""),
        ("a: &a [1]\nb: *a", "line 2", "aliases"),
        ("facility: {code: x}\n---\nfacility: {code: y}", "line 2", "more than one document"),
        ("facility: {code: x}\nfacility: {code: y}", "line 2", "twice"),
        ("facility: !!python/object/apply:os.system [ls]", "line 1", "tag"),
        ("a: " + "[" * 500 + "]" * 500, "line 1", "nested deeper"),
        ("wards: []", "facility", "required"),
        ("facility: {code: x, nmae: y}", "facility.nmae", "not known"),
        ("facility: {code: 'a b'}", "facility.code", "pattern"),
        ("facility: {code: 1.10}", "facility.code", "quotes"),
        ("facility: {code: x, timezone: ../../etc/passwd}", "facility.timezone", "time zone"),
        ("facility: {code: x, target_in_bed_rate: 1.5}", "facility.target_in_bed_rate", "less than or equal"),
        ("facility: {code: x, watermark: 2026-01-01T00:00:00Z}", "facility.watermark", "replay"),
        ("facility: {code: x}\nwards: [{code: w}, {code: w}]", "wards[1].code", "stands at wards[0].code"),
        (
            "facility: {code: x}\nwards: [{code: w, beds: [{code: a, hospital_code: H}, {code: b, hospital_code: H}]}]",
            "wards[0].beds[1].hospital_code",
            "stands at",
        ),
        (ZONE.format(f"{{bed: q, polygon: {SQUARE}}}"), "wards[0].cameras[0].zones[0].bed", "no bed"),
        (
            ZONE.format(f"{{bed: b, polygon: {SQUARE}, head_edge: 4}}"),
            "wards[0].cameras[0].zones[0].head_edge",
            "0 to 3",
        ),
        (ZONE.format("{bed: b, polygon: [[0,0],[1,1],[1,0],[0,1]]}"), "wards[0].cameras[0].zones[0].polygon", "cross"),
        (ZONE.format("{bed: b, polygon: [[0,0],[1.2,0],[1,1]]}"), "wards[0].cameras[0].zones[0].polygon", "fractions"),
        (ZONE.format("{bed: b, polygon: [[0,0],[1,1]]}"), "wards[0].cameras[0].zones[0].polygon", "3 to 32"),
        (
            ZONE.format("{bed: b, polygon: [[0,0],[0.01,0],[0.01,0.01],[0,0.01]]}"),
            "wards[0].cameras[0].zones[0].polygon",
            "covers less",
        ),
        (
            ZONE.format("{bed: b, polygon: [[0.1,0.1],[0.5,0.1],[0.5,0.1],[0.1,0.5]]}"),
            "wards[0].cameras[0].zones[0].polygon",
            "nearly",
        ),
        (
            ZONE.format(f"{{bed: b, polygon: {SQUARE}}}, {{bed: b, polygon: {SQUARE}}}"),
            "wards[0].cameras[0].zones[1].bed",
            "stands at",
        ),
    ],
)
def test_a_wrong_layout_names_the_place_and_changes_nothing(context: Context, text: str, path: str, words: str) -> None:
    with context.database.transaction() as session:
        with pytest.raises(LayoutInvalid) as caught:
            load_layout(session, text, NOW)
        assert find_facility(session, "x") is None
    assert caught.value.field == path
    assert words in caught.value.message
    assert caught.value.remedy


def test_every_fault_is_named_at_once(context: Context) -> None:
    text = "facility: {code: x, foo: 1, kind: castle}\nwards: [{code: w, beds: [{}]}]"
    with context.database.transaction() as session, pytest.raises(LayoutInvalid) as caught:
        load_layout(session, text, NOW)
    assert {issue.path for issue in caught.value.issues} == {"facility.foo", "facility.kind", "wards[0].beds[0].code"}


def test_a_hospital_code_of_an_unlisted_bed_is_taken(context: Context) -> None:
    with context.database.transaction() as session:
        load_layout(session, "facility: {code: x}\nwards: [{code: w, beds: [{code: a, hospital_code: H}]}]", NOW)
        with pytest.raises(LayoutInvalid, match="already has the hospital code"):
            load_layout(session, "facility: {code: x}\nwards: [{code: v, beds: [{code: b, hospital_code: H}]}]", NOW)


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    for parse in (parse_layout_text, parse_layout_json):
        try:
            parsed = parse(text)
        except LayoutInvalid:
            continue
        assert isinstance(parsed, dict)


def test_json_refuses_what_yaml_refuses() -> None:
    for text in ('{"a": 1, "a": 2}', '{"a": NaN}', "[1]", "{", '{"a":' + "[" * 50 + "]" * 50 + "}"):
        with pytest.raises(LayoutInvalid):
            parse_layout_json(text)
    assert parse_layout_json(json.dumps({"名": ["\u2028", "]["]})) == {"名": ["\u2028", "]["]}


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=40))
def test_no_polygon_breaks_the_check(vertices: list[tuple[float, float]]) -> None:
    try:
        kept = checked_polygon(vertices)
    except ValueError:
        return
    assert 3 <= len(kept) <= 32


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ("{grace_hours: -1}", "facility.policy.grace_hours"),
        ("{checks: [{kind: routine, at: '25:00'}]}", "facility.policy.checks"),
        ("{unheard_of: 1}", "facility.policy.unheard_of"),
    ],
)
def test_a_presence_policy_that_says_nothing_sensible_stops_the_layout(
    context: Context, policy: str, field: str
) -> None:
    text = f"facility: {{code: strict, policy: {policy}}}\nwards: [{{code: W1, beds: [{{code: 1}}]}}]"
    with context.database.transaction() as session, pytest.raises(LayoutInvalid) as caught:
        load_layout(session, text, NOW)
    assert any(issue.path.startswith(field) for issue in caught.value.issues)
    with context.database.reading() as session:
        assert find_facility(session, "strict") is None
