"""`wardwatch-edge aim`: what the camera makes of each bed, while the installer still stands on the ladder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge_agent.device_clock import DeviceClock
from edge_agent.errors import SettingsInvalid, SourceUnusable
from edge_agent.identity import open_identity
from edge_agent.logs import configure, one_line
from edge_agent.pulse import CONFIG_PATH
from edge_agent.sender import open_client
from edge_agent.settings import AgentSettings, load_settings
from edge_agent.sources import open_source, parse_address
from edge_agent.words import say
from service.contracts import DeviceConfig, read_message

# The models, and insightface with them, are imported by this command alone: the agent itself does without.
from service.vision import AimedBed, ImageError, Pack, UnobservedCause, Zone, aim, decode, load_pack

ADVICE = {
    "good": "usable",
    "lie_down": "nobody seen: let somebody lie in the bed",
    "mend_view": "nothing to be seen: look at lens, cap and light",
    "turn_or_move": "face hidden or turned away: move the camera towards the foot of the bed",
    "get_closer": "face too small: move closer, zoom in, or use a higher resolution",
    "focus": "blurred: focus the lens, clean it, fix the mount",
    "more_light": "too dark: more light, or infrared",
    "less_light": "too bright: no window or lamp behind or on the face",
    "uncover": "face partly hidden: look for rails, curtains, drips in the line of sight",
}


@dataclass(frozen=True, slots=True)
class Aimed:
    """One look. `cause`: why the whole view shows nothing. `beds`: bed code and what was seen of it."""

    size: tuple[int, int]
    cause: UnobservedCause | None
    beds: tuple[tuple[str, AimedBed], ...]

    @property
    def is_good(self) -> bool:
        """Whether every bed gives a usable face."""
        return bool(self.beds) and all(bed.usable for _, bed in self.beds)

    def to_json(self) -> dict[str, Any]:
        """For scripts; pixels, degrees, shares from 0 to 1."""
        return {
            "width": self.size[0],
            "height": self.size[1],
            "view": None if self.cause is None else self.cause.value,
            "good": self.is_good,
            "beds": [{"bed": code, **_bed_json(bed)} for code, bed in self.beds],
        }


def aim_command(
    config: Annotated[Path | None, typer.Option(help="YAML file as of wardwatch-edge camera; a flag wins.")] = None,
    server: Annotated[str | None, typer.Option(help="As of wardwatch-edge camera.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="As of wardwatch-edge camera.")] = None,
    key: Annotated[Path | None, typer.Option(help="As of wardwatch-edge camera.")] = None,
    camera: Annotated[str | None, typer.Option(help="The camera's code.")] = None,
    source: Annotated[str | None, typer.Option(help="As of wardwatch-edge camera.")] = None,
    source_credentials: Annotated[Path | None, typer.Option(help="As of wardwatch-edge camera.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="As of wardwatch-edge camera.")] = None,
    models: Annotated[Path, typer.Option(help="Folder of the model pack.")] = Path("models/wardwatch-default"),
    every: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="One look, then end; status 2 if a bed is not usable.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line a look.")] = False,
) -> None:
    """Show, live, which beds give a usable face. Nothing is sent and nothing is kept."""
    flags: dict[str, Any] = {"server": server, "token_file": token_file, "key": key, "camera": camera, "source": source}
    flags |= {"source_credentials": source_credentials, "ca_file": ca_file, "cadence": every}
    # An agent's settings name a spool; aiming keeps nothing, and opens none.
    settings = load_settings(config, {**flags, "spool": Path("unused")})
    configure(settings.log)
    told = fetch_config(settings)
    if not told.zones:
        raise SettingsInvalid(
            f"camera {settings.camera} has no zones on the server", field="camera", remedy="draw its beds first"
        )
    looks = aimed_looks(settings, told, load_pack(models))
    console = Console()
    if once or as_json:
        for look in looks:
            if as_json:
                typer.echo(json.dumps(look.to_json()))
            else:
                console.print(table_of(settings.camera, look))
            if once:
                raise typer.Exit(0 if look.is_good else 2)
        return
    with Live(Text(say("waiting for the first picture …")), console=console, auto_refresh=False) as live:
        for look in looks:
            live.update(table_of(settings.camera, look), refresh=True)


def fetch_config(settings: AgentSettings) -> DeviceConfig:
    """The camera's zones, from the server. Raises `SettingsInvalid` when it does not say."""
    from edge_agent.agent import sender_options

    identity = open_identity(settings, DeviceClock())
    try:
        with open_client(sender_options(settings)) as client:
            response = client.get(settings.server + CONFIG_PATH, auth=identity.auth())
            response.raise_for_status()
            return read_message(DeviceConfig, response.content)
    except httpx.HTTPError as error:
        raise SettingsInvalid(
            f"the server does not tell the camera's zones: {one_line(str(error))}",
            field="server",
            remedy="check --server and the key or token",
        ) from None


def aimed_looks(settings: AgentSettings, told: DeviceConfig, pack: Pack) -> Iterator[Aimed]:
    """A look at each picture of the source. Raises `SourceUnusable` when it gives none."""
    from edge_agent.agent import source_options

    zones = tuple(Zone(zone.zone_id, np.array(zone.polygon, np.float32), zone.head_edge) for zone in told.zones)
    codes = [zone.bed_code or zone.zone_id for zone in told.zones]
    address = parse_address(settings.source, settings.source_credentials)
    stop, seen = threading.Event(), 0
    source = open_source(address, source_options(settings), lambda _origin: False, lambda _cause: None)
    try:
        for frame in source.frames(stop):
            if not frame.data:
                continue
            try:
                picture = decode(frame.data)
            except ImageError:
                continue
            seen += 1
            cause, beds = aim(picture, zones, pack)
            height, width = picture.pixels.shape[:2]
            yield Aimed((width, height), cause, tuple(zip(codes, beds, strict=True)))
    finally:
        stop.set()
        source.close()
    if not seen:
        raise SourceUnusable("the source gave no picture", field="source", remedy="check what it names")


def table_of(camera: str, look: Aimed) -> Group:
    """The look as an installer reads it."""
    usable = sum(bed.usable for _, bed in look.beds)
    counted = f"{usable} / {len(look.beds)} {say('beds usable')}"
    title = f"{camera}: {counted}, {look.size[0]} x {look.size[1]} {say('pixels')}"
    heads = ("bed", "face", "pixels", "sharpness", "turned", "quality", "what to do")
    table = Table(*(say(head) for head in heads), title=one_line(title))
    for code, bed in look.beds:
        table.add_row(
            Text(one_line(code), style="bold"),
            Text(say("usable"), "green") if bed.usable else Text(say("poor" if bed.face_found else "none"), "red"),
            _number(bed.width, "{:.0f}"),
            _number(bed.sharpness, "{:.2f}"),
            "" if bed.yaw is None or bed.pitch is None else f"{bed.yaw:+.0f}° / {bed.pitch:+.0f}°",
            _number(bed.quality, "{:.2f}"),
            "; ".join([say(ADVICE[bed.advice]), *(reason.value.replace("_", " ") for reason in bed.reasons)]),
        )
    view = Text("" if look.cause is None else f"{say('the whole view')}: {look.cause.value.replace('_', ' ')}", "red")
    return Group(table, view) if look.cause else Group(table)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _bed_json(bed: AimedBed) -> dict[str, Any]:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(float(value), 3)

    return {
        "usable": bed.usable,
        "face": bed.face_found,
        "face_width_px": rounded(bed.width),
        "sharpness": rounded(bed.sharpness),
        "yaw": rounded(bed.yaw),
        "pitch": rounded(bed.pitch),
        "quality": rounded(bed.quality),
        "reasons": [reason.value for reason in bed.reasons],
        "body_score": rounded(bed.body),
        "box": None if bed.box is None else [round(float(side)) for side in bed.box],
        "advice": bed.advice.value,
        "suggestion": ADVICE[bed.advice],
    }
