"""Many at once: folders and ZIPs made by strangers, an answer for every row, and the same again changing nothing."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from service.access import Role
from service.admissions import TableUnreadable
from service.enrolment import AssessedPhoto, BulkReport, BulkUnreadable, bulk_enrol, reference_since
from service.enrolment.errors import PhotoUnsafe
from service.enrolment.sources import safe_parts
from service.facilities import Facility
from service.platform.context import Context
from service.platform.settings import Settings
from tests.builders import actor_with, create_facility, create_patient
from tests.enrolment.faces import PlainAssessor, bad, face

HEADER = "patient_no,file,reference,consent,consent_at,effective_from\n"
YES = "id_card_picture,given,2026-03-02 08:00,"


@dataclass(frozen=True)
class CountingAssessor(PlainAssessor):
    """Counts how often it looked at a picture."""

    looked: list[str] = field(default_factory=list)

    def __call__(self, photo: bytes, name: str = "") -> AssessedPhoto:
        self.looked.append(name)
        return super().__call__(photo, name)


@pytest.fixture
def facility(context: Context) -> Facility:
    """A facility with patients P1 to P9."""
    with context.database.transaction() as session:
        made = create_facility(session)
        for number in range(1, 10):
            create_patient(session, made, f"P{number}")
    return made


@pytest.fixture
def bulk(context: Context, facility: Facility) -> Callable[..., BulkReport]:
    """Enrols a source as the facility's ward staff."""

    def run(source: object, **values: object) -> BulkReport:
        given = {"actor": actor_with(Role.WARD_STAFF, facility), "assessor": PlainAssessor()} | values
        return bulk_enrol(context, facility, source, **given)  # type: ignore[arg-type]

    return run


def folder(root: Path, table: str, **files: bytes) -> Path:
    """A folder with a table and pictures; `__` in a name is a folder."""
    (root / "bulk").mkdir()
    (root / "bulk" / "table.csv").write_text(HEADER + table, encoding="utf-8")
    for name, data in files.items():
        path = root / "bulk" / (name.replace("__", "/") + ".jpg")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return root / "bulk"


def packed(entries: dict[str, bytes | str]) -> io.BytesIO:
    """A ZIP in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer


def statuses(report: BulkReport) -> list[str]:
    """The rows' statuses in order."""
    return [row.status.value for row in report.rows]


def codes(report: BulkReport) -> list[list[str]]:
    """The rows' reason codes."""
    return [[reason.code for reason in row.reasons] for row in report.rows]


ROWS = (
    f"P1,a.jpg,{YES}\n"
    f"P2,b.jpg,{YES}\n"
    "P3,,,refused,2026-03-02 08:00,\n"
    f"P99,a.jpg,{YES}\n"
    f"P4,missing.jpg,{YES}\n"
    "P5,e.jpg,id_card_picture,,,\n"
    f"P6,../../etc/passwd,{YES}\n"
    "P7,a.jpg,passport,given,2026-03-02 08:00,\n"
    "P8,a.jpg,id_card_picture,given,,\n"
)
EXPECTED = ["accepted", "refused", "exempt"] + ["refused"] * 6
EXPECTED_CODES = [
    [],
    ["blurred"],
    ["consent_refused"],
    ["unknown_patient"],
    ["photo_missing"],
    ["consent_missing"],
    ["photo_unsafe"],
    ["row_invalid"],
    ["row_invalid"],
]
FILES = {"a": face(1, 0, 0), "b": bad("blurred"), "e": face(0, 1, 0)}


def test_every_row_of_a_folder_gets_its_answer(tmp_path: Path, bulk: Callable[..., BulkReport]) -> None:
    report = bulk(folder(tmp_path, ROWS, **FILES))
    assert statuses(report) == EXPECTED
    assert codes(report) == EXPECTED_CODES
    assert [row.line for row in report.rows] == list(range(2, 11))
    assert all(reason.text_zh and reason.text_en for row in report.rows for reason in row.reasons)


def test_a_zip_is_as_good_as_a_folder(bulk: Callable[..., BulkReport]) -> None:
    entries: dict[str, bytes | str] = {f"top/{name}.jpg": data for name, data in FILES.items()}
    report = bulk(packed({"top/table.csv": HEADER + ROWS, **entries}))
    assert statuses(report) == EXPECTED
    assert codes(report) == EXPECTED_CODES


def test_the_same_again_changes_nothing_and_looks_at_no_picture_twice(
    tmp_path: Path, context: Context, facility: Facility, bulk: Callable[..., BulkReport]
) -> None:
    source = folder(tmp_path, f"P1,a.jpg,{YES}\nP2,b.jpg,{YES}\n", a=face(1, 0, 0), b=face(0, 1, 0))
    first = bulk(source)
    assessor = CountingAssessor()
    second = bulk(source, assessor=assessor)
    assert statuses(first) == ["accepted", "accepted"]
    assert statuses(second) == ["unchanged", "unchanged"]
    assert assessor.looked == []
    with context.database.reading() as session:
        assert len(reference_since(session, facility.id)) == 2


def test_rows_of_one_patient_are_one_enrolment(tmp_path: Path, bulk: Callable[..., BulkReport]) -> None:
    table = f"P1,a.jpg,{YES}\nP2,c.jpg,{YES}\nP1,b.jpg,{YES}\nP2,d.jpg,{YES}\nP1,a.jpg,two_persons,,,\n"
    files = {"a": face(1, 0, 0), "b": face(1, 0.1, 0), "c": face(0, 1, 0), "d": bad("too_dark")}
    source = folder(tmp_path, table, **files)
    report = bulk(source)
    assert statuses(report) == ["accepted", "accepted", "accepted", "refused", "refused"]
    assert codes(report)[3:] == [["too_dark"], ["contradicts_row"]]
    # P2's refused picture is looked at again, P1's are known.
    assert statuses(bulk(source)) == ["unchanged", "unchanged", "unchanged", "refused", "refused"]


def test_names_in_chinese_however_they_were_packed(bulk: Callable[..., BulkReport]) -> None:
    table = "患者编号,照片,证明方式,同意,同意时间\nP1,照片/张.jpg,身份证照片,同意,2026/3/2 8:00\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("table.csv", table.encode("gb18030"))
        archive.writestr(OldName("照片/张.jpg"), face(1, 0, 0))
    report = bulk(buffer)
    assert statuses(report) == ["accepted"]
    assert report.rows[0].proven


class OldName(zipfile.ZipInfo):
    """An entry whose name is packed in GB18030 without the UTF-8 flag, as Chinese Windows does."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gb18030"), self.flag_bits & ~0x800


def test_the_table_may_lie_elsewhere(tmp_path: Path, bulk: Callable[..., BulkReport]) -> None:
    source = folder(tmp_path, "", a__x=face(1, 0, 0))
    (source / "table.csv").unlink()
    table = (HEADER + f"P1,a\\x.jpg,{YES}\n").encode()
    assert statuses(bulk(source, table=table)) == ["accepted"]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links here")
def test_links_and_pipes_are_not_followed(tmp_path: Path, bulk: Callable[..., BulkReport]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(face(1, 0, 0))
    rows = "".join(
        f"P{i},{name},{YES}\n" for i, name in enumerate(["link.jpg", "dir/secret.jpg", "pipe.jpg", "sub"], 1)
    )
    source = folder(tmp_path, rows)
    (source / "link.jpg").symlink_to(outside / "secret.jpg")
    (source / "dir").symlink_to(outside)
    (source / "sub").mkdir()
    os.mkfifo(source / "pipe.jpg")
    report = bulk(source)
    assert statuses(report) == ["refused"] * 4
    assert {code for row in codes(report) for code in row} <= {"photo_unsafe", "photo_missing"}


def linked(name: str) -> zipfile.ZipInfo:
    """A symbolic link as a ZIP entry."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_a_link_in_a_zip_is_not_followed(bulk: Callable[..., BulkReport]) -> None:
    buffer = packed({"table.csv": HEADER + f"P1,a.jpg,{YES}\n"})
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(linked("a.jpg"), "/etc/passwd")
    assert codes(bulk(buffer)) == [["photo_unsafe"]]


def test_a_bomb_is_not_unpacked(context: Context, facility: Facility) -> None:
    settings = Settings(**(context.settings.model_dump() | {"max_image_bytes": 64 * 1024}))
    small = replace(context, settings=settings)
    rows = f"P1,ratio.jpg,{YES}\nP2,big.jpg,{YES}\n"
    buffer = packed({"table.csv": HEADER + rows, "ratio.jpg": bytes(8 * 1024 * 1024), "big.jpg": os.urandom(70_000)})
    actor = actor_with(Role.WARD_STAFF, facility)
    report = bulk_enrol(small, facility, buffer, actor=actor, assessor=PlainAssessor())
    assert codes(report) == [["photo_unsafe"], ["photo_unsafe"]]


@pytest.mark.parametrize(
    "entries",
    [
        {"../table.csv": HEADER},
        {"/table.csv": HEADER},
        {"C:\\table.csv": HEADER},
        {"table.csv": HEADER, "a/./x.jpg": b"", "a/x.jpg": b""},
        {"one.csv": HEADER, "two.csv": HEADER},
        {"a.jpg": b""},
        {},
    ],
)
def test_an_archive_that_cannot_be_trusted_is_refused_whole(
    bulk: Callable[..., BulkReport], entries: dict[str, bytes | str]
) -> None:
    with pytest.raises(BulkUnreadable) as caught:
        bulk(packed(entries))
    assert caught.value.remedy


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", packed({"table.csv": HEADER}).getvalue()[:-30]])
def test_what_is_no_zip_is_refused(bulk: Callable[..., BulkReport], data: bytes) -> None:
    with pytest.raises(BulkUnreadable):
        bulk(io.BytesIO(data))


def test_a_damaged_entry_costs_its_row_only(bulk: Callable[..., BulkReport]) -> None:
    good = face(0, 1, 0)
    entries = {"table.csv": HEADER + f"P1,a.jpg,{YES}\nP2,b.jpg,{YES}\n", "a.jpg": os.urandom(3000), "b.jpg": good}
    data = bytearray(packed(entries).getvalue())
    at = data.index(b"a.jpg") + 200
    data[at : at + 50] = bytes(50)
    report = bulk(io.BytesIO(bytes(data)))
    assert statuses(report) == ["refused", "accepted"]
    assert codes(report)[0] == ["photo_unsafe"]


def test_a_missing_folder_and_a_missing_column(tmp_path: Path, bulk: Callable[..., BulkReport]) -> None:
    with pytest.raises(BulkUnreadable, match="there is no"):
        bulk(tmp_path / "nowhere")
    with pytest.raises(TableUnreadable) as caught:
        bulk(packed({"table.csv": "patient_no,photo\n"}))
    assert caught.value.field == "file"


@pytest.mark.parametrize("name", ["", "/", "..", "../a", "a/../b", "/etc/passwd", "C:/x", "a\0b", "..\\x"])
def test_names_that_lead_elsewhere_are_unsafe(name: str) -> None:
    with pytest.raises(PhotoUnsafe):
        safe_parts(name)


def test_progress_is_told_row_by_row(tmp_path: Path, bulk: Callable[..., BulkReport]) -> None:
    told: list[tuple[int, int]] = []
    source = folder(tmp_path, f"P1,a.jpg,{YES}\nP2,b.jpg,{YES}\n", a=face(1, 0, 0), b=face(0, 1, 0))
    bulk(source, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
