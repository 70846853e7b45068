"""The in-bed rate of a region, as a page and as a file: for people with a role in several of its facilities."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlmodel import Session

from service import ledger
from service.access import Actor, Permission, allow
from service.facilities import Facility, watermark
from service.kit.errors import InvalidInput, NotFound
from service.occupancy import InBedRateRow, facilities_of_region, in_bed_rate, region_rate
from service.platform.context import Context
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.reports import in_bed_rate_csv
from service.web.places import Period, facility_name, period_of, readable
from service.web.rates import rate_charts, rate_row
from service.web.render import page, reader_of
from service.web.views import Choice, Report

router = APIRouter(include_in_schema=False)

GROUPINGS = ("day", "facility", "hour")

Reading = Annotated[Actor, allow(Permission.OCCUPANCY_READ)]


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks of a region's rate. Days are those of the first facility's clock."""

    region: str
    facilities: tuple[Facility, ...]
    period: Period
    by: str

    def address(self, path: str) -> str:
        """The same question at another address."""
        period = {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}
        return f"{path}?{urlencode({'region': self.region, **period, 'by': self.by})}"


def regions_of(session: Session, actor: Actor, chosen: str = "") -> tuple[Choice, ...]:
    """The regions of which the actor may read more than one facility."""
    number = Counter(item.region for item in readable(session, actor, Permission.OCCUPANCY_READ) if item.region)
    return tuple(Choice(name, name, name == chosen) for name, count in sorted(number.items()) if count > 1)


@router.get("/reports/regions/in-bed-rate")
def show_region(
    request: Request,
    actor: Reading,
    context: ContextDep,
    session: ReadSession,
    region: Annotated[str, Query(max_length=64)] = "",
    first: Annotated[str | None, Query(alias="from")] = None,
    last: Annotated[str | None, Query(alias="to")] = None,
    by: str = "day",
) -> Response:
    """The region's rate as a page: over the facilities that the reader may see, every check alike."""
    asked = _question(session, context, actor, region, first, last, by)
    zone = asked.facilities[0].timezone
    reader = reader_of(request, actor)
    words = reader.words(zone)
    names = {item.id: facility_name(item, reader.language) for item in asked.facilities}
    rows = tuple(rate_row(row, words, lambda key: names.get(key or "", "")) for row in _rows(session, asked, asked.by))
    total = rate_row(_rows(session, asked, "")[0], words, lambda _: "")
    report = Report(
        facility_name=asked.region,
        zone=zone,
        in_shadow=False,
        shadow_until=None,
        first_day=asked.period.first,
        last_day=asked.period.last,
        by=asked.by,
        ward_name=reader.t("report.region.of", count=len(asked.facilities)),
        rows=rows if total.checks else (),
        total=total if total.checks else None,
        charts=rate_charts(rows, asked.by, total.rate.target),
        facilities=regions_of(session, actor, asked.region),
        wards=(),
        groupings=tuple(Choice(item, reader.t(f"report.by.{item}"), item == asked.by) for item in GROUPINGS),
        csv_url=asked.address("/reports/regions/in-bed-rate.csv"),
        asked="region",
    )
    return page(request, "report.html", actor, zone=zone, report=report)


@router.get("/reports/regions/in-bed-rate.csv")
def download_region(
    request: Request,
    actor: Reading,
    context: ContextDep,
    session: WriteSession,
    region: Annotated[str, Query(max_length=64)] = "",
    first: Annotated[str | None, Query(alias="from")] = None,
    last: Annotated[str | None, Query(alias="to")] = None,
    by: str = "day",
) -> Response:
    """The same as a file. What leaves the house is noted in the ledger, for each facility in it."""
    asked = _question(session, context, actor, region, first, last, by)
    language = reader_of(request).language
    names = {item.id: facility_name(item, language) for item in asked.facilities}
    text = in_bed_rate_csv(_rows(session, asked, asked.by), names, language, place="facility")
    period = {"from": asked.period.first.isoformat(), "to": asked.period.last.isoformat()}
    for item in asked.facilities:
        ledger.append(
            session,
            clock_now=context.clock.now(),
            kind="audit",
            actor=actor.label,
            action="report.exported",
            object_kind="facility",
            object_id=item.id,
            facility_id=item.id,
            details={"report": "in-bed-rate", "region": asked.region, **period},
        )
    name = f"in-bed-rate_region_{period['from']}_{period['to']}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _question(
    session: Session, context: Context, actor: Actor, region: str, first: str | None, last: str | None, by: str
) -> Question:
    chosen = region or next((choice.value for choice in regions_of(session, actor)), "")
    found = facilities_of_region(session, actor, Permission.OCCUPANCY_READ, chosen)
    if not found:
        raise NotFound(
            "no facility of this region",
            field="region",
            remedy="choose a region from the list",
            message_zh="该区域没有机构",
            remedy_zh="请从列表中选择区域",
        )
    if by not in GROUPINGS:
        raise InvalidInput(
            f"{by[:20]!r} is no way to group a region's rate",
            field="by",
            remedy=f"use one of {' '.join(GROUPINGS)}",
            message_zh=f"不支持按 {by[:20]!r} 分组",
            remedy_zh=f"请使用 {' '.join(GROUPINGS)} 之一",
        )
    period = period_of(first, last, found[0], watermark(found[0], context.clock))
    return Question(chosen, found, period, by)


def _rows(session: Session, asked: Question, by: str) -> tuple[InBedRateRow, ...]:
    """The rows; by facility each one's own total, with the facility's id where a ward's would stand."""
    if by != "facility":
        return region_rate(session, [item.id for item in asked.facilities], asked.period.interval, [by] if by else [])
    return tuple(
        replace(in_bed_rate(session, item.id, None, asked.period.interval)[0], ward_id=item.id)
        for item in asked.facilities
    )
