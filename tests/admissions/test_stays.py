"""Changing one stay: transfers, discharge, cancellation, leave, off-ward activity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from service.access import Actor, Role
from service.admissions import (
    FOREVER,
    Admission,
    AdmissionRecord,
    StayConflict,
    admission_record,
    assigned_patient,
    assigned_patients,
    cancel_admission,
    cancel_discharge,
    cancel_leave,
    cancel_off_ward,
    discharge,
    end_leave,
    grant_leave,
    record_off_ward,
    transfer_admission,
)
from service.admissions import LeaveOfAbsence as LeaveRow
from service.admissions import OffWardActivity as OffWardRow
from service.facilities import Bed, Facility
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.tables import Job
from tests.builders import EPOCH, actor_with, create_admission, create_bed, create_facility, create_ward

NOW = EPOCH + timedelta(days=3)


def hours(number: float) -> datetime:
    """So many hours after the admission."""
    return EPOCH + timedelta(hours=number)


@dataclass
class Stay:
    """One patient in the first of two beds since `EPOCH`, and the facility's admin."""

    session: Session
    facility: Facility
    beds: tuple[Bed, Bed]
    admission: Admission
    actor: Actor

    @property
    def record(self) -> AdmissionRecord:
        """The stay as upper rooms see it."""
        return admission_record(self.session, self.admission.id)

    def transfer(self, bed: Bed, at: datetime) -> None:
        """Another bed."""
        transfer_admission(self.session, self.facility, self.admission, bed, at, actor=self.actor, now=NOW)

    def discharge(self, at: datetime) -> None:
        """The end of the stay."""
        discharge(self.session, self.facility, self.admission, at, actor=self.actor, now=NOW)

    def jobs(self, kind: str) -> list[dict[str, str]]:
        """Payloads of waiting jobs."""
        return [job.payload for job in self.session.exec(select(Job).where(Job.kind == kind).order_by(Job.id))]


@pytest.fixture
def stay(context: Context) -> Iterator[Stay]:
    """A stay that goes on."""
    with context.database.transaction() as session:
        facility = create_facility(session)
        ward = create_ward(session, facility)
        beds = create_bed(session, ward), create_bed(session, ward)
        admission = create_admission(session, bed=beds[0])
        yield Stay(session, facility, beds, admission, actor_with(Role.ADMIN, facility))


def test_a_transfer_ends_one_assignment_and_begins_another(stay: Stay) -> None:
    stay.transfer(stay.beds[1], hours(5))
    stay.transfer(stay.beds[1], hours(5))
    assert list(stay.record.assignments) == [
        (stay.beds[0].id, Interval(EPOCH, hours(5))),
        (stay.beds[1].id, Interval(hours(5), FOREVER)),
    ]
    found = [assigned_patient(stay.session, stay.beds[0].id, hours(h)) for h in (-1, 0, 4.9, 5)]
    assert [item is not None for item in found] == [False, True, True, False]
    both = assigned_patients(stay.session, [bed.id for bed in stay.beds], hours(6))
    assert set(both) == {stay.beds[1].id}
    # Both beds were read against the wrong patient since then.
    assert {(job["bed_id"], job["from"]) for job in stay.jobs("sightings.reread")} == {
        (bed.id, hours(5).isoformat()) for bed in stay.beds
    }


def test_a_discharge_ends_the_stay_and_can_be_corrected_and_taken_back(stay: Stay) -> None:
    stay.discharge(hours(30))
    assert stay.record.discharged_at == hours(30)
    stay.discharge(hours(40))
    assert stay.record.assignments[-1].interval.end == hours(40)
    assert assigned_patient(stay.session, stay.beds[0].id, hours(40)) is None
    cancel_discharge(stay.session, stay.facility, stay.admission, actor=stay.actor, now=NOW)
    assert stay.record.discharged_at is None
    assert assigned_patient(stay.session, stay.beds[0].id, hours(50)) is not None


@pytest.mark.parametrize("at", [-1, 0, 5])
def test_a_discharge_before_what_is_recorded_is_refused(stay: Stay, at: int) -> None:
    stay.transfer(stay.beds[1], hours(5))
    with pytest.raises(StayConflict):
        stay.discharge(hours(at))


def test_a_transfer_out_of_order_outside_or_in_the_future_is_refused(stay: Stay) -> None:
    stay.transfer(stay.beds[1], hours(5))
    for at in (hours(4), hours(-1), NOW + timedelta(minutes=1)):
        with pytest.raises(StayConflict):
            stay.transfer(stay.beds[0], at)
    stay.discharge(hours(10))
    with pytest.raises(StayConflict):
        stay.transfer(stay.beds[0], hours(10))


def test_a_cancelled_admission_is_nobody(stay: Stay) -> None:
    cancel_admission(stay.session, stay.facility, stay.admission, actor=stay.actor, now=NOW)
    assert assigned_patient(stay.session, stay.beds[0].id, hours(1)) is None
    with pytest.raises(StayConflict):
        stay.discharge(hours(3))


def test_a_leave_excuses_until_the_return_and_no_longer_than_agreed(stay: Stay) -> None:
    def leave(start: float, back: float) -> str:
        return grant_leave(
            stay.session,
            stay.facility,
            stay.admission,
            from_at=hours(start),
            expected_return_at=hours(back),
            approved_by="Dr. 1",
            signed_at=hours(start + 2),
            actor=stay.actor,
            now=NOW,
        ).id

    def back(leave_id: str, at: float) -> None:
        row = next(row for row in stay.session.exec(select(LeaveRow)) if row.id == leave_id)
        end_leave(stay.session, stay.facility, stay.admission, row, hours(at), actor=stay.actor, now=NOW)

    early, late, open_end = leave(1, 5), leave(10, 15), leave(20, 25)
    assert leave(1, 5) == early
    back(early, 3)
    back(late, 18)
    assert [item.interval for item in stay.record.leaves] == [
        Interval(hours(1), hours(3)),  # back before the agreed time
        Interval(hours(10), hours(15)),  # back late: the rest is not excused
        Interval(hours(20), hours(25)),
    ]
    assert [item.signed_at for item in stay.record.leaves] == [hours(3), hours(12), hours(22)]
    row = next(row for row in stay.session.exec(select(LeaveRow)) if row.id == open_end)
    cancel_leave(stay.session, stay.facility, stay.admission, row, actor=stay.actor, now=NOW)
    assert len(stay.record.leaves) == 2


@pytest.mark.parametrize(("start", "back"), [(5, 5), (5, 4), (-1, 4), (1, 24 * 31)])
def test_an_impossible_leave_is_refused(stay: Stay, start: int, back: int) -> None:
    with pytest.raises(StayConflict):
        grant_leave(
            stay.session,
            stay.facility,
            stay.admission,
            from_at=hours(start),
            expected_return_at=hours(back),
            approved_by="Dr. 1",
            signed_at=hours(0),
            actor=stay.actor,
            now=NOW,
        )


def test_off_ward_activity_lasts_until_it_is_ended(stay: Stay) -> None:
    def record(to: datetime | None) -> str:
        return record_off_ward(
            stay.session,
            stay.facility,
            stay.admission,
            kind="theatre",
            from_at=hours(2),
            to_at=to,
            actor=stay.actor,
            now=NOW,
        ).id

    first = record(None)
    assert stay.record.off_ward[0].interval == Interval(hours(2), FOREVER)
    assert record(hours(6)) == first
    assert stay.record.off_ward == (("theatre", Interval(hours(2), hours(6))),)
    row = stay.session.exec(select(OffWardRow)).one()
    cancel_off_ward(stay.session, stay.facility, stay.admission, row, actor=stay.actor, now=NOW)
    assert stay.record.off_ward == ()


def test_only_who_may_changes_a_stay(stay: Stay) -> None:
    other = create_facility(stay.session)
    stay.actor = actor_with(Role.ADMIN, other)
    with pytest.raises(NotFound):
        stay.discharge(hours(3))


def test_times_are_utc_whatever_was_sent(stay: Stay) -> None:
    assert stay.record.admitted_at.tzinfo is UTC
