"""HL7 v2 messages into stays: events, order, duplicates, cancellations, merges, answers and hostile bytes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from service.access import SYSTEM
from service.admissions import (
    Admission,
    AdmissionRecord,
    InboundMessage,
    active_admissions,
    admission_by_no,
    admission_record,
    charges_of,
    corrections_of,
    notices_of,
    orders_of,
    replay_message,
    take_hl7,
    vital_status_of,
)
from service.admissions.vital_status import ALIVE
from service.facilities import Facility
from service.facilities.tables import Bed
from service.kit.intervals import Interval
from service.platform.context import Context
from service.platform.tables import Job
from tests.admissions.feed import adt, header, merge, stamp, swap
from tests.builders import EPOCH, create_admission, create_bed, create_facility, create_patient, create_ward

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class Hospital:
    """A hospital on a replayed clock, with a line to it."""

    context: Context
    facility_id: str
    beds: dict[str, str] = field(default_factory=dict)

    def send(self, message: str | bytes) -> tuple[str, str, str]:
        """Sends; returns MSA-1, what became of it, and the whole answer."""
        data = message.encode() if isinstance(message, str) else message
        with self.context.database.transaction() as session:
            place = session.get_one(Facility, self.facility_id)
            answered = take_hl7(self.context, session, place, data, channel="hl7-http", actor=SYSTEM)
        text = answered.ack.decode()
        return text.split("\rMSA|")[1][:2], answered.outcome.state, text

    def taken(self, *sent: str) -> None:
        for message in sent:
            assert self.send(message)[0] == "AA", self.send(message)[2]

    def record(self, number: str = "V1") -> AdmissionRecord:
        with self.context.database.reading() as session:
            return admission_record(session, admission_by_no(session, self.facility_id, number).id)

    def beds_of(self, number: str = "V1") -> list[tuple[str, float, float | None]]:
        names = {bed_id: name for name, bed_id in self.beds.items()}
        return [
            (
                names[one.bed_id],
                hours(one.interval.start),
                None if one.interval.end.year == 9999 else hours(one.interval.end),
            )
            for one in self.record(number).assignments
        ]

    def at(self, hour: float) -> None:
        with self.context.database.transaction() as session:
            session.get_one(Facility, self.facility_id).watermark = EPOCH + hour * HOUR


def hours(moment: datetime) -> float:
    return (moment - EPOCH) / HOUR


@pytest.fixture
def hospital(context: Context) -> Hospital:
    with context.database.transaction() as session:
        facility = create_facility(session, clock="replay", watermark=EPOCH + 10 * DAY)
        ward = create_ward(session, facility, code="N1")
        made = Hospital(context, facility.id)
        for code in ("01", "02", "03"):
            made.beds[code] = create_bed(session, ward, code=code).id
    return made


def jobs(context: Context, kind: str) -> list[dict[str, object]]:
    with context.database.reading() as session:
        return [job.payload for job in session.exec(select(Job).where(Job.kind == kind).order_by(col(Job.id)))]


def picture(hospital: Hospital) -> list[object]:
    """All stays without ids and times of record: what an orderly feed and any other must agree on."""
    with hospital.context.database.reading() as session:
        whole = Interval(EPOCH - DAY, EPOCH + 40 * DAY)
        found = []
        for one in active_admissions(session, hospital.facility_id, whole):
            row = session.get_one(Admission, one.admission_id)
            found.append(
                (
                    one.admission_no,
                    one.patient_no,
                    one.stay,
                    one.category,
                    one.assignments,
                    one.leaves,
                    one.off_ward,
                    row.cancelled_at is None,
                    one.attending_doctor,
                )
            )
        return found


FEED = [
    adt("A01", at=EPOCH, place="N1^^01"),
    adt("A01", at=EPOCH + HOUR, visit="V2", patient="P2", place="N1^^02"),
    adt("A21", at=EPOCH + 4 * HOUR, back=EPOCH + 9 * HOUR),
    adt("A22", at=EPOCH + 8 * HOUR),
    swap(("V1", "P1", "N1^^02"), ("V2", "P2", "N1^^01"), at=EPOCH + 12 * HOUR),
    adt("A02", at=EPOCH + 20 * HOUR, place="N1^^03"),
    adt("A12", at=EPOCH + 20 * HOUR, said=EPOCH + 22 * HOUR),
    adt("A09", at=EPOCH + 26 * HOUR, place="OR^^"),
    adt("A10", at=EPOCH + 29 * HOUR, place="N1^^02"),
    adt("A03", at=EPOCH + 40 * HOUR),
    adt("A13", at=EPOCH + 40 * HOUR, said=EPOCH + 41 * HOUR),
    adt("A01", at=EPOCH + 41 * HOUR, visit="V3", patient="P3", place="N1^^03"),
    adt("A11", at=EPOCH + 41 * HOUR, said=EPOCH + 42 * HOUR, visit="V3", patient="P3"),
    merge("P9", "P1", said=EPOCH + 43 * HOUR),
    adt("A03", at=EPOCH + 50 * HOUR, patient="P9"),
    adt("A21", at=EPOCH + 51 * HOUR, visit="V2", patient="P2", back=EPOCH + 55 * HOUR),
    adt("A52", at=EPOCH + 51 * HOUR, said=EPOCH + 52 * HOUR, visit="V2", patient="P2"),
]


def test_an_orderly_feed_is_what_the_ward_saw(hospital: Hospital) -> None:
    hospital.taken(*FEED)
    assert hospital.beds_of("V1") == [("01", 0, 12), ("02", 12, 50)]
    assert hospital.beds_of("V2") == [("02", 1, 12), ("01", 12, None)]
    one = hospital.record("V1")
    assert one.patient_no == "P9"
    assert [(hours(leave.interval.start), hours(leave.interval.end)) for leave in one.leaves] == [(4, 8)]
    assert [(off.kind, hours(off.interval.start), hours(off.interval.end)) for off in one.off_ward] == [
        ("theatre", 26, 29)
    ]
    assert hospital.record("V2").leaves == ()
    assert [stay[0] for stay in picture(hospital)] == ["V1", "V2"]  # type: ignore[index]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_any_order_with_repeats_leads_to_the_same_rows(context: Context, hospital: Hospital, seed: int) -> None:
    chance = random.Random(seed)
    mixed = FEED + chance.sample(FEED, 6)
    chance.shuffle(mixed)
    hospital.taken(*mixed)
    shuffled = picture(hospital)
    with context.database.transaction() as session:
        other = create_facility(session, clock="replay", watermark=EPOCH + 10 * DAY)
        ward = create_ward(session, other, code="N1")
        orderly = Hospital(context, other.id)
        for code in hospital.beds:
            orderly.beds[code] = create_bed(session, ward, code=code).id
    orderly.taken(*FEED)
    names = {bed: name for one in (hospital, orderly) for name, bed in one.beds.items()}
    assert _named(shuffled, names) == _named(picture(orderly), names)


def _named(found: list[object], names: dict[str, str]) -> str:
    text = repr(found)
    for bed_id, name in names.items():
        text = text.replace(bed_id, name)
    return text


def test_what_was_known_when_is_answered(context: Context, hospital: Hospital) -> None:
    from service.admissions.recording import stay_as_known

    hospital.at(1)
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"))
    hospital.at(30)
    hospital.taken(adt("A02", at=EPOCH + 3 * HOUR, said=EPOCH + 29 * HOUR, place="N1^^02"))
    with context.database.reading() as session:
        place = session.get_one(Facility, hospital.facility_id)
        admission = admission_by_no(session, place.id, "V1")
        then = stay_as_known(session, place, admission, EPOCH + 10 * HOUR)
        now = stay_as_known(session, place, admission, EPOCH + 31 * HOUR)
        correction = corrections_of(session, [admission.id])[admission.id]
    assert [span.bed_id for span in then.beds] == [hospital.beds["01"]]
    assert [span.bed_id for span in now.beds] == [hospital.beds["01"], hospital.beds["02"]]
    assert [(one.trigger, hours(one.event_at), hours(one.received_at)) for one in correction] == [("A02", 3, 30)]


def test_a_change_asks_for_exactly_the_span_that_changed(context: Context, hospital: Hospital) -> None:
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"), adt("A02", at=EPOCH + 20 * HOUR, place="N1^^02"))
    with context.database.transaction() as session:
        for job in session.exec(select(Job)):
            session.delete(job)
    # The move was two hours earlier than thought: only these two hours, in these two beds, are stale.
    hospital.taken(
        adt("A12", at=EPOCH + 20 * HOUR, said=EPOCH + 21 * HOUR),
    )
    with context.database.transaction() as session:
        for job in session.exec(select(Job)):
            session.delete(job)
    hospital.taken(
        adt("A02", at=EPOCH + 18 * HOUR, said=EPOCH + 22 * HOUR, place="N1^^02"),
        adt("A02", at=EPOCH + 20 * HOUR, said=EPOCH + 23 * HOUR, place="N1^^01"),
    )
    spans = [(job["from"], job["to"]) for job in jobs(context, "presence.dirty")]
    admission_id = hospital.record().admission_id
    assert all(job["admission_ids"] == [admission_id] for job in jobs(context, "presence.dirty"))
    assert spans[-1][0] == (EPOCH + 20 * HOUR).isoformat()
    reread = {(job["bed_id"], job["from"]) for job in jobs(context, "sightings.reread")}
    assert reread == {
        (hospital.beds[code], (EPOCH + hour * HOUR).isoformat()) for code in ("01", "02") for hour in (18, 20)
    }


def test_an_update_of_a_doctor_makes_no_check_stale(context: Context, hospital: Hospital) -> None:
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"))
    before = len(jobs(context, "presence.dirty"))
    hospital.taken(adt("A08", at=EPOCH + 5 * HOUR).replace("|D0417|", "|D0500|"))
    assert hospital.record().attending_doctor == "D0500"
    assert len(jobs(context, "presence.dirty")) == before
    assert jobs(context, "screening.run")[-1]["admission_ids"] == [hospital.record().admission_id]


def test_an_admission_opens_a_bed_check_and_a_history_does_not(context: Context, hospital: Hospital) -> None:
    hospital.at(1)
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"))
    hospital.taken(adt("A01", at=EPOCH - 9 * DAY, visit="V9", patient="P9", place="N1^^02"))
    opened = jobs(context, "admission.opened")
    assert [job["admission_id"] for job in opened] == [hospital.record("V1").admission_id]


def test_a_merge_leads_there_from_both_numbers_and_may_be_undone_by_a_later_one(hospital: Hospital) -> None:
    hospital.taken(
        merge("P9", "P1", said=EPOCH + 5 * HOUR),
        adt("A01", at=EPOCH, place="N1^^01"),
        adt("A01", at=EPOCH + HOUR, visit="V2", patient="P9", place="N1^^02"),
    )
    assert hospital.record("V1").patient_id == hospital.record("V2").patient_id
    hospital.taken(merge("P1", "P9", said=EPOCH + 6 * HOUR))
    assert {hospital.record(number).patient_no for number in ("V1", "V2")} == {"P1"}


def test_a_newborn_and_its_mother_share_a_bed(hospital: Hospital) -> None:
    mother, baby = (
        adt("A01", at=EPOCH, place="N1^^01"),
        adt("A01", at=EPOCH + HOUR, visit="V2", patient="P2", place="N1^^01"),
    )
    hospital.taken(mother.replace("|N1^^01||||", "|N1^^01|L|||"), baby.replace("|N1^^01||||", "|N1^^01|N|||"))
    assert (hospital.record("V1").category, hospital.record("V2").category) == ("maternity", "newborn")
    assert hospital.record("V2").admission_type == "newborn"


def test_two_stays_of_one_person_that_overlap_are_both_kept(hospital: Hospital) -> None:
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"), adt("A01", at=EPOCH + HOUR, visit="V2", place="N1^^02"))
    assert hospital.record("V1").patient_id == hospital.record("V2").patient_id


def test_a_leave_over_midnight_and_one_without_an_end(hospital: Hospital) -> None:
    # 15:00 UTC is 23:00 in Shanghai.
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"), adt("A21", at=EPOCH + 15 * HOUR, back=EPOCH + 18 * HOUR))
    _, _, answer = hospital.send(adt("A21", at=EPOCH + 30 * HOUR))
    assert "PV2-47 is empty" in answer
    spans = [(hours(one.interval.start), hours(one.interval.end)) for one in hospital.record().leaves]
    # 30 h after 08:00 on Monday is 14:00 on Tuesday; that day ends at 16:00 UTC, 40 h after.
    assert spans == [(15, 18), (30, 40)]


def test_census_rows_and_messages_tell_one_story(context: Context, hospital: Hospital) -> None:
    with context.database.transaction() as session:
        place = session.get_one(Facility, hospital.facility_id)
        bed = session.get_one(Bed, hospital.beds["01"])
        create_admission(session, bed=bed, patient=create_patient(session, place, "P1"), admission_no="V1")
    hospital.taken(adt("A02", at=EPOCH + 5 * HOUR, place="N1^^02"), adt("A03", at=EPOCH + 30 * HOUR))
    assert hospital.beds_of() == [("01", 0, 5), ("02", 5, 30)]


def test_a_stay_in_a_closed_bed_and_bed_states_in_any_order(context: Context, hospital: Hospital) -> None:
    def notice(status: str, hour: float) -> str:
        said = EPOCH + hour * HOUR
        lines = [header("ADT", "A20", said, f"A20-{status}-{hour}"), f"EVN|A20|{stamp(said)}", f"NPU|N1^^01|{status}"]
        return "\r".join(lines)

    hospital.taken(notice("C", 5), notice("U", 3))
    with context.database.reading() as session:
        assert session.get_one(Bed, hospital.beds["01"]).is_open is False
    hospital.taken(notice("O", 6))
    with context.database.reading() as session:
        assert session.get_one(Bed, hospital.beds["01"]).is_open is True


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize(
    ("charset", "encoding"), [("UNICODE UTF-8", "utf-8"), ("GB 18030-2000", "gb18030"), ("", "gb18030")]
)
def test_line_ends_and_encodings(hospital: Hospital, line_end: str, charset: str, encoding: str) -> None:
    said = adt("A01", at=EPOCH, place="N1^^01", more=("DG1|1||I10^原发性高血压||||F",)).replace(
        "UNICODE UTF-8", charset
    )
    code, _, answer = hospital.send(said.replace("\r", line_end).encode(encoding))
    assert code == "AA", answer
    assert hospital.record().diagnosis_text == "原发性高血压"


GOOD = adt("A01", at=EPOCH, place="N1^^01")


@pytest.mark.parametrize(
    ("message", "code", "place"),
    [
        ("MSH|^~\\&|HIS|H\r", "AR", "MSH-9.1"),
        (GOOD.replace("|P|2.5.1", "|T|2.5.1"), "AR", "MSH-11"),
        (GOOD.replace("|P|2.5.1", "|P|3.0"), "AR", "MSH-12"),
        (GOOD.replace("ADT^A01", "ADT^A99").replace("EVN|A01", "EVN|"), "AR", "MSH-9"),
        (GOOD.replace("ADT^A01", "ORU^R01"), "AR", "MSH-9"),
        (GOOD.replace("EVN|A01", "EVN|A02"), "AR", "EVN-1"),
        ("\r".join(line for line in GOOD.split("\r") if not line.startswith("EVN")), "AR", "EVN:"),
        ("\r".join(line for line in GOOD.split("\r") if not line.startswith("PID")), "AR", "PID:"),
        ("\r".join(line for line in GOOD.split("\r") if not line.startswith("PV1")), "AR", "PV1:"),
        (GOOD.replace("P1^^^HIS^PI", ""), "AR", "PID-3"),
        (GOOD.replace("|V1", "|"), "AR", "PV1-19"),
        (GOOD.replace("PV1|1|I|", "PV1|1||"), "AR", "PV1-2"),
        (GOOD.replace("N1^^01", "N1^^77"), "AE", "PV1-3"),
        (adt("A02", at=EPOCH), "AR", "PV1-3"),
        (adt("A01", at=EPOCH, admitted=EPOCH, discharged=EPOCH - HOUR), "AR", "PV1-45"),
        (GOOD.replace("19500131", "19501399"), "AR", "PID-7"),
        (adt("A01", at=EPOCH + 9000 * DAY), "AR", "MSH-7"),
        (GOOD.replace("|C0007|20260302080000+0800", "|C0007|00010101"), "AR", "EVN-6"),
        (GOOD.replace("UNICODE UTF-8", "KOI8"), "AR", "MSH-18"),
        (GOOD.replace("P1^^^HIS^PI", "P 1^^^HIS^PI"), "AR", "PID-3"),
        (merge("P1", "P1", said=EPOCH), "AR", "MRG-1"),
        (GOOD + GOOD, "AR", "MSH:"),
        (GOOD.replace("D0417", "D\x000417"), "AR", "MSH:"),
        ("", "AR", "MSH:"),
        ("hello", "AR", "MSH:"),
        ("MSH", "AR", "MSH"),
        ("MSH|", "AR", "MSH"),
        ("MSH||||", "AR", "MSH"),
        ("MSHMSHMSHMSH", "AR", "MSH"),
        ("MSH|^~\\&|" + "A" * 900_000, "AR", "MSH"),
        ("MSH|^~\\&|" + "\rZZZ|" * 2000, "AR", "MSH"),
        ("MSH|^~\\&|" + "^&~" * 50_000, "AR", "MSH"),
    ],
)
def test_a_bad_message_gets_an_exact_answer_and_is_kept(
    context: Context, hospital: Hospital, message: str, code: str, place: str
) -> None:
    answered, state, text = hospital.send(message)
    assert (answered, state) == (code, "rejected" if code == "AR" else "dead_letter")
    assert place in text.split("\rERR|")[1], text
    with context.database.reading() as session:
        kept = session.exec(select(InboundMessage)).one()
        assert kept.error
        assert session.exec(select(Admission)).first() is None
    hospital.taken(GOOD)


def test_bytes_of_no_encoding_are_refused(hospital: Hospital) -> None:
    assert hospital.send(GOOD.replace("D0417", "D").encode() + b"\xff\xfe\x80")[0] == "AR"


def test_what_a_layout_lacked_is_replayed_when_it_has_it(context: Context, hospital: Hospital) -> None:
    assert hospital.send(GOOD.replace("N1^^01", "N1^^77"))[:2] == ("AE", "dead_letter")
    with context.database.transaction() as session:
        ward = session.get_one(Bed, hospital.beds["01"]).ward_id
        session.add(Bed(facility_id=hospital.facility_id, ward_id=ward, code="77", hospital_code="X77"))
    with context.database.transaction() as session:
        place = session.get_one(Facility, hospital.facility_id)
        kept = session.exec(select(InboundMessage)).one()
        assert replay_message(context, session, place, kept, actor=SYSTEM).state == "applied"
        assert kept.attempts == 2
    assert hospital.record().admitted_at == EPOCH


def test_a_message_that_was_rejected_is_no_duplicate_of_itself(hospital: Hospital) -> None:
    bad = GOOD.replace("N1^^01", "N1^^77")
    assert [hospital.send(bad)[1] for _ in range(2)] == ["dead_letter", "dead_letter"]
    assert [hospital.send(GOOD)[1] for _ in range(2)] == ["applied", "duplicate"]


def test_a_repeated_hour_of_the_clock(context: Context) -> None:
    """Berlin, 25 October 2026: 02:30 happens twice. Refused where it moves evidence, resolved where it orders words."""
    night = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    with context.database.transaction() as session:
        place = create_facility(session, timezone="Europe/Berlin", clock="replay", watermark=night + 2 * HOUR)
        create_bed(session, create_ward(session, place, code="N1"), code="01")
        hospital = Hospital(context, place.id)
    plain = GOOD.replace(stamp(EPOCH + timedelta(minutes=1)), "20261025023000")
    assert hospital.send(plain.replace(stamp(EPOCH), "20261025023000"))[0] == "AR"
    code, _, answer = hospital.send(plain.replace(stamp(EPOCH), "20261025023000+0200"))
    assert code == "AA", answer
    assert hospital.record().admitted_at == night + timedelta(minutes=30)


def test_orders_and_charges_find_their_stay_though_they_come_first(context: Context, hospital: Hospital) -> None:
    said = EPOCH + 3 * HOUR
    pid, pv1 = "PID|1||P1^^^HIS^PI", "PV1|1|I|N1^^01||||D0417" + "|" * 12 + "V1"
    order = [
        header("ORM", "O01", said, "o1"),
        pid,
        pv1,
        f"ORC|NW|YZ1|||CM||||{stamp(said)}|||D0500",
        "OBR|1|YZ1||CT01^CT" + "|" * 20 + "RAD",
    ]
    money = "|".join(["FT1", "1", "FY1", "", stamp(said), "", "CG", "C01^bed", "", "", "2", "80.50", "", "bed"])
    charge = [header("DFT", "P03", said, "d1"), f"EVN|P03|{stamp(said)}", pid, pv1, money]
    for message in ("\r".join(order), "\r".join(charge)):
        code, _, answer = hospital.send(message)
        assert code == "AA", answer
        assert "not known yet" in answer
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"))
    admission_id = hospital.record().admission_id
    with context.database.reading() as session:
        [ordered] = orders_of(session, [admission_id])[admission_id]
        [charged] = charges_of(session, [admission_id])[admission_id]
    assert (ordered.kind, ordered.code, ordered.attending_doctor, ordered.performed_at) == (
        "examination",
        "CT01",
        "D0500",
        said,
    )
    assert (charged.kind, str(charged.quantity), str(charged.amount)) == ("bed", "2", "80.50")
    cancelled = (
        "\r".join(order).replace("ORC|NW", "ORC|CA").replace("o1", "o2").replace(stamp(said), stamp(said + HOUR))
    )
    hospital.taken(cancelled)
    # The first message once more, late: an older statement changes nothing.
    hospital.taken("\r".join(order).replace("|o1|", "|o3|"))
    with context.database.reading() as session:
        assert orders_of(session, [admission_id])[admission_id] == ()


def test_a_death_reaches_the_register_only_with_two_identifiers(context: Context, hospital: Hospital) -> None:
    dead = adt("A03", at=EPOCH + 30 * HOUR)
    dead = dead.replace("|19500131|F", "|19500131|F" + "|" * 21 + stamp(EPOCH + 29 * HOUR) + "|Y")
    hospital.taken(adt("A01", at=EPOCH, place="N1^^01"), dead)
    with context.database.reading() as session:
        status = vital_status_of(session, [hospital.record().patient_id])
    assert status.dead_from == EPOCH + 29 * HOUR


def vital(message: str, died: datetime | None) -> str:
    """The message with PID-29 and PID-30: dead at `died`, or plainly alive."""
    said = f"{stamp(died)}|Y" if died else "|N"
    return message.replace("|19500131|F", "|19500131|F" + "|" * 21 + said)


def test_a_withdrawn_death_is_withdrawn_in_whatever_order_it_is_said(context: Context, hospital: Hospital) -> None:
    died = EPOCH + 3 * HOUR
    wrong = vital(adt("A08", at=EPOCH, said=EPOCH + 4 * HOUR, control="wrong"), died)
    mended = vital(adt("A08", at=EPOCH, said=EPOCH + 5 * HOUR, control="mended"), None)
    true = vital(adt("A08", at=EPOCH, said=EPOCH + 9 * HOUR, control="true"), died + 5 * HOUR)
    living = [
        vital(adt("A08", at=EPOCH, said=EPOCH + h * HOUR, control=f"alive-{h}", visit="V1"), None) for h in (1, 2)
    ]
    for number, order in enumerate(([wrong, mended], [mended, wrong], [mended, *living, wrong])):
        visit, person = f"|V{number}", f"|P{number}^"
        hospital.taken(adt("A01", at=EPOCH, place=f"N1^^0{number + 1}", visit=f"V{number}", patient=f"P{number}"))
        sent = [one.replace("|V1", visit).replace("|P1^", person) for one in order]
        hospital.taken(*(one.replace("alive", f"a{number}").replace("|wrong|", f"|w{number}|") for one in sent))
        with context.database.reading() as session:
            patient = admission_by_no(session, hospital.facility_id, f"V{number}").patient_id
            assert vital_status_of(session, [patient]) == ALIVE, order
            assert len(notices_of(session, [patient])) == 2, "one that says dead, one that says alive"
        hospital.taken(true.replace("|V1", visit).replace("|P1^", person).replace("|true|", f"|t{number}|"))
        with context.database.reading() as session:
            assert vital_status_of(session, [patient]).dead_from == died + 5 * HOUR


def test_no_message_of_another_facility_is_touched(context: Context, hospital: Hospital) -> None:
    hospital.taken(GOOD)
    with context.database.transaction() as session:
        other = create_facility(session, clock="replay", watermark=EPOCH + DAY)
        assert active_admissions(session, other.id, Interval(EPOCH, EPOCH + DAY)) == ()
