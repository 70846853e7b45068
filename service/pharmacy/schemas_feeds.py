"""What a file did, on the wire."""

from __future__ import annotations

from pydantic import BaseModel

from service.admissions import RowStatus
from service.pharmacy.feeds import FeedReport, RowReport


class IssueOut(BaseModel):
    """Something about one cell or row."""

    column: str
    message: str
    remedy: str


class RowOut(BaseModel):
    """One row of a feed."""

    line: int
    status: RowStatus
    subject: str
    errors: list[IssueOut]

    @classmethod
    def of(cls, row: RowReport, language: str) -> RowOut:
        """The row in the reader's language."""
        zh = language.startswith("zh")
        return cls(
            line=row.line,
            status=row.status,
            subject=row.subject,
            errors=[
                IssueOut(
                    column=issue.column,
                    message=issue.message_zh if zh else issue.message,
                    remedy=issue.remedy_zh if zh else issue.remedy,
                )
                for issue in row.errors
            ],
        )


class FeedOut(BaseModel):
    """What a file did, or would do."""

    dry_run: bool
    sha256: str
    created: int
    updated: int
    unchanged: int
    rejected: int
    ignored_columns: list[str]
    rows: list[RowOut]

    @classmethod
    def of(cls, report: FeedReport, language: str) -> FeedOut:
        """The report in the reader's language."""
        return cls(
            dry_run=report.dry_run,
            sha256=report.sha256,
            ignored_columns=list(report.ignored_columns),
            rows=[RowOut.of(row, language) for row in report.rows],
            **{status.value: report.count(status) for status in RowStatus},
        )
