"""Pharmacies and the registers that they share with hospitals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.facilities import Facility, event_now, facilities_readable, facility_by_id
from service.kit.errors import InvalidInput
from service.ledger import append
from service.pharmacy.errors import DelegationRefused
from service.pharmacy.policies import DEFAULT_BASIS, SINCE_EVER, add_policy, is_judged, purchase_policy
from service.pharmacy.policy import policy_of
from service.pharmacy.tables import Delegate, Delegation, IdentityExemption, PharmacySite, Purchase

_DAYS = frozenset("0123456")


def site_of(session: Session, facility: Facility) -> PharmacySite:
    """The facility's site; one that was never described has a register of its own."""
    found = session.get(PharmacySite, facility.id)
    return found or PharmacySite(
        facility_id=facility.id, register_code=own_register(facility), updated_at=facility.created_at
    )


def own_register(facility: Facility) -> str:
    """The register of a facility that shares none. No shared register can have this name."""
    return f"={facility.id}"


def register_of(session: Session, facility: Facility) -> str:
    """The code of the register that the facility uses."""
    return site_of(session, facility).register_code


def members(session: Session, register_code: str) -> tuple[str, ...]:
    """Ids of the facilities that share the register."""
    if register_code.startswith("="):
        return (register_code[1:],)
    rows = session.exec(select(PharmacySite.facility_id).where(PharmacySite.register_code == register_code))
    return tuple(sorted(rows))


def registers_readable(session: Session, actor: Actor, permission: Permission) -> tuple[str, ...] | None:
    """Codes of the registers in which the actor has the permission at some member; None means all."""
    allowed = actor.facilities(permission)
    if allowed is None:
        return None
    places = facilities_readable(session, allowed)
    return tuple(sorted({register_of(session, place) for place in places}))


def sites_readable(session: Session, actor: Actor) -> tuple[tuple[Facility, PharmacySite], ...]:
    """The described sites that the actor may read, in order of their facility's code."""
    places = facilities_readable(session, actor.facilities(Permission.FACILITY_READ))
    return tuple((place, site) for place in places if (site := session.get(PharmacySite, place.id)) is not None)


def describe_site(
    session: Session,
    facility: Facility,
    *,
    register: str,
    level: str,
    pharmacy_type: str,
    opening_hours: Mapping[str, Any],
    policy: Mapping[str, Any],
    legal_basis: Mapping[str, str] | None = None,
    actor: Actor,
    now: datetime,
) -> PharmacySite:
    """Describes a pharmacy, or a hospital that shares a register. Raises `InvalidInput`, `DelegationRefused`.

    Another policy than the one in force holds from now on, the first one from ever; what was judged stays as it is.
    Whoever joins a register reads what is in it: only those who administer all of its members may let another one in;
    of a register without members, those who administer every facility that entered something that is still kept.
    """
    wanted, present = policy_of(policy), event_now(facility, now)
    _check_hours(opening_hours)
    code = register or own_register(facility)
    if register.startswith("="):
        raise InvalidInput("a register's code does not begin with =", field="register", remedy="choose another code")
    site = site_of(session, facility)
    if code != site.register_code and register:
        _may_join(session, register, actor)
    site.register_code, site.level, site.pharmacy_type = code, level, pharmacy_type
    site.opening_hours, site.updated_at = dict(opening_hours), now
    session.add(site)
    session.flush()
    if wanted.version != purchase_policy(session, facility, present).version.partition("@")[0]:
        basis = legal_basis or DEFAULT_BASIS
        begins = None if is_judged(session, facility.id) else SINCE_EVER
        add_policy(session, facility, policy, effective_from=begins, legal_basis=basis, actor=actor, now=now)
    append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor.label,
        action="pharmacy.described",
        object_kind="facility",
        object_id=facility.id,
        facility_id=facility.id,
        details={"register": code, "policy": dict(policy)},
    )
    return site


def _may_join(session: Session, register: str, actor: Actor) -> None:
    for facility_id in members(session, register) or _who_entered(session, register):
        if not actor.may(Permission.FACILITY_WRITE, facility_id):
            raise DelegationRefused(
                "the register belongs to facilities that you do not administer",
                field="register",
                remedy="ask whoever administers all of them, or choose another code",
                message_zh="该登记册属于您无权管理的机构",
                remedy_zh="请联系管理全部成员机构的管理员，或使用其他代码",
            )


def _who_entered(session: Session, register: str) -> tuple[str, ...]:
    """Facilities that entered what is still kept under the code: a register that all have left is theirs all the
    same. Its delegates and purchases must not go to whoever next takes the code."""
    found: set[str] = set()
    for table in (Delegate, Delegation, IdentityExemption, Purchase):
        query = select(table.facility_id).where(table.register_code == register).distinct()
        found |= set(session.exec(query))
    return tuple(sorted(found))


def _check_hours(hours: Mapping[str, Any]) -> None:
    for day, spans in hours.items():
        ok = day in _DAYS and isinstance(spans, list) and all(_is_span(span) for span in spans)
        if not ok:
            raise InvalidInput(
                f"opening hours of day {day[:20]!r} are not valid",
                field=f"opening_hours.{day[:20]}",
                remedy='days are 0 (Monday) to 6, each with a list like [["08:00", "20:00"]]',
            )


def _is_span(span: object) -> bool:
    return isinstance(span, list) and len(span) == 2 and all(_is_time(part) for part in span) and span[0] < span[1]


def _is_time(text: object) -> bool:
    if not isinstance(text, str) or len(text) != 5 or text[2] != ":" or not (text[:2] + text[3:]).isdecimal():
        return False
    return int(text[:2]) <= 24 and int(text[3:]) < 60 and text <= "24:00"


def kiosk_facility(session: Session, actor: Actor) -> Facility:
    """The facility of the device or token that calls. Raises `Forbidden` or `InvalidInput` for a person."""
    if actor.facility_id is None:
        raise InvalidInput(
            "only a kiosk may ask this", field="authorization", remedy="use the kiosk's own key or token"
        )
    actor.require(Permission.PURCHASES_VERIFY, actor.facility_id)
    return facility_by_id(session, actor.facility_id)


def facilities_of_register(session: Session, register_code: str) -> tuple[Facility, ...]:
    """The register's members."""
    ids = members(session, register_code)
    return tuple(session.exec(select(Facility).where(col(Facility.id).in_(ids)).order_by(col(Facility.code))))
