"""Enrolment on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from service.contracts.messages import Instant
from service.enrolment.bulk_enrol import BulkReport, BulkRow
from service.enrolment.reasons import Reason
from service.enrolment.report import EnrolmentReport, EnrolmentStatus, LookAlike, PhotoReport
from service.enrolment.tables import Consent, FaceTemplate
from service.enrolment.templates import is_proven

_BLURRED: JsonDict = {"code": "blurred", "text": "The picture is blurred: hold still and take it again."}
_PHOTO: JsonDict = {
    "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "status": "accepted",
    "quality": 0.87,
    "reasons": [],
}
_CONSENT: JsonDict = {
    "status": "given",
    "given_at": "2026-03-02T08:30:00+08:00",
    "given_by": "patient",
    "document_ref": "form 2026-0417",
}


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only printable characters on one line")
    return text


Words = Annotated[str, AfterValidator(_printable)]


class ReasonOut(BaseModel):
    """A reason code with its text in the reader's language."""

    code: str
    text: str

    @classmethod
    def of(cls, reason: Reason, language: str) -> ReasonOut:
        """The reason on the wire."""
        return cls(code=reason.code, text=reason.text(language))


class LookAlikeOut(BaseModel):
    """Somebody else enrolled whom the face resembles; `margin` is how far the similarity lies above the threshold.

    `kind`: patient, staff or delegate; `patient_no` is what the facility calls the person."""

    patient_no: str
    similarity: float
    margin: float
    kind: str = "patient"

    @classmethod
    def of(cls, found: LookAlike) -> LookAlikeOut:
        """The look-alike on the wire."""
        return cls(patient_no=found.patient_no, similarity=found.similarity, margin=found.margin, kind=found.kind)


class PhotoOut(BaseModel):
    """One photograph. `quality` 0 (useless) to 1 (a good portrait)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PHOTO]})

    sha256: str
    status: EnrolmentStatus
    quality: float
    reasons: list[ReasonOut]

    @classmethod
    def of(cls, photo: PhotoReport, language: str) -> PhotoOut:
        """The photograph's report on the wire."""
        reasons = [ReasonOut.of(reason, language) for reason in photo.reasons]
        return cls(sha256=photo.sha256, status=photo.status, quality=photo.quality, reasons=reasons)


class EnrolmentOut(BaseModel):
    """An enrolment. `proven`: the patient may be judged by it, from event time `effective_from` on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "patient_no": "P000001",
                    "accepted": True,
                    "status": "accepted",
                    "reference": "id_card_picture",
                    "proven": True,
                    "effective_from": "2026-03-02T00:30:00Z",
                    "photos": [_PHOTO],
                    "reasons": [],
                    "warnings": [],
                    "look_alikes": [],
                },
                {
                    "patient_no": "P000002",
                    "accepted": False,
                    "status": "refused",
                    "reference": "id_card_picture",
                    "proven": False,
                    "effective_from": None,
                    "photos": [_PHOTO | {"status": "refused", "quality": 0.21, "reasons": [_BLURRED]}],
                    "reasons": [_BLURRED],
                    "warnings": [],
                    "look_alikes": [],
                },
            ]
        }
    )

    patient_no: str
    accepted: bool
    status: EnrolmentStatus
    reference: str
    proven: bool
    effective_from: AwareDatetime | None
    photos: list[PhotoOut]
    reasons: list[ReasonOut]
    warnings: list[ReasonOut]
    look_alikes: list[LookAlikeOut]

    @classmethod
    def of(cls, report: EnrolmentReport, language: str) -> EnrolmentOut:
        """The report on the wire."""
        return cls(
            patient_no=report.patient_no,
            accepted=report.accepted,
            status=report.status,
            reference=report.reference,
            proven=report.proven,
            effective_from=report.effective_from,
            photos=[PhotoOut.of(photo, language) for photo in report.photos],
            reasons=[ReasonOut.of(reason, language) for reason in report.reasons],
            warnings=[ReasonOut.of(reason, language) for reason in report.warnings],
            look_alikes=[LookAlikeOut.of(found) for found in report.look_alikes],
        )


class BulkRowOut(BaseModel):
    """One row of the table: `line` counts from 1, the header is a line too."""

    line: int
    patient_no: str
    file: str
    status: EnrolmentStatus
    quality: float | None
    proven: bool
    reasons: list[ReasonOut]
    warnings: list[ReasonOut]
    look_alikes: list[LookAlikeOut]

    @classmethod
    def of(cls, row: BulkRow, language: str) -> BulkRowOut:
        """The row on the wire."""
        return cls(
            line=row.line,
            patient_no=row.patient_no,
            file=row.file,
            status=row.status,
            quality=row.quality,
            proven=row.proven,
            reasons=[ReasonOut.of(reason, language) for reason in row.reasons],
            warnings=[ReasonOut.of(reason, language) for reason in row.warnings],
            look_alikes=[LookAlikeOut.of(found) for found in row.look_alikes],
        )


class BulkReportOut(BaseModel):
    """A bulk enrolment, row by row."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "facility": "demo",
                    "accepted": 1,
                    "unchanged": 0,
                    "refused": 1,
                    "exempt": 0,
                    "ignored_columns": [],
                    "rows": [
                        {
                            "line": 2,
                            "patient_no": "P000001",
                            "file": "P000001.jpg",
                            "status": "accepted",
                            "quality": 0.87,
                            "proven": True,
                            "reasons": [],
                            "warnings": [],
                            "look_alikes": [],
                        },
                        {
                            "line": 3,
                            "patient_no": "P000002",
                            "file": "P000002.jpg",
                            "status": "refused",
                            "quality": 0.21,
                            "proven": False,
                            "reasons": [_BLURRED],
                            "warnings": [],
                            "look_alikes": [],
                        },
                    ],
                }
            ]
        }
    )

    facility: str
    accepted: int
    unchanged: int
    refused: int
    exempt: int
    ignored_columns: list[str]
    rows: list[BulkRowOut]

    @classmethod
    def of(cls, report: BulkReport, language: str) -> BulkReportOut:
        """The report on the wire."""
        return cls(
            facility=report.facility_code,
            accepted=report.count(EnrolmentStatus.ACCEPTED),
            unchanged=report.count(EnrolmentStatus.UNCHANGED),
            refused=report.count(EnrolmentStatus.REFUSED),
            exempt=report.count(EnrolmentStatus.EXEMPT),
            ignored_columns=list(report.ignored_columns),
            rows=[BulkRowOut.of(row, language) for row in report.rows],
        )


class ConsentIn(BaseModel):
    """What the patient, or the guardian of a child under 14, decided."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_CONSENT]})

    status: Literal["given", "refused", "withdrawn"]
    given_at: Instant
    given_by: Literal["patient", "guardian"] = "patient"
    document_ref: Annotated[Words, Field(max_length=200)] = ""


class ConsentOut(BaseModel):
    """A decision as it is recorded."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [_CONSENT | {"recorded_by": "user:nurse-7", "recorded_at": "2026-03-02T00:31:00Z"}]
        }
    )

    status: str
    given_at: AwareDatetime
    given_by: str
    document_ref: str
    recorded_by: str
    recorded_at: AwareDatetime

    @classmethod
    def of(cls, row: Consent) -> ConsentOut:
        """The decision on the wire."""
        return cls.model_validate(row.model_dump(include=set(cls.model_fields)))


class EnrolmentMeta(BaseModel):
    """What comes with the photographs. `consent` left out: one is on record already."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reference": "id_card_picture", "consent": _CONSENT}]}
    )

    reference: Literal["id_card_picture", "electronic_credential", "two_persons", "unproven"]
    consent: ConsentIn | None = None
    effective_from: Instant | None = None


class TemplateOut(BaseModel):
    """A template's record. The template itself never leaves the server."""

    id: str
    status: Literal["active", "wiped"]
    reference: str
    proven: bool
    quality: float
    photo_sha256: str
    pack_hash: str
    effective_from: AwareDatetime
    enrolled_by: str
    enrolled_at: AwareDatetime
    confirmed_by: str | None
    confirmed_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    revoked_cause: str | None

    @classmethod
    def of(cls, row: FaceTemplate) -> TemplateOut:
        """The template's record on the wire."""
        return cls.model_validate(
            row.model_dump(include=set(cls.model_fields))
            | {"status": "active" if row.sealed is not None else "wiped", "proven": is_proven(row)}
        )


class PatientEnrolmentOut(BaseModel):
    """What is on record about a patient's face: decisions and templates, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "patient_no": "P000001",
                    "consent": "given",
                    "consents": [_CONSENT | {"recorded_by": "user:nurse-7", "recorded_at": "2026-03-02T00:31:00Z"}],
                    "templates": [],
                }
            ]
        }
    )

    patient_no: str
    consent: str | None
    consents: list[ConsentOut]
    templates: list[TemplateOut]


class ConfirmedOut(BaseModel):
    """How many templates count from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"confirmed": 1}]})

    confirmed: int


class RevocationIn(BaseModel):
    """Why the templates were wrong."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"why": "the picture shows the patient's brother"}]}
    )

    why: Annotated[Words, Field(min_length=1, max_length=200)]


class RevokedOut(BaseModel):
    """How many templates were wiped."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"revoked": 1}]})

    revoked: int
