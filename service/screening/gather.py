"""The facts of many admissions at once. What is costly (nights, whole timelines) is loaded only for admissions with a
confirmed absence: no rule can fire on them without one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import Session

from service.kit.intervals import Interval, subtract, total
from service.occupancy import (
    Look,
    LookResult,
    Observation,
    Place,
    PresenceCheck,
    PresenceState,
    Stay,
    covered,
    debounce,
    empty,
    hide_paused,
    local_day,
    looks_of,
    nights_between,
    observe,
    stays_of,
)
from service.screening.books import AlikeAt, Books, swaps_in
from service.screening.facts import AdmissionFacts, CheckRecord, CounterEvidence, Night, Twin, Unsighted
from service.screening.repository import checks_by_stay, late_readings
from service.sightings import Reading, Sighting, pack_hashes, readings, sightings_of
from service.vision import BedState

ACCUSING = (PresenceState.ABSENT_CONFIRMED, PresenceState.IMPOSTOR_SUSPECTED)
"""States at a check that bring a stay under the rules about absence and identity."""


def gather_facts(
    session: Session,
    place: Place,
    watermark: datetime,
    only: Collection[str] | None = None,
    also: Collection[str] = (),
    *,
    twins: Mapping[str, tuple[Twin, ...]] | None = None,
    alike_at: AlikeAt | None = None,
) -> tuple[AdmissionFacts, ...]:
    """The facts of every admission of the facility about which a rule might have something to say.

    `only`: of these admissions. `also`: of these besides, since findings about them stand. `twins`: what `same_faces`
    says; `alike_at`: what it says of other facilities.
    """
    books = Books.load(session, place, watermark, only, also, twins or {}, alike_at)
    checks = checks_by_stay(session, books.candidates)
    looks = looks_of(session, place.facility.id, books.candidates)
    books = books.with_holders_of(session, [row for rows in checks.values() for row in rows])
    found = []
    for stay in stays_of(session, place, books.records):
        rows, own = checks.get(stay.admission_id, []), looks.get(stay.admission_id, ())
        facts = _facts(session, place, stay, rows, own, watermark)
        found.append(books.added_to(facts, stay, swaps_in(rows, books)))
    return tuple(found)


def _facts(
    session: Session,
    place: Place,
    stay: Stay,
    rows: Sequence[PresenceCheck],
    looks: tuple[Look, ...],
    watermark: datetime,
) -> AdmissionFacts:
    until = min(watermark, stay.discharged_at or watermark)
    # Whoever has just come is looked for too; that check is no absence before the grace is over, and in no rate.
    checks = tuple(_check(row, place) for row in rows if row.kind != "admission")
    last = max((p for p in stay.placements if p.held.start <= until), key=lambda p: p.held.start, default=None)
    excusing = [leave.away for leave in stay.excusing_leaves(place.policy)]
    facts = AdmissionFacts(
        admission_id=stay.admission_id,
        admission_no=stay.admission_no,
        category=stay.category,
        admitted_at=stay.admitted_at,
        until=until,
        sought_on_ward=stay.sought_on_ward(Interval(stay.admitted_at, max(until, stay.admitted_at))),
        theatre=any(item.kind == "theatre" and item.away.start < until for item in stay.activities),
        checks=checks,
        looks=looks,
        counter_evidence=_counter_evidence(stay, checks, place),
        policy_version=place.policy.version,
        pack_hashes=pack_hashes(session, _accusing_readings(checks)),
        discharged_at=stay.discharged_at,
        bed_id=last.bed_id if last else None,
        ward_id=last.ward_id if last else None,
        emergency=stay.category == "emergency",
        grace=place.policy.grace_of(stay.category),
        excused=tuple(excusing + [item.away for item in stay.activities]),
        sighted_at=tuple(
            sorted(
                {check.due_at for check in checks if check.state in SHOWN}
                | {look.looked_at for look in looks if look.result is LookResult.FOUND}
            )
        ),
    )
    if any(look.result is LookResult.NOT_FOUND for look in looks) or any(check.state in ACCUSING for check in checks):
        facts = _with_signs(session, place, stay, facts)
    confirmed = facts.in_state(PresenceState.ABSENT_CONFIRMED)
    if not confirmed or stay.reference_since is None:
        return facts
    return _with_timeline(session, place, stay, facts)


SHOWN = (PresenceState.PRESENT_VERIFIED, PresenceState.PRESENT_ALTERNATIVE)


def _with_signs(session: Session, place: Place, stay: Stay, facts: AdmissionFacts) -> AdmissionFacts:
    """The facts with every time at which a camera recognised the patient: between two checks it speaks for the patient
    as much as at one."""
    if facts.until <= stay.admitted_at:
        return facts
    whole = Interval(stay.admitted_at, facts.until)
    faces = sightings_of(session, place.facility.id, [stay.patient_id], [whole])
    facts = replace(facts, seen_between=tuple(sorted({face.at for face in faces})))
    return replace(facts, seen_days=frozenset(local_day(when, place.zone) for when in facts.signs))


def _accusing_readings(checks: Iterable[CheckRecord]) -> list[str]:
    return [reading_id for check in checks if check.state in ACCUSING for reading_id in check.reading_ids]


def _check(row: PresenceCheck, place: Place) -> CheckRecord:
    confirmed_at = row.details.get("confirmed_at")
    return CheckRecord(
        due_at=row.due_at,
        local_day=local_day(row.due_at, place.zone),
        window_end=row.window_end,
        state=PresenceState(row.outcome),
        reading_ids=tuple(row.reading_ids),
        look_ids=tuple(row.details.get("look_ids", ())),
        confirmed_at=datetime.fromisoformat(confirmed_at) if confirmed_at else None,
        bed_id=row.bed_id,
    )


def _with_timeline(session: Session, place: Place, stay: Stay, facts: AdmissionFacts) -> AdmissionFacts:
    """The facts with nights and sightings, from the readings of the beds while the stay held them."""
    if facts.until <= stay.admitted_at:
        return facts
    whole = Interval(stay.admitted_at, facts.until)
    held: list[Reading] = []
    for placement in stay.placements_in(whole):
        margin = Interval(placement.held.start - place.policy.max_gap, placement.held.end + place.policy.max_gap)
        late = late_readings(session, place.facility.id, placement.bed_id, margin)
        held += (
            untrusted(reading) if reading.reading_id in late else reading
            for reading in hide_paused(
                session, place.facility.id, readings(session, place.facility.id, [placement.bed_id], [margin])
            )
        )
    seen = sightings_of(session, place.facility.id, [stay.patient_id], [whole])
    beds = {
        bed_id: observe((r for r in held if r.bed_id == bed_id), stay.patient_id, place.policy)
        for bed_id in {reading.bed_id for reading in held}
    }
    return replace(
        facts,
        nights=judgeable_nights(place, stay, facts, beds, seen),
        unsighted=unsighted(place, stay, facts.until, beds, seen),
    )


def untrusted(reading: Reading) -> Reading:
    """A reading of a frame that came late, without the server's chain: it may show somebody, never nobody."""
    if reading.state in (BedState.EMPTY, BedState.OTHER_PERSON):
        return replace(reading, state=BedState.UNOBSERVED, cause="late")
    return reading


def judgeable_nights(
    place: Place,
    stay: Stay,
    facts: AdmissionFacts,
    beds: dict[str, tuple[Observation, ...]],
    seen: Iterable[Sighting],
) -> tuple[Night, ...]:
    """The nights through which the patient was to be in bed: none with leave or an activity, before the reference, or
    in the grace period. `beds`: raw observations by bed."""
    policy, seen = place.policy, tuple(seen)
    if stay.reference_since is None:
        return ()
    begins = max(stay.admitted_at + policy.grace_of(stay.category), stay.reference_since)
    if begins >= facts.until:
        return ()
    excused = [leave.away for leave in stay.excusing_leaves(policy)] + [item.away for item in stay.activities]
    steady = {bed_id: debounce(items, policy) for bed_id, items in beds.items()}
    nights = []
    for day, night in nights_between(policy, place.zone, Interval(begins, facts.until)):
        if any(away.overlap(night) for away in excused):
            continue
        parts = stay.placements_in(night)
        observed = [part for p in parts for part in covered(beds.get(p.bed_id, ()), p.held, policy)]
        bare = [part for p in parts for part in empty(steady.get(p.bed_id, ()), p.held, policy)]
        at_night = [check for check in facts.checks if night.contains(check.due_at)]
        present = any(night.start <= item.at <= night.end for item in seen) or any(
            check.state in (PresenceState.PRESENT_VERIFIED, PresenceState.PRESENT_ALTERNATIVE) for check in at_night
        )
        confirmed = next((check for check in at_night if check.state is PresenceState.ABSENT_CONFIRMED), None)
        nights.append(
            Night(
                day=day,
                end=night.end,
                coverage=total(observed) / night.length,
                empty=timedelta() if present else total(bare),
                confirmed_at=confirmed.confirmed_at or confirmed.window_end if confirmed else None,
                reading_ids=confirmed.reading_ids if confirmed else (),
                look_ids=confirmed.look_ids if confirmed else (),
            )
        )
    return tuple(nights)


def unsighted(
    place: Place,
    stay: Stay,
    until: datetime,
    beds: dict[str, tuple[Observation, ...]],
    seen: Iterable[Sighting],
) -> Unsighted | None:
    """Whether anybody who could be the patient was ever seen, and how much of the bed time was observed.

    Somebody without a face in the bed could be the patient; somebody known to be another is not. Bed time is that since
    the patient could be recognised, less leave and activities. None when there was none.
    """
    since = max(stay.admitted_at, stay.reference_since or stay.admitted_at)
    if stay.reference_since is None or since >= until:
        return None
    excused = [leave.away for leave in stay.excusing_leaves(place.policy)] + [item.away for item in stay.activities]
    bed_time = subtract(Interval(since, until), excused)
    observed: list[Interval] = []
    patient = unknown = 0
    for placement in stay.placements_in(Interval(stay.admitted_at, until)):
        items = beds.get(placement.bed_id, ())
        for part in bed_time:
            common = part.overlap(placement.held)
            if common is not None:
                observed += covered(items, common, place.policy)
        for item in items:
            if placement.held.contains(item.at):
                patient += item.state is BedState.PATIENT
                unknown += item.state is BedState.UNIDENTIFIED or (
                    item.state is BedState.OTHER_PERSON and not item.lone
                )
    patient += sum(stay.admitted_at <= item.at <= until for item in seen)
    whole = total(bed_time)
    return Unsighted(
        since=since,
        coverage=total(observed) / whole if whole else 0.0,
        patient_readings=patient,
        unknown_occupant_readings=unknown,
    )


def _counter_evidence(stay: Stay, checks: Sequence[CheckRecord], place: Place) -> CounterEvidence:
    def number(state: PresenceState) -> int:
        return sum(check.state is state for check in checks)

    verified = [check.due_at for check in checks if check.state is PresenceState.PRESENT_VERIFIED]
    excusing = stay.excusing_leaves(place.policy)
    return CounterEvidence(
        verified_checks=len(verified),
        last_verified_at=max(verified, default=None),
        alternative_checks=number(PresenceState.PRESENT_ALTERNATIVE),
        unidentified_checks=number(PresenceState.PRESENT_UNIDENTIFIED),
        unanswered_checks=number(PresenceState.UNANSWERED),
        unobserved_checks=number(PresenceState.UNOBSERVED),
        late_leaves=sum(leave.signed_late_by() > timedelta() for leave in stay.leaves),
        leaves=tuple(
            f"{leave.away.start.isoformat()}/{leave.away.end.isoformat()}"
            + ("" if leave in excusing else f" signed {leave.signed_at.isoformat()}")
            for leave in stay.leaves
        ),
        activities=tuple(
            f"{item.kind} {item.away.start.isoformat()}/{item.away.end.isoformat()}" for item in stay.activities
        ),
    )
