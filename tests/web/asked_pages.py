"""Hand-made values for the pages on which people are asked: requests to look, the hand-held page, roll calls."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from service.occupancy import HandheldSeen, LookMethod, LookResult, RollCallDraw, RollCallProgress, Standing
from service.web.pages.directed import AskedLine
from service.web.pages.roll_calls import STANDING_ICONS, STANDING_TONES, CallPage, CallRow, PersonRow, WardRow
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
