"""`wardwatch-edge update`: put a version in by hand, from a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.logs import one_line
from edge_agent.update.bundle import base_version, install
from edge_agent.update.health import RELEASE_KEY
from edge_agent.update.slots import Home


def update(
    bundle: Annotated[Path, typer.Argument(help="The release's bundle.")],
    home: Annotated[Path, typer.Option(help="The box's folder of versions, as the launcher was given it.")],
    release_key: Annotated[
        Path | None, typer.Option(help="The release key's file, as the launcher was given it; else the home's own.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also an older version, or one that went back.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put another version in, on trial: the launcher starts it, and brings this one back if it is not well."""
    if release_key is not None:
        os.environ[RELEASE_KEY] = str(release_key)
    version = install(Home(home), bundle, base_version(), force=force)
    if as_json:
        typer.echo(json.dumps({"version": version, "state": "on trial"}))
    else:
        typer.echo(one_line(f"version {version} is put in, on trial; see wardwatch-edge status"))
