"""Delegates and delegations: entered by staff, import or kiosk; decided, revoked; and how they stand at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from service.access import Actor
from service.admissions import Patient
from service.facilities import Facility, event_now
from service.kit.errors import InvalidInput, NotFound
from service.ledger import append
from service.pharmacy.decision import DelegationState
from service.pharmacy.errors import DelegationRefused
from service.pharmacy.history import uses_spent
from service.pharmacy.policies import purchase_policy
from service.pharmacy.sites import members, register_of
from service.pharmacy.tables import Delegate, Delegation

OFFICES = frozenset({"village_doctor", "care_home", "community_worker"})
"""Kinds that buy for many by office, once their registration was checked."""
_ORDER = (
    DelegationState.VALID,
    DelegationState.EXHAUSTED,
    DelegationState.PENDING,
    DelegationState.REVOKED,
    DelegationState.EXPIRED,
    DelegationState.NOT_YET_VALID,
)
"""Of several delegations of one pair the best counts; a revocation is told before an old expiry."""


@dataclass(frozen=True, slots=True)
class NewDelegate:
    """A delegate as entered."""

    delegate_no: str
    display_name: str = ""
    birth_date: date | None = None
    kind: str = "other"
    registration_no: str = ""


@dataclass(frozen=True, slots=True)
class NewDelegation:
    """A delegation as entered. `valid_to` is excluded; `uses_per_period` None is without limit."""

    delegate_no: str
    patient_no: str
    valid_from: datetime
    valid_to: datetime | None = None
    relation: str = "other"
    drug_classes: tuple[str, ...] = ()
    uses_per_period: int | None = None
    period_days: int = 30
    documents: tuple[str, ...] = ()
    max_quantity: Decimal | None = None
    wishes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """Who enters something where, and how: staff | import | kiosk."""

    facility: Facility
    actor: str
    now: datetime
    source: str = "staff"


def pharmacy_entry(facility: Facility, actor: Actor, now: datetime) -> Entry:
    """A member of staff enters or decides something."""
    return Entry(facility, actor.label, now)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pair of delegate and patient stands at an instant. `uses_left` None: without limit, or no delegation."""

    state: DelegationState
    delegation: Delegation | None = None
    uses_left: int | None = None


def find_delegate(session: Session, register_code: str, delegate_no: str) -> Delegate | None:
    """The register's delegate with this number."""
    if not delegate_no.isprintable():
        return None
    query = select(Delegate).where(Delegate.register_code == register_code, Delegate.delegate_no == delegate_no)
    return session.exec(query).first()


def delegates_called(session: Session, register_code: str, numbers: Iterable[str]) -> dict[str, Delegate]:
    """The register's delegates with these numbers."""
    wanted = sorted(set(numbers))
    found: dict[str, Delegate] = {}
    for at in range(0, len(wanted), 500):
        chosen = col(Delegate.delegate_no).in_(wanted[at : at + 500])
        query = select(Delegate).where(Delegate.register_code == register_code, chosen)
        found.update({row.delegate_no: row for row in session.exec(query)})
    return found


def delegate_by_no(session: Session, register_code: str, delegate_no: str) -> Delegate:
    """As `find_delegate`. Raises `NotFound`."""
    found = find_delegate(session, register_code, delegate_no)
    if found is None:
        raise NotFound(
            f"no delegate {delegate_no[:64]!r} in this register",
            field="delegate_no",
            remedy="POST /api/v1/delegates first, or correct the number",
            message_zh=f"登记册中没有受托人 {delegate_no[:64]!r}",
            remedy_zh="请先登记受托人，或更正编号",
        )
    return found


def add_delegate(session: Session, entry: Entry, new: NewDelegate) -> tuple[Delegate, bool]:
    """Enters a delegate, or brings the known one with this number up to date; and whether anything changed.

    An import or a kiosk never takes away what staff entered: it fills what is empty.
    """
    register = register_of(session, entry.facility)
    known = find_delegate(session, register, new.delegate_no)
    if known is None:
        known = Delegate(
            register_code=register,
            facility_id=entry.facility.id,
            delegate_no=new.delegate_no,
            display_name=new.display_name,
            birth_date=new.birth_date,
            kind=new.kind,
            registration_no=new.registration_no,
            recorded_by=entry.actor,
            recorded_at=entry.now,
        )
        save_entry(session, entry, known, "delegate.entered", known.id)
        return known, True
    changed = False
    for name in ("display_name", "birth_date", "registration_no"):
        value = getattr(new, name)
        if value and getattr(known, name) != value and (entry.source == "staff" or not getattr(known, name)):
            setattr(known, name, value)
            changed = True
    if new.kind != "other" and known.kind != new.kind and (entry.source == "staff" or known.kind == "other"):
        known.kind, changed = new.kind, True
    if changed:
        save_entry(session, entry, known, "delegate.changed", known.id)
    return known, changed


def add_delegation(session: Session, entry: Entry, new: NewDelegation, *, key: str = "") -> tuple[Delegation, bool]:
    """Enters a delegation, and whether it is new. One from a kiosk waits for a person; imported ones count at once;
    staff's too, unless the place's policy asks for a second person. The same entry twice (by `key`, or by its values)
    is one. Raises `NotFound`, `InvalidInput`.
    """
    if new.valid_to is not None and new.valid_to <= new.valid_from:
        raise InvalidInput("ends before it begins", field="valid_to", remedy="give a later end")
    register = register_of(session, entry.facility)
    delegate = delegate_by_no(session, register, new.delegate_no)
    same = key or _natural_key(new)
    known = _known(session, register, delegate, new, same)
    if known is not None:
        return known, False
    policy = purchase_policy(session, entry.facility, event_now(entry.facility, entry.now))
    waits = entry.source == "kiosk" or policy.second_person_approves
    row = Delegation(
        register_code=register,
        facility_id=entry.facility.id,
        delegate_id=delegate.id,
        patient_no=new.patient_no,
        relation=new.relation,
        drug_classes=list(new.drug_classes),
        valid_from=new.valid_from,
        valid_to=new.valid_to,
        uses_per_period=new.uses_per_period,
        period_days=new.period_days,
        documents=list(new.documents),
        max_quantity=new.max_quantity,
        wishes=dict(new.wishes),
        status="pending_review" if waits else "active",
        source=entry.source,
        source_key=same,
        recorded_by=entry.actor,
        recorded_at=entry.now,
        decided_by=None if waits else entry.actor,
        decided_at=None if waits else entry.now,
    )
    save_entry(session, entry, row, f"delegation.{row.status}", row.id)
    return row, True


def revoke_delegation(session: Session, entry: Entry, row: Delegation, *, at: datetime, note: str) -> Delegation:
    """Ends a delegation from `at` (event time) on; what was bought before stays lawful. Raises `DelegationRefused`."""
    if row.status != "active":
        raise DelegationRefused(f"it is {row.status}", remedy="only an active delegation can be revoked")
    row.status, row.revoked_at, row.revoked_by, row.note = "revoked", at, entry.actor, note
    save_entry(session, entry, row, "delegation.revoked", row.id)
    return row


def delegation_by_id(session: Session, delegation_id: str) -> Delegation | None:
    """The delegation with this id."""
    return session.get(Delegation, delegation_id) if delegation_id.isprintable() else None


def delegations_between(session: Session, delegate_id: str, patient_no: str) -> tuple[Delegation, ...]:
    """Every delegation of the pair, in order of validity."""
    query = select(Delegation).where(Delegation.delegate_id == delegate_id, Delegation.patient_no == patient_no)
    return tuple(session.exec(query.order_by(col(Delegation.valid_from), col(Delegation.id))))


def holds_for_another(session: Session, delegate_id: str, at: datetime) -> bool:
    """Whether the delegate has a delegation that holds at `at`, whoever it is for."""
    query = select(Delegation).where(Delegation.delegate_id == delegate_id, Delegation.status == "active")
    return any(state_at(row, at) is DelegationState.VALID for row in session.exec(query))


def standing(session: Session, delegate_id: str, patient_no: str, at: datetime, *, now: datetime) -> Standing:
    """How the pair stands at event time `at`; of several delegations the best. `now`: real time, for reservations."""
    rows = delegations_between(session, delegate_id, patient_no)
    found = [standing_of(session, row, at, now=now) for row in reversed(rows) if row.status != "rejected"]
    return min(found, key=lambda item: _ORDER.index(item.state), default=Standing(DelegationState.NONE))


def standing_of(session: Session, row: Delegation, at: datetime, *, now: datetime) -> Standing:
    """How one delegation stands at event time `at`, its uses with it. `now`: real time, for reservations."""
    state = state_at(row, at)
    if state is None:
        return Standing(DelegationState.NONE)
    left = None
    if row.uses_per_period is not None:
        left = max(0, row.uses_per_period - uses_spent(session, row, at, now=now))
        if state is DelegationState.VALID and left == 0:
            state = DelegationState.EXHAUSTED
    return Standing(state, row, left)


def state_at(row: Delegation, at: datetime) -> DelegationState | None:
    """How one delegation stands at an instant, its uses apart; None for a rejected one."""
    if row.status == "rejected":
        return None
    if row.status == "pending_review":
        return DelegationState.PENDING
    if row.revoked_at is not None and at >= row.revoked_at:
        return DelegationState.REVOKED
    if at < row.valid_from:
        return DelegationState.NOT_YET_VALID
    if row.valid_to is not None and at >= row.valid_to:
        return DelegationState.EXPIRED
    return DelegationState.VALID


def is_office(delegate: Delegate) -> bool:
    """Whether the delegate buys for many by a registered office."""
    return delegate.kind in OFFICES and bool(delegate.registration_no)


def patients_called(session: Session, register_code: str, patient_no: str) -> tuple[Patient, ...]:
    """The rows of one person at the register's facilities. Rows that share the number and not the birth date are other
    people's: of them, those that agree with the earliest known are kept."""
    if not patient_no.isprintable():
        return ()
    places = members(session, register_code)
    query = select(Patient).where(Patient.patient_no == patient_no, col(Patient.facility_id).in_(places))
    rows = sorted(session.exec(query), key=lambda row: (row.recorded_at, row.id))
    born = next((row.birth_date for row in rows if row.birth_date is not None), None)
    return tuple(row for row in rows if row.birth_date in (None, born))


def _known(session: Session, register: str, delegate: Delegate, new: NewDelegation, same: str) -> Delegation | None:
    """The delegation that was entered so before. Keys of old entries do not tell drugs and quantity: the row does."""
    query = select(Delegation).where(
        Delegation.register_code == register,
        Delegation.delegate_id == delegate.id,
        Delegation.patient_no == new.patient_no,
        col(Delegation.source_key).in_((same, _plain_key(new))),
    )
    drugs = (set(new.drug_classes), new.max_quantity)
    rows = session.exec(query.order_by(col(Delegation.id)))
    return next(
        (row for row in rows if row.source_key == same or (set(row.drug_classes), row.max_quantity) == drugs), None
    )


def _natural_key(new: NewDelegation) -> str:
    if not new.drug_classes and new.max_quantity is None:
        return _plain_key(new)
    most = "-" if new.max_quantity is None else f"{new.max_quantity.normalize():f}"
    drugs = hashlib.sha256("|".join((most, *sorted(new.drug_classes))).encode()).hexdigest()[:16]
    return f"{_plain_key(new)[:140]}/{drugs}"


def _plain_key(new: NewDelegation) -> str:
    end = new.valid_to.isoformat() if new.valid_to else "-"
    return f"{new.valid_from.isoformat()}/{end}/{new.uses_per_period}/{new.period_days}"[:160]


def save_entry(
    session: Session, entry: Entry, row: Delegate | Delegation, action: str, object_id: str, **details: object
) -> None:
    """Writes the row, and who did what into the log."""
    session.add(row)
    session.flush()
    append(
        session,
        clock_now=entry.now,
        kind="audit",
        actor=entry.actor,
        action=action,
        object_kind=action.partition(".")[0],
        object_id=object_id,
        facility_id=entry.facility.id,
        details={"source": entry.source, **details},
    )
