"""Roll calls and draws on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.occupancy.draw import DrawnCall
from service.occupancy.outcome import PresenceState
from service.occupancy.region_calls import CallCounts, GroupLine, total_of
from service.occupancy.roll_call_tables import BedCheck, RollCall, RollCallDraw
from service.occupancy.roll_progress import CallLine, RollCallProgress, Standing


class RollCallIn(BaseModel):
    """A surprise roll call: of a region (all facilities there that the caller may count), or of one facility, ward or
    bed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"facility": "demo", "ward": "w1", "reason": "visit"}]}
    )

    facility: str | None = Field(default=None, max_length=64, description="The facility's code.")
    region: str | None = Field(default=None, min_length=1, max_length=64, description="Instead of a facility.")
    ward: str | None = Field(default=None, max_length=64, description="The ward's code.")
    bed: str | None = Field(default=None, max_length=64, description="The hospital's own code of the bed.")
    reason: str = Field(default="", max_length=500)


class RollCallOut(BaseModel):
    """A roll call. The counts are final once it is closed."""

    id: str
    group_id: str
    facility: str
    kind: Literal["routine", "random", "surprise"]
    scope: Literal["bed", "ward", "facility", "region"]
    ward_id: str | None
    bed_id: str | None
    opens_at: datetime
    frozen_until: datetime
    closes_at: datetime
    closed_at: datetime | None
    expected: int | None
    covered: int | None
    unanswered: int | None
    excused: int | None

    @classmethod
    def of(cls, row: RollCall, facility_code: str) -> RollCallOut:
        """The row as the wire has it."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "facility"}
        return cls.model_validate({**values, "facility": facility_code})


class CallLineOut(BaseModel):
    """One person in a roll call."""

    admission_no: str
    ward_id: str | None
    bed_id: str | None
    standing: Standing
    state: PresenceState | None
    method: str | None
    directed_check_id: str | None
    duplicates: int = Field(description="Other beds at which the same face was seen during the call.")

    @classmethod
    def of(cls, line: CallLine, admission_no: str) -> CallLineOut:
        """The line as the wire has it."""
        return cls(
            admission_no=admission_no,
            ward_id=line.ward_id,
            bed_id=line.bed_id,
            standing=line.standing,
            state=line.outcome,
            method=line.method,
            directed_check_id=line.directed_check_id,
            duplicates=line.duplicates,
        )


class ProgressOut(BaseModel):
    """How far a roll call is. expected = covered + unidentified + open + unanswered."""

    roll_call: RollCallOut
    at: datetime
    is_open: bool
    expected: int
    covered: int
    unidentified: int
    open: int
    unanswered: int
    excused: int
    no_reference: int
    counted_before: int = Field(description="Second admissions of a person who counts already.")
    people: list[CallLineOut]

    @classmethod
    def of(cls, row: RollCall, code: str, progress: RollCallProgress, numbers: dict[str, str]) -> ProgressOut:
        """The progress as the wire has it. `numbers`: admission id -> number."""
        return cls(
            roll_call=RollCallOut.of(row, code),
            at=progress.at,
            is_open=progress.is_open,
            expected=progress.expected,
            covered=progress.covered,
            unidentified=progress.count(Standing.UNIDENTIFIED),
            open=progress.open,
            unanswered=progress.unanswered,
            excused=progress.excused,
            no_reference=progress.count(Standing.NO_REFERENCE),
            counted_before=progress.count(Standing.SECOND),
            people=[CallLineOut.of(line, numbers.get(line.admission_id, "")) for line in progress.lines],
        )


class DrawIn(BaseModel):
    """Days to commit to. They begin tomorrow at the earliest."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"facility": "demo", "first_day": "2026-03-09", "days": 28}]}
    )

    facility: str = Field(max_length=64, description="The facility's code.")
    first_day: date = Field(description="Local date of the first night.")
    days: int = Field(default=28, ge=1, le=92)


class LateWardOut(BaseModel):
    """A ward that opened after the commitment: its calls after `since` are drawn from the same seed."""

    ward: str
    since: datetime


class DrawOut(BaseModel):
    """A draw: its commitment from the beginning, its seed only when it is over."""

    id: str
    facility: str
    first_day: date
    last_day: date
    timezone: str
    wards: list[str] = Field(description="Those that the facility had when it committed.")
    late_wards: list[LateWardOut] = Field(description="Those that opened since, from when on they take part.")
    terms: dict[str, Any]
    commitment: str
    committed_at: datetime
    ends_at: datetime
    revealed_at: datetime | None
    seed: str | None

    @classmethod
    def of(cls, row: RollCallDraw, facility_code: str) -> DrawOut:
        """The row as the wire has it: never the sealed seed."""
        values = {name: getattr(row, name) for name in cls.model_fields if name not in ("facility", "late_wards")}
        return cls.model_validate({**values, "facility": facility_code, "late_wards": row.late_wards or []})


class DrawnCallOut(BaseModel):
    """A drawn call."""

    ward: str
    at: datetime
    night: date

    @classmethod
    def of(cls, call: DrawnCall) -> DrawnCallOut:
        """The call as the wire has it."""
        return cls(ward=call.ward, at=call.at, night=call.night)


class PlanOut(BaseModel):
    """A draw that is over, made again from its seed and compared with what was held."""

    draw: DrawOut
    commitment_holds: bool
    holds: bool
    calls: list[DrawnCallOut]
    missing: list[DrawnCallOut]
    unexpected: list[DrawnCallOut] = Field(description="Held and not drawn; `night` is the UTC date.")


class BedCheckOut(BaseModel):
    """What was seen in a bed that no admission's check answers for."""

    id: str
    ward_id: str
    bed_id: str
    due_at: datetime
    window_end: datetime
    outcome: str
    occupied_seconds: int
    recognised: bool = Field(description="Whether an enrolled face was recognised. Whose, a finding says.")
    reading_ids: list[str]
    details: dict[str, Any]

    @classmethod
    def of(cls, row: BedCheck) -> BedCheckOut:
        """The row as the wire has it."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "recognised"}
        return cls.model_validate({**values, "recognised": row.recognised_key is not None})


class BedLookIn(BaseModel):
    """What a person found in the bed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"result": "carer", "note": ""}]})

    result: Literal["person", "empty", "carer", "staff"]
    note: str = Field(default="", max_length=1000)


class BedLookRecorded(BaseModel):
    """The look is recorded."""

    look_id: str
    looked_at: datetime


class CallCountsOut(BaseModel):
    """How many people stand how. expected = covered + unidentified + open + unanswered."""

    expected: int
    covered: int
    unidentified: int
    open: int
    unanswered: int
    excused: int
    no_reference: int

    @classmethod
    def of(cls, counts: CallCounts) -> CallCountsOut:
        """The counts as the wire has them."""
        return cls(
            expected=counts.expected,
            covered=counts.covered,
            unidentified=counts.count(Standing.UNIDENTIFIED),
            open=counts.open,
            unanswered=counts.unanswered,
            excused=counts.excused,
            no_reference=counts.count(Standing.NO_REFERENCE),
        )


class GroupLineOut(BaseModel):
    """One facility's part of a region's roll call."""

    roll_call_id: str
    facility: str
    at: datetime = Field(description="The facility's event time.")
    is_open: bool
    counts: CallCountsOut


class GroupOut(BaseModel):
    """How far a region's roll call is: facility by facility, and together."""

    group_id: str
    region: str
    is_open: bool
    total: CallCountsOut
    facilities: list[GroupLineOut]

    @classmethod
    def of(cls, lines: Sequence[GroupLine]) -> GroupOut:
        """The lines as the wire has them."""
        return cls(
            group_id=lines[0].call.group_id,
            region=lines[0].facility.region,
            is_open=any(line.is_open for line in lines),
            total=CallCountsOut.of(total_of(lines)),
            facilities=[
                GroupLineOut(
                    roll_call_id=line.call.id,
                    facility=line.facility.code,
                    at=line.at,
                    is_open=line.is_open,
                    counts=CallCountsOut.of(line.counts),
                )
                for line in lines
            ],
        )
