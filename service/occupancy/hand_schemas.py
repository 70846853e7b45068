"""Hand-held looks, second looks, excuses and level policies on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.occupancy.excuse import TapKind
from service.occupancy.hand_tables import ExcuseTap, Reverification
from service.occupancy.looks import LookMethod
from service.occupancy.once_more import asked_twice, state_of


class ChallengeOut(BaseModel):
    """A code for one hand-held look: good once, and until it expires."""

    nonce: str
    issued_at: datetime
    expires_at: datetime


class SecondLookIn(BaseModel):
    """What the second person found."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"result": "confirmed", "method": "wristband"}]}
    )

    result: Literal["confirmed", "contradicted"]
    method: LookMethod


class SecondLookOut(BaseModel):
    """A second look that was asked for."""

    id: str
    admission_no: str
    ward_id: str | None
    reason: Literal["sample", "streak", "no_label"]
    asked_at: datetime
    deadline_at: datetime
    answered_at: datetime | None
    result: str | None
    state: Literal["open", "answered", "undone"] = Field(
        description="Undone: asked twice at most, nobody looked, the time is over. For an inspector; no suspicion."
    )
    asked_twice: bool = Field(description="Whether nobody looked the first time, and it was asked once more.")
    drawn_for: str | None = Field(description="Whom the lot named the second time; others may look instead.")

    @classmethod
    def of(cls, row: Reverification, admission_no: str, at: datetime, names: Mapping[str, str]) -> SecondLookOut:
        """The row as the wire has it at `at`; `names`: user names by id."""
        derived = {
            "admission_no": admission_no,
            "state": state_of(row, at),
            "asked_twice": asked_twice(row),
            "drawn_for": names.get(row.person_id or "") if row.result is None else None,
        }
        values = {name: getattr(row, name) for name in cls.model_fields if name not in derived}
        return cls.model_validate({**values, **derived})


class WardStaffIn(BaseModel):
    """On which ward somebody of the ward staff works."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ward": "n1"}]})

    ward: str | None = Field(max_length=64, description="A ward's code; null takes it off the record.")


class WardStaffOut(BaseModel):
    """Somebody of a facility's ward staff."""

    username: str
    active: bool
    ward: str | None = Field(description="Code of the ward on record; null where none is.")


class ConfirmationsOut(BaseModel):
    """How often one person found patients, beside the others."""

    username: str
    finds: int
    handheld: int
    patients: int
    longest_streak: int
    asked_again: int
    verified_again: int = Field(description="Of those asked for, how many another ward or an inspector answered.")
    contradicted: int
    peers_median: float | None
    times_peers: float | None = Field(description="finds / peers_median; null when there is nobody else.")


class TapIn(BaseModel):
    """Where the patient of the bed is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"kind": "imaging"}]})

    kind: TapKind


class TapOut(BaseModel):
    """An excuse as it was counted."""

    id: str
    ward_id: str | None
    kind: TapKind
    tapped_at: datetime
    during_check: bool

    @classmethod
    def of(cls, row: ExcuseTap) -> TapOut:
        """The row as the wire has it."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class TapCountOut(BaseModel):
    """Excuses of one person on one ward."""

    username: str
    ward_id: str | None
    kind: TapKind
    number: int
    during_checks: int


class LevelPolicyIn(BaseModel):
    """What holds for a level of institutions from a day on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "level": "1",
                    "version": "2026-1",
                    "effective_from": "2026-04-01",
                    "settings": {"grace_hours": 6, "target": 0.9},
                    "legal_basis": "",
                }
            ]
        },
    )

    level: Literal["1", "2", "3", "none"] = Field(description="1 primary, 2 secondary, 3 tertiary.")
    version: str = Field(min_length=1, max_length=32, pattern=r"^[\w.-]+$")
    effective_from: date = Field(description="Local day of each facility.")
    settings: dict[str, Any] = Field(max_length=64, description="The keys of docs/rules.md, policy keys.")
    legal_basis: str = Field(default="", max_length=1000)


class LevelPolicyOut(LevelPolicyIn):
    """A recorded policy of a level."""

    model_config = ConfigDict(
        extra="ignore",
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6e20",
                    "level": "1",
                    "version": "2026-1",
                    "effective_from": "2026-04-01",
                    "settings": {"grace_hours": 6, "target": 0.9},
                    "legal_basis": "",
                    "recorded_at": "2026-03-20T02:00:00Z",
                }
            ]
        },
    )

    id: str
    recorded_at: datetime
