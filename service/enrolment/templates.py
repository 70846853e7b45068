"""Sealing, opening and wiping templates: the only file that sees one outside of memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from service.enrolment.stamp import restamp
from service.enrolment.tables import FaceTemplate
from service.platform.crypto import KeyRing

REFERENCES = ("id_card_picture", "electronic_credential", "two_persons", "unproven")
"""What may prove that a face belongs to a patient. The first two prove at once, the third when it is confirmed."""

MATCHES_PREVIOUS = "matches_previous"
"""Among a template's reasons: the face is that of the template that it replaces, by the pack's threshold."""

_CHUNK = 500

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template to be kept. `vector`: (d,) float32, unit length."""

    vector: Vector
    pack_hash: str
    quality: float
    photo_sha256: str
    reference: str
    effective_from: datetime
    enrolled_by: str
    enrolled_at: datetime
    signature: bytes | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenTemplate:
    """A template in the clear, for the time of a comparison. `vector`: (d,) float32, unit length. `patient_id`: the
    gallery's key, whatever `kind` of person it is; `number`: what the facility calls somebody who is no patient."""

    template_id: str
    patient_id: str
    vector: Vector
    kind: str = "patient"
    number: str = ""


def store_template(
    session: Session, keys: KeyRing, *, facility_id: str, patient_id: str, new: NewTemplate
) -> FaceTemplate:
    """Seals a template for one patient, facility and pack. Raises `ValueError` for a vector that is not a unit row."""
    vector = np.ascontiguousarray(new.vector, dtype="<f4")
    if vector.ndim != 1 or not np.isfinite(vector).all() or abs(float(np.linalg.norm(vector)) - 1.0) > 1e-3:
        raise ValueError("a template is one row of unit length")
    row = FaceTemplate(
        patient_id=patient_id,
        facility_id=facility_id,
        pack_hash=new.pack_hash,
        sealed=keys.seal(vector.tobytes(), seal_context(facility_id, patient_id, new.pack_hash)),
        sealed_signature=_sealed_signature(keys, facility_id, patient_id, new.signature),
        dimension=len(vector),
        quality=new.quality,
        reasons=list(new.reasons),
        reference=new.reference,
        photo_sha256=new.photo_sha256,
        effective_from=new.effective_from,
        enrolled_by=new.enrolled_by,
        enrolled_at=new.enrolled_at,
    )
    session.add(row)
    session.flush()
    restamp(session, facility_id)
    return row


def wipe_templates(session: Session, templates: Iterable[FaceTemplate], *, cause: str, at: datetime) -> int:
    """Destroys the sealed bytes and keeps the rows; returns how many. `cause`: superseded, revoked, …"""
    wiped = 0
    for template in templates:
        template.sealed = template.sealed_signature = None
        template.revoked_at = at
        template.revoked_cause = cause
        session.add(template)
        session.flush()
        restamp(session, template.facility_id)
        wiped += 1
    return wiped


def open_templates(keys: KeyRing, rows: Sequence[FaceTemplate]) -> list[OpenTemplate]:
    """The rows in the clear; wiped ones are left out. Raises `SealBroken` for one that was moved or changed."""
    return [
        OpenTemplate(row.id, row.patient_id, _unseal(keys, row, row.sealed)) for row in rows if row.sealed is not None
    ]


def active_templates(session: Session, patient_id: str, pack_hash: str | None = None) -> tuple[FaceTemplate, ...]:
    """The patient's templates that were neither superseded nor revoked, oldest first."""
    query = select(FaceTemplate).where(FaceTemplate.patient_id == patient_id, col(FaceTemplate.sealed).is_not(None))
    if pack_hash is not None:
        query = query.where(FaceTemplate.pack_hash == pack_hash)
    return tuple(session.exec(query.order_by(col(FaceTemplate.enrolled_at), col(FaceTemplate.id))))


def templates_of_patient(session: Session, patient_id: str) -> tuple[FaceTemplate, ...]:
    """Every template the patient ever had, wiped ones too, oldest first."""
    query = select(FaceTemplate).where(FaceTemplate.patient_id == patient_id)
    return tuple(session.exec(query.order_by(col(FaceTemplate.enrolled_at), col(FaceTemplate.id))))


def superseded_templates(session: Session, patient_id: str) -> tuple[FaceTemplate, ...]:
    """The patient's wiped templates whose proof still counts: a later one resembled them, or they expired."""
    query = select(FaceTemplate).where(
        FaceTemplate.patient_id == patient_id, col(FaceTemplate.revoked_cause).in_(("superseded", "expired"))
    )
    return tuple(session.exec(query))


def templates_of_facility(session: Session, facility_id: str, pack_hash: str) -> tuple[FaceTemplate, ...]:
    """The facility's templates of one pack that were neither superseded nor revoked."""
    query = select(FaceTemplate).where(
        FaceTemplate.facility_id == facility_id,
        FaceTemplate.pack_hash == pack_hash,
        col(FaceTemplate.sealed).is_not(None),
    )
    return tuple(session.exec(query.order_by(col(FaceTemplate.patient_id), col(FaceTemplate.id))))


def template_ids_of_facility(session: Session, facility_id: str, pack_hash: str) -> frozenset[str]:
    """Ids of what `templates_of_facility` returns."""
    query = select(FaceTemplate.id).where(
        FaceTemplate.facility_id == facility_id,
        FaceTemplate.pack_hash == pack_hash,
        col(FaceTemplate.sealed).is_not(None),
    )
    return frozenset(session.exec(query))


def templates_by_id(session: Session, ids: Sequence[str]) -> list[FaceTemplate]:
    """The templates with these ids."""
    found: list[FaceTemplate] = []
    for at in range(0, len(ids), _CHUNK):
        found += session.exec(select(FaceTemplate).where(col(FaceTemplate.id).in_(ids[at : at + _CHUNK])))
    return found


def enrolment_signatures(keys: KeyRing, session: Session, patient_ids: Sequence[str]) -> dict[str, tuple[bytes, ...]]:
    """Patient id -> the signatures of the pictures that the standing templates were made of, where there are any."""
    found: dict[str, tuple[bytes, ...]] = {}
    for at in range(0, len(patient_ids), _CHUNK):
        chosen = list(patient_ids[at : at + _CHUNK])
        query = select(FaceTemplate).where(
            col(FaceTemplate.patient_id).in_(chosen), col(FaceTemplate.sealed_signature).is_not(None)
        )
        for row in session.exec(query.order_by(col(FaceTemplate.id))):
            if row.sealed_signature is not None:
                opened = keys.open(row.sealed_signature, _signature_context(row.facility_id, row.patient_id))
                found[row.patient_id] = (*found.get(row.patient_id, ()), opened)
    return found


def reseal_for(keys: KeyRing, template: FaceTemplate, patient_id: str) -> None:
    """Makes the template another patient's, in place: what is sealed is sealed anew for that one."""
    facility_id, before = template.facility_id, template.patient_id
    if template.sealed is not None:
        vector = _unseal(keys, template, template.sealed)
        context = seal_context(facility_id, patient_id, template.pack_hash)
        template.sealed = keys.seal(np.ascontiguousarray(vector, dtype="<f4").tobytes(), context)
    if template.sealed_signature is not None:
        signature = keys.open(template.sealed_signature, _signature_context(facility_id, before))
        template.sealed_signature = _sealed_signature(keys, facility_id, patient_id, signature)
    template.patient_id = patient_id


def is_proven(template: FaceTemplate) -> bool:
    """Whether it is shown that the face belongs to the patient."""
    if template.reference == "two_persons":
        return template.confirmed_at is not None
    return template.reference in ("id_card_picture", "electronic_credential")


def proven_clause() -> ColumnElement[bool]:
    """`is_proven` as SQL."""
    return or_(
        col(FaceTemplate.reference).in_(("id_card_picture", "electronic_credential")),
        and_(col(FaceTemplate.reference) == "two_persons", col(FaceTemplate.confirmed_at).is_not(None)),
    )


def seal_context(facility_id: str, patient_id: str, pack_hash: str) -> str:
    """What a template is bound to: copied to another patient's row it does not open."""
    return f"face-template:{facility_id}:{patient_id}:{pack_hash}"


def _sealed_signature(keys: KeyRing, facility_id: str, patient_id: str, signature: bytes | None) -> bytes | None:
    return keys.seal(signature, _signature_context(facility_id, patient_id)) if signature is not None else None


def _signature_context(facility_id: str, patient_id: str) -> str:
    return f"face-signature:{facility_id}:{patient_id}"


def _unseal(keys: KeyRing, row: FaceTemplate, sealed: bytes) -> Vector:
    plain = keys.open(sealed, seal_context(row.facility_id, row.patient_id, row.pack_hash))
    return np.frombuffer(plain, dtype="<f4").astype(np.float32)
