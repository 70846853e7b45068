"""Presence on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.kit.statistics import Rate
from service.occupancy.board import Board
from service.occupancy.directed import DirectedState, Request
from service.occupancy.looks import LookMethod, LookResult
from service.occupancy.outcome import AskCause, PresenceState
from service.occupancy.rate_arithmetic import InBedRateRow
from service.occupancy.tables import PresenceCheck
from service.vision import BedState


class RateOut(BaseModel):
    """A proportion with its Wilson 95% interval. `value` is null when nothing was expected."""

    hits: int
    trials: int
    value: float | None
    interval_low: float
    interval_high: float

    @classmethod
    def of(cls, rate: Rate) -> RateOut:
        """The rate as the wire has it."""
        return cls(hits=rate.hits, trials=rate.trials, value=rate.value, interval_low=rate.low, interval_high=rate.high)


class InBedRateOut(BaseModel):
    """One group of checks. `low`: shown present; `high`: the same and the undecided; targets are judged on high."""

    ward_id: str | None = None
    day: str | None = Field(default=None, description="Local date.")
    hour: int | None = Field(default=None, description="Local hour, 0 to 23.")
    low: RateOut
    high: RateOut
    expected: int
    excused: int
    uncovered: int
    coverage: float | None = Field(description="expected / (expected + unobserved + no_reference).")
    reportable: bool = Field(description="Coverage of at least 0.9.")
    target: float
    meets_target: bool | None = Field(description="Null when the rate is not reportable.")
    states: dict[PresenceState, int] = Field(description="Checks by state.")

    @classmethod
    def of(cls, row: InBedRateRow) -> InBedRateOut:
        """The row as the wire has it."""
        return cls(
            ward_id=row.ward_id,
            day=row.day,
            hour=row.hour,
            low=RateOut.of(row.low),
            high=RateOut.of(row.high),
            expected=row.expected,
            excused=row.excused,
            uncovered=row.uncovered,
            coverage=row.coverage,
            reportable=row.reportable,
            target=row.target,
            meets_target=row.meets_target,
            states=row.states(),
        )


class InBedRateAnswer(BaseModel):
    """The rate of a facility or ward over a time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "facility": "demo",
                    "ward": "w1",
                    "from": "2026-03-01T16:00:00Z",
                    "to": "2026-03-02T16:00:00Z",
                    "by": [],
                    "rows": [],
                    "total": {
                        "low": {"hits": 21, "trials": 24, "value": 0.875, "interval_low": 0.69, "interval_high": 0.957},
                        "high": {
                            "hits": 23,
                            "trials": 24,
                            "value": 0.958,
                            "interval_low": 0.798,
                            "interval_high": 0.993,
                        },
                        "expected": 24,
                        "excused": 3,
                        "uncovered": 1,
                        "coverage": 0.96,
                        "reportable": True,
                        "target": 0.94,
                        "meets_target": True,
                        "states": {
                            "present_verified": 21,
                            "not_seen": 2,
                            "bed_empty": 1,
                            "on_leave": 3,
                            "unobserved": 1,
                        },
                    },
                }
            ]
        }
    )

    facility: str
    ward: str | None
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    by: list[str]
    rows: list[InBedRateOut]
    total: InBedRateOut


class RegionRateAnswer(BaseModel):
    """The rate of a region over a time. The target is the highest of its facilities'."""

    region: str
    facilities: list[str]
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    by: list[str]
    rows: list[InBedRateOut]
    total: InBedRateOut


class BedNowOut(BaseModel):
    """A bed on the board."""

    bed_id: str
    bed_code: str
    state: BedState
    seen_at: datetime | None
    since: datetime | None = Field(description="Since when successive readings show this state.")
    admission_no: str | None
    outcome: PresenceState | None = Field(description="Of the last check.")
    outcome_method: str | None
    checked_at: datetime | None
    directed_check_id: str | None


class BoardOut(BaseModel):
    """A ward at the facility's event time."""

    ward_id: str
    at: datetime
    beds: list[BedNowOut]

    @classmethod
    def of(cls, board: Board) -> BoardOut:
        """The board as the wire has it."""
        beds = [BedNowOut.model_validate(bed, from_attributes=True) for bed in board.beds]
        return cls(ward_id=board.ward_id, at=board.at, beds=beds)


class PresenceCheckOut(BaseModel):
    """One admission at one check."""

    id: str
    admission_no: str
    ward_id: str | None
    bed_id: str | None
    kind: str
    due_at: datetime
    window_end: datetime
    state: PresenceState
    method: str | None
    directed_check_id: str | None
    reading_ids: list[str]
    details: dict[str, Any]
    policy_version: str

    @classmethod
    def of(cls, row: PresenceCheck, admission_no: str) -> PresenceCheckOut:
        """The row as the wire has it."""
        return cls(
            id=row.id,
            admission_no=admission_no,
            ward_id=row.ward_id,
            bed_id=row.bed_id,
            kind=row.kind,
            due_at=row.due_at,
            window_end=row.window_end,
            state=PresenceState(row.outcome),
            method=row.method,
            directed_check_id=row.directed_check_id,
            reading_ids=row.reading_ids,
            details=row.details,
            policy_version=row.policy_version,
        )


class LookOut(BaseModel):
    """A look at a patient."""

    id: str
    role: str
    looked_at: datetime
    result: LookResult
    method: LookMethod
    ward_searched: bool
    patient_called: bool


class DirectedCheckOut(BaseModel):
    """A request that people look for a patient."""

    id: str
    admission_no: str
    bed_id: str | None
    due_at: datetime
    cause: AskCause
    opened_at: datetime
    deadline_at: datetime
    respond_by: datetime | None = Field(description="Sooner than the deadline, in a roll call.")
    escalated_at: datetime | None = Field(description="Nobody answered: an inspector is asked.")
    state: DirectedState
    looks: list[LookOut]

    @classmethod
    def of(cls, request: Request) -> DirectedCheckOut:
        """The request as the wire has it."""
        row = request.row
        return cls(
            id=row.id,
            admission_no=request.admission_no,
            bed_id=row.bed_id,
            due_at=row.due_at,
            cause=AskCause(row.cause),
            opened_at=row.opened_at,
            deadline_at=row.deadline_at,
            respond_by=row.respond_by,
            escalated_at=row.escalated_at,
            state=request.state,
            looks=[
                LookOut(
                    id=look.look_id,
                    role=look.role,
                    looked_at=look.looked_at,
                    result=look.result,
                    method=look.method,
                    ward_searched=look.ward_searched,
                    patient_called=look.patient_called,
                )
                for look in request.looks
            ],
        )


class LookIn(BaseModel):
    """What a person found."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "result": "not_found",
                    "method": "ward_search",
                    "ward_searched": True,
                    "patient_called": True,
                    "note": "",
                }
            ]
        },
    )

    result: LookResult
    method: LookMethod
    ward_searched: bool = Field(default=False, description="The whole ward was searched.")
    patient_called: bool = Field(default=False, description="The patient, or the contact person, was called.")
    note: str = Field(default="", max_length=1000)
    looked_at: AwareDatetime | None = Field(default=None, description="Only where a replay drives the clock.")


class LookRecorded(BaseModel):
    """The look is recorded; presence follows."""

    look_id: str
    directed_check_id: str
    looked_at: datetime
    role: str
