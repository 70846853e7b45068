"""The file imports: dry runs, reports of every row, hostile files; and the stock book."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import select

from service.pharmacy import Movement, Sold, balances
from service.pharmacy.tables import Delegate, Delegation, StockMovement
from tests.builders import EPOCH
from tests.pharmacy.conftest import SERVICE_AT, Street, codes

HEADER = (
    "delegate_no,patient_no,valid_from,valid_to,uses_per_period,period_days,relation,kind,registration_no,"
    "patient_birth_date"
)
ROWS = f"""{HEADER}
D1,P1,2026-03-01,2026-12-31,3,365,kin,,,
D2,P8,2026-03-01,,,,village_doctor,village_doctor,VD-7,1950-01-31
"""


def _send(street: Street, text: str | bytes, what: str = "delegations", **query: object) -> dict[str, Any]:
    content = text.encode() if isinstance(text, str) else text
    with street.browser(street.pharmacist) as staff:
        answer = staff.post(f"/api/v1/imports/{what}", params={"facility": "north", **query}, content=content)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_dry_run_reports_and_keeps_nothing(street: Street) -> None:
    report = _send(street, ROWS, dry_run=True)
    assert (report["dry_run"], report["created"], report["rejected"]) == (True, 2, 0)
    with street.context.database.reading() as session:
        assert session.exec(select(Delegation)).all() == []
        assert session.exec(select(Delegate)).all() == []


def test_day_one_by_import_and_again_changes_nothing(street: Street) -> None:
    assert _send(street, ROWS)["created"] == 2
    again = _send(street, ROWS)
    assert (again["created"], again["unchanged"]) == (0, 2)
    assert street.verify(delegate_no="D1")["verdict"] == "approved"
    assert street.verify(patient_no="P8", delegate_no="D2")["verdict"] == "approved"


def test_chinese_headers_and_gb18030(street: Street) -> None:
    text = "受托人编号,患者编号,生效日期,关系\nD1,P1,2026年3月1日,亲属\n"
    assert _send(street, text.encode("gb18030"))["created"] == 1


def test_the_last_day_of_a_delegation_is_a_whole_day(street: Street) -> None:
    day = SERVICE_AT.astimezone(UTC).date().isoformat()
    _send(street, f"{HEADER}\nD1,P1,2026-03-01,{day},,,kin,,,\n")
    assert street.verify(delegate_no="D1")["verdict"] == "approved"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",P1,2026-03-01,,,,kin,,,", "delegate_no"),
        ("D1,P1,,,,,kin,,,", "valid_from"),
        ("D1,P1,yesterday,,,,kin,,,", "valid_from"),
        ("D1,P1,2026-02-30,,,,kin,,,", "valid_from"),
        ("D1,P1,2026-03-01,2026-02-01,,,kin,,,", "valid_to"),
        ("D1,P1,2026-03-01,,0,,kin,,,", "uses_per_period"),
        ("D1,P1,2026-03-01,,٣,,kin,,,", "uses_per_period"),
        ("D1,P1,2026-03-01,,99999999999999999999,,kin,,,", "uses_per_period"),
        ("D1,P1,2026-03-01,,,,stranger,,,", "relation"),
        ("=cmd|' /C calc'!A0,P1,2026-03-01,,,,kin,,,", "delegate_no"),
        (f"{'D' * 65},P1,2026-03-01,,,,kin,,,", "delegate_no"),
        ("D1,P\x001,2026-03-01,,,,kin,,,", "patient_no"),
    ],
)
def test_a_bad_row_is_named_and_the_others_go_on(street: Street, row: str, column: str) -> None:
    report = _send(street, f"{HEADER}\n{row}\nD9,P1,2026-03-01,,,,kin,,,\n")
    assert (report["rejected"], report["created"]) == (1, 1)
    bad = report["rows"][0]
    assert bad["status"] == "rejected"
    assert bad["errors"][0]["column"] == column
    assert bad["errors"][0]["remedy"]
    with street.context.database.reading() as session:
        assert [row.delegate_no for row in session.exec(select(Delegate))] == ["D9"]  # nothing half-entered


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\xd8", b"a,b\n1,2\n", b"delegate_no,delegate_no\n"])
def test_a_file_of_which_nothing_can_be_read_is_refused(street: Street, content: bytes) -> None:
    with street.browser(street.pharmacist) as staff:
        answer = staff.post("/api/v1/imports/delegations", params={"facility": "north"}, content=content)
    assert answer.status_code == 422
    assert answer.json()["remedy"]


def test_deaths_by_import_count_with_two_identifiers(street: Street) -> None:
    header = "patient_no,birth_date,name,status,died_at,source,noticed_at"
    report = _send(
        street,
        f"{header}\nP1,1941-05-03,,died,2026-03-01,register,2026-03-05 08:00\nP404,,,died,2026-03-01,register,\n",
        what="vital-status",
    )
    assert (report["created"], report["rejected"]) == (1, 1)
    assert "record_check" not in codes(street.verify())  # the birth date differs: somebody else
    right = f"{header}\nP1,1941-05-02,,died,2026-03-01,register,2026-03-06 08:00\n"
    assert _send(street, right, what="vital-status")["created"] == 1
    assert _send(street, right, what="vital-status")["unchanged"] == 1
    assert "record_check" in codes(street.verify(items=[{"code": "Z", "quantity": "1", "days_of_supply": 1}]))


def test_the_stock_feed_is_for_administrators_and_corrections_are_known(street: Street) -> None:
    feed = "document_no,code,kind,quantity,at\nO-1,A,opening,10,2026-03-01 08:00\nO-1,A,in,-1,2026-03-01 08:00\n"
    with street.browser(street.pharmacist) as staff:
        assert staff.post("/api/v1/imports/stock", params={"facility": "north"}, content=feed).status_code == 403
    from service.access import Role
    from tests.builders import create_user

    with street.context.database.transaction() as session:
        admin = create_user(session, role=Role.ADMIN, facility=street.north)
    with street.browser(admin) as boss:

        def send(text: str) -> dict[str, Any]:
            return dict(boss.post("/api/v1/imports/stock", params={"facility": "north"}, content=text).json())

        first = send(feed)
        assert (first["created"], first["rejected"]) == (1, 1)
        assert send(feed)["unchanged"] == 1
        assert send(feed.replace(",10,", ",12,"))["updated"] == 1
        span = {"facility": "north", "from": EPOCH.isoformat(), "to": (EPOCH + timedelta(days=20)).isoformat()}
        assert boss.get("/api/v1/stock", params=span | {"from": "2026-02-20T00:00:00Z"}).json()[0]["opening"] in (
            "12",
            "12.000",
        )
    with street.context.database.reading() as session:
        assert len(session.exec(select(StockMovement)).all()) == 1


T = datetime(2026, 3, 1, 1, tzinfo=UTC)


def _move(kind: str, quantity: int, day: int) -> Movement:
    return Movement("A", kind, Decimal(quantity), T + timedelta(days=day))


def test_opening_plus_in_minus_out_is_closing() -> None:
    """10 + 20 - 12 = 18; 17 counted: one is missing. 12 were sold by verified purchases: none is unbooked."""
    movements = [_move("opening", 10, 0), _move("in", 20, 1), _move("out", 12, 2), _move("closing", 17, 3)]
    [found] = balances(movements, [Sold("A", Decimal(12), T + timedelta(days=2))])
    assert (found.difference, found.unbooked, found.oversold_at, found.closes) == (1, 0, None, False)
    [right] = balances([*movements[:3], _move("closing", 18, 3)], [])
    assert right.closes


def test_a_sale_above_the_stock_is_flagged_at_its_time() -> None:
    """10 on the shelf; 8 sold on day 1, 5 on day 2: three too many; 20 come on day 3, too late."""
    movements = [_move("opening", 10, 0), _move("in", 20, 3)]
    sales = [Sold("A", Decimal(8), T + timedelta(days=1), "p1"), Sold("A", Decimal(5), T + timedelta(days=2), "p2")]
    [found] = balances(movements, sales)
    assert (found.oversold_at, found.oversold_by) == (T + timedelta(days=2), 3)
    assert found.evidence_ids == ("p2",)
    assert found.unbooked == 13


def test_a_drug_without_an_opening_is_not_judged() -> None:
    assert balances([_move("in", 5, 1)], [Sold("A", Decimal(9), T)]) == ()
