"""Which findings a reader may see, gathered with what a page says of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from sqlmodel import Session

from service.access import Actor, Permission
from service.admissions import AdmissionRecord, admission_record, admission_records
from service.facilities import Facility
from service.kit.intervals import Interval
from service.occupancy import checks_of, looks_of
from service.screening import Finding, FindingKind, decisions_of, explain, readable_by, subject_label
from service.sightings import readings
from service.web.places import Places, facility_name, in_shadow
from service.web.stay_lines import check_lines, look_lines
from service.web.texts import Language
from service.web.views import DecisionLine, FactLine, FindingDetail, FindingLine, PictureLine
from service.web.wording import Wording

MOST_PICTURES = 24


def findings_by_admission(session: Session, actor: Actor, facility: Facility) -> Mapping[str, int] | None:
    """Admission id -> its open suspicions; None when the reader may not know of them (shadow mode, or no permission).
    Numbers and work to do are no suspicions, and an overview that counted them would accuse."""
    hidden = in_shadow(facility) and not actor.works_at(facility.id)
    if hidden or not actor.may(Permission.FINDINGS_READ, facility.id):
        return None
    found = readable_by(session, actor, facility_id=facility.id, state="raised")
    cases = [finding for finding in found if finding.kind == FindingKind.FINDING]
    return Counter(finding.admission_id for finding in cases if finding.admission_id)


def finding_lines(
    session: Session, findings: Sequence[Finding], facilities: Mapping[str, Facility], language: Language
) -> tuple[FindingLine, ...]:
    """The findings as lines of the list, in the order given."""
    admissions: dict[str, set[str]] = defaultdict(set)
    for finding in findings:
        admissions[finding.facility_id] |= {finding.admission_id} if finding.admission_id else set()
    records: dict[str, AdmissionRecord] = {}
    places: dict[str, Places] = {}
    for facility_id, ids in admissions.items():
        records |= {record.admission_id: record for record in admission_records(session, facility_id, ids)}
        places[facility_id] = Places.of(session, facilities[facility_id], language)
    return tuple(
        _line(
            finding,
            records.get(finding.admission_id or ""),
            facilities[finding.facility_id],
            places[finding.facility_id],
            language,
        )
        for finding in findings
    )


def _line(
    finding: Finding, record: AdmissionRecord | None, facility: Facility, places: Places, language: Language
) -> FindingLine:
    told = explain(finding, language)
    return FindingLine(
        finding_id=finding.id,
        rule=finding.rule,
        rule_name=told.rule_name,
        kind=finding.kind,
        severity=finding.severity,
        state=finding.state,
        corrected=finding.corrected_after_notice,
        decision=finding.decision,
        in_shadow=finding.in_shadow,
        headline=told.headline,
        subject_kind=finding.subject_kind,
        subject=subject_label(finding),
        patient_no=record.patient_no if record else None,
        place=_place(finding, record, places, facility, language),
        event_at=finding.event_at,
        facility_name=facility_name(facility, language),
        zone=facility.timezone,
    )


def _place(
    finding: Finding, record: AdmissionRecord | None, places: Places, facility: Facility, language: Language
) -> str:
    """Where the subject is: a bed, a ward, or the facility as a whole."""
    if record is not None:
        return places.place(_bed_of(record, finding))
    if finding.bed_id is not None:
        return places.place(finding.bed_id)
    return places.ward(finding.ward_id) or facility_name(facility, language)


def finding_detail(
    session: Session, finding: Finding, facility: Facility, actor: Actor, words: Wording
) -> FindingDetail:
    """The finding with everything for and against it."""
    language = words.t.language
    told = explain(finding, language)
    places = Places.of(session, facility, language)
    record = admission_record(session, finding.admission_id) if finding.admission_id else None
    own = [record.admission_id] if record else []
    looks = looks_of(session, facility.id, own).get(own[0], ()) if own else ()
    return FindingDetail(
        finding_id=finding.id,
        rule=finding.rule,
        rule_name=told.rule_name,
        rule_version=finding.rule_version,
        kind=finding.kind,
        subject_kind=finding.subject_kind,
        subject=subject_label(finding),
        period=finding.period,
        legal_basis=told.legal_basis,
        exclusions=told.exclusions,
        severity=finding.severity,
        state=finding.state,
        corrected=finding.corrected_after_notice,
        decision=finding.decision,
        decisions=_decisions(session, finding),
        may_decide=_may_decide(finding, actor),
        seen=finding.updated_at.isoformat(),
        in_shadow=finding.in_shadow,
        headline=told.headline,
        paragraphs=told.paragraphs,
        counter_evidence=told.counter_evidence,
        facts=tuple(FactLine(fact.label, fact.value, fact.threshold) for fact in told.facts),
        checks=check_lines(checks_of(session, facility.id, own), places, words) if own else (),
        looks=look_lines(looks),
        pictures=_pictures(session, facility, finding, record, _texts(finding.evidence_ids)),
        may_open_pictures=actor.may(Permission.FRAMES_READ, facility.id),
        patient_no=record.patient_no if record else None,
        admission_no=record.admission_no if record else None,
        admission_id=record.admission_id if record else None,
        place=_place(finding, record, places, facility, language),
        facility_code=facility.code,
        facility_name=facility_name(facility, language),
        zone=facility.timezone,
        event_at=finding.event_at,
        raised_at=finding.raised_at,
        withdrawn_at=finding.withdrawn_at,
    )


def _decisions(session: Session, finding: Finding) -> tuple[DecisionLine, ...]:
    return tuple(
        DecisionLine(item.verdict, item.reason, item.person_name, item.decided_at)
        for item in decisions_of(session, [finding.id]).get(finding.id, ())
    )


def _may_decide(finding: Finding, actor: Actor) -> bool:
    may = actor.kind == "user" and actor.may(Permission.FINDINGS_DECIDE, finding.facility_id)
    return may and finding.state != "withdrawn"


def _pictures(
    session: Session,
    facility: Facility,
    finding: Finding,
    record: AdmissionRecord | None,
    evidence_ids: Collection[str],
) -> tuple[PictureLine, ...]:
    beds = {stay.bed_id for stay in record.assignments} if record else set()
    stay = Interval(finding.event_at - timedelta(days=31), finding.event_at + timedelta(days=31))
    if record is not None:
        stay = Interval(record.admitted_at - timedelta(days=1), record.stay.end)
    if finding.bed_id is not None:
        beds.add(finding.bed_id)
        stay = Interval(stay.start, max(stay.end, finding.event_at + timedelta(days=31)))
    seen = readings(session, facility.id, beds, [stay]) if beds and evidence_ids else ()
    wanted = frozenset(evidence_ids)
    found = [reading for reading in seen if reading.reading_id in wanted]
    return tuple(
        PictureLine(reading.reading_id, reading.captured_at, reading.state.value, reading.carried)
        for reading in found[:MOST_PICTURES]
    )


def _bed_of(record: AdmissionRecord, finding: Finding) -> str | None:
    last = record.assignments[-1].bed_id if record.assignments else None
    return record.bed_at(finding.event_at) or last


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
