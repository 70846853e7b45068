"""Which facility a page is about, and what its places are called in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.access import Actor, Permission
from service.facilities import (
    Bed,
    Facility,
    Ward,
    beds_of_facility,
    facilities_readable,
    facility_for,
    wards_of_facility,
)
from service.kit.errors import InvalidInput
from service.kit.intervals import Interval
from service.web.texts import Language
from service.web.views import Choice

LONGEST_PERIOD_DAYS = 400


def readable(session: Session, actor: Actor, permission: Permission) -> tuple[Facility, ...]:
    """The facilities where the actor has the permission, in order of their code."""
    return facilities_readable(session, actor.facilities(permission))


def chosen_facility(session: Session, actor: Actor, permission: Permission, code: str | None) -> Facility | None:
    """The facility called `code`, or the first the actor may read; None when there is none. Raises `NotFound`."""
    if code:
        return facility_for(session, actor, permission, code)
    return next(iter(_offered(session, actor, permission)), None)


def _offered(session: Session, actor: Actor, permission: Permission) -> tuple[Facility, ...]:
    """What a page about `permission` offers: a pharmacy has no wards, so pages about beds leave it out."""
    found = tuple(readable(session, actor, permission))
    if permission not in (Permission.OCCUPANCY_READ, Permission.DIRECTED_READ):
        return found
    return tuple(item for item in found if item.kind != "pharmacy") or found


def facility_name(facility: Facility, language: Language) -> str:
    """The facility's name in the reader's language, when it has one."""
    return (facility.name_zh if language == "zh" else "") or facility.name


def ward_name(ward: Ward, language: Language) -> str:
    """The ward's name in the reader's language, when it has one."""
    return (ward.name_zh if language == "zh" else "") or ward.name


def facility_choices(
    session: Session, actor: Actor, permission: Permission, chosen: Facility | None, language: Language
) -> tuple[Choice, ...]:
    """The facilities of a select box."""
    found = _offered(session, actor, permission)
    return tuple(
        Choice(item.code, facility_name(item, language), chosen is not None and item.id == chosen.id) for item in found
    )


def in_shadow(facility: Facility) -> bool:
    """Whether the facility's findings stay inside."""
    return facility.mode == "shadow"


@dataclass(frozen=True, slots=True)
class Places:
    """A facility's wards and beds by id, to name them."""

    wards: Mapping[str, Ward]
    beds: Mapping[str, Bed]
    language: Language

    @classmethod
    def of(cls, session: Session, facility: Facility, language: Language) -> Places:
        """The places of a facility."""
        wards = wards_of_facility(session, facility.id)
        beds = beds_of_facility(session, facility.id)
        return cls({ward.id: ward for ward in wards}, {bed.id: bed for bed in beds}, language)

    def ward(self, ward_id: str | None) -> str:
        """A ward's name, empty when it is not known."""
        found = self.wards.get(ward_id or "")
        return ward_name(found, self.language) if found else ""

    def place(self, bed_id: str | None) -> str:
        """Ward and bed, empty when the bed is not known."""
        bed = self.beds.get(bed_id or "")
        return f"{self.ward(bed.ward_id)} · {bed.code}" if bed else ""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days, both ends included, and the same as instants."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def interval(self) -> Interval:
        """From the first midnight to the one after the last day."""
        return Interval(_midnight(self.first, self.zone), _midnight(self.last + timedelta(days=1), self.zone))


def period_of(first: str | None, last: str | None, facility: Facility, at: datetime) -> Period:
    """The days asked for; by default the seven that end with the facility's today. Raises `InvalidInput`."""
    zone = ZoneInfo(facility.timezone)
    today = at.astimezone(zone).date()
    to = _day(last, "to") or today
    since = _day(first, "from") or to - timedelta(days=6)
    if since > to:
        raise InvalidInput(
            "the period ends before it begins",
            field="from",
            remedy="choose a first day that is not after the last",
            message_zh="起始日期晚于结束日期",
            remedy_zh="请选择不晚于结束日期的起始日期",
        )
    if (to - since).days >= LONGEST_PERIOD_DAYS:
        raise InvalidInput(
            f"the period is longer than {LONGEST_PERIOD_DAYS} days",
            field="from",
            remedy="choose a shorter period",
            message_zh=f"时段超过 {LONGEST_PERIOD_DAYS} 天",
            remedy_zh="请选择较短的时段",
        )
    return Period(since, to, zone)


def _day(text: str | None, field: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        day = None
    # Years at the ends of the calendar have no midnight in every zone.
    if day is None or not 1900 <= day.year <= 2999:
        raise InvalidInput(
            f"{text[:20]!r} is not a day",
            field=field,
            remedy="write it like 2026-03-02",
            message_zh=f"{text[:20]!r} 不是日期",
            remedy_zh="请写成 2026-03-02 的形式",
        )
    return day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
