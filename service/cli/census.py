"""`wardwatch census`: admissions from a CSV file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from service.access import SYSTEM
from service.admissions import ImportReport, RowReport, RowStatus, import_census
from service.cli.console import AsJson, answer, installation, operator
from service.cli.facility import read_file
from service.facilities import facility_by_code
from service.kit.clock import parse_instant

census_app = typer.Typer(no_args_is_help=True, help="Admissions: import a census.")


@census_app.callback()
def _group() -> None:
    """Admissions: import a census."""


@census_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, columns as in docs/csv-contract.md.")],
    facility: Annotated[str, typer.Option(help="Code of the facility.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything, keep nothing.")] = False,
    as_of: Annotated[str | None, typer.Option(help="When the file was true; default: now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import a census. Every row is reported; bad rows do not stop the others, and end with status 1."""
    data = read_file(file)
    moment = parse_instant(as_of, field="as_of") if as_of else None
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        actor = replace(SYSTEM, name=operator())
        now = context.clock.now()
        report = import_census(session, place, data, dry_run=dry_run, actor=actor, now=now, as_of=moment)
    answer(report_document(report), as_json, report_lines(report))
    if report.count(RowStatus.REJECTED):
        raise typer.Exit(1)


def report_document(report: ImportReport) -> dict[str, object]:
    return {
        "facility": report.facility_code,
        "dry_run": report.dry_run,
        "sha256": report.sha256,
        **{status.value: report.count(status) for status in RowStatus},
        "ignored_columns": list(report.ignored_columns),
        "rows": [_row(row) for row in report.rows],
    }


def _row(row: RowReport) -> dict[str, object]:
    return {
        "line": row.line,
        "status": row.status.value,
        "admission_no": row.admission_no,
        "patient_no": row.patient_no,
        **{
            name: [{"code": i.code, "column": i.column, "message": i.message, "remedy": i.remedy} for i in issues]
            for name, issues in (("errors", row.errors), ("warnings", row.warnings))
        },
    }


def report_lines(report: ImportReport) -> list[str]:
    lines = []
    for row in report.rows:
        for mark, issues in (("rejected", row.errors), ("note", row.warnings)):
            for issue in issues:
                where = f" {issue.column}:" if issue.column else ""
                lines.append(f"line {row.line} {mark}:{where} {issue.message} — {issue.remedy}")
    if report.ignored_columns:
        lines.append(f"columns not read: {', '.join(report.ignored_columns)}")
    counts = ", ".join(f"{report.count(status)} {status.value}" for status in RowStatus)
    return [*lines, f"{'would be: ' if report.dry_run else ''}{counts}"]
