"""`two_places_at_once` 一人两地, `duplicate_identity` 重复身份, `enrolment_swap` 换脸: who the person is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from service.kit.intervals import Interval
from service.screening.facts import AdmissionFacts, Fact, Stay, Suspicion

TWO_PLACES, DUPLICATE, ENROLMENT = "two_places_at_once", "duplicate_identity", "enrolment_swap"


@dataclass(frozen=True, slots=True)
class TwoPlacesParameters:
    """Domain, section 3. `travel_minutes`: the least time between the two houses. `observation_minutes`: pictures of
    one house nearer to each other are one observation, and a clock may be off by as much. `margin`: by how much a face
    must exceed the pack's threshold; 0.1 above 0.40 is what `duplicate_identity` asks, and the most alike pair of two
    people in docs/accuracy.md has 0.304."""

    travel_minutes: float = 30.0
    overlap_hours: float = 24.0
    observation_minutes: float = 30.0
    margin: float = 0.1
    referral: frozenset[str] = frozenset({"referral", "transfer"})
    never_for: frozenset[str] = frozenset({"newborn"})


@dataclass(frozen=True, slots=True)
class DuplicateIdentityParameters:
    """How alike two faces must be. Higher than at enrolment's own check, which asks at .40 while the person is still
    there: here every patient of a facility is compared with every other, and chance has many more tries."""

    similarity: float = 0.5


@dataclass(frozen=True, slots=True)
class EnrolmentSwapParameters:
    """A new template within the stay is fine when it matches the old one or a second person confirms it."""

    changes: int = 1


def two_places_at_once(facts: AdmissionFacts, parameters: TwoPlacesParameters) -> Suspicion | None:
    """Fires when the person's face was verified in two houses within the time it takes to travel, twice, at checks or
    between them, or when two stays overlap long.

    The later of the two stays is the one that the finding is about.
    """
    if facts.category in parameters.never_for or facts.admission_type in parameters.referral:
        return None
    for other in sorted(facts.others, key=lambda stay: (stay.held, stay.admission_id)):
        if other.disposition in parameters.referral:
            continue
        found = _seen_in_both(facts, other, parameters) or _overlap(facts, other, parameters)
        if found is not None:
            return found
    return None


def _seen_in_both(facts: AdmissionFacts, other: Stay, parameters: TwoPlacesParameters) -> Suspicion | None:
    """Clear faces, one in each house, closer in time than the way is long, and that twice.

    One false match must accuse nobody: it takes two observations in each house, and none of it where somebody else is
    enrolled who looks like the person. A person who changes hospitals is seen in one until some hour and in the other
    from then on; how near the two are, and when the paper of the first stay is closed, says nothing. So stays that
    follow each other never fire, and those that overlap by no more than the books may lag fire only for somebody who
    went there and back, whichever single observation is left out.
    """
    common = Interval(facts.admitted_at, max(facts.until, facts.admitted_at)).overlap(other.held)
    if common is None or facts.twins or other.look_alike or not _is_later(facts, other):
        return None
    there, here = (
        [face.at for face in faces if face.above >= parameters.margin] for faces in (other.seen, other.seen_here)
    )
    if not there or not here:
        return None
    one = timedelta(minutes=parameters.observation_minutes)
    changed_once = _first_then(there, here, one) or _first_then(here, there, one)
    if changed_once and common.length <= timedelta(hours=parameters.overlap_hours):
        return None
    close = _close(here, there, timedelta(minutes=parameters.travel_minutes))
    second = next((pair for pair in close if all(pair[k] - close[0][k] >= one for k in (0, 1))), None)
    if second is None:
        return None
    gaps = [abs(pair[0] - pair[1]).total_seconds() / 60 for pair in (close[0], second)]
    return Suspicion(
        rule=TWO_PLACES,
        variant="seen",
        event_at=max(second),
        facts=(
            Fact("minutes_between", round(max(gaps), 1), parameters.travel_minutes),
            Fact("other_admission", other.admission_no),
            Fact("times", sorted({when.isoformat() for pair in (close[0], second) for when in pair})),
        ),
        evidence_ids=(other.admission_id,),
    )


def _first_then(first: Sequence[datetime], then: Sequence[datetime], one: timedelta) -> bool:
    """Whether the faces of one house all came before those of the other, but for a single observation of either."""
    late = [when for when in first if when > min(then)]
    early = [when for when in then if when < max(first)]
    return any(not items or max(items) - min(items) <= one for items in (late, early))


def _close(here: Sequence[datetime], there: Sequence[datetime], travel: timedelta) -> list[tuple[datetime, datetime]]:
    """Pairs (here, there) of faces that follow each other within `travel`, in order of time."""
    faces = sorted([(when, True) for when in here] + [(when, False) for when in there])
    pairs = [((a[0], b[0]) if a[1] else (b[0], a[0])) for a, b in pairwise(faces) if a[1] != b[1]]
    return [pair for pair in pairs if abs(pair[0] - pair[1]) < travel]


def _overlap(facts: AdmissionFacts, other: Stay, parameters: TwoPlacesParameters) -> Suspicion | None:
    least = timedelta(hours=parameters.overlap_hours)
    if facts.until <= facts.admitted_at or not _is_later(facts, other):
        return None
    common = Interval(facts.admitted_at, facts.until).overlap(other.held)
    if common is None or common.length <= least:
        return None
    return Suspicion(
        rule=TWO_PLACES,
        variant="overlap",
        event_at=common.start + least,
        facts=(
            Fact("overlap_hours", round(common.length.total_seconds() / 3600, 1), parameters.overlap_hours),
            Fact("other_admission", other.admission_no),
        ),
        evidence_ids=(other.admission_id,),
    )


def _is_later(facts: AdmissionFacts, other: Stay) -> bool:
    return (facts.admitted_at, facts.admission_id) > (other.held.start, other.admission_id)


def duplicate_identity(facts: AdmissionFacts, parameters: DuplicateIdentityParameters) -> Suspicion | None:
    """A piece of work: two identities with one face are to be compared by a person."""
    alike = [twin for twin in facts.twins if twin.similarity >= parameters.similarity and not twin.excused]
    if not alike:
        return None
    nearest = max(alike, key=lambda twin: (twin.similarity, twin.patient_no))
    return Suspicion(
        rule=DUPLICATE,
        variant="face",
        event_at=facts.admitted_at,
        facts=(
            Fact("similarity", round(nearest.similarity, 3), parameters.similarity),
            Fact("other_patients", sorted(twin.patient_no for twin in alike)),
        ),
        evidence_ids=tuple(sorted(twin.patient_id for twin in alike)),
    )


def enrolment_swap(facts: AdmissionFacts, parameters: EnrolmentSwapParameters) -> Suspicion | None:
    """Fires when a face template was replaced in mid-stay, neither matching the old one nor confirmed by a second
    person."""
    swaps = sorted(
        (change for change in facts.template_changes if not change.matched_old and not change.second_person),
        key=lambda change: change.at,
    )
    if len(swaps) < parameters.changes:
        return None
    times: list[datetime] = [change.at for change in swaps]
    return Suspicion(
        rule=ENROLMENT,
        variant="template",
        event_at=times[parameters.changes - 1],
        facts=(
            Fact("template_changes", len(swaps), parameters.changes),
            Fact("times", [when.isoformat() for when in times]),
        ),
        evidence_ids=tuple(change.template_id for change in swaps),
    )
