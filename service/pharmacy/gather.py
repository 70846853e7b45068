"""The circumstances of one purchase, from what the registers, the sources of deaths and the hospitals know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import Session, col, select

from service.admissions import (
    AdmissionRecord,
    Patient,
    VitalStatus,
    admissions_of_patient,
    same_persons,
    vital_status_of,
)
from service.contracts import BuyerRole, Channel, PurchaseItem, ReasonCode, Verdict
from service.facilities import Facility, facility_by_id
from service.pharmacy.decision import Circumstances, DelegationState, Identity, Liveness, Stay, Vital
from service.pharmacy.history import (
    days_left,
    principals_of,
    purchases_lately,
    quantities_lately,
    share_left,
    supplies_of,
)
from service.pharmacy.identity import Seen
from service.pharmacy.limits import DrugAsked, QuantityLimit, by_drug, excess_of
from service.pharmacy.policy import PurchasePolicy
from service.pharmacy.registers import (
    Standing,
    find_delegate,
    holds_for_another,
    is_office,
    patients_called,
    standing,
)
from service.pharmacy.sites import members
from service.pharmacy.tables import Delegate, IdentityExemption, VitalFeed
from service.vision.liveness import LivenessReason

PASSIVE_WARNING = LivenessReason.PASSIVE_WARNING.value
BOUGHT_OUTSIDE = frozenset({Channel.DUAL_CHANNEL, Channel.NATIONAL_NEGOTIATED})
"""双通道 and 国谈 prescriptions are filled by pharmacies also for inpatients."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A purchase as asked for at the kiosk, at event time `at` and real time `now`."""

    facility: Facility
    register: str
    patient_no: str
    buyer: BuyerRole
    delegate_no: str | None
    items: tuple[PurchaseItem, ...]
    at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """Whom it concerns: rows of the patient at the register's facilities, and the delegate."""

    patients: tuple[Patient, ...]
    delegate: Delegate | None

    def key(self, buyer: BuyerRole, facility_id: str) -> tuple[str, ...]:
        """Under which keys the buyer's templates may be: the delegate's, or the patient's at any facility."""
        if buyer is BuyerRole.DELEGATE:
            return (self.delegate.id,) if self.delegate else ()
        return tuple(row.id for row in sorted(self.patients, key=lambda row: row.facility_id != facility_id))


@dataclass(frozen=True, slots=True)
class Gathered:
    """The circumstances, with the ids behind them. `causes` are for people of the register only."""

    case: Circumstances
    delegation_id: str | None
    causes: tuple[str, ...]


def whom(session: Session, asked: Asked) -> Known:
    """The patient's rows and the delegate, as far as the register knows them."""
    delegate = find_delegate(session, asked.register, asked.delegate_no) if asked.delegate_no else None
    return Known(patients_called(session, asked.register, asked.patient_no), delegate)


def gather(
    session: Session,
    asked: Asked,
    known: Known,
    seen: Seen,
    policy: PurchasePolicy,
    *,
    failed: int,
    offline: bool = False,
) -> Gathered:
    """Everything that the decision table asks about. Call it while the patient's account is held."""
    now, drugs = asked.now, drugs_of(asked.items, policy)
    pair = _pair(session, asked, known)
    supplies = supplies_of(session, asked.register, asked.patient_no, sorted(drugs), asked.at, now=now)
    excess = excess_of(drugs, quantities_lately(supplies, asked.at), _delegated_most(pair))
    vital = vital_status_of(session, [row.id for row in known.patients], noticed_by=asked.at)
    case = Circumstances(
        buyer=asked.buyer,
        identity=seen.identity,
        liveness=seen.liveness,
        passive_warning=PASSIVE_WARNING in seen.liveness_reasons,
        failed_bursts=failed,
        patient_known=bool(known.patients),
        delegate_known=known.delegate is not None,
        delegation=pair.state,
        class_not_covered=_not_covered(pair, asked.items),
        class_excluded=any(item.drug_class in policy.excluded_classes for item in asked.items),
        over_delegated=excess.delegation,
        principals=_principals(session, asked, known),
        vital=_vital(vital, asked.at),
        register_stale=_stale(session, asked, policy),
        stay=stay_at(session, known.patients, asked.at, [item.channel for item in asked.items]),
        longest_supply_days=max(drug.days for drug in drugs.values()),
        over_quantity=excess.quantity,
        over_dose=excess.dose,
        days_on_hand=_on_hand(drugs, days_left(supplies, asked.at)),
        supply_left=share_left(supplies, asked.at),
        purchases_in_30_days=purchases_lately(session, asked.register, asked.patient_no, asked.at, now=now),
        offline=offline,
    )
    causes = {Vital.DEAD: ("death_on_record",), Vital.CONFLICTING: ("sources_conflict",)}.get(case.vital, ())
    used = pair.delegation if pair.state in (DelegationState.VALID, DelegationState.EXHAUSTED) else None
    return Gathered(case, used.id if used else None, causes)


def exempt(session: Session, asked: Asked) -> bool:
    """Whether an approved exemption says that the buyer shows who they are by documents."""
    kind = "delegate" if asked.buyer is BuyerRole.DELEGATE else "patient"
    query = select(IdentityExemption).where(
        IdentityExemption.register_code == asked.register,
        IdentityExemption.person_kind == kind,
        IdentityExemption.person_no == (asked.delegate_no if kind == "delegate" else asked.patient_no),
        col(IdentityExemption.approved_at).is_not(None),
        col(IdentityExemption.ended_at).is_(None),
    )
    return any(row.valid_to is None or row.valid_to > asked.at for row in session.exec(query))


def by_documents(session: Session, asked: Asked, policy: PurchasePolicy) -> Seen:
    """What documents show, in place of a burst."""
    enough = policy.documents_enough_with_exemption and exempt(session, asked)
    return Seen(Identity.BY_DOCUMENTS if enough else Identity.DOCUMENTS, Liveness.NOT_TRIED)


def stay_at(session: Session, patients: Sequence[Patient], at: datetime, channels: Collection[str]) -> Stay:
    """Whether the person is in hospital at `at`, and whether that stands in the way. A card whose number was merged
    into another (A40) finds the stays of both."""
    found = Stay.NONE
    for patient in patients:
        zone = ZoneInfo(facility_by_id(session, patient.facility_id).timezone)
        numbers = {patient.id} | same_persons(session, [patient.id])
        for record in [one for each in sorted(numbers) for one in admissions_of_patient(session, each)]:
            if not record.stay.contains(at):
                continue
            if not excused_stay(record, at, zone, all(channel in BOUGHT_OUTSIDE for channel in channels)):
                return Stay.INPATIENT
            found = Stay.EXCUSED
    return found


def excused_stay(record: AdmissionRecord, at: datetime, zone: ZoneInfo, bought_outside: bool) -> bool:
    """Whether a purchase during the stay is lawful: on leave, on the local day of admission or discharge, or of drugs
    that inpatients buy outside."""
    day = at.astimezone(zone).date()
    days = {record.admitted_at.astimezone(zone).date()}
    if record.discharged_at is not None:
        days.add(record.discharged_at.astimezone(zone).date())
    return bought_outside or day in days or any(leave.interval.contains(at) for leave in record.leaves)


def fallback_of(codes: frozenset[ReasonCode], items: Sequence[PurchaseItem], policy: PurchasePolicy) -> Verdict:
    """What holds for a manual review that nobody answers: leave for a short supply, unless a reason forbids it."""
    long = max(item.days_of_supply for item in items) > policy.fallback_days_of_supply
    if policy.review_fallback == "refused" or long or codes & policy.never_by_fallback:
        return Verdict.REFUSED
    return Verdict.PROVISIONAL


def drugs_of(items: Sequence[PurchaseItem], policy: PurchasePolicy) -> dict[str, DrugAsked]:
    """The purchase by drug, each with the limit that policy has for it."""
    otherwise = QuantityLimit(per_purchase=Decimal(policy.max_quantity))
    return by_drug(items, policy.quantity_by_item, policy.quantity_by_class, otherwise)


def _pair(session: Session, asked: Asked, known: Known) -> Standing:
    if asked.buyer is not BuyerRole.DELEGATE or known.delegate is None:
        return Standing(DelegationState.NONE)
    found = standing(session, known.delegate.id, asked.patient_no, asked.at, now=asked.now)
    if found.state is DelegationState.NONE and holds_for_another(session, known.delegate.id, asked.at):
        return Standing(DelegationState.WRONG_PATIENT)
    return found


def _delegated_most(pair: Standing) -> Decimal | None:
    valid = pair.delegation is not None and pair.state is DelegationState.VALID
    return pair.delegation.max_quantity if pair.delegation is not None and valid else None


def _on_hand(drugs: Mapping[str, DrugAsked], left: Mapping[str, float]) -> float:
    return max(left.get(code, 0.0) + drug.days for code, drug in drugs.items())


def _not_covered(pair: Standing, items: Sequence[PurchaseItem]) -> bool:
    if pair.delegation is None or pair.state is not DelegationState.VALID or not pair.delegation.drug_classes:
        return False
    return any(item.drug_class not in pair.delegation.drug_classes for item in items)


def _principals(session: Session, asked: Asked, known: Known) -> int:
    if known.delegate is None or asked.delegate_no is None or is_office(known.delegate):
        return 0
    others = principals_of(session, asked.register, asked.delegate_no, asked.at, now=asked.now)
    return len(others | {asked.patient_no})


def _vital(status: VitalStatus, at: datetime) -> Vital:
    if not status.dead_at(at):
        return Vital.NOT_DEAD
    return Vital.CONFLICTING if status.conflicting else Vital.DEAD


def _stale(session: Session, asked: Asked, policy: PurchasePolicy) -> bool:
    if policy.vital_register_max_age_days is None:
        return False
    places = members(session, asked.register)
    last = session.exec(select(func.max(VitalFeed.through)).where(col(VitalFeed.facility_id).in_(places))).one()
    return last is None or last < asked.at - timedelta(days=policy.vital_register_max_age_days)
