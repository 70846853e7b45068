"""What is learnt after the sale, a death or a stock count, is judged without anybody asking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlmodel import select

from service.access import Role
from service.admissions import record_vital_status
from service.admissions.tables import Patient
from service.facilities.tables import Facility
from service.pharmacy import rescreen_job
from service.platform.tables import Job
from service.screening.tables import Finding
from tests.builders import create_patient, create_user
from tests.pharmacy.conftest import SERVICE_AT, Street

STOCK = "document_no,code,kind,quantity,at\nO-1,A,opening,10,2026-03-01 08:00\n"


def test_a_late_notice_of_death_is_a_finding_and_its_correction_withdraws_it(
    street: Street, run_jobs: Callable[[], int]
) -> None:
    assert street.redeem(street.verify()["token"]).status_code == 200
    run_jobs()
    assert _findings(street) == {}
    _notice(street, "died", days=1)
    street.move_to(SERVICE_AT + timedelta(days=1, hours=1))
    run_jobs()
    assert _findings(street) == {"dead_patient": "raised"}
    _notice(street, "alive", days=2)
    run_jobs()
    assert _findings(street) == {"dead_patient": "withdrawn"}


def test_a_death_known_to_the_hospital_is_looked_for_in_every_pharmacy_of_the_register(street: Street) -> None:
    with street.context.database.transaction() as session:
        create_patient(session, street.hospital, "P7")
    _notice(street, "died", days=1, at=street.hospital, patient_no="P7")
    assert ("purchases.rescreen", street.hospital.id) in _jobs(street)
    rescreen_job(street.context, {"facility_id": street.hospital.id})
    screened = [place for kind, place in _jobs(street) if kind == "screening.places"]
    assert sorted(screened) == sorted([street.north.id, street.south.id])


def test_a_stock_feed_asks_for_screening_and_its_dry_run_does_not(street: Street) -> None:
    with street.context.database.transaction() as session:
        admin = create_user(session, role=Role.ADMIN, facility=street.north)
    with street.browser(admin) as boss:
        for dry_run in (True, False):
            place = {"facility": "north", "dry_run": str(dry_run).lower()}
            assert boss.post("/api/v1/imports/stock", params=place, content=STOCK).status_code == 200
            assert (("purchases.rescreen", street.north.id) in _jobs(street)) is not dry_run


def _notice(street: Street, status: str, *, days: int, at: Facility | None = None, patient_no: str = "P1") -> None:
    with street.context.database.transaction() as session:
        place = at or street.north
        query = select(Patient).where(Patient.patient_no == patient_no, Patient.facility_id == place.id)
        record_vital_status(
            session,
            place.id,
            session.exec(query).one().id,
            source="civil_affairs",
            status="died" if status == "died" else "alive",
            died_at=SERVICE_AT - timedelta(days=2) if status == "died" else None,
            noticed_at=SERVICE_AT + timedelta(days=days),
            identifiers={"patient_no": patient_no, "birth_date": "1941-05-02"},
            actor="system",
            now=street.context.clock.now(),
        )


def _findings(street: Street) -> dict[str, str]:
    with street.context.database.reading() as session:
        return {row.rule: row.state for row in session.exec(select(Finding))}


def _jobs(street: Street) -> list[tuple[str, str]]:
    with street.context.database.reading() as session:
        return [(job.kind, str(job.payload.get("facility_id", ""))) for job in session.exec(select(Job))]
