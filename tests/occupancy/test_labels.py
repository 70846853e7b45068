"""Hand-held pictures and bed labels: the right label, none, another bed's; the page on which an inspector looks."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from service.cli import facility as command
from service.cli.program import app as program
from service.facilities.tables import Bed
from service.ledger.tables import LedgerEntry
from service.occupancy import HandheldRefused, advance_job, label_text
from service.occupancy.hand_tables import Reverification
from service.occupancy.handheld import IdentifiedBy, new_challenge, record_handheld
from service.occupancy.tables import DirectedCheck, DirectedLook
from service.vision import encode_jpeg
from tests import builders
from tests.occupancy.region import fill, photograph
from tests.occupancy.scenes import at
from tests.occupancy.test_hands import no_face
from tests.vision.test_labels import with_labels


@pytest.fixture
def ward(context):
    """Two inpatients whose beds are seen empty at 09:00. It is 10:00."""
    with context.database.transaction() as session:
        full = fill(session, 2, at=at("02 10:00"), policy={"reverify_share": 0.0})
        photograph(session, full, [at("02 09:00").replace(minute=m) for m in (0, 10, 20, 30)], lambda *_: "empty")
    advance_job(context, {"facility_id": full.facility_id})
    return full


@pytest.fixture
def nurse(context, ward):
    return user(context, ward, "ward_staff")[1]


def user(context, ward, role):
    with context.database.transaction() as session:
        facility = session.get_one(builders.Facility, ward.facility_id)
        row = builders.create_user(session, role=role, facility=facility)
        return row, builders.actor_for(session, row)


def take(context, ward, nurse, *labels):
    """A hand-held look at the first bed with these beds' labels in the picture."""
    with context.database.transaction() as session:
        codes = [session.get_one(Bed, ward.places[k][0]).hospital_code for k in labels]
        request = session.exec(select(DirectedCheck).where(DirectedCheck.bed_id == ward.places[0][0])).one()
        nonce = new_challenge(context, session, nurse, request).nonce
    picture = encode_jpeg(with_labels(*[label_text(ward.code, code) for code in codes]))
    look = record_handheld(context, nurse, request, nonce, picture, IdentifiedBy.WRISTBAND, no_face)
    return request, look


@pytest.mark.parametrize(("labels", "told"), [((0,), "true"), ((), "false"), ((1, 0), "true")])
def test_the_label_in_the_picture_is_noted_with_the_look(context, ward, nurse, labels, told):
    _, look = take(context, ward, nurse, *labels)
    with context.database.reading() as session:
        query = select(LedgerEntry).where(LedgerEntry.action == "handheld.recorded", LedgerEntry.object_id == look.id)
        assert session.exec(query).one().details["label_seen"] == told


@pytest.mark.parametrize(("labels", "asked"), [((0,), []), ((), ["no_label"])])
def test_without_a_label_a_second_person_is_always_asked(context, ward, nurse, labels, asked):
    """The lot is off (`reverify_share` 0): only the missing label asks."""
    _, look = take(context, ward, nurse, *labels)
    with context.database.reading() as session:
        rows = session.exec(select(Reverification).where(Reverification.look_id == look.id)).all()
    assert [row.reason for row in rows] == asked


def test_the_page_says_what_a_missing_label_means(context, ward, app, client):
    nurse = builders.browser(app, context, user(context, ward, "ward_staff")[0])
    with context.database.reading() as session:
        request = session.exec(select(DirectedCheck).where(DirectedCheck.bed_id == ward.places[0][0])).one()
    for language, words in (("en", "a second person always looks again"), ("zh", "必定由另一人复核")):
        html = nurse.get(f"/hand-held/{request.id}", headers={"Accept": "text/html", "Accept-Language": language}).text
        assert words in html


def test_another_beds_label_is_refused(context, ward, nurse):
    with pytest.raises(HandheldRefused, match="another bed's") as refused:
        take(context, ward, nurse, 1)
    assert refused.value.field == "picture"
    assert "that bed's label" in refused.value.remedy
    with context.database.reading() as session:
        assert session.exec(select(DirectedLook)).all() == []


def test_a_patient_who_was_moved_is_looked_for_at_the_new_bed(context, ward, nurse):
    with context.database.transaction() as session:
        bed = builders.create_bed(session, session.get_one(builders.Ward, ward.wards[0]))
        held = session.exec(
            select(builders.BedAssignment).where(builders.BedAssignment.admission_id == ward.places[0][2])
        ).one()
        held.to_at = at("02 09:40")
        session.add(builders.BedAssignment(**new_stay(held, bed.id, at("02 09:40"))))
    moved = replace(ward, places=(*ward.places, (bed.id, "", "", "")))
    assert take(context, moved, nurse, 2)[1].method == "handheld"


def new_stay(held, bed_id, since):
    return {"admission_id": held.admission_id, "bed_id": bed_id, "from_at": since, "recorded_at": since}


@pytest.fixture
def unblurred(monkeypatch):
    """The default pack is not on every machine: here no face is found, so none is blurred."""
    from service.occupancy import handheld_seen
    from tests.vision.fakes import fake_pack

    monkeypatch.setattr(handheld_seen, "opened_pack", lambda _context: fake_pack())


def test_an_inspector_opens_the_picture_and_that_is_noted(context, ward, nurse, app, client, unblurred):
    request, look = take(context, ward, nurse, 0)
    inspector = builders.browser(app, context, user(context, ward, "inspector")[0])
    html = inspector.get(f"/directed-checks/{request.id}", headers={"Accept": "text/html"}).text
    source = re.search(r'<img loading="lazy" src="([^"]+)"', html)
    assert source, html
    answer = inspector.get(source[1])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")
    assert answer.content.startswith(b"\xff\xd8")
    with context.database.reading() as session:
        query = select(LedgerEntry).where(LedgerEntry.action == "frame.viewed", LedgerEntry.object_id == look.id)
        assert session.exec(query).one().object_kind == "directed_look"
    assert inspector.get(f"/directed-checks/{request.id}/looks/{'0' * 32}.jpg").status_code == 404
    viewer = builders.browser(app, context, user(context, ward, "viewer")[0])
    assert viewer.get(source[1]).status_code == 403


def test_labels_are_printed(context, ward, monkeypatch):
    class Opened:
        def __enter__(self):
            return context

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(command, "installation", Opened)
    told = CliRunner().invoke(program, ["facility", "labels", "--facility", ward.code])
    assert told.exit_code == 0, told.output
    assert told.stdout.count("<svg") == 2
    assert "<strong>B0</strong>" in told.stdout
    assert "http://" not in re.sub(r"http://www\.w3\.org/\S+", "", told.stdout)
    wrong = CliRunner().invoke(program, ["facility", "labels", "--facility", ward.code, "--ward", "nowhere"])
    assert wrong.exit_code != 0
