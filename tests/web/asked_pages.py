"""Hand-made values for the pages on which people are asked: requests to look, the hand-held page, roll calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from service.facilities import Facility
from service.occupancy import (
    CallCounts,
    GroupLine,
    HandheldSeen,
    LookMethod,
    LookResult,
    RollCall,
    RollCallDraw,
    RollCallProgress,
    Standing,
    WardPauses,
)
from service.occupancy.reverify import Confirmations
from service.web.pages.by_hand import AgainLine, BedLine, ExcuseLine
from service.web.pages.directed import AskedLine
from service.web.roll_call_view import STANDING_ICONS, STANDING_TONES, CallPage, CallRow, PersonRow, WardRow
from service.web.views import Choice, LookLine
from tests.web import sample

_HOUR = timedelta(hours=1)
_LOOK = LookLine(sample.NOW - _HOUR, "ward_staff", "found", "handheld", False, False)


def line(state: str = "open", *, escalated: bool = False) -> AskedLine:
    """A request to look."""
    return AskedLine(
        check_id="c1",
        patient_no="<P>1",
        admission_id="a1",
        place="Ward 3 · 12",
        cause="bed_empty",
        state=state,
        due_at=sample.NOW - 2 * _HOUR,
        until=sample.NOW + _HOUR,
        escalated_at=sample.NOW if escalated else None,
        looks=(_LOOK,),
    )


QUEUE: dict[str, Any] = {
    "zone": sample.ZONE,
    "facility_code": "demo",
    "facility_name": "North",
    "facilities": (),
    "views": (Choice("open", "open", True),),
    "lines": (line(), line("expired", escalated=True)),
}
ONE: dict[str, Any] = {
    "zone": sample.ZONE,
    "facility_code": "demo",
    "facility_name": "North",
    "line": line(),
    "pictures": (
        HandheldSeen("l1", sample.NOW - _HOUR, "wristband", None, True),
        HandheldSeen("l2", sample.NOW - _HOUR, "face", 0.7, False),
    ),
    "may_open_pictures": True,
    "may_answer": True,
    "results": tuple(result.value for result in LookResult),
    "methods": tuple(method.value for method in LookMethod if method is not LookMethod.HANDHELD),
}
HAND_HELD: dict[str, Any] = {
    "zone": sample.ZONE,
    "line": line(),
    "nonce": "ABC234",
    "minutes": 3,
    "ways": ("face", "wristband", "id_card"),
}
_CALL = CallRow("r1", "surprise", "Ward 3", sample.NOW - _HOUR, sample.NOW, True, None, None, None)
CALLS: dict[str, Any] = {
    "zone": sample.ZONE,
    "at": sample.NOW,
    "facility_code": "demo",
    "facility_name": "North",
    "facilities": (),
    "wards": (Choice("w1", "Ward 3", False),),
    "calls": (_CALL, CallRow("r2", "random", "", sample.NOW, sample.NOW, False, 4, 3, 1)),
    "draws": (
        RollCallDraw(
            facility_id="f",
            first_day=date(2026, 3, 2),
            last_day=date(2026, 3, 29),
            starts_at=sample.NOW,
            ends_at=sample.NOW + _HOUR,
            timezone="UTC",
            commitment="ab" * 32,
            sealed_seed=b"",
            committed_by="x",
            committed_at=sample.NOW,
        ),
    ),
    "may_start": True,
    "region": "north",
    "region_size": 3,
}


def _person(standing: Standing) -> PersonRow:
    return PersonRow(
        f"P-{standing.value}",
        f"a-{standing.value}",
        "12",
        standing,
        STANDING_TONES[standing],
        STANDING_ICONS[standing],
        "bed_empty",
        None,
        "c1",
        1,
    )


CALL: dict[str, Any] = {
    "zone": sample.ZONE,
    "facility_code": "demo",
    "facility_name": "North",
    "may_answer": True,
    "shown": CallPage(
        call=_CALL,
        frozen_until=sample.NOW,
        progress=RollCallProgress(sample.NOW, True, ()),
        unidentified=1,
        no_reference=0,
        wards=(WardRow("Ward 3", 4, 2, 1, 1), WardRow("Ward 4", 2, 2, 0, 0)),
        people=tuple(_person(standing) for standing in Standing),
    ),
}


def _group(closes: bool) -> dict[str, Any]:
    facility = Facility(code="demo", name="North", region="east", timezone="UTC")
    call = RollCall(
        facility_id=facility.id,
        group_id="g1",
        kind="surprise",
        scope="region",
        scope_key="facility",
        opens_at=sample.NOW - _HOUR,
        frozen_until=sample.NOW,
        closes_at=sample.NOW - _HOUR if closes else sample.NOW + _HOUR,
        called_by="x",
        recorded_at=sample.NOW,
    )
    line = GroupLine(call, facility, sample.NOW, CallCounts(Counter({item: 2 for item in Standing})))
    return {
        "zone": sample.ZONE,
        "group_id": "g1",
        "region": "<east>",
        "opens_at": call.opens_at,
        "closes_at": call.closes_at,
        "is_open": line.is_open,
        "total": line.counts,
        "facilities": ((line, "North <1>"),),
    }


GROUP = _group(closes=False)
GROUP_CLOSED = _group(closes=True)
_AGAIN = AgainLine("v1", "<P>1", "a1", "Ward 3", "sample", sample.NOW - _HOUR, sample.NOW + _HOUR, "open")
BY_HAND: dict[str, Any] = {
    "zone": sample.ZONE,
    "facility_code": "demo",
    "facility_name": "North",
    "facilities": (),
    "periods": (Choice("7", "last 7 days", True),),
    "confirmations": (
        Confirmations("u1", "<li.na>", 12, 3, 4, 3, 2, 1, 1, 4.0, 3.0),
        Confirmations("u2", "wang", 1, 0, 1, 1, 0, 0, 0, None, None),
    ),
    "again": (
        _AGAIN,
        *(replace(_AGAIN, row_id=f"v-{item}", state=item) for item in ("late", "confirmed", "contradicted")),
    ),
    "excuses": (ExcuseLine("li.na", "Ward 3", (("imaging", 3), ("back", 1)), 4, 1), ExcuseLine("x", "", (), 0, 0)),
    "pauses": (
        (WardPauses("w1", 3, 80, 1, 30, 2, 0.1, 0.05, 2.0, 4), "Ward 3"),
        (WardPauses("w2", 0, 0, 0, 30, 0, 0.0, None, None), "Ward 4"),
    ),
    "methods": ("wristband", "id_card"),
    "may_answer": True,
    "may_close": True,
}
BY_HAND_NONE: dict[str, Any] = {
    **BY_HAND,
    "confirmations": (),
    "again": (),
    "excuses": (),
    "pauses": (),
    "may_answer": False,
    "may_close": False,
}
BED_CHECKS: dict[str, Any] = {
    "zone": sample.ZONE,
    "facility_code": "demo",
    "facility_name": "North",
    "facilities": (),
    "periods": (Choice("7", "last 7 days", True),),
    "outcomes": (Choice("", "all", True),),
    "lines": (
        BedLine("b1", "Ward 3 · 12", "unregistered_person", sample.NOW, 30, ()),
        BedLine("b2", "Ward 3 · 13", "staff_in_bed", sample.NOW, 0, ("staff", "carer", "seen_by_person", "was_empty")),
        BedLine("b3", "Ward 3 · 14", "two_in_bed", sample.NOW, 5, ()),
    ),
    "number": 400,
    "may_answer": True,
}
