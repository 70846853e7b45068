"""`wardwatch purge`: delete what is kept no longer."""

from __future__ import annotations

from service import worker
from service.cli.console import AsJson, answer, installation


def purge(as_json: AsJson = False) -> None:
    """Delete pictures and sessions past their retention, as the server does every hour."""
    with installation() as context:
        handlers = worker.handlers()
        for kind in worker.HOUSEKEEPING:
            handlers[kind](context, {})
    answer({"purged": list(worker.HOUSEKEEPING)}, as_json, [f"{kind}: done" for kind in worker.HOUSEKEEPING])
