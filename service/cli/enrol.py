"""`wardwatch enrol`: faces from a folder or ZIP with a table."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.access import SYSTEM
from service.cli.console import AsJson, answer, installation, operator
from service.cli.facility import read_file
from service.enrolment import BulkReport, BulkRow, EnrolmentStatus, bulk_enrol
from service.facilities import facility_by_code


class Proof(StrEnum):
    """What proves that a face is the patient's, for rows that do not say."""

    ID_CARD_PICTURE = "id_card_picture"
    ELECTRONIC_CREDENTIAL = "electronic_credential"
    TWO_PERSONS = "two_persons"
    UNPROVEN = "unproven"


def enrol(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|ZIP", help="Photographs and one CSV table.")],
    facility: Annotated[str, typer.Option(help="Code of the facility.")],
    table: Annotated[Path | None, typer.Option(help="The table, when it lies elsewhere.")] = None,
    reference: Annotated[Proof, typer.Option(help="What proves the identity, for rows that do not say.")] = (
        Proof.UNPROVEN
    ),
    as_json: AsJson = False,
) -> None:
    """Enrol patients from photographs; columns as in docs/csv-contract.md. The same again changes nothing.

    Every row is reported. Refused rows end with status 1. Photographs are assessed and forgotten.
    """
    rows = read_file(table) if table else None
    with installation() as context, progress_bar() as bar:
        with context.database.reading() as session:
            place = facility_by_code(session, facility)
        task = bar.add_task("enrolling", total=None)
        report = bulk_enrol(
            context,
            place,
            source,
            actor=replace(SYSTEM, name=operator()),
            table=rows,
            default_reference=reference.value,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    answer(_document(report), as_json, _lines(report))
    if report.count(EnrolmentStatus.REFUSED):
        raise typer.Exit(1)


def progress_bar() -> Progress:
    """A bar on standard error, gone when it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _document(report: BulkReport) -> dict[str, object]:
    return {
        "facility": report.facility_code,
        **{status.value: report.count(status) for status in EnrolmentStatus},
        "ignored_columns": list(report.ignored_columns),
        "rows": [_row(row) for row in report.rows],
    }


def _row(row: BulkRow) -> dict[str, object]:
    return {
        "line": row.line,
        "patient_no": row.patient_no,
        "file": row.file,
        "status": row.status.value,
        "quality": row.quality,
        "proven": row.proven,
        "reasons": [{"code": reason.code, "text": reason.text_en, "text_zh": reason.text_zh} for reason in row.reasons],
        "warnings": [{"code": r.code, "text": r.text_en, "text_zh": r.text_zh} for r in row.warnings],
        "look_alikes": [
            {"patient_no": found.patient_no, "similarity": found.similarity, "margin": found.margin}
            for found in row.look_alikes
        ],
    }


def _lines(report: BulkReport) -> list[str]:
    lines = []
    for row in report.rows:
        for reason in row.reasons:
            lines.append(f"line {row.line} {row.patient_no} {row.status.value}: {reason.text_en} [{reason.code}]")
        for found in row.look_alikes:
            lines.append(
                f"line {row.line} {row.patient_no} note: resembles {found.patient_no}, {found.similarity:.2f} "
                f"({found.margin:.2f} above the threshold) [looks_like_another]"
            )
    unproven = sum(row.status is EnrolmentStatus.ACCEPTED and not row.proven for row in report.rows)
    if unproven:
        lines.append(f"{unproven} accepted without proof of identity: they judge nobody until somebody confirms them")
    return [*lines, ", ".join(f"{report.count(status)} {status.value}" for status in EnrolmentStatus)]
