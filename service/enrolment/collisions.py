"""Which enrolled patients have one face: a whole facility's references compared with each other, in memory."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from sqlmodel import Session, col, select

from service.enrolment.consent import consent_states
from service.enrolment.pack import threshold_of
from service.enrolment.stamp import stamp_of
from service.enrolment.tables import FaceTemplate
from service.enrolment.templates import OpenTemplate, open_templates, proven_clause
from service.platform.context import Context
from service.platform.crypto import KeyRing, SealBroken

_FACILITIES_HELD = 64
_ROWS_AT_ONCE = 512
"""Of similarities held at a time: 512 by 20,000 of float32 are 41 MB."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collision:
    """Two patients of a facility, `key_a` < `key_b`, and the cosine of their most similar references."""

    key_a: str
    key_b: str
    similarity: float
    threshold: float


class _HeldCollisions:
    """What was found, by the mark of the facility's gallery: compared again only when somebody is enrolled, wiped, or
    consents otherwise. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[str, tuple[Collision, ...]]] = OrderedDict()

    def get(self, facility_id: str, stamp: str) -> tuple[Collision, ...] | None:
        with self._lock:
            held = self._held.get(facility_id)
            return held[1] if held is not None and held[0] == stamp else None

    def put(self, facility_id: str, stamp: str, found: tuple[Collision, ...]) -> None:
        with self._lock:
            self._held[facility_id] = (stamp, found)
            self._held.move_to_end(facility_id)
            while len(self._held) > _FACILITIES_HELD:
                self._held.popitem(last=False)


_collisions = _HeldCollisions()


def collisions(context: Context, session: Session, facility_id: str) -> tuple[Collision, ...]:
    """Pairs of the facility's patients whose proven references are one face, by key.

    Only patients whose consent stands, and only references of one and the same model pack, are compared, by that
    pack's threshold; the pack itself need not be opened. No template leaves this function, and nothing is written down.
    A sealed template that does not open is left out and logged: the rules about everybody else go on.
    """
    stamp = stamp_of(session, facility_id)
    if not stamp:
        return ()  # nobody was ever enrolled here
    found = _collisions.get(facility_id, stamp)
    if found is None:
        found = tuple(_compare(context, session, facility_id))
        _collisions.put(facility_id, stamp, found)
    return found


def _compare(context: Context, session: Session, facility_id: str) -> Iterator[Collision]:
    consents = consent_states(session, facility_id)
    query = (
        select(FaceTemplate)
        .where(FaceTemplate.facility_id == facility_id, col(FaceTemplate.sealed).is_not(None), proven_clause())
        .order_by(col(FaceTemplate.pack_hash), col(FaceTemplate.patient_id), col(FaceTemplate.id))
    )
    rows = [row for row in session.exec(query) if consents.get(row.patient_id) == "given"]
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for (pack_hash, _), own in groupby(rows, key=lambda row: (row.pack_hash, row.dimension)):
        threshold = threshold_of(context, pack_hash)
        for pair, similarity in _alike(list(_opened(context.keys, own)), threshold):
            best[pair] = max((similarity, threshold), best.get(pair, (-1.0, 0.0)), key=_margin)
    for (first, second), (similarity, threshold) in sorted(best.items()):
        yield Collision(first, second, round(similarity, 4), threshold)


def _margin(found: tuple[float, float]) -> float:
    return found[0] - found[1]


def _opened(keys: KeyRing, rows: Iterable[FaceTemplate]) -> Iterator[OpenTemplate]:
    broken = 0
    for row in rows:
        try:
            yield from open_templates(keys, [row])
        except SealBroken:
            broken += 1
    if broken:
        log.error("templates could not be opened, and were not compared", extra={"templates": broken})


def _alike(opened: list[OpenTemplate], threshold: float) -> Iterator[tuple[tuple[str, str], float]]:
    """Pairs of different patients, in order of their ids, from the threshold on; a pair may come several times."""
    if len(opened) < 2:
        return
    vectors = np.stack([item.vector for item in opened])
    for start in range(0, len(opened), _ROWS_AT_ONCE):
        similarities = vectors[start : start + _ROWS_AT_ONCE] @ vectors.T
        for row, column in np.argwhere(similarities >= threshold).tolist():
            first, second = opened[start + row].patient_id, opened[column].patient_id
            if first < second:
                yield (first, second), float(similarities[row, column])
