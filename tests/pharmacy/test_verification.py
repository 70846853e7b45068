"""Verifications over the API: verdicts, idempotency, challenges, retries, reviews, exemptions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlmodel import select

from service.admissions import record_vital_status
from service.admissions.tables import Patient, PatientMerge
from service.pharmacy.decision import Identity, Liveness
from service.pharmacy.tables import Purchase, PurchaseReview
from tests.builders import EPOCH, bearer, create_admission, create_bed, create_patient, create_ward
from tests.pharmacy.conftest import DOCUMENTS, SERVICE_AT, Eye, Street, codes


def test_the_patient_buys_and_gets_a_token(street: Street) -> None:
    answer = street.verify()
    assert answer["verdict"] == "approved"
    assert codes(answer) == {"identity_verified", "liveness_passed", "patient_buys"}
    assert answer["token"].count(".") == 2
    assert answer["service_at"] == SERVICE_AT.isoformat().replace("+00:00", "Z")
    for reason in answer["reasons"]:
        assert reason["text_en"]
        assert reason["text_zh"]


def test_the_same_request_twice_has_the_same_answer_and_is_one_purchase(street: Street) -> None:
    street.delegate(uses_per_period=1)
    meta = street.meta(delegate_no="D1")
    first, second = street.send(meta), street.send(meta)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == first.json() | {"duplicate": True}
    assert first.json()["verdict"] == "approved"
    with street.context.database.reading() as session:
        assert len(session.exec(select(Purchase)).all()) == 1


def test_one_request_id_for_two_purchases_is_refused(street: Street) -> None:
    meta = street.meta()
    street.send(meta)
    other = street.send(meta | {"items": [{"code": "B", "quantity": "1", "days_of_supply": 7}]})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/request-reused")
    other = street.send(meta, images=6)
    assert other.status_code == 409


def test_a_challenge_is_good_once_for_its_own_kiosk_and_nonce(street: Street) -> None:
    drawn = street.challenge()
    meta = street.meta(challenge_id=drawn["challenge_id"], nonce=drawn["nonce"])
    assert street.send(meta | {"nonce": "another"}).json()["type"] == "/problems/challenge-unknown"
    assert street.send(meta, street.kiosk_south).json()["type"] == "/problems/challenge-unknown"
    assert street.send(meta).status_code == 200
    again = street.send(meta | {"request_id": "other"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/challenge-spent")


def test_a_challenge_expires_on_the_real_clock(street: Street) -> None:
    drawn = street.challenge()
    meta = street.meta(challenge_id=drawn["challenge_id"], nonce=drawn["nonce"])
    with time_machine.travel(street.context.clock.now() + timedelta(minutes=3)):
        answer = street.send(meta)
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/challenge-expired")


def test_a_challenge_has_turns_that_differ_from_draw_to_draw(street: Street) -> None:
    drawn = [street.challenge() for _ in range(12)]
    assert {item["turns"][0] for item in drawn} == {"centre"}
    assert len({tuple(item["turns"]) for item in drawn}) > 3
    assert len({item["nonce"] for item in drawn}) == 12


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"items": []}, "meta.items"),
        ({"buyer": "delegate"}, "meta"),
        ({"patient_no": "P\x00"}, "meta.patient_no"),
        ({"nonce": None}, "meta"),
        ({"frame_times": [0.0]}, "meta.frame_times"),
        ({"items": [{"code": "A", "quantity": "-1", "days_of_supply": 1}]}, "meta.items.0.quantity"),
        ({"items": [{"code": "A", "quantity": "1", "days_of_supply": 9999}]}, "meta.items.0.days_of_supply"),
        ({"unknown": 1}, "meta.unknown"),
    ],
)
def test_what_is_wrong_in_a_request_is_named(street: Street, change: dict[str, object], field: str) -> None:
    answer = street.send(street.meta() | change)
    assert answer.status_code == 422
    assert answer.json()["field"].startswith(field)


def test_too_few_or_too_many_images_are_refused(street: Street, eye: Eye) -> None:
    assert street.send(street.meta(), images=2).json()["field"] == "images"
    assert street.send(street.meta(), images=11).json()["field"] == "images"
    assert eye.calls == 0


def test_a_stranger_with_the_card_is_refused_and_may_still_show_documents(street: Street, eye: Eye) -> None:
    street.delegate()
    eye.shows(Identity.MISMATCH, similarity=0.05)
    answer = street.verify(delegate_no="D1")
    assert (answer["verdict"], answer["token"]) == ("refused", None)
    assert "identity_mismatch" in codes(answer)
    paper = street.verify(delegate_no="D1", documents=DOCUMENTS)
    assert (paper["verdict"], paper["review_id"] is not None) == ("manual_review", True)


def test_a_print_gets_one_retry_and_then_a_person(street: Street, eye: Eye) -> None:
    eye.shows(Identity.VERIFIED, Liveness.SUSPECT, 0.8)
    first = street.verify()
    assert (first["verdict"], first["retry_allowed"], first["review_id"]) == ("manual_review", True, None)
    assert codes(first) == {"liveness_retry", "patient_buys"}
    second = street.verify()
    assert (second["verdict"], second["retry_allowed"]) == ("manual_review", False)
    assert "liveness_failed" in codes(second)
    assert second["review_fallback"] == "refused"
    eye.shows(Identity.VERIFIED, Liveness.LIVE, 0.8)
    assert street.verify()["verdict"] == "approved"


def test_delegations_each_have_their_own_reason(street: Street) -> None:
    hour = timedelta(hours=1)
    street.delegate("P1", "valid")
    street.delegate("P1", "early", valid_from=SERVICE_AT + hour)
    street.delegate("P1", "late", valid_to=SERVICE_AT - hour)
    street.delegate("P1", "pending", source="kiosk")
    street.delegate("P1", "narrow", drug_classes=("cardiac",))
    street.delegate("P2", "elsewhere")
    revoked = street.delegate("P1", "revoked")
    with street.browser(street.pharmacist) as staff:
        answer = staff.post(f"/api/v1/delegations/{revoked}/revocation", json={"note": "withdrawn"})
        assert answer.status_code == 200, answer.text
    found = {
        who: (answer["verdict"], (codes(answer) - {"identity_verified", "liveness_passed"}).pop())
        for who in ("valid", "early", "late", "pending", "elsewhere", "revoked", "nobody")
        for answer in [street.verify(delegate_no=who, items=[_item(f"drug-{who}")])]
    }
    assert found == {
        "valid": ("approved", "delegation_valid"),
        "early": ("refused", "delegation_not_yet_valid"),
        "late": ("refused", "delegation_expired"),
        "pending": ("manual_review", "delegation_pending"),
        "elsewhere": ("manual_review", "delegation_wrong_patient"),
        "revoked": ("refused", "delegation_revoked"),
        "nobody": ("manual_review", "delegate_unknown"),
    }
    narrow = street.verify(delegate_no="narrow", items=[_item("drug-narrow")])
    assert (narrow["verdict"], "drug_not_covered" in codes(narrow)) == ("refused", True)


def test_a_revocation_leaves_what_was_before_it(street: Street) -> None:
    delegation = street.delegate("P1", "D1")
    with street.browser(street.pharmacist) as staff:
        staff.post(
            f"/api/v1/delegations/{delegation}/revocation",
            json={"note": "from tomorrow", "at": (SERVICE_AT + timedelta(days=1)).isoformat()},
        )
    assert street.verify(delegate_no="D1")["verdict"] == "approved"
    street.move_to(SERVICE_AT + timedelta(days=1))
    answer = street.verify(delegate_no="D1", items=[_item("other")])
    assert "delegation_revoked" in codes(answer)


def test_uses_are_counted_over_the_period_and_at_every_pharmacy(street: Street) -> None:
    street.delegate(uses_per_period=2, period_days=30)
    assert street.verify(delegate_no="D1", items=[_item("a")])["verdict"] == "approved"
    assert street.verify(street.kiosk_south, delegate_no="D1", items=[_item("b")])["verdict"] == "approved"
    third = street.verify(delegate_no="D1", items=[_item("c")])
    assert (third["verdict"], "delegation_exhausted" in codes(third)) == ("refused", True)
    with street.context.database.transaction() as session:
        for row in session.exec(select(Purchase)).all():
            row.state = "sold" if row.state == "reserved" else row.state
    street.move_to(SERVICE_AT + timedelta(days=31))
    assert street.verify(delegate_no="D1", items=[_item("d")])["verdict"] == "approved"


def test_quantity_and_frequency(street: Street) -> None:
    too_long = street.verify(items=[_item("a", days=91)])
    assert (too_long["verdict"], "supply_too_long" in codes(too_long)) == ("refused", True)
    assert street.verify(items=[_item("a", days=28)])["verdict"] == "approved"
    with street.context.database.transaction() as session:
        for row in session.exec(select(Purchase)).all():
            row.state = "sold" if row.state == "reserved" else row.state
    street.move_to(SERVICE_AT + timedelta(days=14))  # half of the 28 days are left
    again = street.verify(items=[_item("a", days=28)])
    assert (again["verdict"], "too_soon" in codes(again)) == ("manual_review", True)
    street.move_to(SERVICE_AT + timedelta(days=21))  # a quarter
    assert street.verify(items=[_item("a", days=28)])["verdict"] == "approved"


def test_a_death_on_record_is_checked_by_a_person_and_never_said(street: Street) -> None:
    _record_death(street, died_at=SERVICE_AT - timedelta(days=2), noticed_at=SERVICE_AT - timedelta(days=1))
    answer = street.verify()
    assert (answer["verdict"], answer["review_fallback"]) == ("manual_review", "refused")
    assert "record_check" in codes(answer)
    said = str({name: value for name, value in answer.items() if name != "review_deadline"}).lower()
    assert not any(word in said for word in ("dead", "death", "died", "vital", "死"))
    with street.browser(street.pharmacist) as staff:
        entry = staff.get("/api/v1/purchase-reviews", params={"facility": "north"}).json()[0]
    assert entry["purchase"]["causes"] == ["death_on_record"]


def test_the_card_of_a_merged_number_finds_the_stay_of_the_survivor(street: Street) -> None:
    with street.context.database.transaction() as session:
        create_patient(session, street.hospital, "P1")
        survivor = create_patient(session, street.hospital, "P1-new")
        bed = create_bed(session, create_ward(session, street.hospital))
        create_admission(session, bed=bed, patient=survivor, admitted_at=EPOCH)
    assert "inpatient" not in codes(street.verify())
    with street.context.database.transaction() as session:
        merged = {"prior_no": "P1", "surviving_no": "P1-new", "stated_at": EPOCH, "received_at": EPOCH}
        session.add(PatientMerge(facility_id=street.hospital.id, fingerprint="f" * 64, **merged))
    assert "inpatient" in codes(street.verify(items=[_item("z")]))


def test_inpatients_buy_only_what_inpatients_buy_outside(street: Street) -> None:
    with street.context.database.transaction() as session:
        ward = create_ward(session, street.hospital)
        patient = create_patient(session, street.hospital, "P1")
        create_admission(session, bed=create_bed(session, ward), patient=patient, admitted_at=EPOCH)
    found = street.verify()
    assert (found["verdict"], "inpatient" in codes(found)) == ("manual_review", True)
    outside = street.verify(items=[_item("b", channel="dual_channel")])
    assert (outside["verdict"], "inpatient_excused" in codes(outside)) == ("approved", True)
    mixed = street.verify(items=[_item("c", channel="dual_channel"), _item("d")])
    assert mixed["verdict"] == "manual_review"


def test_documents_wait_for_a_person_unless_an_approved_exemption_says_otherwise(street: Street, eye: Eye) -> None:
    answer = street.verify(documents=DOCUMENTS)
    assert (answer["verdict"], "documents_to_review" in codes(answer)) == ("manual_review", True)
    body = {"person_kind": "patient", "person_no": "P1", "reason": "cannot turn the head"}
    with street.browser(street.pharmacist) as staff:
        made = staff.post("/api/v1/identity-exemptions", params={"facility": "north"}, json=body)
        assert made.status_code == 201, made.text
        exemption = made.json()["exemption_id"]
        own = staff.post(f"/api/v1/identity-exemptions/{exemption}/approval")
        assert own.status_code == 409  # not by who entered it
    assert street.verify(documents=DOCUMENTS)["verdict"] == "manual_review"
    with street.browser(street.colleague) as staff:
        assert staff.post(f"/api/v1/identity-exemptions/{exemption}/approval").status_code == 200
    found = street.verify(documents=DOCUMENTS)
    assert (found["verdict"], "identity_by_documents" in codes(found)) == ("approved", True)
    assert eye.calls == 0
    with street.browser(street.viewer) as reader:
        numbers = reader.get(
            "/api/v1/purchase-statistics",
            params={"facility": "north", "to": (SERVICE_AT + timedelta(days=1)).isoformat()},
        ).json()
    assert (numbers["without_face"]["hits"], numbers["without_face"]["trials"]) == (3, 3)
    assert numbers["exempt"]["hits"] == 1


def test_a_person_decides_and_the_waiting_kiosk_is_told(street: Street) -> None:
    answer = street.verify(documents=DOCUMENTS)
    where = f"/api/v1/purchase-reviews/{answer['review_id']}"
    waiting = street.client.get(f"{where}/state", headers=bearer(street.kiosk)).json()
    assert (waiting["state"], waiting["token"]) == ("waiting", None)
    with street.browser(street.pharmacist) as staff:
        decided = staff.post(f"{where}/decision", json={"approve": True, "note": "id card seen"})
        assert decided.status_code == 200, decided.text
        assert decided.json()["decided_by"].startswith("user:")
        late = staff.post(f"{where}/decision", json={"approve": False})
        assert (late.status_code, late.json()["type"]) == (409, "/problems/review-closed")
    told = street.client.get(f"{where}/state", headers=bearer(street.kiosk)).json()
    assert (told["state"], told["verdict"]) == ("decided", "approved")
    assert street.redeem(told["token"]).status_code == 200


def test_a_program_does_not_decide(street: Street) -> None:
    from tests.builders import create_token

    answer = street.verify(documents=DOCUMENTS)
    with street.context.database.transaction() as session:
        token = create_token(session, street.north, ["purchases:review"])
    found = street.client.post(
        f"/api/v1/purchase-reviews/{answer['review_id']}/decision", json={"approve": True}, headers=bearer(token)
    )
    assert found.status_code == 403


@pytest.mark.parametrize(("hold", "fallback"), [(False, "provisional"), (True, "refused")])
def test_nobody_answers_and_the_stated_fallback_holds(
    street: Street, run_jobs: Callable[[], int], hold: bool, fallback: str
) -> None:
    if hold:
        _record_death(street, died_at=SERVICE_AT - timedelta(days=2), noticed_at=SERVICE_AT - timedelta(days=1))
    answer = street.verify(documents=DOCUMENTS)
    assert answer["review_fallback"] == fallback
    with time_machine.travel(street.context.clock.now() + timedelta(minutes=16)):
        run_jobs()
        where = f"/api/v1/purchase-reviews/{answer['review_id']}/state"
        told = street.client.get(where, headers=bearer(street.kiosk)).json()
        assert (told["state"], told["verdict"]) == ("lapsed", fallback)
        assert (told["token"] is not None) == (fallback == "provisional")
        if told["token"]:
            assert street.redeem(told["token"]).status_code == 200


def test_a_long_supply_is_not_given_by_silence(street: Street) -> None:
    answer = street.verify(documents=DOCUMENTS, items=[_item("a", days=60)])
    assert answer["review_fallback"] == "refused"


def test_a_review_before_its_deadline_does_not_lapse(street: Street, run_jobs: Callable[[], int]) -> None:
    answer = street.verify(documents=DOCUMENTS)
    run_jobs()
    with street.context.database.reading() as session:
        assert session.get_one(PurchaseReview, answer["review_id"]).state == "waiting"


def test_a_register_of_deaths_not_updated_makes_it_provisional(street: Street) -> None:
    street.site(street.north, policy={"vital_register_max_age_days": 7})
    assert street.verify()["verdict"] == "provisional"
    with street.browser(street.pharmacist) as staff:
        sent = staff.post("/api/v1/imports/vital-status", params={"facility": "north"}, content=b"patient_no,source\n")
        assert sent.status_code == 200, sent.text
    assert street.verify(items=[_item("b")])["verdict"] == "approved"


def _item(code: str, days: int = 7, channel: str = "ordinary") -> dict[str, object]:
    return {"code": code, "quantity": "1", "days_of_supply": days, "channel": channel}


def _record_death(street: Street, **values: object) -> None:
    with street.context.database.transaction() as session:
        patient = session.exec(select(Patient).where(Patient.patient_no == "P1")).one()
        record_vital_status(
            session,
            street.north.id,
            patient.id,
            source="civil_affairs",
            status="died",
            identifiers={"patient_no": "P1", "birth_date": "1941-05-02"},
            actor="system",
            now=street.context.clock.now(),
            **values,  # type: ignore[arg-type]
        )
