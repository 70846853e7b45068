"""The first page: each facility with its wards, what is open and how much of it could be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session

from service.access import Actor, Permission, allow
from service.facilities import Facility, watermark
from service.occupancy import (
    BedNow,
    DirectedState,
    InBedRateRow,
    directed_checks,
    in_bed_rate,
    requests_with_state,
    ward_board,
)
from service.platform.context import Context
from service.platform.http import ContextDep, ReadSession
from service.sightings import count_by_ward, open_alarms
from service.web.findings_seen import findings_by_admission
from service.web.places import Places, facility_name, in_shadow, period_of, readable
from service.web.rates import rate_view
from service.web.render import page, reader_of
from service.web.signs import NEEDS_A_LOOK
from service.web.texts import Language
from service.web.views import FacilitySummary, WardSummary

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_overview(
    request: Request,
    actor: Annotated[Actor, allow(Permission.OCCUPANCY_READ)],
    session: ReadSession,
    context: ContextDep,
) -> Response:
    """Every facility the reader may see."""
    reader = reader_of(request, actor)
    found = [
        (_summary(session, context, actor, facility, reader.language), reader.words(facility.timezone))
        for facility in readable(session, actor, Permission.OCCUPANCY_READ)
    ]
    zones = {facility.zone for facility, _ in found}
    return page(request, "overview.html", actor, zone=zones.pop() if len(zones) == 1 else "UTC", facilities=found)


def _summary(
    session: Session, context: Context, actor: Actor, facility: Facility, language: Language
) -> FacilitySummary:
    at = watermark(facility, context.clock)
    period = period_of(None, None, facility, at)
    places = Places.of(session, facility, language)
    by_ward = {row.ward_id: row for row in in_bed_rate(session, facility.id, None, period.interval, ["ward"])}
    whole = in_bed_rate(session, facility.id, None, period.interval)[0]
    findings = findings_by_admission(session, actor, facility)
    asked = _open_requests(session, context, facility, places)
    wards = tuple(
        _ward(ward_id, places, by_ward, ward_board(session, ward, context.clock).beds, asked, findings)
        for ward_id, ward in places.wards.items()
    )
    return FacilitySummary(
        code=facility.code,
        name=facility_name(facility, language),
        zone=facility.timezone,
        in_shadow=in_shadow(facility),
        shadow_until=facility.shadow_until,
        at=at,
        first_day=period.first,
        last_day=period.last,
        rate=rate_view(whole),
        wards=wards,
        findings=None if findings is None else sum(findings.values()),
        alarmed=sum(count_by_ward(open_alarms(session, facility.id)).values()),
    )


def _ward(
    ward_id: str,
    places: Places,
    rates: Mapping[str | None, InBedRateRow],
    beds: tuple[BedNow, ...],
    asked: Mapping[str, Counter[DirectedState]],
    findings: Mapping[str, int] | None,
) -> WardSummary:
    row = rates.get(ward_id)
    held = [bed for bed in beds if bed.admission_id]
    here = asked.get(ward_id, Counter())
    return WardSummary(
        ward_id=ward_id,
        name=places.ward(ward_id),
        beds=len(beds),
        occupied=len(held),
        rate=rate_view(row) if row else None,
        open_checks=here[DirectedState.OPEN],
        late_checks=here[DirectedState.EXPIRED],
        attention=sum(_asks_for_a_look(bed) for bed in held),
        findings=None if findings is None else sum(findings.get(bed.admission_id or "", 0) for bed in held),
    )


def _asks_for_a_look(bed: BedNow) -> bool:
    return bed.state.value in NEEDS_A_LOOK or (bed.outcome is not None and bed.outcome.value in NEEDS_A_LOOK)


def _open_requests(
    session: Session, context: Context, facility: Facility, places: Places
) -> dict[str, Counter[DirectedState]]:
    """Ward id -> its requests to look by state, of the last day: older ones that expired are history."""
    at = watermark(facility, context.clock)
    rows = [row for row in directed_checks(session, facility.id) if row.deadline_at > at - timedelta(days=1)]
    found: dict[str, Counter[DirectedState]] = {}
    for request in requests_with_state(session, facility, rows, context.clock):
        bed = places.beds.get(request.row.bed_id or "")
        if bed is not None:
            found.setdefault(bed.ward_id, Counter())[request.state] += 1
    return found
