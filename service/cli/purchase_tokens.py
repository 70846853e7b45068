"""`wardwatch tokens verify`: a till, or anybody, checks a purchase token without the server."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.console import AsJson, answer
from service.kit.clock import parse_instant, system_clock
from service.kit.errors import InvalidInput
from service.pharmacy import verify_token
from service.pharmacy.errors import TokenSpent

MOST_BYTES = 1024 * 1024


def verify(
    token: Annotated[str, typer.Argument(help="The token, or - to read it from standard input.")],
    keys: Annotated[Path, typer.Option(help="File with the answer of GET /api/v1/purchase-keys.")],
    at: Annotated[str | None, typer.Option(help="Time of the sale, with its offset. Default: now.")] = None,
    facility: Annotated[str | None, typer.Option(help="Code of the pharmacy it must be for.")] = None,
    spent: Annotated[
        Path | None, typer.Option(help="The till's journal: a token in it is refused, a good one is added.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a purchase token with the public keys alone, without the network.

    One who knows only the keys cannot know what another till has sold: with --spent this till uses each token once, and
    reports its sales to POST /api/v1/purchase-redemptions when the network is back.
    """
    text = typer.get_text_stream("stdin").read(20_000).strip() if token in ("-",) else token.strip()
    moment = parse_instant(at, field="at") if at else system_clock.now()
    found = verify_token(text, _read_keys(keys), at=moment)
    if facility is not None and found.facility != facility:
        raise InvalidInput(
            f"the token is for {found.facility[:64]!r}", field="token", remedy="sell it there, or verify it here"
        )
    if spent is not None:
        _spend(spent, found.token_id)
    items = ", ".join(f"{quantity} x {code} ({days} d)" for code, quantity, days in found.items)
    lines = [f"good until {found.expires_at:%Y-%m-%d %H:%M:%S} UTC: {found.verdict}, {items}"]
    values = asdict(found) | {"issued_at": found.issued_at.isoformat(), "expires_at": found.expires_at.isoformat()}
    answer(values, as_json, lines)


def _read_keys(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("too large")
        found = json.loads(path.read_text("utf-8"))
        if isinstance(found, dict) and isinstance(found.get("keys"), list):
            return found
    except (OSError, ValueError):
        pass
    raise InvalidInput(
        f"{path} holds no keys", field="keys", remedy="save the answer of GET /api/v1/purchase-keys there, once a day"
    )


def _spend(journal: Path, token_id: str) -> None:
    known = journal.read_text("utf-8").split() if journal.exists() else []
    if token_id in known:
        raise TokenSpent("this till has sold upon it already", field="token", remedy="verify a new purchase")
    with journal.open("a", encoding="utf-8") as file:
        file.write(f"{token_id}\n")
        file.flush()
