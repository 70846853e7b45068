"""`wardwatch facility`: places from a layout file."""

from __future__ import annotations

import io
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Annotated

import segno
import typer

from service.cli.console import AsJson, Grid, answer, installation, operator
from service.facilities import (
    LayoutReport,
    beds_of_facility,
    facilities_readable,
    facility_by_code,
    load_layout,
    wards_of_facility,
)
from service.kit.errors import InvalidInput
from service.occupancy import label_text

facility_app = typer.Typer(no_args_is_help=True, help="Facilities: load a layout, list.")


@facility_app.command("load")
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Layout of one facility, YAML.")],
    as_json: AsJson = False,
) -> None:
    """Make or change a facility, its wards, beds, cameras and zones as a file says. Nothing is ever deleted."""
    text = read_file(file)
    with installation() as context, context.database.transaction() as session:
        report = load_layout(session, text, context.clock.now(), actor=operator())
    answer(asdict(report), as_json, _lines(report))


@facility_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the facilities."""
    with installation() as context, context.database.reading() as session:
        places = facilities_readable(session, None)
    columns = ("code", "name", "timezone", "mode", "clock")
    rows = [[str(getattr(place, column)) for column in columns] for place in places]
    answer([dict(zip(columns, row, strict=True)) for row in rows], as_json, Grid(columns, rows))


@facility_app.command("labels")
def labels(
    facility: Annotated[str, typer.Option("--facility", help="The facility's code.")],
    ward: Annotated[str, typer.Option("--ward", help="Only this ward's beds.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Write the page to this file.")] = None,
) -> None:
    """Print a page (HTML) of bed labels with QR codes: a hand-held picture shows the label of its bed."""
    with installation() as context, context.database.reading() as session:
        place = facility_by_code(session, facility)
        codes = {item.id: item.code for item in wards_of_facility(session, place.id)}
        if ward and ward not in codes.values():
            raise InvalidInput(f"no ward {ward[:40]!r}", field="ward", remedy="see the facility's layout")
        beds = [
            (codes[bed.ward_id], bed.hospital_code)
            for bed in beds_of_facility(session, place.id)
            if ward in ("", codes[bed.ward_id])
        ]
        text = label_page(place.code, beds)
    if out is None:
        typer.echo(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{out}: {error.strerror}", field="out", remedy="name a file that can be written") from None


def label_page(facility_code: str, beds: list[tuple[str, str]]) -> str:
    """An HTML page with one label a bed: (ward code, the hospital's own code of the bed)."""
    shown = []
    for ward, bed in beds:
        picture = io.BytesIO()
        segno.make(label_text(facility_code, bed), error="m", micro=False).save(
            picture, kind="svg", scale=5, border=4, xmldecl=False
        )
        words = f"<strong>{escape(bed)}</strong><br>{escape(facility_code)} · {escape(ward)}"
        shown.append(f"<figure>{picture.getvalue().decode()}<figcaption>{words}</figcaption></figure>")
    style = "figure{display:inline-block;margin:6mm;text-align:center;font:5mm sans-serif;break-inside:avoid}"
    head = f'<meta charset="utf-8"><title>{escape(facility_code)}</title><style>{style}</style>'
    return f"<!doctype html><html><head>{head}</head><body>{''.join(shown)}</body></html>"


def read_file(path: Path) -> bytes:
    """The file's bytes. Raises `InvalidInput` for one that cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise InvalidInput(f"{path}: {reason}", remedy="check the path and its permissions") from None


def _lines(report: LayoutReport) -> list[str]:
    lines = [f"facility {report.facility_code}"]
    for title, counts in (("made", report.created), ("changed", report.updated), ("unchanged", report.unchanged)):
        if counts:
            lines.append(f"  {title}: " + ", ".join(f"{number} {kind}" for kind, number in counts.items()))
    if report.uncovered_beds:
        lines.append(f"  no camera sees: {', '.join(report.uncovered_beds)}")
    if report.unlisted:
        lines.append(f"  recorded, not in the file, kept: {', '.join(report.unlisted)}")
    return lines + [f"  note: {warning}" for warning in report.warnings]
