"""The census import: what each row becomes, what a bad row is told, and that nothing is lost or done twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert
from sqlmodel import Session, select

from service.access import Forbidden, Role
from service.admissions import (
    FOREVER,
    Admission,
    AdmissionRecord,
    ImportReport,
    Patient,
    RowStatus,
    TableUnreadable,
    active_admissions,
    admission_by_no,
    admission_record,
    assigned_patient,
    import_census,
)
from service.facilities import Bed, Facility, load_layout
from service.kit.intervals import Interval
from service.ledger.tables import LedgerEntry
from service.platform.context import Context
from service.platform.tables import Job
from tests.builders import actor_with, create_bed, create_facility, create_ward

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOW = datetime(2026, 3, 5, 0, 0, tzinfo=UTC)
HEADER = "patient_no,admission_no,bed,admitted_at,discharged_at,category,sex,birth_date\n"
SHORT = "patient_no,admission_no,bed,admitted_at\n"


class Hospital:
    """A facility with beds H1 to H9 and a session in which to import."""

    def __init__(self, session: Session, **values: object) -> None:
        self.session = session
        self.facility: Facility = create_facility(session, **values)  # type: ignore[arg-type]
        ward = create_ward(session, self.facility)
        self.beds: dict[str, Bed] = {
            f"H{i}": create_bed(session, ward, f"b{i}", hospital_code=f"H{i}") for i in range(1, 10)
        }

    def load(self, text: bytes | str, *, dry_run: bool = False, as_of: datetime | None = None) -> ImportReport:
        """Imports as the facility's admin at `NOW`."""
        actor = actor_with(Role.ADMIN, self.facility)
        return import_census(self.session, self.facility, text, dry_run=dry_run, actor=actor, now=NOW, as_of=as_of)

    def record(self, admission_no: str) -> AdmissionRecord:
        """One stay as upper rooms see it."""
        return admission_record(self.session, admission_by_no(self.session, self.facility.id, admission_no).id)

    def beds_of(self, admission_no: str) -> list[tuple[str, datetime, datetime]]:
        """Hospital codes of the stay's beds with their times."""
        codes = {bed.id: code for code, bed in self.beds.items()}
        return [
            (codes[stay.bed_id], stay.interval.start, stay.interval.end)
            for stay in self.record(admission_no).assignments
        ]


@pytest.fixture
def hospital(context: Context) -> Iterator[Hospital]:
    """A hospital in Shanghai."""
    with context.database.transaction() as session:
        yield Hospital(session)


def statuses(report: ImportReport) -> list[str]:
    """The rows' statuses in order."""
    return [row.status.value for row in report.rows]


def codes(report: ImportReport) -> list[str]:
    """`column:code` of every error, in order."""
    return [f"{issue.column}:{issue.code}" for row in report.rows for issue in row.errors]


def test_a_file_makes_patients_stays_and_assignments(hospital: Hospital) -> None:
    report = hospital.load(HEADER + "P1,A1,H1,2026-03-01 08:00,2026-03-04 09:30,emergency,女,1950/1/31\n")
    record = hospital.record("A1")
    patient = hospital.session.get_one(Patient, record.patient_id)
    assert statuses(report) == ["created"]
    # 08:00 in Shanghai is midnight UTC.
    assert (record.admitted_at, record.discharged_at) == (
        datetime(2026, 3, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 4, 1, 30, tzinfo=UTC),
    )
    assert (record.category, patient.sex, str(patient.birth_date)) == ("emergency", "female", "1950-01-31")
    assert [stay.bed_id for stay in record.assignments] == [hospital.beds["H1"].id]


def test_the_same_file_again_changes_nothing(hospital: Hospital) -> None:
    text = HEADER + "P1,A1,H1,2026-03-01 08:00,,general,male,1950-01-31\nP2,A2,H2,2026-03-02 08:00,,,,\n"
    first, second = hospital.load(text), hospital.load(text.encode("gb18030"))
    assert statuses(first) == ["created", "created"]
    assert statuses(second) == ["unchanged", "unchanged"]
    assert len(hospital.session.exec(select(Admission)).all()) == 2
    entries = hospital.session.exec(select(LedgerEntry).where(LedgerEntry.action == "census.import")).all()
    assert [entry.details["rows"]["created"] for entry in entries] == [2, 0]


def test_a_later_file_transfers_and_discharges(hospital: Hospital) -> None:
    hospital.load(SHORT + "P1,A1,H1,2026-03-01 08:00\nP2,A2,H2,2026-03-01 08:00\n")
    moved_at, left_at = datetime(2026, 3, 3, 4, tzinfo=UTC), datetime(2026, 3, 4, 2, tzinfo=UTC)
    text = HEADER + "P1,A1,H3,2026-03-01 08:00,,,,\nP2,A2,H2,2026-03-01 08:00,2026-03-04 10:00,,,\n"
    report = hospital.load(text, as_of=moved_at)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert statuses(report) == ["updated", "updated"]
    assert hospital.beds_of("A1") == [("H1", start, moved_at), ("H3", moved_at, FOREVER)]
    assert hospital.beds_of("A2") == [("H2", start, left_at)]
    assert statuses(hospital.load(text, as_of=moved_at + timedelta(hours=1))) == ["unchanged", "unchanged"]
    # An older file says nothing new, and must not move anybody back.
    older = hospital.load(SHORT + "P1,A1,H1,2026-03-01 08:00\n", as_of=moved_at - timedelta(hours=1))
    assert statuses(older) == ["unchanged"]
    wrong = hospital.load(SHORT + "P1,A1,H2,2026-03-01 08:00\n", as_of=moved_at - timedelta(hours=1))
    assert codes(wrong) == ["as_of:older_than_record"]


def test_as_of_tells_a_history_in_one_file_in_any_order(hospital: Hospital) -> None:
    text = (
        "patient_no,admission_no,bed,admitted_at,as_of\n"
        "P1,A1,H3,2026-03-01 08:00,2026-03-03 08:00\n"
        "P1,A1,H1,2026-03-01 08:00,2026-03-01 08:00\n"
        "P1,A1,H2,2026-03-01 08:00,2026-03-02 08:00\n"
    )
    report = hospital.load(text)
    assert [row.line for row in report.rows] == [2, 3, 4]
    assert statuses(report) == ["updated", "created", "updated"]
    day = [datetime(2026, 3, d, tzinfo=UTC) for d in (1, 2, 3)]
    assert hospital.beds_of("A1") == [("H1", day[0], day[1]), ("H2", day[1], day[2]), ("H3", day[2], FOREVER)]
    assert statuses(hospital.load(text)) == ["unchanged"] * 3


def test_empty_cells_delete_nothing(hospital: Hospital) -> None:
    hospital.load(HEADER + "P1,A1,H1,2026-03-01 08:00,2026-03-04 08:00,icu,male,1950-01-31\n")
    report = hospital.load(HEADER + "P1,A1,H1,2026-03-01 08:00,,,,\n")
    assert statuses(report) == ["unchanged"]
    assert hospital.record("A1").discharged_at == datetime(2026, 3, 4, tzinfo=UTC)


def test_corrected_times_are_kept_with_what_they_were(hospital: Hospital) -> None:
    hospital.load(HEADER + "P1,A1,H1,2026-03-01 08:00,2026-03-04 08:00,,,\n")
    report = hospital.load(HEADER + "P1,A1,H1,2026-03-01 06:00,2026-03-04 12:00,,,\n")
    early, late = datetime(2026, 2, 28, 22, tzinfo=UTC), datetime(2026, 3, 4, 4, tzinfo=UTC)
    assert statuses(report) == ["updated"]
    assert hospital.beds_of("A1") == [("H1", early, late)]
    entry = hospital.session.exec(select(LedgerEntry).order_by(LedgerEntry.seq.desc())).first()  # type: ignore[attr-defined]
    assert entry is not None
    assert ["A1", "admitted_at", "2026-03-01T00:00:00+00:00", "2026-02-28T22:00:00+00:00"] in entry.details["changes"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("P1,A1,H99,2026-03-01 08:00,,,,", "bed:unknown_bed"),
        ("P1,A1,,2026-03-01 08:00,,,,", "bed:missing"),
        (",A1,H1,2026-03-01 08:00,,,,", "patient_no:missing"),
        ("P1,A1,H1,2026-03-01,,,,", "admitted_at:invalid"),
        ("P1,A1,H1,yesterday,,,,", "admitted_at:invalid"),
        ("P1,A1,H1,2026-02-30 08:00,,,,", "admitted_at:invalid"),
        ("P1,A1,H1,2026-03-01 24:00,,,,", "admitted_at:invalid"),
        ("P1,A1,H1,0000-03-01 08:00,,,,", "admitted_at:invalid"),
        ("P1,A1,H1,9999-12-31T23:59:59-12:00,,,,", "admitted_at:invalid"),
        ("P1,A1,H1,2026-03-09 08:00,,,,", "admitted_at:in_the_future"),
        ("P1,A1,H1,2026-03-01 08:00,2026-03-01 08:00,,,", "discharged_at:discharge_before_admission"),
        ("P1,A1,H1,2026-03-01 08:00,2026-02-01 08:00,,,", "discharged_at:discharge_before_admission"),
        ("P1,A1,H1,2026-03-01 08:00,,holiday,,", "category:invalid"),
        ("P1,A1,H1,2026-03-01 08:00,,,robot,", "sex:invalid"),
        ("P1,A1,H1,2026-03-01 08:00,,,,31/01/1950", "birth_date:invalid"),
        ("P1,A1,H1,2026-03-01 08:00,,,,2026-03-04", "birth_date:born_after_admission"),
        ("=1+1,A1,H1,2026-03-01 08:00,,,,", "patient_no:formula"),
        ("P1,@SUM(A1),H1,2026-03-01 08:00,,,,", "admission_no:formula"),
        ("1.23E+11,A1,H1,2026-03-01 08:00,,,,", "patient_no:invalid"),
        ("P 1,A1,H1,2026-03-01 08:00,,,,", "patient_no:invalid"),
        ("P\u202e1,A1,H1,2026-03-01 08:00,,,,", "patient_no:invalid"),
        ("P\x001,A1,H1,2026-03-01 08:00,,,,", "patient_no:control_character"),
        ("P1,A1,H1,2026-03-01 08:00,,,", ":columns"),
        ("P1,A1,H1,2026-03-01 08:00,,,,,x", ":columns"),
        ('P1,"A1,H1,2026-03-01 08:00,,,,', ":quotes"),
        (f"{'P' * 65},A1,H1,2026-03-01 08:00,,,,", "patient_no:invalid"),
        (f"{'P' * 2000},A1,H1,2026-03-01 08:00,,,,", "patient_no:too_long"),
    ],
)
def test_a_bad_row_is_told_its_column_and_others_go_on(hospital: Hospital, row: str, code: str) -> None:
    before, after = "P7,A7,H7,2026-03-01 08:00,,,,\n", "P8,A8,H8,2026-03-01 08:00,,,,\n"
    report = hospital.load(HEADER + before + row + "\n" + after)
    assert statuses(report) == ["created", "rejected", "created"]
    assert codes(report) == [code]
    issue = report.rows[1].errors[0]
    assert report.rows[1].line == 3
    assert issue.message
    assert issue.remedy
    assert issue.message_zh
    assert issue.remedy_zh
    assert hospital.session.exec(select(Patient).where(Patient.patient_no == "P1")).first() is None


def test_every_fault_of_a_row_is_named(hospital: Hospital) -> None:
    report = hospital.load(HEADER + "P1,,H1,x,y,z,,\n")
    assert codes(report) == ["admission_no:missing", "admitted_at:invalid", "discharged_at:invalid", "category:invalid"]


def test_rows_that_contradict_the_record(hospital: Hospital) -> None:
    hospital.load(HEADER + "P1,A1,H1,2026-03-01 08:00,2026-03-03 08:00,,,\nP2,A2,H2,2026-03-01 08:00,,,,\n")
    assert codes(hospital.load(SHORT + "P2,A1,H1,2026-03-01 08:00\n")) == ["patient_no:other_patient"]
    assert codes(hospital.load(SHORT + "P1,A1,H1,2026-03-03 09:00\n")) == ["admitted_at:against_record"]
    # The bed of a stay that is over differs: nobody can know since when.
    assert codes(hospital.load(SHORT + "P1,A1,H5,2026-03-01 08:00\n")) == ["as_of:transfer_time_unknown"]


def test_rows_of_one_file_that_contradict_each_other(hospital: Hospital) -> None:
    text = SHORT + "P1,A1,H1,2026-03-01 08:00\nP1,A1,H1,2026-03-01 08:00\nP1,A1,H2,2026-03-01 08:00\n"
    report = hospital.load(text)
    assert statuses(report) == ["created", "unchanged", "rejected"]
    assert codes(report) == ["admission_no:contradicts_row"]
    assert "line 2" in report.rows[2].errors[0].message


def test_a_shared_bed_is_recorded_and_pointed_at(hospital: Hospital) -> None:
    text = HEADER + "P1,A1,H1,2026-03-01 08:00,,,,\nP2,A2,H1,2026-03-02 08:00,,,,\nP3,A3,H2,2026-03-02 08:00,,,,\n"
    report = hospital.load(text)
    assert statuses(report) == ["created"] * 3
    assert [[issue.code for issue in row.warnings] for row in report.rows] == [["bed_shared"], ["bed_shared"], []]
    assert "A2" in report.rows[0].warnings[0].message
    # Of two, the later assignment is whom the bed expects.
    found = assigned_patient(hospital.session, hospital.beds["H1"].id, datetime(2026, 3, 3, tzinfo=UTC))
    assert found is not None
    assert found.admission_id == hospital.record("A2").admission_id


def test_a_mother_and_her_child_may_share_a_bed(hospital: Hospital) -> None:
    text = HEADER + "P1,A1,H1,2026-03-01 08:00,,maternity,female,\nP2,A2,H1,2026-03-01 09:00,,newborn,,2026-03-01\n"
    assert [row.warnings for row in hospital.load(text).rows] == [(), ()]


def test_a_bed_handed_over_in_one_file_is_not_shared(hospital: Hospital) -> None:
    hospital.load(SHORT + "P1,A1,H1,2026-03-01 08:00\n")
    text = HEADER + "P2,A2,H1,2026-03-03 09:00,,,,\nP1,A1,H1,2026-03-01 08:00,2026-03-03 09:00,,,\n"
    assert [row.warnings for row in hospital.load(text).rows] == [(), ()]


def test_one_patient_twice_at_once_is_pointed_at(hospital: Hospital) -> None:
    report = hospital.load(SHORT + "P1,A1,H1,2026-03-01 08:00\nP1,A2,H2,2026-03-02 08:00\n")
    assert [[issue.code for issue in row.warnings] for row in report.rows] == [["patient_admitted_twice"]] * 2


def test_a_dry_run_reports_the_same_and_keeps_nothing(hospital: Hospital) -> None:
    text = HEADER + "P1,A1,H1,2026-03-01 08:00,,,,\nP2,A2,H99,2026-03-01 08:00,,,,\n"
    tried = hospital.load(text, dry_run=True)
    assert hospital.session.exec(select(Admission)).all() == []
    assert hospital.session.exec(select(LedgerEntry)).all() == []
    assert hospital.session.exec(select(Job)).all() == []
    done = hospital.load(text)
    assert tried.rows == done.rows


def test_a_dry_run_restores_what_it_changed(hospital: Hospital) -> None:
    hospital.load(SHORT + "P1,A1,H1,2026-03-01 08:00\n")
    report = hospital.load(
        HEADER + "P1,A1,H2,2026-03-01 08:00,2026-03-04 08:00,icu,male,\n",
        dry_run=True,
        as_of=datetime(2026, 3, 2, tzinfo=UTC),
    )
    record = hospital.record("A1")
    assert statuses(report) == ["updated"]
    assert (record.category, record.discharged_at, len(record.assignments)) == ("general", None, 1)


def test_what_became_stale_is_asked_for_again(hospital: Hospital) -> None:
    hospital.load(SHORT + "P1,A1,H1,2026-03-01 08:30\n")
    jobs = {job.kind: job.payload for job in hospital.session.exec(select(Job))}
    assert jobs["presence.dirty"]["from"] == "2026-03-01T00:00:00+00:00"
    assert jobs["sightings.reread"] == {
        "facility_id": hospital.facility.id,
        "bed_id": hospital.beds["H1"].id,
        "from": "2026-03-01T00:30:00+00:00",
        "to": "2026-03-05T01:00:00+00:00",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_hospitals_write_files_in_many_ways(hospital: Hospital, encoding: str, delimiter: str, newline: str) -> None:
    text = (FIXTURES / "census" / "two-wards-zh.csv").read_text(encoding="utf-8")
    text = text.replace("N1-01", "H1").replace("N1-02", "H2").replace("N1-03", "H3").replace("W2-0", "H")
    report = hospital.load(text.replace(",", delimiter).replace("\n", newline).encode(encoding))
    assert statuses(report) == ["created"] * 5
    assert hospital.record("ZY2026030003").category == "emergency"
    assert hospital.record("ZY2026030003").admitted_at == datetime(2026, 3, 1, 8, 40, tzinfo=UTC)


def test_quotes_widths_and_leading_zeros(hospital: Hospital) -> None:
    text = (
        'name,"Patient_No",ADMISSION_NO,bed,admitted_at,remark\n'
        '"Wang, X","=""00123""","A\uff11"," H1 ","2026-03-01 08:00","two\nlines, quoted"\n'
        "\n"
        "Li,00124,A2,H2,2026-03-01 08:00,\n"
    )
    report = hospital.load(text)
    assert statuses(report) == ["created", "created"]
    assert [row.patient_no for row in report.rows] == ["00123", "00124"]
    assert [row.admission_no for row in report.rows] == ["A1", "A2"]
    assert [row.line for row in report.rows] == [2, 5]
    assert report.ignored_columns == ("name", "remark")


def test_an_unclosed_quote_does_not_swallow_the_rest(hospital: Hospital) -> None:
    rows = "".join(f"P{i},A{i},H{i},2026-03-01 08:00\n" for i in range(2, 10))
    report = hospital.load(SHORT + 'P1,"A1,H1,2026-03-01 08:00\n' + rows)
    assert statuses(report) == ["rejected"] + ["created"] * 8


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "file"),
        (b"\n\n  \n", "file"),
        (b"a,b,c\n1,2,3\n", "admission_no"),
        (b"patient_no,patient_no,admission_no,bed,admitted_at\n", "patient_no"),
        (b"\xff\xfe\x00\xd8\x00", "file"),
        (b"\x80\x81\xff" * 10, "file"),
        (SHORT.encode() + b"x" * (21 * 1024 * 1024), "file"),
        (SHORT.encode() + b"P1,A1,H1,x\n" * 50_001, "file"),
    ],
)
def test_a_file_of_which_no_row_can_be_read(hospital: Hospital, data: bytes, field: str) -> None:
    with pytest.raises(TableUnreadable) as caught:
        hospital.load(data)
    assert caught.value.field == field
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "words"),
    [("2026-03-29 02:30", "skipped"), ("2026-10-25 02:30", "twice")],
)
def test_a_time_that_clocks_skipped_or_repeated_is_not_guessed(context: Context, text: str, words: str) -> None:
    with context.database.transaction() as session:
        berlin = Hospital(session, timezone="Europe/Berlin", clock="replay")
        report = berlin.load(SHORT + f"P1,A1,H1,{text}\nP2,A2,H2,{text}:00+02:00\n".replace(" 02:30:00+", "T02:30:00+"))
        assert statuses(report) == ["rejected", "created"]
        assert words in report.rows[0].errors[0].message


def test_rights_are_the_facilitys(hospital: Hospital) -> None:
    with pytest.raises(Forbidden):
        import_census(
            hospital.session, hospital.facility, SHORT, actor=actor_with(Role.VIEWER, hospital.facility), now=NOW
        )


def test_a_replay_takes_a_whole_census_ahead_of_its_clock(context: Context) -> None:
    with context.database.transaction() as session:
        replay = Hospital(session, clock="replay", watermark=datetime(2026, 1, 1, tzinfo=UTC))
        report = replay.load(SHORT + "P1,A1,H1,2026-03-04 08:00\n")
        jobs = session.exec(select(Job)).all()
    assert statuses(report) == ["created"]
    assert jobs == []  # nothing has been concluded about what has not happened yet


def test_active_admissions_are_those_that_share_an_instant(hospital: Hospital) -> None:
    text = HEADER + "P1,A1,H1,2026-03-01 08:00,2026-03-02 08:00,,,\nP2,A2,H2,2026-03-03 08:00,,,,\n"
    hospital.load(text)

    def active(first: datetime, last: datetime) -> list[str]:
        found = active_admissions(hospital.session, hospital.facility.id, Interval(first, last))
        return [record.admission_no for record in found]

    end, begin = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
    assert active(end - timedelta(seconds=1), end) == ["A1"]
    assert active(end, begin) == []
    assert active(begin, begin + timedelta(seconds=1)) == ["A2"]
    assert active(end - timedelta(days=9), begin + timedelta(days=9)) == ["A1", "A2"]


def test_the_sample_with_faults(context: Context) -> None:
    with context.database.transaction() as session:
        load_layout(session, (FIXTURES / "layouts" / "two-wards.yaml").read_bytes(), NOW)
        facility = session.exec(select(Facility).where(Facility.code == "demo")).one()
        data = (FIXTURES / "census" / "with-faults.csv").read_bytes()
        report = import_census(session, facility, data, actor=actor_with(Role.ADMIN, facility), now=NOW)
    assert statuses(report) == ["created", "rejected", "rejected", "rejected", "rejected", "created"]
    assert codes(report) == [
        "bed:unknown_bed",
        "admitted_at:invalid",
        "discharged_at:discharge_before_admission",
        "patient_no:formula",
    ]


def test_six_hundred_rows_in_five_seconds(context: Context) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session)
        ward = create_ward(session, facility)
        for i in range(600):
            create_bed(session, ward, f"b{i}", hospital_code=f"H{i}")
        text = SHORT + "".join(f"P{i},A{i},H{i},2026-03-01 08:00\n" for i in range(600))
        began = time.thread_time()  # of this thread: what else the machine does is not at issue
        report = import_census(session, facility, text, actor=actor_with(Role.ADMIN, facility), now=NOW)
        seconds = time.thread_time() - began
    assert report.count(RowStatus.CREATED) == 600
    assert seconds < 5


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400) | st.text(max_size=400))
def test_no_bytes_break_the_import(hospital: Hospital, tail: bytes | str) -> None:
    data = SHORT.encode() + tail if isinstance(tail, bytes) else SHORT + tail
    try:
        report = hospital.load(data, dry_run=True)
    except TableUnreadable:
        return
    assert all(row.status is not RowStatus.REJECTED or row.errors for row in report.rows)


def test_a_collision_in_the_database_costs_one_row(hospital: Hospital) -> None:
    def intrude(session: Session, *_: object) -> None:
        """Somebody else records P2 in the moment before this import does."""
        if any(isinstance(row, Patient) and row.patient_no == "P2" for row in session.new):
            values = {"id": "f" * 32, "facility_id": hospital.facility.id, "patient_no": "P2"}
            session.connection().execute(insert(Patient).values(**values, display_name="", sex="u", recorded_at=NOW))

    event.listen(hospital.session, "before_flush", intrude)
    report = hospital.load(SHORT + "".join(f"P{i},A{i},H{i},2026-03-01 08:00\n" for i in (1, 2, 3)))
    event.remove(hospital.session, "before_flush", intrude)
    assert statuses(report) == ["created", "rejected", "created"]
    assert codes(report) == ["admission_no:collision"]
    assert len(hospital.session.exec(select(Admission)).all()) == 2
