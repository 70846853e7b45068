"""`wardwatch facility`: places from a layout file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import AsJson, Grid, answer, installation, operator
from service.facilities import LayoutReport, facilities_readable, load_layout
from service.kit.errors import InvalidInput

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
