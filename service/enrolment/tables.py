"""Tables of consent and face templates; a template is sealed and kept apart from whom it belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class Consent(SQLModel, table=True):
    """A separate, specific consent to face matching, or its refusal (`status`: given | refused | withdrawn)."""

    __tablename__ = "consent"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str = Field(foreign_key="patient.id", index=True, max_length=32)
    status: str = Field(max_length=16)
    given_by: str = Field(default="patient", max_length=32)  # patient | guardian
    document_ref: str = Field(default="", max_length=200)
    given_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_by: str = Field(max_length=100)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class FaceTemplate(SQLModel, table=True):
    """An encrypted template, bound to the pack that made it. Superseded or revoked ones are wiped, the row stays.

    `reference`: what proved that the face belongs to the patient: id_card_picture | electronic_credential | two_persons
    | unproven. Only a proven one counts as a reference ("no reference, no judgement"); `two_persons` counts from the
    confirmation by somebody other than `enrolled_by`.
    `revoked_cause`: superseded (its proof still counts) | replaced | revoked | consent_withdrawn | merged
    (another face than that of the number it was merged with) | expired (counts for
    stays that were over at `revoked_at`, here in event time).
    `reasons`: matches_previous: the face is that of the template before, by the pack's threshold.
    `sealed_signature`: tells a photograph of this very picture (docs/views.md); wiped with the template.
    """

    __tablename__ = "face_template"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str = Field(foreign_key="patient.id", index=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", index=True, max_length=32)
    pack_hash: str = Field(max_length=64, index=True)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    sealed_signature: bytes | None = Field(default=None, sa_type=LargeBinary)
    dimension: int
    quality: float
    reasons: list[Any] = Field(default_factory=list, sa_type=JSON)
    reference: str = Field(default="unproven", max_length=32)
    photo_sha256: str = Field(max_length=64)
    effective_from: datetime = Field(sa_type=UtcDateTime)  # event time from which it may judge
    enrolled_by: str = Field(max_length=100)
    enrolled_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_by: str | None = Field(default=None, max_length=100)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_cause: str | None = Field(default=None, max_length=32)


class PersonTemplate(SQLModel, table=True):
    """An encrypted template of somebody who is no patient. `person_kind`: staff | delegate.

    Kept apart from patients' templates: nothing that judges patients may find one by mistake. `person_id` is the
    gallery's key, `person_no` what the facility calls the person. Wiped ones are kept without their bytes.
    """

    __tablename__ = "person_template"
    __table_args__ = (Index("ix_person_template_facility_kind", "facility_id", "person_kind", "person_no"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    person_kind: str = Field(max_length=16)
    person_id: str = Field(index=True, max_length=32)
    person_no: str = Field(max_length=64)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    pack_hash: str = Field(max_length=64)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    dimension: int
    quality: float
    photo_sha256: str = Field(max_length=64)
    consent_at: datetime = Field(sa_type=UtcDateTime)
    consent_ref: str = Field(default="", max_length=200)
    enrolled_by: str = Field(max_length=100)
    enrolled_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_cause: str | None = Field(default=None, max_length=32)


class GalleryStamp(SQLModel, table=True):
    """A random mark that changes with every change of a facility's templates or consents.

    Galleries are held in memory by several processes; each compares this mark before it uses its own. Random, not
    counted: a transaction that rolled back must not leave its number to another one.
    """

    __tablename__ = "gallery_stamp"

    facility_id: str = Field(foreign_key="facility.id", primary_key=True, max_length=32)
    stamp: str = Field(max_length=32)
