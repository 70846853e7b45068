"""`wardwatch devices`: let boxes and kiosks in, list them, put them out."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import segno
import typer
from sqlmodel import Session

from service import access
from service.cli.console import AsJson, Grid, answer, installation, operator
from service.contracts import DeviceKind
from service.facilities import Facility, facilities_readable, facility_by_code, find_camera
from service.kit.errors import InvalidInput, NotFound
from service.platform.context import Context
from service.sightings import last_heard

devices_app = typer.Typer(no_args_is_help=True, help="Camera boxes and kiosks: pair, ls, revoke.")

FacilityOption = Annotated[str, typer.Option(help="Code of the facility.")]


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: DeviceKind
    name: str
    camera: str | None


@dataclass(frozen=True, slots=True)
class _Code:
    name: str
    kind: DeviceKind
    camera: str | None
    code: str


@devices_app.command("pair")
def pair(
    facility: FacilityOption,
    camera: Annotated[str | None, typer.Option(help="Code of the camera whose box it is.")] = None,
    kiosk: Annotated[str | None, typer.Option(help="Name of a pharmacy kiosk, instead of a camera.")] = None,
    from_list: Annotated[
        Path | None, typer.Option("--list", help="CSV with the columns kind (camera or kiosk) and name, for many.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The camera has a box: the new one takes its place and zones.")
    ] = False,
    hours: Annotated[int, typer.Option(min=1, max=168, help="The code is good for so long.")] = 1,
    server: Annotated[str | None, typer.Option(help="What the box will call the server, for the QR code.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a one-time code for each new device. Type it on the box: wardwatch-edge pair."""
    wanted = _wanted(camera, kiosk, from_list)
    with installation() as context:
        with context.database.transaction() as session:
            place = facility_by_code(session, facility)
            codes = [_code(context, session, place, item, replace=replace, hours=hours) for item in wanted]
        origin = (server or context.settings.public_origin or "").rstrip("/")
    if len(codes) == 1 and not as_json:
        answer(None, False, _sheet(codes[0], origin, hours))
        return
    rows = [(code.kind, code.name, code.code) for code in codes]
    answer([asdict(code) for code in codes], as_json, Grid(("kind", "name", "code"), rows))


@devices_app.command("list", hidden=True)
@devices_app.command("ls")
def ls(
    facility: Annotated[str | None, typer.Option(help="Code of the facility.")] = None, as_json: AsJson = False
) -> None:
    """List devices, those out of use too, with when each was last heard and its version."""
    with installation() as context, context.database.reading() as session:
        codes = {place.id: place.code for place in facilities_readable(session, None)}
        chosen = facility_by_code(session, facility).id if facility else None
        devices = access.devices_at(session, chosen)
        heard = last_heard(session, chosen)
    rows = [
        (
            device.id,
            device.kind,
            device.name,
            codes[device.facility_id],
            f"{device.paired_at:%Y-%m-%d %H:%M} UTC",
            f"revoked {device.revoked_at:%Y-%m-%d %H:%M} UTC" if device.revoked_at else "in use",
            f"{last.at:%Y-%m-%d %H:%M} UTC" if (last := heard.get(device.id)) else "never",
            last.version if last else "",
            last.update if last else "",
        )
        for device in devices
    ]
    head = ("id", "kind", "name", "facility", "paired", "state", "heard", "version", "update")
    answer([dict(zip(head, row, strict=True)) for row in rows], as_json, Grid(head, rows))


@devices_app.command("revoke")
def revoke(device_id: Annotated[str, typer.Argument(metavar="ID", help="Id from `devices ls`.")]) -> None:
    """Put a lost or stolen device out of use at once, with all its keys."""
    with installation() as context, context.database.transaction() as session:
        device = access.revoke_device(session, device_id, actor=operator(), now=context.clock.now())
    answer(None, False, [f"{device.name} ({device.id}) is revoked"])


def _wanted(camera: str | None, kiosk: str | None, from_list: Path | None) -> list[_Wanted]:
    given = [item for item in (camera, kiosk, from_list) if item is not None]
    if len(given) != 1:
        raise InvalidInput("name one of --camera, --kiosk and --list", remedy="wardwatch devices pair --help")
    if from_list is not None:
        return _read_list(from_list)
    if camera is not None:
        return [_Wanted("camera", camera, camera)]
    return [_Wanted("kiosk", str(kiosk), None)]


def _read_list(path: Path) -> list[_Wanted]:
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path}: {error}", field="list", remedy="give a CSV file in UTF-8") from None
    if not rows or not {"kind", "name"} <= set(reader.fieldnames or ()):
        raise InvalidInput(f"{path} has no columns kind and name", field="list", remedy="write kind,name first")
    found = []
    for number, row in enumerate(rows, 2):
        kind, name = (row["kind"] or "").strip(), (row["name"] or "").strip()
        if kind not in ("camera", "kiosk") or not name:
            raise InvalidInput(
                f"line {number}: {kind!r}", field="list", remedy="kind is camera or kiosk, name is given"
            )
        found.append(_Wanted("kiosk", name, None) if kind == "kiosk" else _Wanted("camera", name, name))
    return found


def _code(context: Context, session: Session, place: Facility, item: _Wanted, *, replace: bool, hours: int) -> _Code:
    found = find_camera(session, place.id, item.camera) if item.camera else None
    if item.camera and found is None:
        raise NotFound(f"no camera {item.camera!r} at {place.code}", field="camera", remedy="see the facility's layout")
    code = access.new_pairing_code(
        session,
        facility_id=place.id,
        facility_code=place.code,
        kind=item.kind,
        name=item.name,
        camera_id=found.id if found else None,
        camera_code=found.code if found else None,
        replace=replace,
        actor=operator(),
        now=context.clock.now(),
        life=timedelta(hours=hours),
    )
    return _Code(item.name, item.kind, item.camera, code)


def _sheet(code: _Code, origin: str, hours: int) -> list[str]:
    link = "wardwatch-pair:?" + urlencode({"server": origin, "code": code.code} if origin else {"code": code.code})
    picture = io.StringIO()
    segno.make(link, error="m").terminal(out=picture, compact=True)
    plural = "hour" if hours == 1 else "hours"
    return [
        picture.getvalue().rstrip("\n"),
        f"{code.kind} {code.name}: {code.code}   (once, within {hours} {plural})",
        f"on the box: wardwatch-edge pair --server {origin or 'URL'} --code {code.code} --key FILE",
    ]
