"""The API of purchase policies: what holds from which day on, and by which law."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from service.access import Actor, Permission, allow
from service.facilities import event_now, facility_for
from service.pharmacy.policies import DEFAULT_BASIS, add_policy, version_at, versions_of
from service.pharmacy.policy import policy_of
from service.pharmacy.schemas_registers import PolicyIn, PolicyOut
from service.pharmacy.sites import site_of
from service.pharmacy.tables import PolicyVersion
from service.platform.http import ContextDep, ReadSession, WriteSession

router = APIRouter()

FacilityCode = Annotated[str, Path(max_length=64)]


@router.post("/pharmacies/{facility_code}/policies", status_code=201, summary="Enter a purchase policy")
def post_policy(
    facility_code: FacilityCode,
    body: PolicyIn,
    actor: Annotated[Actor, allow(Permission.FACILITY_WRITE)],
    context: ContextDep,
    session: WriteSession,
) -> PolicyOut:
    """It holds from its day on, never in the past; what was judged before keeps its answer and its version."""
    facility = facility_for(session, actor, Permission.FACILITY_WRITE, facility_code)
    now = context.clock.now()
    basis = body.legal_basis.model_dump()
    row = add_policy(
        session, facility, body.policy, effective_from=body.effective_from, legal_basis=basis, actor=actor, now=now
    )
    return _out(row, version_at(session, facility.id, event_now(facility, now)))


@router.get("/pharmacies/{facility_code}/policies", summary="Purchase policies, the latest first")
def list_policies(
    facility_code: FacilityCode,
    actor: Annotated[Actor, allow(Permission.PURCHASES_READ)],
    context: ContextDep,
    session: ReadSession,
) -> list[PolicyOut]:
    """Every version that a verdict may name, those to come as well."""
    facility = facility_for(session, actor, Permission.PURCHASES_READ, facility_code)
    current = version_at(session, facility.id, event_now(facility, context.clock.now()))
    first = site_of(session, facility).policy
    found = [_out(row, current) for row in versions_of(session, facility.id)]
    return [
        *found,
        PolicyOut(
            version=policy_of(first).version,
            effective_from=None,
            in_force=current is None,
            policy=first,
            legal_basis=DEFAULT_BASIS,
            recorded_by="",
            recorded_at=None,
        ),
    ]


def _out(row: PolicyVersion, current: PolicyVersion | None) -> PolicyOut:
    return PolicyOut(
        version=row.version,
        effective_from=row.effective_from,
        in_force=current is not None and current.id == row.id,
        policy=row.overrides,
        legal_basis=row.legal_basis,
        recorded_by=row.recorded_by,
        recorded_at=row.recorded_at,
    )
