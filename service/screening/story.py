"""The story of one admission in words: what the books say, what was seen at each check, who looked, and which findings
rest on it. Local times; the same in English and Chinese; also of a stay about which there is nothing to find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from service.admissions import AdmissionRecord, admission_records, corrections_of
from service.facilities import beds_of_facility, facility_by_id, wards_of_facility
from service.occupancy import Look, PresenceCheck, checks_of, looks_of
from service.platform.context import Context
from service.screening.decisions import decisions_of
from service.screening.explain import Explanation, explain
from service.screening.law import Text
from service.screening.tables import Finding, FindingDecision
from service.screening.wording_of_story import EVENTS, LOOKED, METHODS, NOTHING, SUMMARY, TRIGGERS


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: when (local time), and in words."""

    at: datetime
    local: str
    words: str


@dataclass(frozen=True, slots=True)
class StayStory:
    """A stay told in one language. `findings`: each with its state and its explanation; `decisions`: finding id -> what
    people decided about it."""

    admission_no: str
    opening: str
    events: tuple[Event, ...]
    findings: tuple[tuple[Finding, Explanation], ...]
    closing: str
    decisions: Mapping[str, tuple[FindingDecision, ...]]


def tell(context: Context, facility_id: str, admission_id: str, findings: list[Finding], language: str) -> StayStory:
    """The story of the admission in `language`. Raises `NotFound` for an unknown facility."""
    with context.database.reading() as session:
        facility = facility_by_id(session, facility_id)
        record = admission_records(session, facility_id, [admission_id])[0]
        checks = checks_of(session, facility_id, [admission_id])
        looks = looks_of(session, facility_id, [admission_id]).get(admission_id, ())
        corrections = corrections_of(session, [admission_id])[admission_id]
        wards = {ward.id: ward.code for ward in wards_of_facility(session, facility_id)}
        decisions = decisions_of(session, [row.id for row in findings])
        beds = {bed.id: f"{wards[bed.ward_id]}/{bed.code}" for bed in beds_of_facility(session, facility_id)}
    teller = _Teller(ZoneInfo(facility.timezone), language)
    events = [
        *teller.books(record, beds),
        *(teller.check(row, beds) for row in checks),
        *(teller.look(item) for item in looks),
        *(
            teller.event(
                item.received_at, "correction", trigger=teller.trigger(item.trigger), since=teller.time(item.event_at)
            )
            for item in corrections
        ),
    ]
    told = tuple((row, explain(row, language)) for row in findings)
    events += [teller.decision(item, words) for row, words in told for item in decisions.get(row.id, ())]
    return StayStory(
        admission_no=record.admission_no,
        opening=teller.opening(record, checks),
        events=tuple(sorted(events, key=lambda event: (event.at, event.words))),
        findings=told,
        closing="" if told else NOTHING.in_language(language),
        decisions=decisions,
    )


@dataclass(frozen=True, slots=True)
class _Teller:
    zone: ZoneInfo
    language: str

    def time(self, instant: datetime) -> str:
        return instant.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    def say(self, text: Text, **values: object) -> str:
        return text.in_language(self.language).format(**values)

    def event(self, at: datetime, code: str, **values: object) -> Event:
        return Event(at, self.time(at), self.say(EVENTS[code], **values))

    def trigger(self, code: str) -> str:
        return TRIGGERS[code].in_language(self.language) if code in TRIGGERS else code

    def opening(self, record: AdmissionRecord, rows: Sequence[PresenceCheck]) -> str:
        shown = sum(row.outcome in ("present_verified", "present_alternative") for row in rows)
        absent = sum(row.outcome == "absent_confirmed" for row in rows)
        return self.say(SUMMARY, no=record.admission_no, checks=len(rows), shown=shown, absent=absent)

    def books(self, record: AdmissionRecord, beds: dict[str, str]) -> list[Event]:
        found = [self.event(record.admitted_at, "admitted")]
        for bed_id, held in record.assignments:
            found.append(self.event(held.start, "bed", bed=beds.get(bed_id, "?")))
        for leave in record.leaves:
            due = self.time(leave.interval.end)
            found.append(self.event(leave.interval.start, "leave", due=due, signed=self.time(leave.signed_at)))
            if leave.returned_at is not None:
                found.append(self.event(leave.returned_at, "returned"))
        for kind, away in record.off_ward:
            found.append(
                self.event(away.start, "off_ward", kind=METHODS.get(kind, Text(kind, kind)).in_language(self.language))
            )
        if record.discharged_at is not None:
            found.append(self.event(record.discharged_at, "discharged"))
        return found

    def check(self, row: PresenceCheck, beds: dict[str, str]) -> Event:
        method = METHODS.get(row.method or "", Text("", "")).in_language(self.language)
        words = self.say(EVENTS[f"check.{row.outcome}"], method=method, bed=beds.get(row.bed_id or "", "?"))
        return Event(row.due_at, self.time(row.due_at), words)

    def decision(self, item: FindingDecision, words: Explanation) -> Event:
        return self.event(
            item.decided_at,
            f"finding.{item.verdict}",
            rule=words.rule_name,
            who=item.person_name,
            reason=item.reason,
        )

    def look(self, item: Look) -> Event:
        who = "inspector" if item.role == "inspector" else "staff"
        words = self.say(
            LOOKED[item.result.value],
            who=METHODS[who].in_language(self.language),
            method=METHODS.get(item.method.value, Text(item.method.value, item.method.value)).in_language(
                self.language
            ),
        )
        return Event(item.looked_at, self.time(item.looked_at), words)
