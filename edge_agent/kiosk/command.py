"""`wardwatch-edge kiosk`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edge_agent.kiosk.settings import KioskSettings, load_settings


def _help(name: str) -> str:
    return KioskSettings.model_fields[name].description or ""


def kiosk(
    config: Annotated[Path | None, typer.Option(help="YAML file with the settings below; a flag wins over it.")] = None,
    server: Annotated[str | None, typer.Option(help=_help("server"))] = None,
    data: Annotated[Path | None, typer.Option(help=_help("data"))] = None,
    key_file: Annotated[Path | None, typer.Option("--key", help=_help("key_file"))] = None,
    token_file: Annotated[Path | None, typer.Option(help=_help("token_file"))] = None,
    kiosk: Annotated[str | None, typer.Option(help=_help("kiosk"))] = None,
    port: Annotated[int | None, typer.Option(help=_help("port"))] = None,
    language: Annotated[str | None, typer.Option(help=_help("language"))] = None,
    name: Annotated[str | None, typer.Option(help=_help("name"))] = None,
    reader: Annotated[str | None, typer.Option(help=_help("reader"))] = None,
    models: Annotated[Path | None, typer.Option(help=_help("models"))] = None,
    passive: Annotated[Path | None, typer.Option(help=_help("passive"))] = None,
    idle_seconds: Annotated[int | None, typer.Option(help=_help("idle_seconds"))] = None,
    refresh_seconds: Annotated[int | None, typer.Option(help=_help("refresh_seconds"))] = None,
    timeout_seconds: Annotated[float | None, typer.Option("--timeout", help=_help("timeout_seconds"))] = None,
    ca_file: Annotated[Path | None, typer.Option(help=_help("ca_file"))] = None,
) -> None:
    """Serve the customer's page at a pharmacy's kiosk, on this machine only, until stopped."""
    flags: dict[str, Any] = {
        "server": server,
        "data": data,
        "key_file": key_file,
        "token_file": token_file,
        "kiosk": kiosk,
        "port": port,
        "language": language,
        "name": name,
        "reader": reader,
        "models": models,
        "passive": passive,
        "idle_seconds": idle_seconds,
        "refresh_seconds": refresh_seconds,
        "timeout_seconds": timeout_seconds,
        "ca_file": ca_file,
    }
    settings = load_settings(config, flags)
    from edge_agent.kiosk.run import run_kiosk  # with OpenCV and the models: the camera's commands do without

    run_kiosk(settings)
