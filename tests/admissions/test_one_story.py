"""The API, the census and the messages write one log: what it folds to is what the rows say, after every step."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlmodel import Session

from service.access import SYSTEM
from service.admissions import (
    active_admissions,
    admission_by_no,
    admission_record,
    cancel_discharge,
    cancel_leave,
    discharge,
    end_leave,
    grant_leave,
    import_census,
    record_off_ward,
    take_hl7,
    transfer_admission,
)
from service.admissions.repository import leaves_of
from service.admissions.settle import settle
from service.admissions.tables import Admission
from service.facilities import Facility
from service.facilities.tables import Bed
from service.kit.intervals import Interval
from service.platform.context import Context
from tests.admissions.feed import adt
from tests.builders import EPOCH, create_bed, create_facility, create_ward

HOUR = timedelta(hours=1)


def act(
    session: Session, place: Facility, admission: Admission, beds: list[Bed], hour: int, chance: random.Random
) -> None:
    """One thing that somebody at a desk does, if it makes sense now."""
    at, now = EPOCH + hour * HOUR, EPOCH + hour * HOUR
    leaves = [one for one in leaves_of(session, admission.id) if one.cancelled_at is None]
    what = chance.choice(["move", "leave", "back", "no_leave", "out", "back_in", "theatre"])
    common = {"actor": SYSTEM, "now": now}
    if what == "move" and admission.discharged_at is None:
        transfer_admission(session, place, admission, chance.choice(beds), at, **common)
    elif what == "leave" and admission.discharged_at is None:
        grant_leave(
            session,
            place,
            admission,
            from_at=at,
            expected_return_at=at + 3 * HOUR,
            approved_by="D1",
            signed_at=at,
            **common,
        )
    elif what == "back" and leaves:
        end_leave(session, place, admission, leaves[-1], at, **common)
    elif what == "no_leave" and leaves:
        cancel_leave(session, place, admission, leaves[0], **common)
    elif what == "out" and admission.discharged_at is None:
        discharge(session, place, admission, at, **common)
    elif what == "back_in":
        cancel_discharge(session, place, admission, **common)
    elif what == "theatre" and admission.discharged_at is None:
        record_off_ward(session, place, admission, kind="theatre", from_at=at, to_at=None, **common)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_log_folds_to_the_rows_after_every_operation(context: Context, seed: int) -> None:
    chance = random.Random(seed)
    with context.database.transaction() as session:
        place = create_facility(session, clock="replay", watermark=EPOCH)
        ward = create_ward(session, place, code="N1")
        beds = [create_bed(session, ward, code=f"0{n}", hospital_code=f"N1-0{n}") for n in range(1, 4)]
        text = f"patient_no,admission_no,bed,admitted_at\nP1,V1,N1-01,{EPOCH.isoformat()}\n"
        import_census(session, place, text, actor=SYSTEM, now=EPOCH)
        admission = admission_by_no(session, place.id, "V1")
        for hour in range(1, 15):
            place.watermark = EPOCH + hour * HOUR
            act(session, place, admission, beds, hour, chance)
            before = admission_record(session, admission.id)
            settled = settle(session, place, "V1", (), EPOCH + hour * HOUR)
            assert admission_record(session, admission.id) == before, settled.difference.words


def test_a_message_is_laid_over_what_the_census_and_the_desk_said(context: Context) -> None:
    with context.database.transaction() as session:
        place = create_facility(session, clock="replay", watermark=EPOCH + 20 * HOUR)
        ward = create_ward(session, place, code="N1")
        beds = [create_bed(session, ward, code=f"0{n}", hospital_code=f"N1-0{n}") for n in range(1, 4)]
        text = f"patient_no,admission_no,bed,admitted_at\nP1,V1,N1-01,{EPOCH.isoformat()}\n"
        import_census(session, place, text, actor=SYSTEM, now=EPOCH)
        admission = admission_by_no(session, place.id, "V1")
        transfer_admission(session, place, admission, beds[1], EPOCH + 10 * HOUR, actor=SYSTEM, now=EPOCH)
        late = adt("A02", at=EPOCH + 4 * HOUR, place="N1^^03").encode()
        take_hl7(context, session, place, late, channel="hl7-http", actor=SYSTEM)
        [one] = active_admissions(session, place.id, Interval(EPOCH, EPOCH + 20 * HOUR))
    spans = [(stay.bed_id, (stay.interval.start - EPOCH) / HOUR) for stay in one.assignments]
    assert spans == [(beds[0].id, 0), (beds[2].id, 4), (beds[1].id, 10)]
