"""Who is shown why a purchase was decided, and the record of each such reading.

The reasons of a purchase tell whether a register calls the patient dead: nobody needs them who does not decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from service.access import Actor, Permission
from service.admissions import Patient
from service.contracts import ReasonCode
from service.ledger import append
from service.pharmacy.tables import Purchase


def may_see_reasons(actor: Actor, facility_id: str) -> bool:
    """Whether the actor decides purchases at that pharmacy, and so may read why they were decided."""
    return actor.may(Permission.PURCHASES_REVIEW, facility_id)


def is_sensitive(row: Purchase) -> bool:
    """Whether the purchase's reasons say something of the patient's life."""
    return bool(row.causes) or any(code == ReasonCode.RECORD_CHECK for code, _ in row.reasons)


def record_reasons_read(session: Session, actor: Actor, rows: Iterable[Purchase], now: datetime) -> None:
    """Writes to the ledger which purchases told the actor something of a patient's life: one entry a facility."""
    shown: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if is_sensitive(row) and may_see_reasons(actor, row.facility_id):
            shown[row.facility_id].append(row.id)
    for facility_id, purchase_ids in sorted(shown.items()):
        append(
            session,
            clock_now=now,
            kind="audit",
            actor=actor.label,
            action="purchase.reasons_read",
            object_kind="facility",
            object_id=facility_id,
            facility_id=facility_id,
            details={"purchases": sorted(purchase_ids)},
        )


def record_vital_status_read(session: Session, actor: Actor, rows: Iterable[Patient], now: datetime) -> None:
    """Writes to the ledger that the actor was told what the sources say of these patients' life."""
    for row in rows:
        append(
            session,
            clock_now=now,
            kind="audit",
            actor=actor.label,
            action="vital_status.read",
            object_kind="patient",
            object_id=row.id,
            facility_id=row.facility_id,
        )
