"""`wardwatch releases`: make, sign and offer versions of the agent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

import edge_agent
from edge_agent.update.build import build_bundle, load_key, new_key
from service.cli.console import AsJson, Grid, answer, installation, operator
from service.contracts.releases import ANY_PLATFORM
from service.facilities import facilities_readable, facility_by_code, find_camera
from service.facilities.releases import Audience, add_release, all_releases, withdraw_release
from service.kit.errors import InvalidInput, NotFound

releases_app = typer.Typer(no_args_is_help=True, help="Versions of the agent: key, build, add, ls, withdraw.")


@releases_app.command("key")
def key(file: Annotated[Path, typer.Argument(help="File for the private half; it must not be there yet.")]) -> None:
    """Make a release key. Keep the file off the server; the printed half goes onto each box as release.pub."""
    answer(None, False, [new_key(file)])


@releases_app.command("build")
def build(
    version: Annotated[str, typer.Argument(help="Like 0.2.0; boxes take only what is newer.")],
    out: Annotated[Path, typer.Option(help="The bundle's file.")],
    signed_by: Annotated[Path, typer.Option("--key", help="File of the release key.")],
    wheels: Annotated[list[Path] | None, typer.Option("--wheel", help="A package it needs anew; repeatable.")] = None,
    platform: Annotated[str, typer.Option(help="For which boxes, where a wheel holds compiled code.")] = ANY_PLATFORM,
) -> None:
    """Bundle the agent's code of this installation, signed."""
    root = Path(edge_agent.__path__[0]).parent
    data = build_bundle(root, version, load_key(signed_by), wheels or (), platform)
    pending = out.with_name(f".{out.name}.new")
    try:
        pending.write_bytes(data)
        os.replace(pending, out)
    except OSError as error:
        raise InvalidInput(f"{out}: {error.strerror}", field="out", remedy="name a file in a writable folder") from None
    answer(None, False, [f"{out}: version {version} for {platform}, {len(data)} bytes"])


@releases_app.command("add")
def add(
    bundle: Annotated[Path, typer.Argument(help="The release's bundle.")],
    public_key: Annotated[str, typer.Option("--public-key", help="The release key's public half, as on the boxes.")],
    facility: Annotated[str | None, typer.Option(help="Offer it to this facility's boxes only.")] = None,
    camera: Annotated[str | None, typer.Option(help="To this camera's box only: try it on one first.")] = None,
    as_json: AsJson = False,
) -> None:
    """Offer a bundle to the boxes: each fetches it, tries it, and goes back by itself when it is not well."""
    if camera is not None and facility is None:
        raise InvalidInput("a camera is named within its facility", field="facility", remedy="add --facility CODE")
    with installation() as context:
        audience = Audience()
        if facility is not None:
            with context.database.reading() as session:
                place = facility_by_code(session, facility)
                found = find_camera(session, place.id, camera) if camera else None
                if camera and found is None:
                    raise NotFound(f"no camera {camera!r}", field="camera", remedy="see the facility's layout")
                audience = Audience(place.id, found.id if found else None)
        release = add_release(context, bundle, public_key, audience, actor=operator(), now=context.clock.now())
    document = {"id": release.id, "version": release.version, "platform": release.platform, "sha256": release.sha256}
    answer(document, as_json, [f"version {release.version} for {release.platform} is on offer: {release.id}"])


@releases_app.command("list", hidden=True)
@releases_app.command("ls")
def ls(as_json: AsJson = False) -> None:
    """List the versions on offer, those withdrawn too."""
    with installation() as context, context.database.reading() as session:
        codes = {place.id: place.code for place in facilities_readable(session, None)}
        rows = [
            (
                release.id,
                release.version,
                release.platform,
                codes.get(release.facility_id or "", "all") + (" (one camera)" if release.camera_id else ""),
                f"{release.added_at:%Y-%m-%d %H:%M} UTC",
                "withdrawn" if release.withdrawn_at else "on offer",
            )
            for release in all_releases(session)
        ]
    head = ("id", "version", "platform", "for", "added", "state")
    answer([dict(zip(head, row, strict=True)) for row in rows], as_json, Grid(head, rows))


@releases_app.command("withdraw")
def withdraw(release_id: Annotated[str, typer.Argument(metavar="ID", help="Id from `releases ls`.")]) -> None:
    """Offer a version no longer. Boxes that have it keep it."""
    with installation() as context, context.database.transaction() as session:
        release = withdraw_release(session, release_id, actor=operator(), now=context.clock.now())
    answer(None, False, [f"version {release.version} ({release.id}) is withdrawn"])
