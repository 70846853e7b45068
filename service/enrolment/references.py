"""Since when a patient may be judged, and for which past a reference counted that is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from service.enrolment.consent import consent_states
from service.enrolment.tables import FaceTemplate
from service.enrolment.templates import proven_clause
from service.kit.intervals import Interval

EXPIRED = "expired"
"""Wiped because the stay is long over: its proof counts for stays that had ended by then, and for no other."""


@dataclass(frozen=True, slots=True)
class _Proof:
    effective_from: datetime
    cause: str | None
    revoked_at: datetime | None
    pack_hash: str


def reference_since(
    session: Session,
    facility_id: str,
    patient_ids: Collection[str] | None = None,
    *,
    pack_hash: str | None = None,
) -> dict[str, datetime]:
    """Patient id -> event time from which the patient may be judged; absent means `no_reference`.

    The first proven template counts, also when a later one superseded it (a revoked one was wrong, and counts no more),
    as long as an active proven one and a standing consent exist. With `pack_hash`, the active one must be of that pack:
    whoever was enrolled only with another pack cannot be recognised now, so must not be judged. `patient_ids`: only
    of these. What expired before the active one came counts for its own past only: see `expired_references`.
    """
    since: dict[str, datetime] = {}
    for patient_id, proofs in _proofs(session, facility_id, patient_ids).items():
        if any(proof.cause is None and pack_hash in (None, proof.pack_hash) for proof in proofs):
            ends = _expiries(proofs)
            since[patient_id] = min(
                proof.effective_from
                for proof in proofs
                if proof.cause is None
                or (proof.cause == "superseded" and (not ends or proof.effective_from > ends[-1]))
            )
    return since


def expired_references(
    session: Session,
    facility_id: str,
    patient_ids: Collection[str] | None = None,
    *,
    pack_hash: str | None = None,
) -> dict[str, tuple[Interval, ...]]:
    """Patient id -> the event times, in order, during which a proven reference stood that has expired since then.

    It counts for a stay that was over before its end. The terms of `reference_since` hold.
    """
    found: dict[str, tuple[Interval, ...]] = {}
    for patient_id, proofs in _proofs(session, facility_id, patient_ids).items():
        spans: list[Interval] = []
        for end in _expiries(proofs):
            after = spans[-1].end if spans else None
            own = [
                proof
                for proof in proofs
                if (proof.cause == EXPIRED and proof.revoked_at == end)
                or (
                    proof.cause == "superseded"
                    and proof.effective_from <= end
                    and (after is None or proof.effective_from > after)
                )
            ]
            if any(proof.cause == EXPIRED and pack_hash in (None, proof.pack_hash) for proof in own):
                spans.append(Interval(min(proof.effective_from for proof in own), end))
        if spans:
            found[patient_id] = tuple(spans)
    return found


def _expiries(proofs: Sequence[_Proof]) -> list[datetime]:
    """When templates expired, in order."""
    return sorted({proof.revoked_at for proof in proofs if proof.cause == EXPIRED and proof.revoked_at is not None})


def _proofs(session: Session, facility_id: str, patient_ids: Collection[str] | None) -> dict[str, list[_Proof]]:
    """The proven templates of patients whose consent stands; without those that were wrong."""
    consents = consent_states(session, facility_id, patient_ids)
    query = select(
        col(FaceTemplate.patient_id),
        col(FaceTemplate.effective_from),
        col(FaceTemplate.revoked_cause),
        col(FaceTemplate.revoked_at),
        col(FaceTemplate.pack_hash),
    ).where(col(FaceTemplate.facility_id) == facility_id, proven_clause())
    if patient_ids is not None:
        query = query.where(col(FaceTemplate.patient_id).in_(sorted(patient_ids)))
    found: dict[str, list[_Proof]] = defaultdict(list)
    for patient_id, effective_from, cause, revoked_at, pack_hash in session.execute(query):
        if consents.get(patient_id) == "given" and cause in (None, "superseded", EXPIRED):
            found[patient_id].append(_Proof(effective_from, cause, revoked_at, pack_hash))
    return found
