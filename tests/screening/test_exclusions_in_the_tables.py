"""Exclusions of rules that are made while the facts are gathered, where no pure function sees them: by the tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from service.enrolment import Consent, FaceTemplate
from service.screening import Finding, run
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.house import START, House


def rules_raised(context, house: House) -> set[str]:
    run(context, house.facility.id)
    with context.database.reading() as session:
        query = select(Finding.rule).where(Finding.facility_id == house.facility.id, Finding.state == "raised")
        return set(session.exec(query))


@pytest.mark.parametrize(("photograph", "expected"), [("0" * 64, set()), ("1" * 64, {"enrolment_swap"})])
def test_a_new_model_pack_over_the_same_photograph_is_no_swap(context, photograph, expected):
    with context.database.transaction() as session:
        house = House.build(context, session)
        stay = house.stay()
        first = session.exec(select(FaceTemplate).where(FaceTemplate.patient_id == stay.patient_id)).one()
        first.revoked_at, first.revoked_cause = at("04 10:00"), "superseded"
        columns = first.model_dump(exclude={"id", "revoked_at", "revoked_cause"})
        columns |= {"pack_hash": "another-pack", "photo_sha256": photograph}
        columns |= {"effective_from": at("04 10:00"), "enrolled_at": at("04 10:00")}
        session.add(first)
        session.add(FaceTemplate(**columns))
    assert rules_raised(context, house) == expected


@pytest.mark.parametrize(("trust", "expected"), [("chained", set()), ("late", {"late_backfill"})])
def test_late_pictures_in_the_servers_chain_are_no_backfill(context, trust, expected):
    with context.database.transaction() as session:
        house = House.build(context, session)
        camera, _ = house.camera(house.bed())
        for k in range(10):
            house.picture(camera, at("03 09:01") + k * timedelta(minutes=2), trust=trust)
    assert rules_raised(context, house) == expected


@pytest.mark.parametrize(("specialty", "expected"), [("psychiatry", set()), ("internal", {"exemption_rate"})])
def test_wards_of_another_specialty_are_no_peers_in_exemptions(context, specialty, expected):
    """Half of thirty patients refused on one ward, nobody on the four others."""
    with context.database.transaction() as session:
        house = House.build(context, session)
        for number in range(5):
            own = specialty if number == 0 else "internal"
            ward = builders.create_ward(session, house.facility, specialty=own)
            for place in range(30):
                patient = builders.create_patient(session, house.facility)
                builders.create_admission(session, bed=house.bed(ward), patient=patient, admitted_at=START)
                if number == 0 and place < 15:
                    session.add(
                        Consent(
                            patient_id=patient.id, status="refused", given_at=START, recorded_by="t", recorded_at=START
                        )
                    )
    assert rules_raised(context, house) == expected
