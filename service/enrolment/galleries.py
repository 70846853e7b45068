"""What may be compared: galleries held in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from sqlmodel import Session

from service.enrolment.consent import consent_states, standing_consent
from service.enrolment.pack import opened_pack
from service.enrolment.person_templates import PersonKind, open_persons, standing_of_facility, standing_of_person
from service.enrolment.stamp import stamp_of
from service.enrolment.templates import (
    OpenTemplate,
    active_templates,
    is_proven,
    open_templates,
    templates_of_facility,
)
from service.platform.context import Context
from service.platform.crypto import KeyRing
from service.vision import Gallery

_FACILITIES_HELD = 64


class _HeldGalleries:
    """The newest gallery of each facility and pack, by its stamp. Safe for several threads.

    The stamp is random and read in the same transaction as the rows, so an entry cannot hold what was rolled back
    under a stamp that anybody else will see.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], tuple[str, Gallery]] = OrderedDict()

    def get(self, facility_id: str, pack_hash: str, stamp: str) -> Gallery | None:
        with self._lock:
            held = self._held.get((facility_id, pack_hash))
            if held is None or held[0] != stamp:
                return None
            self._held.move_to_end((facility_id, pack_hash))
            return held[1]

    def put(self, facility_id: str, pack_hash: str, stamp: str, gallery: Gallery) -> None:
        with self._lock:
            self._held[(facility_id, pack_hash)] = (stamp, gallery)
            self._held.move_to_end((facility_id, pack_hash))
            while len(self._held) > _FACILITIES_HELD:
                self._held.popitem(last=False)


_galleries = _HeldGalleries()


def gallery(context: Context, session: Session, facility_id: str) -> Gallery:
    """The facility's proven templates of the current pack, of patients whose consent stands, and its staff's.

    Keys are ids of patients and of staff (`staff_ids`, `kinds_of`).

    A patient without a proven reference is not in it: a resemblance to an unproven picture says nothing about anybody.
    Raises `PackUnusable` when there is no pack.
    """
    pack = opened_pack(context)
    return gallery_of_pack(
        context.keys, session, facility_id, pack_hash=pack.pack_hash, dimension=pack.embedding_dimension
    )


def gallery_of_pack(keys: KeyRing, session: Session, facility_id: str, *, pack_hash: str, dimension: int) -> Gallery:
    """As `gallery`, for a pack known by its hash and the length of its embeddings."""
    stamp = stamp_of(session, facility_id)
    held = _galleries.get(facility_id, pack_hash, stamp)
    if held is None:
        held = _build(keys, session, facility_id, pack_hash, dimension)
        if stamp:
            _galleries.put(facility_id, pack_hash, stamp, held)
    return held


def delegate_gallery(context: Context, session: Session, facility_id: str) -> Gallery:
    """The templates of the delegates enrolled at the facility, of the current pack; keys are their ids. Patients and
    delegates are never searched together: a delegate who is a patient elsewhere has another key there."""
    pack = opened_pack(context)
    stamp = stamp_of(session, facility_id)
    held = _galleries.get(f"delegates:{facility_id}", pack.pack_hash, stamp)
    if held is None:
        rows = standing_of_facility(session, facility_id, (PersonKind.DELEGATE,), pack.pack_hash)
        held = _gallery_of(open_persons(context.keys, rows), pack.embedding_dimension)
        if stamp:
            _galleries.put(f"delegates:{facility_id}", pack.pack_hash, stamp, held)
    return held


def templates_of(context: Context, session: Session, key: str) -> Gallery:
    """Everything that stands of one person, of the current pack, for a 1:1 comparison; empty for nobody enrolled.

    A patient's are proven ones under a standing consent only.
    """
    pack = opened_pack(context)
    opened = open_persons(context.keys, standing_of_person(session, key, pack.pack_hash))
    if standing_consent(session, key) == "given":
        proven = [row for row in active_templates(session, key, pack.pack_hash) if is_proven(row)]
        opened += open_templates(context.keys, proven)
    return _gallery_of(opened, pack.embedding_dimension)


def _build(keys: KeyRing, session: Session, facility_id: str, pack_hash: str, dimension: int) -> Gallery:
    consents = consent_states(session, facility_id)
    rows = [
        row
        for row in templates_of_facility(session, facility_id, pack_hash)
        if is_proven(row) and consents.get(row.patient_id) == "given"
    ]
    staff = standing_of_facility(session, facility_id, (PersonKind.STAFF,), pack_hash)
    return _gallery_of([*open_templates(keys, rows), *open_persons(keys, staff)], dimension)


def _gallery_of(opened: list[OpenTemplate], dimension: int) -> Gallery:
    if not opened:
        return Gallery.empty(dimension)
    return Gallery(tuple(item.patient_id for item in opened), np.stack([item.vector for item in opened]))
