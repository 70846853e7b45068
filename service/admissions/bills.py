"""Orders and charges into rows: of all that was said about one, the latest statement counts, whenever it came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from service.admissions.changes import screening_wanted
from service.admissions.event_log import Origin, received
from service.admissions.repository import admissions_by_no
from service.admissions.statements import ChargeSaid, OrderSaid, Statement
from service.admissions.tables import ChargeItem, ClinicalOrder
from service.facilities import Facility

Bill = ClinicalOrder | ChargeItem
_CHUNK = 500


@dataclass(slots=True)
class BillBook:
    """The recorded rows that some orders and charges may touch, loaded at once: a query a row would be slow."""

    facility: Facility
    origin: Origin
    now: datetime
    orders: dict[str, ClinicalOrder] = field(default_factory=dict)
    charges: dict[str, ChargeItem] = field(default_factory=dict)
    stays: dict[str, str] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    @classmethod
    def load(
        cls,
        session: Session,
        facility: Facility,
        said: Iterable[OrderSaid | ChargeSaid],
        origin: Origin,
        now: datetime,
    ) -> BillBook:
        """What is recorded about these orders and charges, and about their stays."""
        wanted = list(said)
        book = cls(facility, origin, now)
        numbers = sorted({one.order_no for one in wanted if isinstance(one, OrderSaid)})
        for at in range(0, len(numbers), _CHUNK):
            chunk = col(ClinicalOrder.order_no).in_(numbers[at : at + _CHUNK])
            for order in session.exec(select(ClinicalOrder).where(ClinicalOrder.facility_id == facility.id, chunk)):
                book.orders[order.order_no] = order
        numbers = sorted({one.charge_no for one in wanted if isinstance(one, ChargeSaid)})
        for at in range(0, len(numbers), _CHUNK):
            chunk = col(ChargeItem.charge_no).in_(numbers[at : at + _CHUNK])
            for charge in session.exec(select(ChargeItem).where(ChargeItem.facility_id == facility.id, chunk)):
                book.charges[charge.charge_no] = charge
        found = admissions_by_no(session, facility.id, (one.admission_no for one in wanted))
        book.stays = {number: admission.id for number, admission in found.items()}
        return book

    def put(self, session: Session, said: OrderSaid | ChargeSaid, stated_at: datetime) -> tuple[Bill, str]:
        """Writes what is said now; returns the row, and "created", "updated" or "unchanged".

        An older statement than the recorded one changes nothing. Of two made at once the content decides, not which
        came first.
        """
        row = self.orders.get(said.order_no) if isinstance(said, OrderSaid) else self.charges.get(said.charge_no)
        values = _values(said)
        frame: dict[str, Any] = {
            "stated_at": stated_at,
            "received_at": received(self.facility, self.now, stated_at),
            "source": self.origin.source,
            "message_id": self.origin.message_id,
            "admission_id": self.stays.get(said.admission_no),
        }
        if row is None:
            return self._create(session, said, values | frame), "created"
        recorded = {name: getattr(row, name) for name in values}
        older = stated_at < row.stated_at or (stated_at == row.stated_at and repr(values) <= repr(recorded))
        same = recorded == values
        if older or same:
            if same:
                row.stated_at = max(row.stated_at, stated_at)
            return row, "unchanged"
        for name, value in (values | frame).items():
            setattr(row, name, value)
        session.add(row)
        self._touch(row)
        return row, "updated"

    def publish(self, session: Session) -> None:
        """Asks for the rules to look at the touched stays again."""
        if 0 < len(self.touched) <= _CHUNK:
            screening_wanted(session, self.facility, sorted(self.touched), self.now)
        elif self.touched:
            screening_wanted(session, self.facility, (), self.now)

    def _create(self, session: Session, said: OrderSaid | ChargeSaid, values: dict[str, Any]) -> Bill:
        row: Bill
        if isinstance(said, OrderSaid):
            row = ClinicalOrder(facility_id=self.facility.id, order_no=said.order_no, **values)
            self.orders[said.order_no] = row
        else:
            row = ChargeItem(facility_id=self.facility.id, charge_no=said.charge_no, **values)
            self.charges[said.charge_no] = row
        session.add(row)
        self._touch(row)
        return row

    def _touch(self, row: Bill) -> None:
        if row.admission_id is not None:
            self.touched.add(row.admission_id)


def apply_bills(session: Session, facility: Facility, statement: Statement, origin: Origin, now: datetime) -> list[str]:
    """Records the statement's orders and charges; returns notes for its sender."""
    said: list[OrderSaid | ChargeSaid] = [*statement.orders]
    said += statement.charges
    if not said:
        return []
    book = BillBook.load(session, facility, said, origin, now)
    notes = []
    for one in said:
        row, _ = book.put(session, one, statement.stated_at)
        if row.admission_id is None:
            notes.append(f"kept: the admission {one.admission_no} is not known yet")
    session.flush()
    book.publish(session)
    return notes[:5]


def _values(said: OrderSaid | ChargeSaid) -> dict[str, Any]:
    common = {"admission_no": said.admission_no, "kind": said.kind, "code": said.code, "cancelled": said.cancelled}
    if isinstance(said, OrderSaid):
        return common | {
            "ordered_at": said.ordered_at,
            "performed_at": said.performed_at,
            "attending_doctor": said.attending_doctor,
        }
    return common | {
        "service_at": said.service_at,
        "quantity": format(said.quantity, "f"),
        "amount": format(said.amount, "f"),
        "payment_method": said.payment_method,
        "doctor": said.doctor,
        "clerk": said.clerk,
    }
