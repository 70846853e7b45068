"""A place's purchase policies over time: each with its first day and its law. The one that holds at the service
decides, and a later one changes nothing that was judged before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from service.access import Actor
from service.facilities import Facility, event_now
from service.kit.clock import utc
from service.kit.errors import InvalidInput
from service.ledger import append
from service.pharmacy.policy import PurchasePolicy, named, policy_of
from service.pharmacy.tables import PharmacySite, PolicyVersion, Purchase

DEFAULT_BASIS: dict[str, str] = {
    "en": "Regulation on the supervision of the use of medical security funds (State Council Decree 735), articles "
    "15 and 17: who buys upon somebody's credential is verified. The numbers are proposals until the "
    "place names its own rules.",
    "zh": "《医疗保障基金使用监督管理条例》（国务院令第735号）第十五条、第十七条：凭证购药应核验身份；"
    "各项数值在当地规定公布前为建议值。",
}
"""For places that name no law of their own."""
SINCE_EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""From when a place's first policy holds, described before anything was sold there: a replay has not begun either."""


def purchase_policy(session: Session, facility: Facility, at: datetime) -> PurchasePolicy:
    """What the facility judges a purchase at event time `at` by."""
    row = version_at(session, facility.id, at)
    if row is None:
        site = session.get(PharmacySite, facility.id)
        return policy_of(site.policy if site is not None else {})
    return named(policy_of(row.overrides), row.version)


def version_at(session: Session, facility_id: str, at: datetime) -> PolicyVersion | None:
    """The version in force at event time `at`: of several with one first instant, the one entered last. None before
    the first one: then what the site was described with holds."""
    query = select(PolicyVersion).where(
        PolicyVersion.facility_id == facility_id, col(PolicyVersion.effective_from) <= at
    )
    latest = (
        col(PolicyVersion.effective_from).desc(),
        col(PolicyVersion.recorded_at).desc(),
        col(PolicyVersion.id).desc(),
    )
    return session.exec(query.order_by(*latest).limit(1)).first()


def is_judged(session: Session, facility_id: str) -> bool:
    """Whether any purchase was judged at the facility: from then on no policy may begin in the past."""
    return session.exec(select(Purchase.id).where(Purchase.facility_id == facility_id).limit(1)).first() is not None


def versions_of(session: Session, facility_id: str) -> tuple[PolicyVersion, ...]:
    """Every version of the facility, the latest first."""
    query = select(PolicyVersion).where(PolicyVersion.facility_id == facility_id)
    return tuple(session.exec(query.order_by(col(PolicyVersion.effective_from).desc(), col(PolicyVersion.id).desc())))


def add_policy(
    session: Session,
    facility: Facility,
    overrides: Mapping[str, Any],
    *,
    effective_from: datetime | None,
    legal_basis: Mapping[str, str],
    actor: Actor,
    now: datetime,
) -> PolicyVersion:
    """Enters what holds from an event time on; without one, from now. The same entry twice is one.

    Raises `InvalidInput` for a value at fault, or a beginning in the past: it would change answers already given.
    """
    policy, present = policy_of(overrides), event_now(facility, now)
    begins = utc(effective_from) if effective_from is not None else present
    if begins < present and is_judged(session, facility.id):
        raise InvalidInput(
            "lies in the past",
            field="effective_from",
            remedy="a policy holds from now or later; answers already given stay as they are",
            message_zh="生效时间早于当前",
            remedy_zh="政策只能自当前或以后生效，已作出的判定不变",
        )
    version = f"{policy.version}@{begins.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for known in versions_of(session, facility.id):
        if (known.version, known.legal_basis) == (version, dict(legal_basis)):
            return known
    row = PolicyVersion(
        facility_id=facility.id,
        version=version,
        effective_from=begins,
        overrides=dict(overrides),
        legal_basis=dict(legal_basis),
        recorded_by=actor.label,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action="purchase_policy.entered",
        object_kind="facility",
        object_id=facility.id,
        facility_id=facility.id,
        details={"version": version, "overrides": dict(overrides), "effective_from": begins.isoformat()},
    )
    return row
