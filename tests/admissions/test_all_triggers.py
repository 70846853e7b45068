"""Every trigger that the intake promises, in one feed of one ward: by HTTP and in any order the same."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from service.access import Permission
from service.facilities.tables import Bed
from service.platform.context import Context
from tests.admissions.feed import adt, header, merge, stamp, swap
from tests.admissions.test_hl7 import DAY, HOUR, Hospital, hospital, picture
from tests.builders import EPOCH, bearer, create_token

__all__ = ["hospital"]


def bed_status(status: str, at: float) -> str:
    said = EPOCH + at * HOUR
    lines = [header("ADT", "A20", said, f"A20-{at}"), f"EVN|A20|{stamp(said)}||||{stamp(said)}", f"NPU|N1^^03|{status}"]
    return "\r".join(lines) + "\r"


def told(trigger: str, at: float, visit: str = "V1", patient: str = "P1", **more: object) -> str:
    said = EPOCH + float(more.pop("said", at)) * HOUR + timedelta(minutes=1)  # type: ignore[arg-type]
    return adt(trigger, at=EPOCH + at * HOUR, said=said, visit=visit, patient=patient, **more)  # type: ignore[arg-type]


FEED = [
    told("A01", 0, place="N1^^01"),
    told("A05", 0, "V5", "P5", patient_class="P"),
    told("A04", 1, "V2", "P2", place="N1^^02", patient_class="B"),
    told("A08", 2, place="N1^^01", admitted=EPOCH),
    told("A09", 3, place="OR^^"),
    told("A10", 4, place="N1^^01"),
    told("A21", 5, back=EPOCH + 9 * HOUR),
    told("A22", 7),
    told("A53", 7, said=7.5),
    told("A22", 8),
    told("A21", 10, "V2", "P2", back=EPOCH + 12 * HOUR),
    told("A52", 10, "V2", "P2", said=10.5),
    swap(("V1", "P1", "N1^^02"), ("V2", "P2", "N1^^01"), at=EPOCH + 13 * HOUR),
    told("A02", 20, place="N1^^03"),
    told("A12", 20, said=21),
    told("A06", 22, "V4", "P4", place="N1^^03"),
    told("A07", 30, "V4", "P4", patient_class="O"),
    bed_status("C", 31),
    bed_status("U", 33),
    told("A03", 35, "V2", "P2"),
    told("A13", 35, "V2", "P2", said=36),
    told("A01", 37, "V3", "P3", place="N1^^03"),
    told("A11", 37, "V3", "P3", said=38),
    merge("P9", "P1", said=EPOCH + 39 * HOUR),
    told("A03", 48, patient="P9"),
]
PROMISED = {f"A{n:02}" for n in range(1, 14)} | {"A17", "A20", "A21", "A22", "A40", "A52", "A53"}


def test_the_feed_has_every_trigger_that_is_promised() -> None:
    assert {message.split("|")[8].split("^")[1] for message in FEED} == PROMISED


def test_an_orderly_feed_by_http_is_what_the_ward_saw(context: Context, client: TestClient, hospital: Hospital) -> None:
    """By hand: V1 in bed 01 until the swap at 13 h, then 02 until 48 h; on leave 5-8 h (the return of 7 h was taken
    back); in theatre 3-4 h. V2 the other way round, its leave and discharge taken back. V4 in bed 03 from 22 to 30 h.
    V3 and V5 never were. Bed 03 is open again."""
    with context.database.transaction() as session:
        from service.facilities import Facility

        secret = create_token(
            session, session.get_one(Facility, hospital.facility_id), [Permission.ADMISSIONS_WRITE], name="his"
        )
    for message in FEED:
        answer = client.post("/api/v1/adt/hl7v2", content=message.encode(), headers=bearer(secret))
        assert "\rMSA|AA|" in answer.text, answer.text
    assert hospital.beds_of("V1") == [("01", 0.0, 13.0), ("02", 13.0, 48.0)]
    assert hospital.beds_of("V2") == [("02", 1.0, 13.0), ("01", 13.0, None)]
    assert hospital.beds_of("V4") == [("03", 22.0, 30.0)]
    stay = hospital.record("V1")
    assert stay.patient_no == "P9"
    assert [(one.interval.start - EPOCH, one.interval.end - EPOCH) for one in stay.leaves] == [(5 * HOUR, 8 * HOUR)]
    assert [(one.kind, one.interval.end - EPOCH) for one in stay.off_ward] == [("theatre", 4 * HOUR)]
    assert [one[0] for one in picture(hospital)] == ["V1", "V2", "V4"]  # type: ignore[index]
    with context.database.reading() as session:
        assert session.exec(select(col(Bed.is_open)).where(Bed.id == hospital.beds["03"])).one() is True


@pytest.mark.parametrize("seed", range(6))
def test_any_order_with_repeats_leads_to_the_same(context: Context, hospital: Hospital, seed: int) -> None:
    hospital.taken(*FEED)
    orderly = picture(hospital)
    dice = random.Random(seed)
    shuffled = [*FEED, *dice.sample(FEED, 5)]
    dice.shuffle(shuffled)
    with context.database.transaction() as session:
        from tests.builders import create_bed, create_facility, create_ward

        place = create_facility(session, clock="replay", watermark=EPOCH + 10 * DAY)
        ward = create_ward(session, place, code="N1")
        other = Hospital(context, place.id, {code: create_bed(session, ward, code=code).id for code in hospital.beds})
    other.taken(*shuffled)
    names = {other.beds[code]: bed_id for code, bed_id in hospital.beds.items()}

    def plain(found: list[object]) -> str:
        text = repr(found)
        for theirs, ours in names.items():
            text = text.replace(theirs, ours)
        return text

    assert plain(picture(other)) == plain(orderly)
