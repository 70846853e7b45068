"""`wardwatch evidence`: the chain of what was done and of what became evidence."""

from __future__ import annotations

from typing import Annotated

import typer

from service import ledger, sightings
from service.cli.console import AsJson, Grid, answer, installation
from service.facilities import cameras_of_facility, facility_by_code

evidence_app = typer.Typer(no_args_is_help=True, help="The ledger: verify its chain.")


@evidence_app.callback()
def _group() -> None:
    """The ledger."""


@evidence_app.command("verify")
def verify(as_json: AsJson = False) -> None:
    """Recompute the ledger's chain; fails at the first entry that does not fit. Note the head elsewhere."""
    with installation() as context, context.database.reading() as session:
        broken, head = ledger.first_break(session), ledger.head(session)
    document = {
        "intact": broken is None,
        "entries": head.seq,
        "head": head.hash,
        "broken_at": broken.seq if broken else None,
        "reason": broken.reason if broken else None,
    }
    if broken is None:
        answer(document, as_json, [f"{head.seq} entries, unbroken; head {head.hash}"])
        return
    answer(document, as_json, [f"entry {broken.seq} is {broken.reason}: entries from there on prove nothing"])
    raise typer.Exit(1)


@evidence_app.command("verify-statements")
def verify_statements(
    facility: Annotated[str, typer.Option(help="Code of the facility.")],
    camera: Annotated[str | None, typer.Option(help="Only this camera.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check what boxes signed of their pictures: signatures, pictures still kept, and gaps in each camera's chain."""
    with installation() as context, context.database.reading() as session:
        place = facility_by_code(session, facility)
        cameras = [
            each for each in cameras_of_facility(session, place.id) if camera is None or camera in (each.id, each.code)
        ]
        found = [sightings.verify_kept_statements(context, session, each.id) for each in cameras]
    rows = [
        (each.code, str(proof.statements), str(proof.pictures), str(len(proof.false)), str(len(proof.gaps)))
        for each, proof in zip(cameras, found, strict=True)
    ]
    head = ("camera", "statements", "pictures", "false", "gaps")
    answer([dict(zip(head, row, strict=True)) for row in rows], as_json, Grid(head, rows))
    if any(proof.false for proof in found):
        raise typer.Exit(1)
