"""`wardwatch registers`: the pharmacies' registers from files, tried dry, reported row by row."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from service.cli import registers
from service.cli.program import app
from service.enrolment.tables import PersonTemplate
from service.pharmacy.tables import Delegation, StockMovement
from service.platform.context import Context
from tests.builders import create_facility, create_patient
from tests.enrolment.test_api import MIDDLE, portrait

DELEGATIONS = """受托人编号,患者编号,生效日期,周期次数,单次数量,药品类别
D1,P1,2026-03-01,3,2,diabetes|cardiac
D2,P1,soon,,,
"""
STOCK = "document_no,code,kind,quantity,at\nO-1,A,opening,10,2026-03-01 08:00\nO-2,A,gone,1,2026-03-02\n"
DEATHS = "患者编号,来源,死亡时间,出生日期\nP1,civil_affairs,2026-03-01,1941-05-02\nP9,civil_affairs,2026-03-01,\n"


@pytest.fixture
def north(context: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    @contextmanager
    def opened() -> Iterator[Context]:
        yield context

    monkeypatch.setattr(registers, "installation", opened)
    with context.database.transaction() as session:
        create_patient(session, create_facility(session, code="north", kind="pharmacy"), "P1")
    return context


def _run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["registers", *arguments, "--facility", "north"])
    assert result.exit_code == status, result.output
    return result.stdout


def _json(*arguments: str, status: int = 0) -> dict[str, Any]:
    return dict(json.loads(_run(*arguments, "--json", status=status)))


def test_delegations_are_tried_dry_then_kept_and_every_row_is_reported(north: Context, tmp_path: Path) -> None:
    file = tmp_path / "delegations.csv"
    file.write_text(DELEGATIONS, encoding="utf-8-sig")
    dry = _json("import", "delegations", str(file), "--dry-run", status=1)
    assert (dry["dry_run"], dry["created"], dry["rejected"]) == (True, 1, 1)
    with north.database.reading() as session:
        assert session.exec(select(Delegation)).all() == []
    shown = _run("import", "delegations", str(file), status=1)
    assert "line 2 · 第 2 行  created 新增  D1 → P1" in shown
    assert "valid_from" in shown.split("第 3 行")[1]
    with north.database.reading() as session:
        row = session.exec(select(Delegation)).one()
        assert (row.uses_per_period, row.max_quantity, row.drug_classes) == (3, 2, ["diabetes", "cardiac"])
    assert _json("import", "delegations", str(file), status=1)["unchanged"] == 1


def test_deaths_and_stock(north: Context, tmp_path: Path) -> None:
    for kind, text, kept in (("vital-status", DEATHS, 1), ("stock", STOCK, 1)):
        file = tmp_path / f"{kind}.csv"
        file.write_text(text, encoding="utf-8")
        report = _json("import", kind, str(file), status=1)
        assert (report["created"], report["rejected"]) == (kept, 1), report
        assert all(row["errors"][0]["message_zh"] for row in report["rows"] if row["status"] == "rejected")
    with north.database.reading() as session:
        assert [row.quantity for row in session.exec(select(StockMovement))] == [10]


@pytest.mark.models
def test_delegates_are_enrolled_from_a_folder_or_a_zip(north: Context, tmp_path: Path) -> None:
    listed = tmp_path / "d.csv"
    listed.write_text("delegate_no,patient_no,valid_from\nD1,P1,2026-03-01\n")
    _run("import", "delegations", str(listed))
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(portrait(MIDDLE))
    (folder / "none.jpg").write_bytes(b"no picture")
    (folder / "table.csv").write_text(
        "受托人编号,照片,同意时间,同意书编号\nD1,a.jpg,2026-03-01 09:00,C-1\nD1,none.jpg,2026-03-01 09:00,C-1\n"
        "D7,a.jpg,2026-03-01 09:00,\nD1,../d.csv,2026-03-01,\n" + f"D1,a.jpg,2026-03-01,{'9' * 201}\n",
        encoding="utf-8",
    )
    packed = tmp_path / "faces.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    dry = _json("faces", str(folder), "--dry-run", status=1)
    assert [row["status"] for row in dry["rows"]] == ["created", *["rejected"] * 4]
    with north.database.reading() as session:
        assert session.exec(select(PersonTemplate)).all() == []
    for source, status in ((folder, "created"), (packed, "unchanged")):
        report = _json("faces", str(source), status=1)
        assert [row["status"] for row in report["rows"]] == [status, *["rejected"] * 4], report
    table = (folder / "table.csv").read_text(encoding="utf-8")
    (folder / "table.csv").write_text(table.replace("C-1", "C-2"), encoding="utf-8")
    assert _json("faces", str(folder), status=1)["rows"][0]["status"] == "created"  # another consent is another record
    with north.database.reading() as session:
        kept = [row for row in session.exec(select(PersonTemplate)) if row.sealed is not None]
        assert [(row.person_no, row.person_kind) for row in kept] == [("D1", "delegate")]
