"""Rules about the people of purchases: dead patients, inpatients, buyers with no right, hoarders, attacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from service.screening.facts import Fact, Suspicion
from service.screening.pharmacy_facts import BuyerPurchases, PatientPurchases, PurchaseRecord


@dataclass(frozen=True, slots=True)
class DeadPatientParameters:
    """`attempts`: presentations of the card that were not sold and still make a suspicion."""

    sales: int = 1
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class InpatientParameters:
    """Sales upon the card of somebody in hospital."""

    sales: int = 1


@dataclass(frozen=True, slots=True)
class VerdictParameters:
    """How often in a month a reason must have come up, on how many `days`. `also`: reasons that count as `code`."""

    code: str
    attempts: int
    days: int = 1
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HoardingParameters:
    """Domain, section 3."""

    patients: int = 5
    within_days: int = 30


@dataclass(frozen=True, slots=True)
class AttackParameters:
    """One failed challenge is a retry; only several days, or a person's eyes, make a suspicion."""

    days: int = 2


def dead_patient(facts: PatientPurchases, parameters: DeadPatientParameters) -> Suspicion | None:
    """Fires on services after the death, by the time of the *service*. A death that was registered late is no excuse
    for the buyer and no fault of the pharmacy: how many sales were made after the notice is told besides.
    """
    if facts.dead_from is None:
        return None
    after = [item for item in facts.purchases if item.service_at >= facts.dead_from]
    sold = [item for item in after if item.sold]
    if len(sold) < parameters.sales and len(after) < max(1, parameters.attempts):
        return None
    known = [item for item in sold if facts.noticed_at is not None and item.service_at >= facts.noticed_at]
    chosen = sold or after
    return Suspicion(
        rule="dead_patient",
        variant="sold" if sold else "presented",
        event_at=chosen[0].service_at,
        facts=(
            Fact("purchases_after_death", len(after)),
            Fact("sales_after_death", len(sold), parameters.sales),
            Fact("sales_after_notice", len(known)),
            Fact("days", _days(chosen)),
            Fact("sources_conflict", "yes" if facts.conflicting else "no"),
        ),
        evidence_ids=_ids(after),
    )


def inpatient_purchase(facts: PatientPurchases, parameters: InpatientParameters) -> Suspicion | None:
    """Fires on outpatient sales while admitted, by what is known of the stay now: a late admit message counts, a
    corrected one withdraws the finding."""
    found = [item for item in facts.purchases if item.sold and item.in_hospital]
    if len(found) < parameters.sales:
        return None
    return Suspicion(
        rule="inpatient_purchase",
        variant="sold",
        event_at=found[parameters.sales - 1].service_at,
        facts=(Fact("sales_in_hospital", len(found), parameters.sales), Fact("days", _days(found))),
        evidence_ids=_ids(found),
    )


def verdict_reason(facts: BuyerPurchases, parameters: VerdictParameters, rule: str) -> Suspicion | None:
    """Fires when one reason came up often enough for one buyer in the month."""
    codes = {parameters.code, *parameters.also}
    found = [item for item in facts.purchases if codes & item.codes]
    if len(found) < parameters.attempts or len({item.local_day for item in found}) < parameters.days:
        return None
    return Suspicion(
        rule=rule,
        variant="attempts",
        event_at=found[parameters.attempts - 1].service_at,
        facts=(
            Fact("attempts", len(found), parameters.attempts),
            Fact("patients", len({item.patient_no for item in found})),
            Fact("days", _days(found)),
        ),
        evidence_ids=_ids(found),
    )


def delegate_hoarding(facts: BuyerPurchases, parameters: HoardingParameters) -> Suspicion | None:
    """Fires when one buyer bought for many patients within some days, at any pharmacies of the register; never for
    registered offices. It is raised where the last of those purchases was made."""
    if facts.office:
        return None
    sales = sorted(
        (item for item in (*facts.earlier, *facts.purchases) if item.sold and item.delegate_no is not None),
        key=lambda item: (item.service_at, item.purchase_id),
    )
    reach = timedelta(days=parameters.within_days)
    for index, last in enumerate(sales):
        window = [item for item in sales[: index + 1] if item.service_at > last.service_at - reach]
        patients = {item.patient_no for item in window}
        if len(patients) >= parameters.patients and last in facts.purchases:
            return Suspicion(
                rule="delegate_hoarding",
                variant="patients",
                event_at=last.service_at,
                facts=(
                    Fact("patients", len({item.patient_no for item in sales}), parameters.patients),
                    Fact("within_days", parameters.within_days),
                    Fact("sales", len(sales)),
                    Fact("days", _days(window)),
                ),
                evidence_ids=_ids(sales),
            )
    return None


def presentation_attack(facts: BuyerPurchases, parameters: AttackParameters) -> Suspicion | None:
    """Fires on suspect bursts of several days, or on one that a person saw."""
    tried = [item for item in facts.purchases if item.attack]
    seen = [item for item in tried if item.attack == "confirmed"]
    days = sorted({item.local_day for item in tried})
    if not seen and len(days) < parameters.days:
        return None
    complete = seen[0] if seen else next(item for item in tried if item.local_day == days[parameters.days - 1])
    return Suspicion(
        rule="presentation_attack",
        variant="seen" if seen else "days",
        event_at=complete.service_at,
        facts=(
            Fact("suspect_bursts", len(tried)),
            Fact("suspect_days", len(days), parameters.days),
            Fact("seen_by_a_person", len(seen)),
            Fact("days", [day.isoformat() for day in days]),
        ),
        evidence_ids=_ids(tried),
    )


def wrong_provisional(facts: BuyerPurchases) -> Suspicion | None:
    """Fires on sales without the network that the server would have sent to a person, or refused."""
    found = [item for item in facts.purchases if item.offline and item.sold and not item.right]
    if not found:
        return None
    return Suspicion(
        rule="wrong_provisional",
        variant="reconciled",
        event_at=found[0].service_at,
        facts=(
            Fact("wrong_sales", len(found), 1),
            Fact("reasons_found", sorted({code for item in found for code in item.codes if code not in _HARMLESS})),
            Fact("days", _days(found)),
        ),
        evidence_ids=_ids(found),
    )


_HARMLESS = frozenset(
    {
        "identity_verified",
        "identity_unchecked",
        "identity_by_documents",
        "liveness_passed",
        "liveness_not_tried",
        "patient_buys",
        "delegation_valid",
        "inpatient_excused",
        "passive_warning",
    }
)


def _days(items: Sequence[PurchaseRecord]) -> list[str]:
    return sorted({item.local_day.isoformat() for item in items})


def _ids(items: Sequence[PurchaseRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.purchase_id for item in items))
