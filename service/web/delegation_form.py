"""The form on the register's page by which staff enter a delegation with the documents before them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field
from sqlmodel import Session

from service.contracts import Code
from service.kit.errors import InvalidInput
from service.pharmacy import (
    DelegateKind,
    Delegation,
    Entry,
    NewDelegate,
    NewDelegation,
    add_delegate,
    add_delegation,
    delegates_called,
    register_of,
)

DOCUMENTS = ("id_card", "social_card", "household_register", "delegation_letter", "passport")
RELATIONS = ("kin", "carer", "community_worker", "village_doctor", "care_home", "other")
_BETWEEN = re.compile(r"[,，、;；|]")


class DelegationForm(BaseModel):
    """What was typed. Days are the facility's; the last day is a whole day."""

    facility: Annotated[str, Field(max_length=64)]
    delegate_no: Code
    delegate_name: Annotated[str, Field(max_length=200)] = ""
    patient_no: Code
    relation: DelegateKind = "other"
    valid_from: date
    valid_to: date | None = None
    uses_per_period: Annotated[int, Field(ge=1, le=1000)] | None = None
    period_days: Annotated[int, Field(ge=1, le=3660)] = 30
    drug_classes: Annotated[str, Field(max_length=500)] = ""
    max_quantity: Annotated[Decimal, Field(gt=0, le=100_000, max_digits=9, decimal_places=3)] | None = None
    documents: Annotated[
        list[Literal["id_card", "social_card", "household_register", "delegation_letter", "passport"]],
        Field(max_length=10),
    ] = []


def enter(session: Session, entry: Entry, form: DelegationForm) -> Delegation:
    """Enters the delegation, and the delegate if the register does not know the number yet.

    A name never overwrites another: a mistyped number would rename somebody else. Raises `InvalidInput`.
    """
    name = form.delegate_name.strip()
    known = delegates_called(session, register_of(session, entry.facility), (form.delegate_no,)).get(form.delegate_no)
    if known is not None and name and known.display_name not in ("", name):
        raise InvalidInput(
            "is the number of somebody with another name",
            field="delegate_no",
            remedy="correct the number, or leave the name out",
            message_zh="该编号已登记为另一姓名",
            remedy_zh="请更正编号，或不填姓名",
        )
    if known is None or name:
        add_delegate(session, entry, NewDelegate(form.delegate_no, display_name=name))
    row, is_new = add_delegation(session, entry, _delegation(form, ZoneInfo(entry.facility.timezone)))
    if not is_new:
        raise InvalidInput(
            "has this very delegation already",
            field="delegate_no",
            remedy="look for it in the list; a rejected one needs other dates",
            message_zh="该委托已登记",
            remedy_zh="请在列表中查找；已拒绝的委托请更改日期后重新登记",
        )
    return row


def _delegation(form: DelegationForm, zone: ZoneInfo) -> NewDelegation:
    return NewDelegation(
        delegate_no=form.delegate_no,
        patient_no=form.patient_no,
        valid_from=midnight(form.valid_from, zone, "valid_from"),
        valid_to=midnight(form.valid_to, zone, "valid_to", after=True) if form.valid_to else None,
        relation=form.relation,
        drug_classes=classes_of(form.drug_classes),
        uses_per_period=form.uses_per_period,
        period_days=form.period_days,
        documents=tuple(dict.fromkeys(form.documents)),
        max_quantity=form.max_quantity,
    )


def classes_of(text: str) -> tuple[str, ...]:
    """Drug classes written with commas between them. Raises `InvalidInput`."""
    classes = tuple(part.strip() for part in _BETWEEN.split(text) if part.strip())
    if any(len(part) > 64 or not part.isprintable() for part in classes) or len(classes) > 50:
        raise InvalidInput(
            "is not a list of drug classes",
            field="drug_classes",
            remedy="write at most 50 classes, with commas between them",
            message_zh="不是药品类别列表",
            remedy_zh="最多 50 个类别，用逗号分隔",
        )
    return classes


def midnight(day: date, zone: ZoneInfo, field: str, *, after: bool = False) -> datetime:
    """The day's first midnight, or the next one. Raises `InvalidInput` for a day too far away."""
    if not 1900 <= day.year <= 2200:
        raise InvalidInput(
            "is too far away",
            field=field,
            remedy="give a year from 1900 to 2200",
            message_zh="日期超出范围",
            remedy_zh="请填写 1900 至 2200 年之间的日期",
        )
    day += timedelta(days=1 if after else 0)
    return datetime(day.year, day.month, day.day, tzinfo=zone)
