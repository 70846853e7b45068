"""What the books say of stays beside presence: other stays of the same person, leaves, orders, charges, corrections,
templates. Loaded for many stays with a handful of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.admissions import (
    FOREVER,
    AdmissionRecord,
    ChargeRecord,
    CorrectionRecord,
    LeaveRecord,
    OrderRecord,
    active_admissions,
    admission_records,
    admissions_of_patient,
    charges_of,
    corrections_of,
    orders_of,
)
from service.kit.intervals import Interval
from service.occupancy import Place, PresenceCheck, PresenceState, admissions_with, local_day, nights_between
from service.occupancy import Stay as PresenceStay
from service.screening.facts import (
    AdmissionFacts,
    Away,
    Correction,
    Stay,
    TemplateChange,
    Treatment,
    Twin,
)
from service.screening.repository import (
    cancelled_among,
    checks_in_other_beds,
    faces_in_own_bed,
    facility_of,
    holding,
    looked_for,
    same_people_elsewhere,
    template_changes,
)

_ACCUSING = (PresenceState.ABSENT_CONFIRMED, PresenceState.IMPOSTOR_SUSPECTED)
_REACH = timedelta(days=62)

AlikeAt = Callable[[str], Mapping[str, tuple[Twin, ...]]]
"""Facility id -> what `same_faces` says of it; asked only of another house where faces speak of two places."""


def _nobody(_: str) -> Mapping[str, tuple[Twin, ...]]:
    return {}


@dataclass(frozen=True, slots=True)
class Books:
    """The records of the stays to be judged (`candidates`), and what stands beside them."""

    place: Place
    candidates: frozenset[str]
    records: tuple[AdmissionRecord, ...]
    others: Mapping[str, tuple[Stay, ...]]
    orders: Mapping[str, tuple[OrderRecord, ...]]
    charges: Mapping[str, tuple[ChargeRecord, ...]]
    corrections: Mapping[str, tuple[CorrectionRecord, ...]]
    templates: Mapping[str, tuple[TemplateChange, ...]]
    holders: Mapping[str, tuple[AdmissionRecord, ...]] = field(default_factory=dict)
    twins: Mapping[str, tuple[Twin, ...]] = field(default_factory=dict)
    by_id: Mapping[str, AdmissionRecord] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        session: Session,
        place: Place,
        upto: datetime,
        only: Collection[str] | None,
        also: Collection[str],
        twins: Mapping[str, tuple[Twin, ...]],
        alike_at: AlikeAt | None = None,
    ) -> Books:
        """Chooses the stays about which any rule might have something to say, and reads their books."""
        facility_id = place.facility.id
        if only is not None:
            wanted = frozenset(only)
            near = _of_same_people(session, facility_id, wanted)
        else:
            near = active_admissions(session, facility_id, Interval(upto - _REACH, upto + timedelta(seconds=1)))
            wanted = admissions_with(session, facility_id, [state.value for state in _ACCUSING])
            wanted |= looked_for(session, facility_id) | frozenset(also)
            wanted |= checks_in_other_beds(session, facility_id)
        by_patient: dict[str, list[AdmissionRecord]] = defaultdict(list)
        for record in near:
            by_patient[record.patient_id].append(record)
        people = [record.patient_id for record in near] if only is not None else None
        templates = template_changes(session, facility_id, people)
        elsewhere = same_people_elsewhere(session, facility_id, people)
        if only is None:
            wanted |= {
                record.admission_id
                for record in near
                if record.leaves
                or len(by_patient[record.patient_id]) > 1
                or record.payment_method == "per_diem"
                or record.patient_id in templates
                or record.patient_id in elsewhere
                or record.patient_id in twins
            }
        gone = cancelled_among(session, wanted)
        chosen = wanted - gone
        known = {record.admission_id: record for record in near}
        missing = chosen - known.keys()
        records = tuple(known[key] for key in sorted(chosen & known.keys()))
        records += admission_records(session, facility_id, missing) if missing else ()
        return cls(
            place=place,
            candidates=chosen,
            records=records,
            others=_others(session, records, by_patient, elsewhere, facility_id, alike_at or _nobody),
            orders=orders_of(session, chosen),
            charges=charges_of(session, chosen),
            corrections=corrections_of(session, chosen),
            templates=templates,
            holders=_holders(near),
            twins=twins,
            by_id={record.admission_id: record for record in records},
        )

    def with_holders_of(self, session: Session, rows: Iterable[PresenceCheck]) -> Books:
        """With the stays that held the other beds, or belong to the other patients, that these checks name."""
        beds = {row.details.get("elsewhere_bed_id") for row in rows} - {None} - self.holders.keys()
        strangers = {item for row in rows for item in row.details.get("bed_swap_with", ())}
        strangers -= {record.patient_id for items in self.holders.values() for record in items}
        if not beds and not strangers:
            return self
        ids = holding(session, self.place.facility.id, {str(bed) for bed in beds}, strangers)
        known = {record.admission_id: record for items in self.holders.values() for record in items}
        known |= {record.admission_id: record for record in admission_records(session, self.place.facility.id, ids)}
        return replace(self, holders=_holders(known.values()))

    def added_to(
        self, facts: AdmissionFacts, stay: PresenceStay, swaps: Mapping[datetime, tuple[str, ...]]
    ) -> AdmissionFacts:
        """The facts with what the books say."""
        record = self.by_id[facts.admission_id]
        orders = tuple(_ordered(item) for item in self.orders.get(facts.admission_id, ()))
        charges = self.charges.get(facts.admission_id, ())
        corrections = self.corrections.get(facts.admission_id, ())
        return replace(
            facts,
            checks=tuple(replace(check, swapped_with=swaps.get(check.due_at, ())) for check in facts.checks),
            emergency=facts.emergency or record.admission_type == "emergency",
            admission_type=record.admission_type,
            diagnosis_code=record.diagnosis_code,
            disposition=record.discharge_disposition,
            course=record.course,
            per_diem=record.payment_method == "per_diem" or any(item.payment_method == "per_diem" for item in charges),
            away=tuple(self._away(leave) for leave in record.leaves if leave.interval.start < facts.until),
            orders=tuple(item for item in orders if item.at <= facts.until),
            charges=tuple(_charged(item) for item in charges),
            billed_days=_billed(charges, self.place.zone),
            corrections=tuple(
                Correction(item.correction_id, item.trigger, item.event_at, item.received_at) for item in corrections
            ),
            others=self.others.get(facts.admission_id, ()),
            template_changes=tuple(
                change
                for change in self.templates.get(stay.patient_id, ())
                if facts.admitted_at < change.at <= facts.until
            ),
            twins=self.twins.get(stay.patient_id, ()),
            counter_evidence=replace(
                facts.counter_evidence,
                orders=len(orders),
                corrections=tuple(
                    f"{item.trigger} {item.received_at.astimezone(UTC).isoformat()}" for item in corrections
                ),
            ),
        )

    def _away(self, leave: LeaveRecord) -> Away:
        back = leave.returned_at or leave.interval.end
        span = Interval(leave.interval.start, max(back, leave.interval.start))
        nights = nights_between(
            self.place.policy, self.place.zone, Interval(span.start - timedelta(days=1), span.end + timedelta(days=1))
        )
        shared = [night.overlap(span) for _, night in nights]
        longest = max((part.length for part in shared if part is not None), default=timedelta())
        return Away(leave.interval.start, leave.interval.end, leave.returned_at, longest / timedelta(hours=1))


def swaps_in(rows: Iterable[PresenceCheck], books: Books) -> dict[datetime, tuple[str, ...]]:
    """Due instant -> numbers of the admissions that the stay was seen to have changed beds with."""
    found: dict[datetime, tuple[str, ...]] = {}
    for row in rows:
        if row.admission_id not in books.by_id:
            continue
        numbers, own = set(), books.by_id[row.admission_id].patient_id
        elsewhere = row.details.get("elsewhere_bed_id")
        for record in books.holders.get(elsewhere or "", ()):
            if record.patient_id != own and record.bed_at(row.due_at) == elsewhere:
                numbers.add(record.admission_no)
        strangers = set(row.details.get("bed_swap_with", ()))
        if strangers:
            numbers |= {
                r.admission_no for records in books.holders.values() for r in records if r.patient_id in strangers
            }
        if numbers:
            found[row.due_at] = tuple(sorted(numbers))
    return found


def _holders(records: Iterable[AdmissionRecord]) -> dict[str, tuple[AdmissionRecord, ...]]:
    found: dict[str, list[AdmissionRecord]] = defaultdict(list)
    for record in records:
        for bed_id in {stay.bed_id for stay in record.assignments}:
            found[bed_id].append(record)
    return {bed_id: tuple(items) for bed_id, items in found.items()}


def _of_same_people(session: Session, facility_id: str, wanted: Collection[str]) -> tuple[AdmissionRecord, ...]:
    own = admission_records(session, facility_id, wanted)
    people = sorted({record.patient_id for record in own})
    found = {record.admission_id: record for patient in people for record in admissions_of_patient(session, patient)}
    return tuple(found.values())


def _others(
    session: Session,
    records: Sequence[AdmissionRecord],
    by_patient: Mapping[str, Sequence[AdmissionRecord]],
    elsewhere: Mapping[str, Sequence[AdmissionRecord]],
    facility_id: str,
    alike_at: AlikeAt,
) -> dict[str, tuple[Stay, ...]]:
    found: dict[str, tuple[Stay, ...]] = {}
    for record in records:
        here = [item for item in by_patient.get(record.patient_id, ()) if item.admission_id != record.admission_id]
        stays = [_other(item, facility_id) for item in here]
        stays += [_elsewhere(session, record, item, alike_at) for item in elsewhere.get(record.patient_id, ())]
        if stays:
            found[record.admission_id] = tuple(sorted(stays, key=lambda stay: (stay.held, stay.admission_id)))
    return found


_ABOUT = timedelta(hours=2)
"""So long before and after the common time of two stays faces are compared."""


def _elsewhere(session: Session, record: AdmissionRecord, other: AdmissionRecord, alike_at: AlikeAt) -> Stay:
    """Another house's stay, with when faces were verified here and there about the time that both share."""
    stay, common = _other(other, "elsewhere"), record.stay.overlap(other.stay)
    if common is None:
        return stay
    about = Interval(common.start - _ABOUT, min(common.end, FOREVER - _ABOUT) + _ABOUT)
    seen = faces_in_own_bed(session, other, about)
    here = faces_in_own_bed(session, record, about) if seen else ()
    alike = bool(here) and other.patient_id in alike_at(facility_of(session, other))
    return replace(stay, seen=seen, seen_here=here, look_alike=alike)


def _other(record: AdmissionRecord, facility_id: str) -> Stay:
    return Stay(
        admission_id=record.admission_id,
        admission_no=record.admission_no,
        facility_id=facility_id,
        held=record.stay,
        diagnosis_code=record.diagnosis_code,
        disposition=record.discharge_disposition,
        course=record.course,
    )


def _ordered(record: OrderRecord) -> Treatment:
    return Treatment(record.order_id, record.kind, record.performed_at or record.ordered_at)


def _charged(record: ChargeRecord) -> Treatment:
    return Treatment(record.charge_id, record.kind, record.service_at, record.amount, record.quantity)


def _billed(charges: Iterable[ChargeRecord], zone: ZoneInfo) -> tuple[tuple[date, Decimal], ...]:
    days: dict[date, Decimal] = defaultdict(Decimal)
    for item in charges:
        if item.kind == "bed":
            days[local_day(item.service_at, zone)] += item.quantity if item.amount >= 0 else -abs(item.quantity)
    return tuple(sorted(days.items()))
