"""What is learnt after the sale, a death or a stock count, is judged without anybody asking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlmodel import delete, select

from service.access import Role
from service.admissions import record_vital_status
from service.admissions.tables import Patient
from service.facilities.tables import Facility
from service.pharmacy import rescreen_job
from service.platform.tables import Job
from service.screening.tables import Finding
from tests.builders import bearer, create_admission, create_bed, create_patient, create_user, create_ward
from tests.pharmacy.conftest import SERVICE_AT, Street, codes

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
    for kiosk in (street.kiosk, street.kiosk_south):
        street.verify(kiosk, patient_no="P7", items=[{"code": kiosk[:6], "quantity": "1", "days_of_supply": 7}])
    with street.context.database.transaction() as session:
        session.exec(delete(Job))
    _notice(street, "died", days=1, at=street.hospital, patient_no="P7")
    (payload,) = _payloads(street, "purchases.rescreen")
    rescreen_job(street.context, payload)
    screened = {item["facility_id"]: item["months"] for item in _payloads(street, "screening.purchases")}
    assert screened == {street.north.id: ["2026-03"], street.south.id: ["2026-03"]}


def test_a_stay_told_two_months_late_is_a_finding_and_its_cancellation_takes_it_back(
    street: Street, run_jobs: Callable[[], int]
) -> None:
    """Bought on 11 March; the hospital's file of May says that the patient lay there from the 8th to the 14th."""
    assert street.redeem(street.verify()["token"]).status_code == 200
    street.move_to(SERVICE_AT + timedelta(days=60))
    run_jobs()
    assert _findings(street) == {}
    stay = "patient_no,admission_no,bed,admitted_at,discharged_at\nP1,A1,,2026-03-08 10:00,{}\n"
    with street.context.database.transaction() as session:
        bed = create_bed(session, create_ward(session, street.hospital, "W1"), "1")
        hospital_code = bed.hospital_code or bed.code
        admin = create_user(session, role=Role.ADMIN, facility=street.hospital)
    stay = stay.replace("A1,,", f"A1,{hospital_code},")
    with street.browser(admin) as boss:
        for until, state in (("2026-03-14 10:00", "raised"), ("2026-03-10 10:00", "withdrawn")):
            answer = boss.post("/api/v1/imports/census?facility=hospital", content=stay.format(until))
            assert (answer.status_code, answer.json()["rejected"]) == (200, 0), answer.text
            run_jobs()
            assert _findings(street) == {"inpatient_purchase": state}


def test_negotiated_drugs_are_bought_outside_also_by_inpatients(street: Street, run_jobs: Callable[[], int]) -> None:
    with street.context.database.transaction() as session:
        patient = create_patient(session, street.hospital, "P1")
        bed = create_bed(session, create_ward(session, street.hospital))
        create_admission(session, bed=bed, patient=patient, admitted_at=SERVICE_AT - timedelta(days=3))
    for code, channel in (("N", "national_negotiated"), ("D", "dual_channel")):
        item = {"code": code, "quantity": "1", "days_of_supply": 7, "channel": channel}
        answer = street.verify(items=[item])
        assert (answer["verdict"], "inpatient_excused" in codes(answer)) == ("approved", True)
        street.redeem(answer["token"], sale_no=code)
    run_jobs()
    assert _findings(street) == {}
    ordinary = street.verify(items=[{"code": "O", "quantity": "1", "days_of_supply": 7}])
    assert (ordinary["verdict"], "inpatient" in codes(ordinary)) == ("manual_review", True)
    with street.browser(street.pharmacist) as staff:
        staff.post(f"/api/v1/purchase-reviews/{ordinary['review_id']}/decision", json={"approve": True})
        told = street.client.get(
            f"/api/v1/purchase-reviews/{ordinary['review_id']}/state", headers=bearer(street.kiosk)
        ).json()
    street.redeem(told["token"], sale_no="O")
    run_jobs()
    assert _findings(street) == {"inpatient_purchase": "raised"}


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


def _payloads(street: Street, kind: str) -> list[dict[str, object]]:
    with street.context.database.reading() as session:
        return [dict(job.payload) for job in session.exec(select(Job)) if job.kind == kind]
