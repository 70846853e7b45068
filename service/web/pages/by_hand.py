"""What people do by hand, side by side: finds by person, second looks, excuses, pauses; and beds of nobody's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from service.access import Actor, FormGuard, Permission, allow
from service.admissions import admission_records
from service.facilities import Facility, facility_by_id, watermark
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.occupancy import (
    BedCheck,
    BedOutcome,
    LookMethod,
    Reverification,
    bed_checks,
    excuse_taps,
    pauses_by_ward,
)
from service.occupancy.bed_looks import look_at_bed
from service.occupancy.once_more import asked_twice, may_close
from service.occupancy.reverify import (
    answer_again,
    confirmations,
    reverification_readable_by,
    reverifications,
    usernames,
)
from service.platform.http import ContextDep, ReadSession, WriteSession
from service.web.places import Places, chosen_facility, facility_choices, facility_name
from service.web.render import page, reader_of
from service.web.texts import Texts
from service.web.views import Choice

router = APIRouter(include_in_schema=False)

Reader = Annotated[Actor, allow(Permission.DIRECTED_READ)]
Viewer = Annotated[Actor, allow(Permission.OCCUPANCY_READ)]
Answerer = Annotated[Actor, allow(Permission.DIRECTED_ANSWER)]
Id = Annotated[str, Path(max_length=32)]
Days = Annotated[int, Query(ge=1, le=90)]

PERIODS = (2, 7, 30, 90)
ASKING = (BedOutcome.UNREGISTERED_PERSON, BedOutcome.STAFF_IN_BED, BedOutcome.TWO_IN_BED)
_MOST = 200


@dataclass(frozen=True, slots=True)
class AgainLine:
    """A second look: waiting for somebody, answered, or `late`: left undone, for an inspector. `asked_twice`: nobody
    looked the first time; `drawn_for`: whom the lot named then."""

    row_id: str
    patient_no: str
    admission_id: str
    ward: str
    reason: str
    asked_at: datetime
    deadline_at: datetime
    state: Literal["open", "late", "confirmed", "contradicted"]
    asked_twice: bool = False
    drawn_for: str = ""


@dataclass(frozen=True, slots=True)
class ExcuseLine:
    """Excuses of one person on one ward."""

    username: str
    ward: str
    kinds: tuple[tuple[str, int], ...]
    number: int
    during_checks: int


@dataclass(frozen=True, slots=True)
class BedLine:
    """What was seen in a bed at a check, and what people found there."""

    check_id: str
    place: str
    outcome: str
    due_at: datetime
    minutes: int
    found: tuple[str, ...]


@router.get("/by-hand")
def show_by_hand(
    request: Request,
    actor: Reader,
    session: ReadSession,
    context: ContextDep,
    facility: str | None = None,
    days: Days = 7,
) -> Response:
    """Numbers to compare, no suspicion: a ward with a broken camera has many finds and pauses."""
    found = chosen_facility(session, actor, Permission.DIRECTED_READ, facility)
    if found is None:
        return page(request, "overview.html", actor, facilities=[])
    reader = reader_of(request, actor)
    places = Places.of(session, found, reader.language)
    at = watermark(found, context.clock)
    span = _span(at, days)
    return page(
        request,
        "by_hand.html",
        actor,
        zone=found.timezone,
        facility_code=found.code,
        facility_name=facility_name(found, reader.language),
        facilities=facility_choices(session, actor, Permission.DIRECTED_READ, found, reader.language),
        periods=_periods(reader.t, days),
        confirmations=confirmations(session, found.id, span),
        again=_again(session, found, span, at, places),
        excuses=_excuses(session, found, span, places),
        pauses=tuple((item, places.ward(item.ward_id)) for item in pauses_by_ward(session, found.id, span)),
        methods=tuple(method.value for method in LookMethod if method is not LookMethod.HANDHELD),
        may_answer=actor.kind == "user" and actor.may(Permission.DIRECTED_ANSWER, found.id),
        may_close=may_close(actor, found.id),
    )


@router.post("/second-looks/{reverification_id}", dependencies=[FormGuard])
def answer_second_look(
    reverification_id: Id,
    actor: Answerer,
    session: WriteSession,
    context: ContextDep,
    result: Annotated[Literal["confirmed", "contradicted"], Form()],
    method: Annotated[LookMethod, Form()],
) -> Response:
    """Records the second look, by somebody of another ward or an inspector."""
    row = reverification_readable_by(session, actor, reverification_id)
    place = facility_by_id(session, row.facility_id)
    at = watermark(place, context.clock)
    answer_again(session, actor, row, result, method, at=at, now=context.clock.now())
    return RedirectResponse(f"/by-hand?facility={place.code}#second-looks", 303)


@router.get("/bed-checks")
def show_bed_checks(
    request: Request,
    actor: Viewer,
    session: ReadSession,
    context: ContextDep,
    facility: str | None = None,
    days: Days = 7,
    outcome: str = "",
) -> Response:
    """Somebody in a bed of nobody's, staff in a bed, two in one: a picture decides none of them, a person looks."""
    found = chosen_facility(session, actor, Permission.OCCUPANCY_READ, facility)
    if found is None:
        return page(request, "overview.html", actor, facilities=[])
    reader = reader_of(request, actor)
    places = Places.of(session, found, reader.language)
    wanted = outcome if outcome in {item.value for item in ASKING} else ""
    rows = [
        row
        for row in bed_checks(session, found.id, _span(watermark(found, context.clock), days))
        if row.outcome == wanted or (not wanted and row.outcome in ASKING)
    ]
    choices = [Choice("", reader.t("bed_checks.all"), not wanted)]
    choices += [Choice(item.value, reader.t.code("bed_outcome", item.value), item == wanted) for item in ASKING]
    return page(
        request,
        "bed_checks.html",
        actor,
        zone=found.timezone,
        facility_code=found.code,
        facility_name=facility_name(found, reader.language),
        facilities=facility_choices(session, actor, Permission.OCCUPANCY_READ, found, reader.language),
        periods=_periods(reader.t, days),
        outcomes=tuple(choices),
        lines=tuple(_bed_line(row, places) for row in sorted(rows, key=_newest)[:_MOST]),
        number=len(rows),
        may_answer=actor.kind == "user" and actor.may(Permission.DIRECTED_ANSWER, found.id),
    )


@router.post("/bed-checks/{bed_check_id}", dependencies=[FormGuard])
def answer_bed_check(
    bed_check_id: Id,
    actor: Answerer,
    session: WriteSession,
    context: ContextDep,
    result: Annotated[Literal["person", "empty", "carer", "staff"], Form()],
    note: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Records what the person found in the bed."""
    row = session.get(BedCheck, bed_check_id) if bed_check_id.isprintable() else None
    if row is None or not actor.knows(row.facility_id):
        raise NotFound(
            "there is no such bed check",
            field="bed_check",
            remedy="open one from the list",
            message_zh="没有这项床位核查",
            remedy_zh="请从列表打开",
        )
    actor.require(Permission.DIRECTED_ANSWER, row.facility_id)
    look_at_bed(session, actor, row, result, note.strip(), context.clock)
    code = facility_by_id(session, row.facility_id).code
    return RedirectResponse(f"/bed-checks?facility={code}#check-{row.id}", 303)


def _span(at: datetime, days: int) -> Interval:
    return Interval(at - timedelta(days=days), at + timedelta(microseconds=1))


def _periods(t: Texts, chosen: int) -> tuple[Choice, ...]:
    return tuple(Choice(str(days), t("by_hand.days", count=days), days == chosen) for days in PERIODS)


def _newest(row: BedCheck) -> tuple[float, str]:
    return -row.due_at.timestamp(), row.id


def _again(session: Session, facility: Facility, span: Interval, at: datetime, places: Places) -> tuple[AgainLine, ...]:
    rows = reverifications(session, facility.id, span)
    records = admission_records(session, facility.id, {row.admission_id for row in rows})
    numbers = {record.admission_id: record.patient_no for record in records}
    names = usernames(session, {row.person_id for row in rows if row.person_id is not None})
    lines = [
        AgainLine(
            row.id,
            numbers[row.admission_id],
            row.admission_id,
            places.ward(row.ward_id),
            row.reason,
            row.asked_at,
            row.deadline_at,
            _state(row, at),
            asked_twice(row),
            names.get(row.person_id or "", "") if row.result is None else "",
        )
        for row in rows
    ]
    return tuple(sorted(lines, key=lambda line: _WAITING.get(line.state, 2))[:_MOST])


_WAITING = {"open": 0, "late": 1}


def _state(row: Reverification, at: datetime) -> Literal["open", "late", "confirmed", "contradicted"]:
    if row.result is not None:
        return "contradicted" if row.result == "contradicted" else "confirmed"
    return "open" if row.deadline_at >= at else "late"


def _excuses(session: Session, facility: Facility, span: Interval, places: Places) -> tuple[ExcuseLine, ...]:
    taps = excuse_taps(session, facility.id, span)
    names = usernames(session, {row.person_id for row in taps})
    keys = Counter((row.person_id, row.ward_id) for row in taps)
    found = []
    for (person_id, ward_id), number in keys.most_common():
        own = [row for row in taps if (row.person_id, row.ward_id) == (person_id, ward_id)]
        kinds = Counter(row.kind for row in own).most_common()
        during = sum(row.during_check for row in own)
        found.append(ExcuseLine(names.get(person_id, ""), places.ward(ward_id), tuple(kinds), number, during))
    return tuple(found)


def _bed_line(row: BedCheck, places: Places) -> BedLine:
    words = ("seen_by_person", "carer", "staff", "was_empty")
    return BedLine(
        row.id,
        places.place(row.bed_id),
        row.outcome,
        row.due_at,
        row.occupied_seconds // 60,
        tuple(word for word in words if row.details.get(word)),
    )
