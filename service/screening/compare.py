"""Two versions of a rule on the same facts: a version on trial is judged by what it would have said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from service.facilities import facility_by_id
from service.kit.errors import InvalidInput
from service.occupancy import judged_upto, place_of
from service.platform.context import Context
from service.screening.catalogue import rule_version, suspicions_of
from service.screening.facts import AdmissionFacts
from service.screening.gather import gather_facts
from service.screening.gather_places import gather_places, periods_upto
from service.screening.law import Rule
from service.screening.same_faces import same_faces
from service.screening.subject_facts import SubjectFacts


@dataclass(frozen=True, slots=True)
class Compared:
    """One subject that at least one of the versions names. `times`: the event time by each, or None."""

    subject: str
    by_first: str | None
    by_second: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two versions say of one facility as it is known now. Nothing is raised and nothing is written."""

    first: str
    second: str
    judged: int
    rows: tuple[Compared, ...]

    @property
    def both(self) -> int:
        """Subjects that both versions name."""
        return sum(row.by_first is not None and row.by_second is not None for row in self.rows)

    @property
    def only_first(self) -> int:
        """Subjects that only the first version names."""
        return sum(row.by_second is None for row in self.rows)

    @property
    def only_second(self) -> int:
        """Subjects that only the second version names."""
        return sum(row.by_first is None for row in self.rows)


def compare(context: Context, facility_id: str, first: str, second: str) -> Comparison:
    """Applies both versions (CODE@VERSION) to the same facts. Raises `NotFound`, or `InvalidInput` for two rules."""
    one, two = rule_version(first), rule_version(second)
    if one.code != two.code:
        raise InvalidInput(
            f"{one.label} and {two.label} are different rules",
            field="compare",
            remedy="name two versions of one rule, as phantom_admission@1 phantom_admission@2",
        )
    rows, judged = [], 0
    for facts in _facts(context, facility_id, one):
        judged += 1
        said = [_said(facts, version) for version in (one, two)]
        if any(said):
            rows.append(Compared(facts.subject.label, *said))
    return Comparison(one.label, two.label, judged, tuple(sorted(rows, key=lambda row: row.subject)))


def _facts(context: Context, facility_id: str, law: Rule) -> list[SubjectFacts]:
    with context.database.reading() as session:
        facility = facility_by_id(session, facility_id)
        upto = judged_upto(facility, context.clock)
        if upto is None:
            return []
        place = place_of(facility, session, upto)
        if law.facts is AdmissionFacts:
            alike_at = partial(same_faces, context, session)
            return list(gather_facts(session, place, upto, twins=alike_at(facility_id), alike_at=alike_at))
        found = gather_places(context, session, place, periods_upto(place, upto))
        return [facts for facts in found if isinstance(facts, law.facts)]


def _said(facts: SubjectFacts, law: Rule) -> str | None:
    found = suspicions_of(facts, [law])
    return found[0].event_at.isoformat() if found else None
