"""Templates of staff and delegates: kept, opened, wiped, and told from patients'."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import numpy as np
from sqlmodel import Session, col, select

from service.enrolment.stamp import restamp
from service.enrolment.tables import PersonTemplate
from service.enrolment.templates import OpenTemplate
from service.kit.ids import new_id
from service.platform.crypto import KeyRing

_CHUNK = 500


class PersonKind(StrEnum):
    """Whose face a gallery's key stands for."""

    PATIENT = "patient"
    STAFF = "staff"
    DELEGATE = "delegate"


def person_id_of(session: Session, facility_id: str, kind: PersonKind, person_no: str) -> str:
    """The person's id: that of earlier templates, or a new one."""
    query = select(PersonTemplate.person_id).where(
        PersonTemplate.facility_id == facility_id,
        PersonTemplate.person_kind == kind.value,
        PersonTemplate.person_no == person_no,
    )
    return session.exec(query).first() or new_id()


def standing_of_person(session: Session, person_id: str, pack_hash: str | None = None) -> tuple[PersonTemplate, ...]:
    """The person's templates that were not wiped, oldest first."""
    query = select(PersonTemplate).where(PersonTemplate.person_id == person_id, col(PersonTemplate.sealed).is_not(None))
    if pack_hash is not None:
        query = query.where(PersonTemplate.pack_hash == pack_hash)
    return tuple(session.exec(query.order_by(col(PersonTemplate.enrolled_at), col(PersonTemplate.id))))


def standing_of_facility(
    session: Session, facility_id: str, kinds: Iterable[PersonKind], pack_hash: str | None = None
) -> tuple[PersonTemplate, ...]:
    """The facility's templates of these kinds that were not wiped, by person."""
    query = select(PersonTemplate).where(
        PersonTemplate.facility_id == facility_id,
        col(PersonTemplate.person_kind).in_([kind.value for kind in kinds]),
        col(PersonTemplate.sealed).is_not(None),
    )
    if pack_hash is not None:
        query = query.where(PersonTemplate.pack_hash == pack_hash)
    return tuple(session.exec(query.order_by(col(PersonTemplate.person_id), col(PersonTemplate.id))))


def open_persons(keys: KeyRing, rows: Sequence[PersonTemplate]) -> list[OpenTemplate]:
    """The rows in the clear; wiped ones are left out. Raises `SealBroken` for one that was moved or changed."""
    return [
        OpenTemplate(row.id, row.person_id, _vector(keys, row, row.sealed), row.person_kind, row.person_no)
        for row in rows
        if row.sealed is not None
    ]


def seal_person(keys: KeyRing, row: PersonTemplate, vector: np.ndarray) -> None:
    """Seals `vector` ((d,) float32 of unit length) into the row, bound to whom it belongs to and to its pack."""
    packed = np.ascontiguousarray(vector, dtype="<f4")
    if packed.ndim != 1 or not np.isfinite(packed).all() or abs(float(np.linalg.norm(packed)) - 1.0) > 1e-3:
        raise ValueError("a template is one row of unit length")
    row.sealed, row.dimension = keys.seal(packed.tobytes(), _context(row)), len(packed)


def wipe_persons(session: Session, rows: Iterable[PersonTemplate], *, cause: str, at: datetime) -> int:
    """Destroys the sealed bytes and keeps the rows; returns how many."""
    wiped = 0
    for row in rows:
        row.sealed, row.revoked_at, row.revoked_cause = None, at, cause
        session.add(row)
        session.flush()
        restamp(session, row.facility_id)
        wiped += 1
    return wiped


def kinds_of(session: Session, keys: Iterable[str]) -> dict[str, PersonKind]:
    """What each key of a gallery is; whoever is neither staff nor delegate is a patient."""
    wanted = sorted(set(keys))
    found = dict.fromkeys(wanted, PersonKind.PATIENT)
    for at in range(0, len(wanted), _CHUNK):
        query = select(PersonTemplate.person_id, PersonTemplate.person_kind).where(
            col(PersonTemplate.person_id).in_(wanted[at : at + _CHUNK])
        )
        for person_id, kind in session.exec(query.distinct()):
            found[person_id] = PersonKind(kind)
    return found


def staff_ids(session: Session, facility_id: str) -> frozenset[str]:
    """The gallery keys of the facility's staff, of those who left too."""
    query = select(PersonTemplate.person_id).where(
        PersonTemplate.facility_id == facility_id, PersonTemplate.person_kind == PersonKind.STAFF.value
    )
    return frozenset(session.exec(query.distinct()))


def staff_numbers(session: Session, facility_id: str) -> dict[str, str]:
    """Gallery key -> staff number."""
    query = select(PersonTemplate.person_id, PersonTemplate.person_no).where(
        PersonTemplate.facility_id == facility_id, PersonTemplate.person_kind == PersonKind.STAFF.value
    )
    return {person_id: number for person_id, number in session.exec(query.distinct())}


def _context(row: PersonTemplate) -> str:
    return f"person-template:{row.person_kind}:{row.facility_id}:{row.person_id}:{row.pack_hash}"


def _vector(keys: KeyRing, row: PersonTemplate, sealed: bytes) -> np.ndarray:
    return np.frombuffer(keys.open(sealed, _context(row)), dtype="<f4").astype(np.float32)
