"""A ServiceRequest as an order, a ChargeItem as a line of the bill."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from service.admissions.code_words import BILL_KIND_WORDS, PAYMENT_WORDS
from service.admissions.errors import MessageRefused
from service.admissions.fhir.reading import Frame
from service.admissions.fhir.resources import codes_of, first_word
from service.admissions.statements import ChargeSaid, OrderSaid, Statement, is_amount, rounded

_BILL_WORDS: Mapping[str, str] = {
    **BILL_KIND_WORDS,
    # SNOMED CT, as the standard's examples of ServiceRequest.category use them.
    **dict.fromkeys(("363679005", "108252007", "imaging", "laboratory"), "examination"),
    **dict.fromkeys(("387713003", "409063005", "surgical"), "treatment"),
}


_NO_CHARGE = frozenset({"aborted", "entered-in-error", "not-billable", "planned"})
_NO_ORDER = frozenset({"revoked", "entered-in-error", "draft"})
_NOT_ASKED_YET = frozenset({"proposal", "plan", "option"})


def read_service_request(frame: Frame) -> Statement:
    """A ServiceRequest: an order."""
    body = frame.body
    number = frame.own_number(frozenset({"PLAC"}))
    occurred = body.get("occurrenceDateTime") or (body.get("occurrencePeriod") or {}).get("start")
    asked = body.get("authoredOn")
    done = body.get("status") == "completed"
    order = OrderSaid(
        order_no=number,
        admission_no=frame.referred(body.get("encounter"), "Encounter", "ServiceRequest.encounter"),
        kind=first_word(_BILL_WORDS, body.get("category")) or "other",
        code=next(codes_of(body.get("code")), "")[:64],
        ordered_at=frame.moment(asked, "ServiceRequest.authoredOn") if asked else frame.stated_at,
        performed_at=frame.moment(occurred, "ServiceRequest.occurrence") if occurred and done else None,
        attending_doctor=frame.person(body.get("requester")),
        cancelled=_is_no_order(body),
    )
    return frame.statement(order.ordered_at, orders=(order,), identities=frame.identity(number))


def paid_by(body: dict[str, Any]) -> str | None:
    """How it is paid, as the number or the name of an account says it in our words or the hospital's: per_diem, 按床日,
    drg. FHIR has no element of its own for it."""
    for account in body.get("account") or ():
        identifier = account.get("identifier") or {}
        for text in (identifier.get("value"), *codes_of(identifier.get("type")), account.get("display")):
            found = PAYMENT_WORDS.get(str(text or "").strip().lower())
            if found is not None:
                return found
    return None


def _is_no_order(body: dict[str, Any]) -> bool:
    """Taken back, not asked for yet, or an order to leave something undone: nobody did anything for the patient."""
    asked = body.get("status") not in _NO_ORDER and body.get("intent") not in _NOT_ASKED_YET
    return not asked or body.get("doNotPerform") is True


def read_charge_item(frame: Frame) -> Statement:
    """A ChargeItem: a line of the bill."""
    body = frame.body
    number = frame.own_number(frozenset())
    service_at = body.get("occurrenceDateTime") or (body.get("occurrencePeriod") or {}).get("start")
    if not service_at:
        raise MessageRefused.at(
            "ChargeItem.occurrence",
            "the time of service is missing",
            "send occurrenceDateTime or occurrencePeriod.start",
            "缺少服务时间",
            "请填写 occurrenceDateTime",
        )
    performers = body.get("performer") or [{}]
    charge = ChargeSaid(
        charge_no=number,
        admission_no=_stay_of_charge(frame),
        kind=first_word(_BILL_WORDS, body.get("code")) or "other",
        code=next(codes_of(body.get("code")), "")[:64],
        service_at=frame.moment(service_at, "ChargeItem.occurrence"),
        quantity=_quantity(body),
        amount=_amount(body),
        payment_method=paid_by(body),
        doctor=frame.person(performers[0].get("actor")),
        clerk=frame.person(body.get("enterer")),
        cancelled=body.get("status") in _NO_CHARGE,
    )
    return frame.statement(charge.service_at, charges=(charge,), identities=frame.identity(number))


def _stay_of_charge(frame: Frame) -> str:
    """R4 context, R5 encounter."""
    name = "context" if frame.resource.release == "r4" else "encounter"
    return frame.referred(frame.body.get(name), "Encounter", f"ChargeItem.{name}")


def _amount(body: dict[str, Any]) -> Decimal:
    """R4 priceOverride; R5 totalPriceComponent, else the unit's price times the quantity."""
    for name in ("priceOverride", "totalPriceComponent", "unitPriceComponent"):
        part = body.get(name) or {}
        amount = _decimal((part.get("amount") or part).get("value"), f"ChargeItem.{name}")
        if amount is not None and name == "unitPriceComponent":
            amount = _decimal(amount * _quantity(body), f"ChargeItem.{name}")
        if amount is not None:
            return amount
    raise MessageRefused.at(
        "ChargeItem.priceOverride",
        "the amount is missing",
        "send priceOverride (R4) or totalPriceComponent (R5)",
        "缺少金额",
        "请填写 priceOverride（R4）或 totalPriceComponent（R5）",
    )


def _quantity(body: dict[str, Any]) -> Decimal:
    """How many; one, if it is not said."""
    said = _decimal((body.get("quantity") or {}).get("value"), "ChargeItem.quantity.value")
    return Decimal(1) if said is None else said


def _decimal(value: Any, where: str) -> Decimal | None:
    if value is None:
        return None
    amount = rounded(Decimal(str(value)))
    if not is_amount(amount):
        raise MessageRefused.at(where, "is no amount", "send a plain number", "数值无效", "请填写数值", code=102)
    return amount
