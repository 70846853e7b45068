"""Tables of what people do by hand: looks with a nonce and a picture, second looks at them, excuses in one tap."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.ids import new_id
from service.platform.database import UtcDateTime


class HandheldChallenge(SQLModel, table=True):
    """A code shown to one person for one directed check, good once and for a short time: a picture taken before it
    was asked for cannot carry it."""

    __tablename__ = "handheld_challenge"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    directed_check_id: str = Field(foreign_key="directed_check.id", index=True, max_length=32)
    person_id: str = Field(foreign_key="user_account.id", max_length=32)
    nonce: str = Field(max_length=16)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class HandheldPicture(SQLModel, table=True):
    """The picture behind a hand-held look, and what it showed. `identified_by`: face | wristband | id_card."""

    __tablename__ = "handheld_picture"

    look_id: str = Field(primary_key=True, foreign_key="directed_look.id", max_length=32)
    challenge_id: str = Field(foreign_key="handheld_challenge.id", unique=True, max_length=32)
    identified_by: str = Field(max_length=16)
    sha256: str = Field(max_length=64)
    blob_key: str | None = Field(default=None, max_length=200)
    similarity: float | None = Field(default=None)
    threshold: float | None = Field(default=None)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class Reverification(SQLModel, table=True):
    """A second person is asked to look again at a patient whom one person found. `reason`: sample | streak | no_label.
    `result`: confirmed | contradicted; None until answered. `person_id`: who answered; until then whom the lot named
    when it was asked once more. `deadline_at` moves then, once."""

    __tablename__ = "reverification"
    __table_args__ = (
        UniqueConstraint("look_id"),
        Index("ix_reverification_facility_asked", "facility_id", "asked_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    look_id: str = Field(foreign_key="directed_look.id", max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    ward_id: str | None = Field(default=None, foreign_key="ward.id", max_length=32)
    reason: str = Field(max_length=16)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    deadline_at: datetime = Field(sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    person_id: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    result: str | None = Field(default=None, max_length=16)
    method: str | None = Field(default=None, max_length=16)


class ExcuseTap(SQLModel, table=True):
    """An absence excused on the board with one tap. `kind`: theatre | imaging | dialysis | therapy | back."""

    __tablename__ = "excuse_tap"
    __table_args__ = (Index("ix_excuse_tap_facility_tapped", "facility_id", "tapped_at"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    ward_id: str | None = Field(default=None, foreign_key="ward.id", max_length=32)
    admission_id: str = Field(foreign_key="admission.id", index=True, max_length=32)
    activity_id: str | None = Field(default=None, foreign_key="off_ward_activity.id", max_length=32)
    kind: str = Field(max_length=16)
    person_id: str = Field(foreign_key="user_account.id", max_length=32)
    tapped_at: datetime = Field(sa_type=UtcDateTime)
    during_check: bool = Field(default=False)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class LoggedPause(SQLModel, table=True):
    """A privacy pause that somebody of the ward logged: the curtain is drawn around a bed, or a camera is to see
    nothing. Exactly one of `bed_id` and `camera_id` is given. In event time; never changed but for `ended_at`.

    `limit_at`: until when the pause and those tapped while it ran may reach, half an hour from the first one's start.
    """

    __tablename__ = "privacy_pause"
    __table_args__ = (Index("ix_privacy_pause_facility_starts", "facility_id", "starts_at"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    facility_id: str = Field(foreign_key="facility.id", max_length=32)
    ward_id: str = Field(foreign_key="ward.id", max_length=32)
    bed_id: str | None = Field(default=None, foreign_key="bed.id", max_length=32)
    camera_id: str | None = Field(default=None, foreign_key="camera.id", max_length=32)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    limit_at: datetime = Field(sa_type=UtcDateTime)
    person_id: str = Field(foreign_key="user_account.id", max_length=32)
    during_check: bool = Field(default=False)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
