"""`wardwatch evidence`: the chain of what was done and of what became evidence."""

from __future__ import annotations

import typer

from service import ledger
from service.cli.console import AsJson, answer, installation

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
