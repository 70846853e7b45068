"""Messages shared with devices: what is taken, what is refused, and by which name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from service.contracts import (
    SEQUENCE_MAX,
    DeviceConfig,
    Heartbeat,
    SnapshotAccepted,
    SnapshotMeta,
    SnapshotReadings,
    read_message,
)
from service.kit.errors import InvalidInput

GOOD = {"camera_id": "w1-cam1", "captured_at": "2026-03-02T08:15:00+08:00", "sequence": 42}


def meta_text(**changes: object) -> str:
    return json.dumps({**GOOD, **changes})


def test_a_good_meta_is_read_and_its_instant_is_utc() -> None:
    meta = read_message(SnapshotMeta, meta_text(), field="meta")
    assert meta.captured_at == datetime(2026, 3, 2, 0, 15, tzinfo=UTC)
    assert meta.captured_at.tzinfo == UTC
    assert (meta.camera_id, meta.sequence, meta.clock_offset_ms) == ("w1-cam1", 42, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"camera_id": ""}, "meta.camera_id"),
        ({"camera_id": "x" * 65}, "meta.camera_id"),
        ({"camera_id": "cam\x00one"}, "meta.camera_id"),
        ({"camera_id": " cam"}, "meta.camera_id"),
        ({"camera_id": 7}, "meta.camera_id"),
        ({"captured_at": "2026-03-02T08:15:00"}, "meta.captured_at"),
        ({"captured_at": "yesterday"}, "meta.captured_at"),
        ({"captured_at": 1_772_400_000}, "meta.captured_at"),
        ({"captured_at": "0001-01-01T00:00:00+14:00"}, "meta.captured_at"),
        ({"captured_at": None}, "meta.captured_at"),
        ({"sequence": -1}, "meta.sequence"),
        ({"sequence": SEQUENCE_MAX + 1}, "meta.sequence"),
        ({"sequence": "42"}, "meta.sequence"),
        ({"sequence": 4.0}, "meta.sequence"),
        ({"sequence": True}, "meta.sequence"),
        ({"clock_offset_ms": 10**15}, "meta.clock_offset_ms"),
        ({"cameraid": "w1-cam1"}, "meta.cameraid"),
    ],
)
def test_a_bad_field_is_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_message(SnapshotMeta, meta_text(**changes), field="meta")
    assert caught.value.field == field
    assert caught.value.status == 422
    assert caught.value.message


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_message(SnapshotMeta, json.dumps({"sequence": -1}), field="meta")
    assert {fault.field for fault in caught.value.extra["faults"]} == {  # type: ignore[attr-defined]
        "meta.camera_id",
        "meta.captured_at",
        "meta.sequence",
    }


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\ud800", b"\xff\xfe", b"{" * 5000])
def test_what_is_no_object_is_refused_by_the_name_it_came_in(text: str | bytes) -> None:
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    with pytest.raises(InvalidInput) as caught:
        read_message(SnapshotMeta, text, field="meta")
    assert caught.value.field == "meta"


def test_a_fault_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_message(SnapshotMeta, meta_text(camera_id="secret-name" * 20), field="meta")
    assert "secret-name" not in caught.value.line()


@given(
    instant=st.datetimes(timezones=st.timezones(), min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    sequence=st.integers(0, SEQUENCE_MAX),
)
def test_a_meta_survives_the_wire(instant: datetime, sequence: int) -> None:
    meta = SnapshotMeta(camera_id="东区-1", captured_at=instant, sequence=sequence)
    again = read_message(SnapshotMeta, meta.model_dump_json())
    assert again == meta
    assert again.captured_at == instant.astimezone(UTC)  # as text of UTC: a folded hour compares unequal across zones


def test_a_datetime_in_another_zone_is_the_same_instant() -> None:
    shanghai = timezone(timedelta(hours=8))
    meta = SnapshotMeta(camera_id="c", captured_at=datetime(2026, 3, 2, 8, tzinfo=shanghai), sequence=0)
    assert meta.captured_at.isoformat() == "2026-03-02T00:00:00+00:00"


@pytest.mark.parametrize("kind", [SnapshotMeta, SnapshotAccepted, SnapshotReadings, DeviceConfig, Heartbeat])
def test_the_examples_of_the_api_description_meet_their_own_schema(kind: type[BaseModel]) -> None:
    examples = kind.model_json_schema()["examples"]
    assert examples
    for example in examples:
        kind.model_validate_json(json.dumps(example))


def test_a_device_reads_the_answer_of_a_newer_server() -> None:
    text = '{"snapshot_id": "1", "duplicate": true, "next_nonce": "later"}'
    assert read_message(SnapshotAccepted, text) == SnapshotAccepted(snapshot_id="1", duplicate=True)


def test_a_heartbeat_of_a_device_that_lies_is_refused() -> None:
    base = {"camera_id": "c", "clock": "2026-03-02T08:15:00Z", "spool_depth": 0}
    for change in ({"spool_depth": -1}, {"dropped": {"x": -1}}, {"dropped": {str(i): 0 for i in range(40)}}):
        with pytest.raises(InvalidInput):
            read_message(Heartbeat, json.dumps({**base, **change}))
