"""Messages that others published, the standard's own examples among them: by HTTP and by MLLP, each is answered
exactly, and what a sender mends as the answer says becomes the stay it tells of."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from service.access import SYSTEM, Permission
from service.admissions import (
    InboundMessage,
    MllpServer,
    Patient,
    admission_by_no,
    admission_record,
    answerer,
)
from service.facilities import Facility
from service.facilities.tables import Bed
from service.platform.context import Context
from service.vision.packs import PackError
from tests.admissions.feed import ZONE
from tests.admissions.published import PUBLISHED, fetch_published
from tests.admissions.test_mllp import OPTIONS, exchange
from tests.builders import bearer, create_bed, create_facility, create_token, create_ward

Sender = Callable[[bytes], str]


@pytest.fixture(scope="session")
def published() -> Mapping[str, bytes]:
    try:
        return fetch_published()
    except PackError as error:
        pytest.skip(f"NO PUBLISHED MESSAGES: {error.line()}; the standard's own HL7 examples are not tested")


@pytest.fixture
def place(context: Context) -> Facility:
    """A hospital whose layout has the beds that the examples speak of, under the hospital's own codes."""
    with context.database.transaction() as session:
        facility = create_facility(session)
        ward = create_ward(session, facility, code="S1")
        for code in ("2000-2012-01", "MBN1-MBN1-06", "LDR-LA1-01"):
            create_bed(session, ward, hospital_code=code)
        return facility


@pytest.fixture(params=["http", "mllp"])
def sender(request: pytest.FixtureRequest, context: Context, client: TestClient, place: Facility) -> Sender:
    """Sends one message and gives the answer, by either way."""
    with context.database.transaction() as session:
        secret = create_token(session, place, [Permission.ADMISSIONS_WRITE])

    def by_http(data: bytes) -> str:
        answer = client.post("/api/v1/adt/hl7v2", content=data, headers=bearer(secret))
        assert answer.status_code == 200
        return answer.text

    def by_mllp(data: bytes) -> str:
        async def send() -> bytes:
            server = MllpServer(OPTIONS, answerer(context, place.code, replace(SYSTEM, name="adt-listen")))
            await server.start()
            try:
                return (await exchange(server.port, [data]))[0]
            finally:
                await server.stop(seconds=5)

        return asyncio.run(send()).decode()

    way = by_http if request.param == "http" else by_mllp
    return lambda data: way(data).replace("\\S\\", "^")


def mended(message: bytes, *changes: tuple[str, int, str], event: str = "") -> bytes:
    """The message with fields filled in, as the answers ask for: (segment, field, value); `event`: a line for EVN."""
    lines = [line for line in re.split(r"[\r\n]+", message.decode()) if line]
    for name, number, value in changes:
        at = next(index for index, line in enumerate(lines) if line.startswith(name))
        fields = lines[at].split("|")
        fields += [""] * (number + 1 - len(fields))
        fields[number] = value
        lines[at] = "|".join(fields)
    lines[1:1] = [event] if event else []
    return ("\r".join(lines) + "\r").encode()


AS_PUBLISHED = {
    "everyman": ("PV1^1^19", "send the number of the stay"),  # the standard's example has no visit number
    "appleseed": ("PV1^1^19", "send the number of the stay"),
    "everyman-cut": ("PV1^1^", "send PV1 with every ADT^A01"),
    "everyman-merged": ("MSH^1^11", "fill in MSH-11"),
    "everywoman": ("MSH^1^9", "send ADT, ORM^O01 or DFT^P03"),
    "registered": ("PV1^1^19", "send the number of the stay"),
    "two-at-once": ("MSH^1^", "send one message at a time"),
    "batch": ("MSH^1^", "send one HL7 v2 message"),
    "surgery": ("EVN^1^", "send EVN with every ADT^A01"),
    "mother-to-be": ("PV1^1^2", "send I for an inpatient"),
}


def test_every_published_message_has_its_answer_here() -> None:
    assert set(AS_PUBLISHED) == set(PUBLISHED)


def test_as_published_each_is_told_the_field_and_the_remedy(
    context: Context, published: Mapping[str, bytes], sender: Sender
) -> None:
    for name, (where, remedy) in AS_PUBLISHED.items():
        answer = sender(published[name])
        assert "\rMSA|AR|" in answer, (name, answer)
        assert f"\rERR||{where}|" in answer, (name, answer)
        assert remedy in answer, (name, answer)
    with context.database.reading() as session:
        assert {message.state for message in session.exec(select(InboundMessage))} == {"rejected"}
        assert session.exec(select(Patient)).all() == []


# What the hospital adds, and the stay by hand: number, patient, sex, born, bed, admitted (local), doctor, diagnosis.
STAYS = {
    "everyman": (
        lambda message: mended(message, ("PV1", 19, "V700001")),
        ("V700001", "PATID1234", "male", "1961-06-15", "2000-2012-01", "2007-08-18 11:23", "004777", None),
    ),
    "appleseed": (
        lambda message: mended(message, ("PV1", 19, "V700002")),
        ("V700002", "MRN12345", "male", "1971-01-01", "2000-2012-01", "2013-01-01 12:23", "004777", None),
    ),
    # PV1-44 of this one lies after its EVN: the admission was announced before.
    "surgery": (
        lambda message: mended(message, ("PV1", 19, "01"), event="EVN|A01|20131017140041"),
        ("01", "2148790", "female", "1952-11-29", "MBN1-MBN1-06", "2014-02-10 22:53", "03525", "440.21"),
    ),
    "mother-to-be": (
        lambda message: mended(message, ("PV1", 2, "I")),
        ("6090648", "4019060", "female", "1965-06-01", "LDR-LA1-01", "2007-05-10 09:25", "9873", None),
    ),
}


def test_mended_as_the_answer_says_each_becomes_the_stay_it_tells_of(
    context: Context, place: Facility, published: Mapping[str, bytes], sender: Sender
) -> None:
    for name, (mend, (number, patient, sex, born, bed, admitted, doctor, diagnosis)) in STAYS.items():
        answer = sender(mend(published[name]))
        assert "\rMSA|AA|" in answer, (name, answer)
        with context.database.reading() as session:
            stay = admission_record(session, admission_by_no(session, place.id, number).id)
            person = session.exec(select(Patient).where(Patient.patient_no == patient)).one()
            beds = [session.get_one(Bed, one.bed_id).hospital_code for one in stay.assignments]
        assert (stay.patient_no, person.sex, str(person.birth_date)) == (patient, sex, born)
        assert beds == [bed]
        assert stay.admitted_at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M") == admitted
        assert (stay.attending_doctor, stay.diagnosis_code) == (doctor, diagnosis)
        assert person.display_name == ""  # the examples name people; names are not read


def test_a_bed_that_the_layout_lacks_waits_for_it(
    context: Context, place: Facility, published: Mapping[str, bytes], sender: Sender
) -> None:
    elsewhere = mended(published["everyman"], ("PV1", 19, "V700003"), ("PV1", 3, "2000^2012^02"))
    answer = sender(elsewhere)
    assert "\rMSA|AE|MSG00001|" in answer
    assert "the facility has no bed '2000-2012-02'" in answer


def test_a_merge_of_an_older_event_is_named(published: Mapping[str, bytes], sender: Sender) -> None:
    whole = mended(published["everyman-merged"], ("MSH", 10, "P"), ("MSH", 11, "2.3"), event="EVN|A34|20131016140148")
    answer = sender(whole)
    assert "\rMSA|AR|" in answer
    assert "ADT^A34" in answer
    assert "A40" in answer  # what is taken instead
