"""Members of staff who are patients themselves: told by their templates, in memory, so that lying ill in a bed is never
held against them."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from sqlmodel import Session, col, select

from service.enrolment.consent import consent_states
from service.enrolment.pack import threshold_of
from service.enrolment.person_templates import PersonKind, open_persons, standing_of_facility
from service.enrolment.stamp import stamp_of
from service.enrolment.tables import FaceTemplate, PersonTemplate
from service.enrolment.templates import OpenTemplate, open_templates, proven_clause
from service.platform.context import Context
from service.platform.crypto import KeyRing, SealBroken

_FACILITIES_HELD = 64

log = logging.getLogger(__name__)


class _HeldPairs:
    """Who is whom, by the mark of the facility's gallery: compared again only when somebody is enrolled, wiped, or
    consents otherwise. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[str, frozenset[tuple[str, str]]]] = OrderedDict()

    def get(self, facility_id: str, stamp: str) -> frozenset[tuple[str, str]] | None:
        with self._lock:
            held = self._held.get(facility_id)
            return held[1] if held is not None and held[0] == stamp else None

    def put(self, facility_id: str, stamp: str, pairs: frozenset[tuple[str, str]]) -> None:
        with self._lock:
            self._held[facility_id] = (stamp, pairs)
            self._held.move_to_end(facility_id)
            while len(self._held) > _FACILITIES_HELD:
                self._held.popitem(last=False)


_pairs = _HeldPairs()


def staff_among_patients(
    context: Context, session: Session, facility_id: str, patient_ids: Collection[str]
) -> frozenset[str]:
    """The gallery keys of the facility's staff whose face is that of one of these patients.

    Compared are proven references of patients whose consent stands with standing ones of staff, of one and the same
    model pack, from that pack's own threshold on. An unproven picture excuses nobody: it could be anybody's. No
    template leaves this function, and nothing is written down; one that does not open is left out and logged.
    """
    stamp = stamp_of(session, facility_id)
    if not stamp or not patient_ids:
        return frozenset()
    found = _pairs.get(facility_id, stamp)
    if found is None:
        found = frozenset(_compare(context, session, facility_id))
        _pairs.put(facility_id, stamp, found)
    wanted = frozenset(patient_ids)
    return frozenset(staff for staff, patient in found if patient in wanted)


def _compare(context: Context, session: Session, facility_id: str) -> Iterator[tuple[str, str]]:
    """(staff key, patient id) of each pair that is one face."""
    staff = standing_of_facility(session, facility_id, (PersonKind.STAFF,))
    for pack in sorted({row.pack_hash for row in staff}):
        own = list(_opened_staff(context.keys, (row for row in staff if row.pack_hash == pack)))
        patients = list(_opened_patients(context.keys, _proven(session, facility_id, pack)))
        if own and patients:
            yield from _alike(own, patients, threshold_of(context, pack))


def _proven(session: Session, facility_id: str, pack: str) -> list[FaceTemplate]:
    consents = consent_states(session, facility_id)
    query = select(FaceTemplate).where(
        FaceTemplate.facility_id == facility_id,
        FaceTemplate.pack_hash == pack,
        col(FaceTemplate.sealed).is_not(None),
        proven_clause(),
    )
    return [row for row in session.exec(query) if consents.get(row.patient_id) == "given"]


def _alike(
    staff: Sequence[OpenTemplate], patients: Sequence[OpenTemplate], threshold: float
) -> Iterator[tuple[str, str]]:
    theirs = np.stack([item.vector for item in patients])
    for member in staff:
        if member.vector.shape == theirs.shape[1:]:
            for index in np.flatnonzero(theirs @ member.vector >= threshold).tolist():
                yield member.patient_id, patients[index].patient_id


def _opened_patients(keys: KeyRing, rows: Iterable[FaceTemplate]) -> Iterator[OpenTemplate]:
    for row in rows:
        try:
            yield from open_templates(keys, [row])
        except SealBroken:
            log.error("a template could not be opened, and was not compared")


def _opened_staff(keys: KeyRing, rows: Iterable[PersonTemplate]) -> Iterator[OpenTemplate]:
    for row in rows:
        try:
            yield from open_persons(keys, [row])
        except SealBroken:
            log.error("a template could not be opened, and was not compared")
