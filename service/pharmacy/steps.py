"""What a till reports of a purchase, taken once: the same report again has the same answer, whatever came since."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel
from sqlmodel import Session, select

from service.access import Actor
from service.pharmacy.errors import RequestReused
from service.pharmacy.schemas_sales import PurchaseOut
from service.pharmacy.tables import Purchase, PurchaseStep
from service.pharmacy.verify import hold_account


def once(
    session: Session,
    actor: Actor,
    purchase: Purchase,
    kind: Literal["sale", "reversal"],
    request_id: str,
    said: BaseModel,
    act: Callable[[], PurchaseOut],
    now: datetime,
) -> PurchaseOut:
    """Does `act` for this report, or gives the answer that it had before. Two tills at once: one waits for the other.

    `said`: what was reported, without the request's own id. Raises `RequestReused` when the id was another report's.
    """
    hold_account(session, purchase.register_code, purchase.patient_no)
    digest = hashlib.sha256(said.model_dump_json().encode()).hexdigest()
    query = select(PurchaseStep).where(
        PurchaseStep.purchase_id == purchase.id, PurchaseStep.kind == kind, PurchaseStep.request_id == request_id
    )
    known = session.exec(query).first()
    if known is None:
        answer = act()
        session.add(
            PurchaseStep(
                purchase_id=purchase.id,
                kind=kind,
                request_id=request_id,
                digest=digest,
                answer=answer.model_dump(mode="json"),
                recorded_by=actor.label,
                recorded_at=now,
            )
        )
        session.flush()
        return answer
    if known.digest != digest:
        raise RequestReused(
            "it was used for this purchase with other contents",
            field="sale_no" if kind == "sale" else "request_id",
            remedy="report what was reported before, or draw a new id",
            message_zh="该编号已用于本笔购药内容不同的上报",
            remedy_zh="请按原内容重报，或使用新的编号",
        )
    answer = PurchaseOut.model_validate(known.answer)
    # What one caller was allowed to read is not for every other one.
    return answer if known.recorded_by == actor.label else answer.model_copy(update={"reasons": (), "causes": []})
