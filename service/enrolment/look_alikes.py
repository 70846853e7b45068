"""Whether a face is already enrolled for somebody else: a work item for a person, never a refusal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from service.admissions import patient_numbers
from service.enrolment.person_templates import PersonKind, open_persons, standing_of_facility
from service.enrolment.report import LookAlike
from service.enrolment.templates import OpenTemplate, open_templates, template_ids_of_facility, templates_by_id
from service.platform.crypto import KeyRing

_REPORTED = 5


class KnownFaces:
    """A facility's templates in the clear, for as long as one run of enrolments lasts.

    Each template is opened once, not once for every patient enrolled after it; what was wiped meanwhile is forgotten
    before the next comparison. Not for several threads.
    """

    def __init__(self, keys: KeyRing, facility_id: str, pack_hash: str) -> None:
        self._keys = keys
        self._facility_id = facility_id
        self._pack_hash = pack_hash
        self._opened: dict[str, OpenTemplate] = {}

    def others(self, session: Session, patient_id: str) -> list[OpenTemplate]:
        """Every template that stands now, of staff and delegates too, and is not that person's own."""
        standing = template_ids_of_facility(session, self._facility_id, self._pack_hash)
        self._opened = {key: item for key, item in self._opened.items() if key in standing}
        missing = [key for key in standing if key not in self._opened]
        for item in open_templates(self._keys, templates_by_id(session, missing)):
            self._opened[item.template_id] = item
        kinds = (PersonKind.STAFF, PersonKind.DELEGATE)
        persons = standing_of_facility(session, self._facility_id, kinds, self._pack_hash)
        others = [*self._opened.values(), *open_persons(self._keys, persons)]
        return [item for item in others if item.patient_id != patient_id]


def look_alikes(
    session: Session,
    known: KnownFaces,
    *,
    facility_id: str,
    patient_id: str,
    vectors: Sequence[NDArray[np.float32]],
    same_person: float,
) -> tuple[LookAlike, ...]:
    """Others enrolled at the facility whom one of `vectors` resembles from the cosine `same_person` on, which is the
    pack's own; the most similar first, at most five.

    Unproven templates are compared too: whoever enrols one face under two names need not prove either.
    """
    opened = known.others(session, patient_id)
    if not opened or not vectors:
        return ()
    best: dict[str, float] = {}
    similarities = np.stack(list(vectors)) @ np.stack([item.vector for item in opened]).T
    for item, similarity in zip(opened, similarities.max(axis=0).tolist(), strict=True):
        if similarity >= same_person:
            best[item.patient_id] = max(similarity, best.get(item.patient_id, -1.0))
    persons = {item.patient_id: item for item in opened if item.kind != PersonKind.PATIENT}
    numbers = patient_numbers(session, facility_id, [key for key in best if key not in persons])
    numbers |= {key: persons[key].number for key in best if key in persons}
    found = [
        LookAlike(numbers[key], round(similarity, 4), round(similarity - same_person, 4), _kind(persons.get(key)))
        for key, similarity in sorted(best.items(), key=lambda entry: -entry[1])
        if key in numbers
    ]
    return tuple(found[:_REPORTED])


def resembles(vectors: Sequence[NDArray[np.float32]], known: Sequence[OpenTemplate], same_person: float) -> bool:
    """Whether each vector is the same person as some known template."""
    if not known:
        return True
    similarities = np.stack(list(vectors)) @ np.stack([item.vector for item in known]).T
    return bool((similarities.max(axis=1) >= same_person).all())


def _kind(person: OpenTemplate | None) -> str:
    return person.kind if person is not None else PersonKind.PATIENT.value
