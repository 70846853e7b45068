"""A stay with as many confirmed absences as a test wants, written as occupancy writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from service.admissions.tables import Admission
from service.facilities.tables import Bed, Facility
from service.occupancy import PresenceCheck
from service.platform.context import Context
from service.screening import run_stays
from service.screening.tables import Finding
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.chain import enrol


@dataclass
class Case:
    """One stay in one bed of a facility whose time stands at 10 March, noon."""

    context: Context
    facility: Facility
    bed: Bed
    stay: Admission
    looks: list[str] = field(default_factory=list)

    def check(self, session: Session, due: datetime, outcome: str) -> None:
        """A check with this outcome; two looks behind a confirmed absence."""
        ids = [f"{due:%d%H}-{k}" for k in "ab"] if outcome == "absent_confirmed" else []
        details: dict[str, Any] = (
            {"confirmed_at": (due + timedelta(hours=3)).isoformat(), "look_ids": ids} if ids else {}
        )
        session.add(
            PresenceCheck(
                facility_id=self.facility.id,
                ward_id=self.bed.ward_id,
                bed_id=self.bed.id,
                admission_id=self.stay.id,
                kind="routine",
                due_at=due,
                window_start=due,
                window_end=due + timedelta(minutes=30),
                outcome=outcome,
                reading_ids=[],
                details=details,
                policy_version="1",
                computed_at=due,
            )
        )

    def checks(self, outcome: str, *dues: str) -> None:
        """Checks of the stay at these local times of March."""
        with self.context.database.transaction() as session:
            for due in dues:
                self.check(session, at(due), outcome)

    def become(self, outcome: str, *dues: str) -> None:
        """The checks say something else now."""
        with self.context.database.transaction() as session:
            times = [at(due) for due in dues]
            query = select(PresenceCheck).where(PresenceCheck.admission_id == self.stay.id)
            for row in session.exec(query):
                if row.due_at in times:
                    row.outcome = outcome
                    session.add(row)

    def run(self) -> Finding | None:
        """The finding of the stay's phantom after the rules have run, whatever its state."""
        run_stays(self.context, self.facility.id)
        with self.context.database.reading() as session:
            query = select(Finding).where(Finding.admission_id == self.stay.id, Finding.rule == "phantom_admission")
            return session.exec(query).one_or_none()


def case(context: Context, **facility: Any) -> Case:
    """A stay since 1 March in a facility of its own, enrolled, without a check."""
    with context.database.transaction() as session:
        place = builders.create_facility(session, clock="replay", watermark=at("10 12:00"), **facility)
        bed = builders.create_bed(session, builders.create_ward(session, place))
        patient = builders.create_patient(session, place)
        stay = builders.create_admission(session, bed=bed, patient=patient, admitted_at=at("01 08:00"))
        enrol(session, patient, at("01 08:00"))
        return Case(context, place, bed, stay)
