"""`repeated_face` 面部反复相同: a face that repeats as only a picture does. Work for a person, no accusation."""

from __future__ import annotations

from dataclasses import dataclass

from service.screening.facts import Fact, Suspicion
from service.screening.place_facts import RepeatFacts, RepeatSeen

REPEATED = "repeated_face"


@dataclass(frozen=True, slots=True)
class RepeatedFaceParameters:
    """Domain, section 2: the same pose and embedding night after night, or one too close to the enrolment picture.

    `shape`, `bits`, `similarity_spread`, `enrolment_similarity`: measured on 30 photographs of ten people, see
    `service.vision.sequence.RepeatPolicy`; a report beyond them is no repetition. `never_for`: who lies still every
    night for a reason.
    """

    nights: int = 3
    shape: float = 0.03
    bits: float = 0.10
    similarity_spread: float = 0.03
    enrolment_similarity: float = 0.93
    never_for: frozenset[str] = frozenset({"icu", "newborn"})


def repeated_face(facts: RepeatFacts, parameters: RepeatedFaceParameters) -> Suspicion | None:
    """Fires on the enrolment picture in the bed, or on one pose over several nights. Somebody is to go and look."""
    if facts.is_exempt or not facts.has_reference or facts.category in parameters.never_for:
        return None
    enrolment = next((r for r in facts.repeats if r.is_enrolment and _is_enrolment(r, parameters)), None)
    over_nights = next((r for r in facts.repeats if not r.is_enrolment and _is_pose(r, parameters)), None)
    seen = enrolment or over_nights
    if seen is None:
        return None
    times = sorted((at, night) for _, at, night in seen.readings)
    first = times[0][0]
    if seen is over_nights:
        known = []
        for at, night in times:
            known += [night] if night not in known else []
            first = at
            if len(known) >= parameters.nights:
                break
    common = (
        Fact("nights", sorted({night.isoformat() for _, _, night in seen.readings})),
        Fact("repeated_readings", len(seen.readings)),
    )
    return Suspicion(
        rule=REPEATED,
        variant="enrolment_picture" if seen is enrolment else "same_pose",
        event_at=first,
        facts=(*common, *_measured(seen, parameters)),
        evidence_ids=tuple(reading_id for reading_id, _, _ in seen.readings)[:_MOST],
    )


_MOST = 48
"""Pictures that a finding holds on to: six nights of eight."""


def _is_pose(seen: RepeatSeen, parameters: RepeatedFaceParameters) -> bool:
    return (
        len({night for _, _, night in seen.readings}) >= parameters.nights
        and seen.shape_distance <= parameters.shape
        and seen.bits_different <= parameters.bits
        and seen.similarity_high - seen.similarity_low <= parameters.similarity_spread + 1e-9
    )


def _is_enrolment(seen: RepeatSeen, parameters: RepeatedFaceParameters) -> bool:
    return seen.similarity_high >= parameters.enrolment_similarity and seen.bits_different <= parameters.bits


def _measured(seen: RepeatSeen, parameters: RepeatedFaceParameters) -> tuple[Fact, ...]:
    """The distances with what they may be at most, or at least."""
    bits = Fact("bits_different", seen.bits_different, parameters.bits)
    if seen.is_enrolment:
        return (Fact("similarity_high", seen.similarity_high, parameters.enrolment_similarity), bits)
    spread = round(seen.similarity_high - seen.similarity_low, 4)
    return (
        Fact("nights_alike", len({night for _, _, night in seen.readings}), parameters.nights),
        Fact("shape_distance", seen.shape_distance, parameters.shape),
        bits,
        Fact("similarity_spread", spread, parameters.similarity_spread),
    )
