"""Stays on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from service.admissions.census.importing import ImportReport, RowReport, RowStatus
from service.admissions.issue import Issue
from service.admissions.stay_state import StayState
from service.admissions.tables import Admission, BedAssignment, LeaveOfAbsence, OffWardActivity
from service.contracts.messages import Instant

_LEAVE: JsonDict = {
    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6f01",
    "from": "2026-03-03T01:00:00Z",
    "expected_return_at": "2026-03-03T11:00:00Z",
    "returned_at": None,
    "reason": "family matter",
    "approved_by": "Dr. 0417",
    "signed_at": "2026-03-03T00:30:00Z",
    "cancelled_at": None,
}
_ACTIVITY: JsonDict = {
    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6f02",
    "kind": "theatre",
    "from": "2026-03-03T01:00:00Z",
    "to": "2026-03-03T05:00:00Z",
    "cancelled_at": None,
}
_ISSUE: JsonDict = {
    "code": "unknown_bed",
    "column": "bed",
    "message": "the facility has no bed 'N1-99'",
    "remedy": "use the hospital_code of the layout, or add the bed to it",
}
_WIRE = ConfigDict(populate_by_name=True)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only printable characters on one line")
    return text


Words = Annotated[str, AfterValidator(_printable)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class IssueOut(BaseModel):
    """Something about one cell (`column`) or a whole row, in the reader's language."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ISSUE]})

    code: str
    column: str
    message: str
    remedy: str

    @classmethod
    def of(cls, issue: Issue, language: str) -> IssueOut:
        """The issue on the wire, in "zh" or English."""
        if language == "zh":
            return cls(code=issue.code, column=issue.column, message=issue.message_zh, remedy=issue.remedy_zh)
        return cls(code=issue.code, column=issue.column, message=issue.message, remedy=issue.remedy)


class RowOut(BaseModel):
    """One row of the file: `line` counts from 1, the header is a line too."""

    line: int
    status: RowStatus
    admission_no: str
    patient_no: str
    errors: list[IssueOut]
    warnings: list[IssueOut]

    @classmethod
    def of(cls, row: RowReport, language: str) -> RowOut:
        """The row on the wire."""
        return cls(
            line=row.line,
            status=row.status,
            admission_no=row.admission_no,
            patient_no=row.patient_no,
            errors=[IssueOut.of(issue, language) for issue in row.errors],
            warnings=[IssueOut.of(issue, language) for issue in row.warnings],
        )


class ImportReportOut(BaseModel):
    """What the file did, or with dry_run would do. Columns that the contract does not have were not read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "facility": "demo",
                    "dry_run": True,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "created": 1,
                    "updated": 0,
                    "unchanged": 0,
                    "rejected": 1,
                    "ignored_columns": ["name"],
                    "rows": [
                        {
                            "line": 2,
                            "status": "created",
                            "admission_no": "ZY2026030001",
                            "patient_no": "P000001",
                            "errors": [],
                            "warnings": [],
                        },
                        {
                            "line": 3,
                            "status": "rejected",
                            "admission_no": "ZY2026030002",
                            "patient_no": "P000002",
                            "errors": [_ISSUE],
                            "warnings": [],
                        },
                    ],
                }
            ]
        }
    )

    facility: str
    dry_run: bool
    sha256: str
    created: int
    updated: int
    unchanged: int
    rejected: int
    ignored_columns: list[str]
    rows: list[RowOut]

    @classmethod
    def of(cls, report: ImportReport, language: str) -> ImportReportOut:
        """The report on the wire."""
        return cls(
            facility=report.facility_code,
            dry_run=report.dry_run,
            sha256=report.sha256,
            created=report.count(RowStatus.CREATED),
            updated=report.count(RowStatus.UPDATED),
            unchanged=report.count(RowStatus.UNCHANGED),
            rejected=report.count(RowStatus.REJECTED),
            ignored_columns=list(report.ignored_columns),
            rows=[RowOut.of(row, language) for row in report.rows],
        )


class AssignmentOut(BaseModel):
    """A bed, by the hospital's code, and since when."""

    model_config = _WIRE

    bed: str
    bed_id: str
    from_at: AwareDatetime = Field(alias="from")
    to_at: AwareDatetime | None = Field(alias="to")

    @classmethod
    def of(cls, row: BedAssignment, hospital_code: str) -> AssignmentOut:
        """The assignment on the wire."""
        return cls.model_validate({"bed": hospital_code, "bed_id": row.bed_id, "from": row.from_at, "to": row.to_at})


class LeaveOut(BaseModel):
    """A leave. It excuses from `from` until the return, at the latest until `expected_return_at`."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_LEAVE]})

    id: str
    from_at: AwareDatetime = Field(alias="from")
    expected_return_at: AwareDatetime
    returned_at: AwareDatetime | None
    reason: str
    approved_by: str
    signed_at: AwareDatetime
    cancelled_at: AwareDatetime | None

    @classmethod
    def of(cls, row: LeaveOfAbsence) -> LeaveOut:
        """The leave on the wire."""
        return cls(returned_at=row.to_at, **row.model_dump(include=set(cls.model_fields)))


class OffWardOut(BaseModel):
    """A recorded reason to be off the ward."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_ACTIVITY]})

    id: str
    kind: str
    from_at: AwareDatetime = Field(alias="from")
    to_at: AwareDatetime | None = Field(alias="to")
    cancelled_at: AwareDatetime | None

    @classmethod
    def of(cls, row: OffWardActivity) -> OffWardOut:
        """The activity on the wire."""
        return cls(**row.model_dump(include=set(cls.model_fields)))


_STAY_FIELDS = {
    "id",
    "admission_no",
    "category",
    "admitted_at",
    "discharged_at",
    "cancelled_at",
    "admission_type",
    "diagnosis_code",
    "discharge_disposition",
    "attending_doctor",
    "admitting_clerk",
    "payment_method",
    "course",
}


class AdmissionOut(BaseModel):
    """A stay with its beds, leaves and absences from the ward, cancelled ones too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6f00",
                    "admission_no": "ZY2026030001",
                    "patient_no": "P000001",
                    "category": "general",
                    "admitted_at": "2026-03-02T00:00:00Z",
                    "discharged_at": None,
                    "cancelled_at": None,
                    "admission_type": "planned",
                    "diagnosis_code": "I10",
                    "discharge_disposition": None,
                    "attending_doctor": "0417",
                    "admitting_clerk": "0007",
                    "payment_method": "per_diem",
                    "course": None,
                    "assignments": [
                        {
                            "bed": "N1-03",
                            "bed_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e80",
                            "from": "2026-03-02T00:00:00Z",
                            "to": None,
                        }
                    ],
                    "leaves": [_LEAVE],
                    "off_ward_activities": [_ACTIVITY],
                }
            ]
        }
    )

    id: str
    admission_no: str
    patient_no: str
    category: str
    admitted_at: AwareDatetime
    discharged_at: AwareDatetime | None
    cancelled_at: AwareDatetime | None
    admission_type: str | None = None
    diagnosis_code: str | None = None
    discharge_disposition: str | None = None
    attending_doctor: str | None = None
    admitting_clerk: str | None = None
    payment_method: str | None = None
    course: str | None = None
    assignments: list[AssignmentOut]
    leaves: list[LeaveOut]
    off_ward_activities: list[OffWardOut]

    @classmethod
    def of(
        cls,
        admission: Admission,
        patient_no: str,
        assignments: list[AssignmentOut],
        leaves: list[LeaveOut],
        off_ward: list[OffWardOut],
    ) -> AdmissionOut:
        """The stay on the wire."""
        return cls(
            patient_no=patient_no,
            assignments=assignments,
            leaves=leaves,
            off_ward_activities=off_ward,
            **admission.model_dump(include=_STAY_FIELDS),
        )

    @classmethod
    def as_known(
        cls, admission: Admission, patient_no: str, state: StayState, beds: dict[str, str], admitted_at: datetime
    ) -> AdmissionOut:
        """The stay as it was known at some time. `beds`: bed id -> the hospital's code."""
        own = _STAY_FIELDS - {"id", "admission_no", "admitted_at"}
        return cls(
            id=admission.id,
            admission_no=admission.admission_no,
            patient_no=patient_no,
            admitted_at=admitted_at,
            assignments=[
                AssignmentOut.model_validate(
                    {"bed": beds[span.bed_id], "bed_id": span.bed_id, "from": span.from_at, "to": span.to_at}
                )
                for span in state.beds
            ],
            leaves=[
                LeaveOut(
                    id=leave.key,
                    from_at=leave.from_at,
                    expected_return_at=leave.expected_return_at,
                    returned_at=leave.to_at,
                    reason=leave.reason,
                    approved_by=leave.approved_by,
                    signed_at=leave.signed_at,
                    cancelled_at=leave.cancelled_at,
                )
                for leave in state.leaves
            ],
            off_ward_activities=[
                OffWardOut(
                    id=activity.key,
                    kind=activity.kind,
                    from_at=activity.from_at,
                    to_at=activity.to_at,
                    cancelled_at=activity.cancelled_at,
                )
                for activity in state.off_ward
            ],
            **{name: getattr(state, name) for name in own},
        )


class TransferIn(_Body):
    """Another bed, by the hospital's code, from an event time on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"bed": "N1-04", "at": "2026-03-03T10:00:00+08:00"}]}
    )

    bed: Annotated[Words, Field(min_length=1, max_length=64)]
    at: Instant


class MomentIn(_Body):
    """An event time."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"at": "2026-03-05T10:00:00+08:00"}]})

    at: Instant


class LeaveIn(_Body):
    """A leave that a doctor approved."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "from": "2026-03-03T09:00:00+08:00",
                    "expected_return_at": "2026-03-03T19:00:00+08:00",
                    "approved_by": "Dr. 0417",
                    "signed_at": "2026-03-03T08:30:00+08:00",
                    "reason": "family matter",
                }
            ]
        },
    )

    from_at: Instant = Field(alias="from")
    expected_return_at: Instant
    approved_by: Annotated[Words, Field(min_length=1, max_length=100)]
    signed_at: Instant
    reason: Annotated[Words, Field(max_length=500)] = ""


class OffWardIn(_Body):
    """A recorded reason to be off the ward; `to` null while it lasts. The same kind and start again sets the end."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [{"kind": "theatre", "from": "2026-03-03T09:00:00+08:00", "to": "2026-03-03T13:00:00+08:00"}]
        },
    )

    kind: Literal["theatre", "imaging", "dialysis", "therapy", "other"]
    from_at: Instant = Field(alias="from")
    to_at: Instant | None = Field(default=None, alias="to")
