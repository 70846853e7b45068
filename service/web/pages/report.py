"""The in-bed rate as a page and as a file: the same numbers from the same question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlmodel import Session

from service import ledger
from service.access import Actor, Permission, allow
from service.facilities import Facility, watermark
from service.kit.errors import InvalidInput, NotFound
from service.occupancy import InBedRateRow, in_bed_rate, target_of
from service.platform.context import Context
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.reports import in_bed_rate_csv
from service.web.pages.region_report import regions_of
from service.web.places import Period, Places, chosen_facility, facility_choices, facility_name, in_shadow, period_of
from service.web.rates import rate_charts, rate_row
from service.web.render import page, reader_of
from service.web.texts import Texts
from service.web.views import Choice, Report

router = APIRouter(include_in_schema=False)

GROUPINGS = ("day", "ward", "day,ward", "hour")

Reading = Annotated[Actor, allow(Permission.OCCUPANCY_READ)]


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks of the in-bed rate."""

    facility: Facility
    ward_id: str | None
    period: Period
    by: str

    def address(self, path: str) -> str:
        """The same question at another address."""
        asked = {
            "facility": self.facility.code,
            "ward": self.ward_id or "",
            "from": self.period.first.isoformat(),
            "to": self.period.last.isoformat(),
            "by": self.by,
        }
        return f"{path}?{urlencode(asked)}"


@router.get("/reports/in-bed-rate")
def show_report(
    request: Request,
    actor: Reading,
    context: ContextDep,
    session: ReadSession,
    facility: str | None = None,
    ward: str | None = None,
    first: Annotated[str | None, Query(alias="from")] = None,
    last: Annotated[str | None, Query(alias="to")] = None,
    by: str = "day",
) -> Response:
    """The report as a page."""
    asked = _question(session, context, actor, facility, ward, first, last, by)
    if asked is None:
        return page(request, "overview.html", actor, facilities=[])
    report = _report(session, asked, request, actor)
    return page(request, "report.html", actor, zone=report.zone, report=report)


@router.get("/reports/in-bed-rate.csv")
def download_report(
    request: Request,
    actor: Reading,
    context: ContextDep,
    session: WriteSession,
    facility: str | None = None,
    ward: str | None = None,
    first: Annotated[str | None, Query(alias="from")] = None,
    last: Annotated[str | None, Query(alias="to")] = None,
    by: str = "day",
) -> Response:
    """The report as a file. What leaves the house is noted in the ledger."""
    asked = _question(session, context, actor, facility, ward, first, last, by)
    if asked is None:
        raise NotFound("there is no facility to report on", remedy="ask an administrator for a role at a facility")
    language = reader_of(request).language
    places = Places.of(session, asked.facility, language)
    names = {ward_id: places.ward(ward_id) for ward_id in places.wards}
    text = in_bed_rate_csv(_rows(session, asked, asked.by), names, language)
    ledger.append(
        session,
        clock_now=context.clock.now(),
        kind="audit",
        actor=actor.label,
        action="report.exported",
        object_kind="facility",
        object_id=asked.facility.id,
        facility_id=asked.facility.id,
        details={"report": "in-bed-rate", "from": asked.period.first.isoformat(), "to": asked.period.last.isoformat()},
    )
    code = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in asked.facility.code)
    name = f"in-bed-rate_{code}_{asked.period.first.isoformat()}_{asked.period.last.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _question(
    session: Session,
    context: Context,
    actor: Actor,
    facility: str | None,
    ward: str | None,
    first: str | None,
    last: str | None,
    by: str,
) -> Question | None:
    found = chosen_facility(session, actor, Permission.OCCUPANCY_READ, facility)
    if found is None:
        return None
    if by not in GROUPINGS:
        raise InvalidInput(
            f"{by[:20]!r} is no way to group the rate",
            field="by",
            remedy=f"use one of {' '.join(GROUPINGS)}",
            message_zh=f"不支持按 {by[:20]!r} 分组",
            remedy_zh=f"请使用 {' '.join(GROUPINGS)} 之一",
        )
    period = period_of(first, last, found, watermark(found, context.clock))
    places = Places.of(session, found, "en")
    if ward and ward not in places.wards:
        raise NotFound("this facility has no such ward", field="ward", remedy="choose a ward from the list")
    return Question(found, ward or None, period, by)


def _rows(session: Session, asked: Question, by: str) -> tuple[InBedRateRow, ...]:
    split = frozenset(part for part in by.split(",") if part)
    return in_bed_rate(session, asked.facility.id, asked.ward_id, asked.period.interval, split)


def _report(session: Session, asked: Question, request: Request, actor: Actor) -> Report:
    reader = reader_of(request, actor)
    facility, language = asked.facility, reader.language
    places, words = Places.of(session, facility, language), reader.words(facility.timezone)
    counted = _rows(session, asked, asked.by)
    rows = tuple(rate_row(row, words, places.ward) for row in counted)
    total = next((rate_row(row, words, places.ward) for row in _rows(session, asked, "")), None)
    return Report(
        facility_name=facility_name(facility, language),
        zone=facility.timezone,
        in_shadow=in_shadow(facility),
        shadow_until=facility.shadow_until,
        first_day=asked.period.first,
        last_day=asked.period.last,
        by=asked.by,
        ward_name=places.ward(asked.ward_id) or None,
        rows=rows if total is not None and total.checks else (),
        total=total if total is not None and total.checks else None,
        charts=rate_charts(rows, asked.by, target_of(session, facility, asked.period.interval)),
        facilities=facility_choices(session, actor, Permission.OCCUPANCY_READ, facility, language),
        wards=tuple(Choice(ward_id, places.ward(ward_id), ward_id == asked.ward_id) for ward_id in places.wards),
        groupings=_groupings(reader.t, asked.by),
        csv_url=asked.address("/reports/in-bed-rate.csv"),
        regions=regions_of(session, actor, facility.region),
    )


def _groupings(t: Texts, chosen: str) -> tuple[Choice, ...]:
    keys = ("report.by.day", "report.by.ward", "report.by.day_ward", "report.by.hour")
    return tuple(Choice(value, t(key), value == chosen) for value, key in zip(GROUPINGS, keys, strict=True))
