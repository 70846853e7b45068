"""`wardwatch registers`: delegations, deaths, stock and delegates' faces from files."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from service.access import SYSTEM
from service.admissions import RowStatus
from service.cli.console import AsJson, answer, installation, operator
from service.cli.enrol import progress_bar
from service.cli.facility import read_file
from service.facilities import facility_by_code
from service.pharmacy import FeedReport, enrol_delegates, import_delegations, import_stock, import_vital_status

registers_app = typer.Typer(no_args_is_help=True, help="The pharmacies' registers from files · 药店登记册批量导入")

FacilityCode = Annotated[str, typer.Option(help="Code of the facility.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Try everything, keep nothing.")]


class Register(StrEnum):
    """What a file is about."""

    DELEGATIONS = "delegations"
    VITAL_STATUS = "vital-status"
    STOCK = "stock"


_IMPORTS = {
    Register.DELEGATIONS: import_delegations,
    Register.VITAL_STATUS: import_vital_status,
    Register.STOCK: import_stock,
}
_WORDS = {
    RowStatus.CREATED: "created 新增",
    RowStatus.UPDATED: "updated 更新",
    RowStatus.UNCHANGED: "unchanged 未变",
    RowStatus.REJECTED: "rejected 未通过",
}


@registers_app.command("import")
def import_(
    kind: Annotated[Register, typer.Argument(help="What the file is about.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, columns as in docs/pharmacy.md.")],
    facility: FacilityCode,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import delegations, deaths or stock. Every row is reported; bad rows do not stop the others and end with 1."""
    data = read_file(file)
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        actor = replace(SYSTEM, name=operator())
        report = _IMPORTS[kind](session, place, data, dry_run=dry_run, actor=actor, now=context.clock.now())
    _tell(report, facility, as_json)


@registers_app.command("faces")
def faces(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|ZIP", help="Photographs and one CSV table.")],
    facility: FacilityCode,
    table: Annotated[Path | None, typer.Option(help="The table, when it lies elsewhere.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Enrol delegates from photographs; columns delegate_no, file, consent_at, consent_ref. One row a picture."""
    rows = read_file(table) if table else None
    with installation() as context, progress_bar() as bar:
        with context.database.reading() as session:
            place = facility_by_code(session, facility)
        task = bar.add_task("enrolling", total=None)
        report = enrol_delegates(
            context,
            place,
            source,
            actor=replace(SYSTEM, name=operator()),
            table=rows,
            dry_run=dry_run,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _tell(report, facility, as_json)


def _tell(report: FeedReport, facility: str, as_json: bool) -> None:
    answer(_document(report, facility), as_json, _lines(report))
    if report.count(RowStatus.REJECTED):
        raise typer.Exit(1)


def _document(report: FeedReport, facility: str) -> dict[str, object]:
    return {
        "facility": facility,
        "dry_run": report.dry_run,
        "sha256": report.sha256,
        **{status.value: report.count(status) for status in RowStatus},
        "ignored_columns": list(report.ignored_columns),
        "rows": [
            {
                "line": row.line,
                "status": row.status.value,
                "subject": row.subject,
                "errors": [
                    {
                        "code": issue.code,
                        "column": issue.column,
                        "message": issue.message,
                        "remedy": issue.remedy,
                        "message_zh": issue.message_zh,
                        "remedy_zh": issue.remedy_zh,
                    }
                    for issue in row.errors
                ],
            }
            for row in report.rows
        ],
    }


def _lines(report: FeedReport) -> list[str]:
    lines = []
    for row in report.rows:
        lines.append(f"line {row.line} · 第 {row.line} 行  {_WORDS[row.status]}  {row.subject}".rstrip())
        for issue in row.errors:
            lines.append(
                f"    {issue.column}: {issue.message} — {issue.remedy} · {issue.message_zh}，{issue.remedy_zh}"
            )
    if report.ignored_columns:
        lines.append(f"columns not read · 未读取的列: {', '.join(report.ignored_columns)}")
    counts = ", ".join(f"{report.count(status)} {_WORDS[status]}" for status in RowStatus)
    return [*lines, f"{'would be · 试运行: ' if report.dry_run else ''}{counts}"]
