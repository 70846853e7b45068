"""A face that repeats as only a picture does becomes work for a person: from sealed traces to the page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from service.enrolment import record_consent
from service.facilities import move_watermark
from service.facilities.tables import Facility
from service.screening import Finding, explain, run, run_places
from service.screening.run import Screened
from service.sightings.tables import Snapshot
from service.vision.sequence import face_signature
from tests import builders
from tests.builders import EPOCH
from tests.sightings.test_photographs import Bed, night, picture, trace


class House(Bed):
    """A patient with a proven reference, admitted to the bed since the beginning."""

    def __init__(self, context, session, *, reference: str = "id_card_picture", category: str = "general") -> None:
        super().__init__(context, session)
        builders.create_consent(session, self.patient)
        self.template = builders.create_template(context, session, self.patient, [1, 0, 0, 0], reference=reference)
        self.stay = builders.create_admission(
            session, bed=self.bed, patient=self.patient, admitted_at=EPOCH, category=category
        )
        place = session.get_one(Facility, self.facility.id)
        place.clock = "replay"
        session.add(place)
        move_watermark(place, EPOCH + timedelta(days=9))

    def is_the_enrolment_picture(self) -> str:
        """A reading that shows the very picture of the enrolment."""
        context = f"face-signature:{self.facility.id}:{self.patient.id}"
        self.template.sealed_signature = self.context.keys.seal(face_signature(picture(1)), context)
        self.session.add(self.template)
        return self.seen(night(0, 2), trace(1), 0.97)


def found(context, house: House) -> list[Finding]:
    with context.database.reading() as session:
        query = select(Finding).where(Finding.facility_id == house.facility.id, Finding.rule == "repeated_face")
        return [row for row in session.exec(query) if row.state == "raised"]


def test_one_picture_of_three_nights_is_work_with_its_evidence_and_its_numbers(app, client, context):
    with context.database.transaction() as session:
        house = House(context, session)
        ids = [house.seen(night(k, 2), trace(1), 0.70 + 0.005 * k) for k in range(3)]
        living = house.seen(night(4, 2), trace(9, nod=4.0), 0.55)
    run(context, house.facility.id)
    (row,) = found(context, house)
    assert (row.kind, row.severity, row.admission_id) == ("work_item", "low", house.stay.id)
    assert row.evidence_ids == ids
    assert living not in row.evidence_ids
    said = {fact["code"]: (fact["value"], fact["threshold"]) for fact in row.facts["facts"]}
    assert said["nights_alike"] == (3, 3)
    assert said["shape_distance"] == (0.0, 0.03)
    assert said["bits_different"] == (0.0, 0.10)
    assert said["similarity_spread"] == (0.01, 0.03)
    assert len(said["nights"][0]) == 3
    assert row.event_at == night(2, 2)  # complete with the third night
    for language, words in (("en", "says nothing against the patient"), ("zh", "不对患者作任何指责")):
        told = explain(row, language)
        assert words in "".join(told.paragraphs)
        assert "{" not in told.headline + "".join(told.paragraphs)
    with context.database.reading() as session:
        kept = session.exec(select(Snapshot.id).where(Snapshot.frozen_for == row.id)).all()
    assert len(kept) == 3
    assert run(context, house.facility.id) == Screened()
    with context.database.transaction() as session:
        user = builders.create_user(session, role="admin", facility=house.facility)
    client = builders.browser(app, context, user)
    page = client.get(f"/findings/{row.id}?lang=en", headers={"Accept": "text/html"}).text
    assert "to do, no suspicion" in page
    for reading_id in ids:
        assert f"/findings/{row.id}/evidence/{reading_id}.jpg" in page
    assert "same face in the same pose" in client.get("/findings?lang=en", headers={"Accept": "text/html"}).text


def test_the_enrolment_picture_in_the_bed_is_work_at_once(context):
    with context.database.transaction() as session:
        house = House(context, session)
        shown = house.is_the_enrolment_picture()
    run(context, house.facility.id)
    (row,) = found(context, house)
    assert (row.facts["variant"], row.evidence_ids) == ("enrolment_picture", [shown])
    assert {f["code"]: f["value"] for f in row.facts["facts"]}["similarity_high"] == 0.97


@pytest.mark.parametrize(
    "terms",
    [{"reference": "unproven"}, {"category": "icu"}, {"category": "newborn"}],
    ids=["unproven", "icu", "newborn"],
)
def test_without_a_reference_and_for_who_lies_still_there_is_no_work(context, terms):
    with context.database.transaction() as session:
        house = House(context, session, **terms)
        for k in range(3):
            house.seen(night(k, 2), trace(1))
    run(context, house.facility.id)
    assert found(context, house) == []


def test_who_withdraws_the_consent_is_left_alone_and_the_work_with_it(context):
    with context.database.transaction() as session:
        house = House(context, session)
        for k in range(3):
            house.seen(night(k, 2), trace(1))
    run(context, house.facility.id)
    assert len(found(context, house)) == 1
    with context.database.transaction() as session:
        record_consent(
            session,
            house.patient,
            status="withdrawn",
            given_at=EPOCH + timedelta(days=8),
            actor="user:tester",
            now=EPOCH + timedelta(days=8),
        )
    run_places(context, house.facility.id)
    assert found(context, house) == []


def test_faces_are_compared_once_a_day_and_again_when_asked(context):
    with context.database.transaction() as session:
        house = House(context, session)
        for k in range(2):
            house.seen(night(k, 2), trace(1))
    run_places(context, house.facility.id)
    with context.database.transaction() as session:
        house.session = session
        house.seen(night(2, 2), trace(1))
    assert run_places(context, house.facility.id) == Screened()
    assert run(context, house.facility.id).raised == 1
