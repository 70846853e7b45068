"""`wardwatch tokens`: tokens of programs and devices."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated

import typer

from service import access
from service.cli import purchase_tokens
from service.cli.console import AsJson, Grid, answer, installation, operator
from service.facilities import facilities_readable, facility_by_code, find_camera
from service.kit.errors import NotFound

tokens_app = typer.Typer(
    no_args_is_help=True, help="Tokens of programs and devices: add, list, revoke; purchase tokens: verify."
)
tokens_app.command("verify")(purchase_tokens.verify)

_DEVICE_SCOPES = (access.Permission.SNAPSHOTS_POST, access.Permission.CONFIG_READ)


@tokens_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What will use the token.")],
    facility: Annotated[str, typer.Option(help="Code of the facility.")],
    scope: Annotated[
        list[access.Permission] | None,
        typer.Option(help="What it may do; repeat for more. Default for a camera: post and read its settings."),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Code of the only camera it may post for.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="It ends after so many days.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, once: it is kept as a hash."""
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        found = find_camera(session, place.id, camera) if camera else None
        if camera and found is None:
            raise NotFound(f"no camera {camera!r} at {facility}", field="camera", remedy="see the facility's layout")
        token, secret = access.new_token(
            session,
            name,
            facility_id=place.id,
            scopes=scope or (_DEVICE_SCOPES if found else ()),
            camera_id=found.id if found else None,
            life=timedelta(days=days) if days else None,
            actor=operator(),
            now=context.clock.now(),
        )
    answer({"id": token.id, "name": token.name, "scopes": token.scopes, "token": secret}, as_json, [secret])


@tokens_app.command("list")
def list_(
    facility: Annotated[str | None, typer.Option(help="Code of the facility.")] = None, as_json: AsJson = False
) -> None:
    """List tokens, without their secrets."""
    with installation() as context, context.database.reading() as session:
        codes = {place.id: place.code for place in facilities_readable(session, None)}
        chosen = facility_by_code(session, facility).id if facility else None
        tokens = [_described(token, codes[token.facility_id]) for token in access.tokens_at(session, chosen)]
    rows = [(token.id, token.name, token.facility, ", ".join(token.scopes), token.state) for token in tokens]
    answer([asdict(token) for token in tokens], as_json, Grid(("id", "name", "facility", "scopes", "state"), rows))


@tokens_app.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID", help="Id from `tokens list`.")]) -> None:
    """Put a token out of use."""
    with installation() as context, context.database.transaction() as session:
        access.revoke_token(session, token_id, actor=operator(), now=context.clock.now())
    answer(None, False, [f"{token_id} is revoked"])


@dataclass(frozen=True, slots=True)
class _Token:
    id: str
    name: str
    facility: str
    scopes: tuple[str, ...]
    state: str


def _described(token: access.AccessToken, facility: str) -> _Token:
    until = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "good"
    state = "revoked" if token.revoked_at else until
    return _Token(token.id, token.name, facility, tuple(str(scope) for scope in token.scopes), state)
