"""`wardwatch simulate`: drive a scenario through a running server and compare the result with the truth."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlmodel import Session

from edge_agent.device_key import DeviceKey, public_text
from service import access
from service.cli.console import installation, operator
from service.cli.faces_at_hand import picture_paths
from service.cli.month.world import Plan
from service.cli.simulate_month import show_month, simulate_month
from service.facilities import Camera, Facility, apply_layout, facility_by_code, find_camera, find_facility
from service.kit.errors import Conflict, InvalidInput
from service.platform.context import Context
from service.platform.settings import get_settings
from service.simulator import (
    DRIVER_SCOPES,
    Advance,
    Api,
    Credentials,
    Driver,
    Person,
    Results,
    RunReport,
    Scenario,
    StudioSetup,
    layout,
    local,
    read_credentials,
    read_results,
    read_scenario,
    results_printout,
    write_secret,
)
from service.simulator.pharmacy_story import is_pharmacy_story
from service.vision.packs import TestPictures, fetch_test_pictures

SAMPLE_PICTURES = 400
Language = Annotated[Literal["en", "zh"], typer.Option(help="Of findings and headings: en or zh.")]


def simulate(
    scenario: Annotated[
        Path | None, typer.Argument(help="Scenario file; docs/simulator.md lists the keys. Not with --month.")
    ] = None,
    server: Annotated[str, typer.Option(help="Address of a running server.")] = "http://127.0.0.1:8765",
    token_file: Annotated[Path, typer.Option(help="Credentials; written by --prepare.")] = Path("simulation.json"),
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="On the server's machine: make the facility and its accounts, and stop."),
    ] = False,
    matching: Annotated[
        str,
        typer.Option(help="With --prepare: server (boxes send pictures) or local (boxes read them and send readings)."),
    ] = "server",
    language: Language = "en",
    sample: Annotated[int, typer.Option(min=1, help="Pictures whose bed states are compared.")] = SAMPLE_PICTURES,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
    month: Annotated[
        bool, typer.Option("--month", help="Play a made-up month at the level of readings, without a server.")
    ] = False,
    beds: Annotated[int, typer.Option(min=80, max=1000, help="With --month: beds, in wards of 20.")] = 200,
    days: Annotated[int, typer.Option(min=16, max=92, help="With --month: days.")] = 30,
    each: Annotated[int, typer.Option(min=1, max=5, help="With --month: stays of each fraudulent kind.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="With --month: the same seed gives the same month.")] = 1,
) -> None:
    """Drive a scenario through a running server by its real camera agents and its API, then compare with the truth.

    First, once, with the server's settings: `wardwatch simulate SCENARIO --prepare`. Status 1: truth and result differ.
    With --month: no server and no pictures; occupancy and screening are the real ones.
    """
    if month:
        plan = Plan(beds=beds, days=days, each=each, seed=seed)
        result, seconds = simulate_month(plan, quiet=as_json)
        show_month(result, plan, seconds, as_json=as_json)
        if not result.holds:
            raise typer.Exit(1)
        return
    if scenario is None:
        raise InvalidInput("no scenario is named", field="scenario", remedy="name a file, or use --month")
    if is_pharmacy_story(scenario):
        # Imported late: it takes the heads from the evaluation, which takes its pictures from here.
        from service.cli.pharmacy_demo import simulate_pharmacies

        simulate_pharmacies(scenario, server, token_file, prepare=prepare, as_json=as_json)
        return
    story = read_scenario(scenario)
    if prepare:
        with installation() as context:
            write_secret(token_file, credentials_for(context, story, matching=matching).model_dump_json(indent=2))
        _say(f"{story.facility.code} is made; credentials are in {token_file}")
        return
    settings = get_settings()
    pictures = fetch_test_pictures(settings.cache_dir, mirror=settings.models_mirror)
    credentials = read_credentials(token_file)
    with tempfile.TemporaryDirectory(prefix="wardwatch-") as folder:
        report = drive(
            studio_setup(scenario, story, pictures),
            server,
            credentials,
            Path(folder),
            quiet=as_json,
            models=settings.pack_folder(),
        )
    results = results_of(story, report, server, credentials, language, sample)
    show(results, report, language, as_json=as_json)
    if not results.comparison.holds:
        raise typer.Exit(1)


def credentials_for(context: Context, scenario: Scenario, *, matching: str = "server") -> Credentials:
    """Makes the scenario's facility, its accounts and its cameras' boxes, paired as real ones are.

    Where the server has a public origin, boxes get tokens: each reaches it through a relay of its own, and what they
    sign for that address would be wrongly aimed. Raises `Conflict` when the facility exists already.
    """
    if matching not in ("server", "local"):
        raise InvalidInput("matching is server or local", field="matching", remedy="choose one of the two")
    now, actor = context.clock.now(), operator()
    passwords = {name: secrets.token_urlsafe(18) for name in ("nurse", "inspector")}
    with context.database.transaction() as session:
        if find_facility(session, scenario.facility.code) is not None:
            raise Conflict(
                f"there is already a facility {scenario.facility.code}",
                field="facility.code",
                remedy="use a fresh installation for a simulation, or another code in the scenario",
            )
        document = layout(scenario)
        if matching == "local":
            document["facility"]["transmission_basis"] = "readings"
        apply_layout(session, document, now, actor=actor)
        place = facility_by_code(session, scenario.facility.code)
        for name, role in (("nurse", access.Role.WARD_STAFF), ("inspector", access.Role.INSPECTOR)):
            user = access.add_user(session, f"{place.code}.{name}", passwords[name], actor=actor, now=now)
            access.grant_role(session, user, role, place.id, actor=actor, now=now)
        scopes = [access.Permission(scope) for scope in DRIVER_SCOPES]
        _, driver = access.new_token(session, "simulation", facility_id=place.id, scopes=scopes, actor=actor, now=now)
        cameras: dict[str, str] = {}
        devices: dict[str, str] = {}
        for camera in scenario.cameras:
            found = find_camera(session, place.id, camera.code)
            if found is not None and (matching == "local" or context.settings.public_origin is None):
                devices[camera.code] = _paired(session, place, found, actor, now)
                continue
            _, cameras[camera.code] = access.new_token(
                session,
                f"camera {camera.code}",
                facility_id=place.id,
                scopes=(access.Permission.SNAPSHOTS_POST, access.Permission.CONFIG_READ),
                camera_id=found.id if found else None,
                actor=actor,
                now=now,
            )
    mode: Literal["server", "local"] = "local" if matching == "local" else "server"
    people = {name: Person(username=f"{scenario.facility.code}.{name}", password=passwords[name]) for name in passwords}
    return Credentials(driver=driver, cameras=cameras, devices=devices, matching=mode, **people)


def _paired(session: Session, place: Facility, camera: Camera, actor: str, now: datetime) -> str:
    """A box of the camera, paired; the text of its key file."""
    code = access.new_pairing_code(
        session,
        facility_id=place.id,
        facility_code=place.code,
        kind="camera",
        name=camera.code,
        camera_id=camera.id,
        camera_code=camera.code,
        replace=True,
        actor=actor,
        now=now,
    )
    private = Ed25519PrivateKey.generate()
    device, key, _ = access.pair_device(session, code, public_text(private), now)
    return DeviceKey(device.id, key.id, "camera", device.name, camera.code, private).text()


def studio_setup(file: Path, scenario: Scenario, pictures: TestPictures) -> StudioSetup:
    """What rendering needs. The catalogue of faces lies beside the scenario, or where the project keeps its own."""
    catalogue = file.parent / "faces.yaml"
    if not catalogue.exists():
        raise InvalidInput(f"{catalogue} is missing", field="scenario", remedy="keep faces.yaml beside the scenario")
    return StudioSetup(scenario, catalogue.read_text(encoding="utf-8"), picture_paths(pictures))


def drive(
    setup: StudioSetup,
    server: str,
    credentials: Credentials,
    folder: Path,
    *,
    quiet: bool = False,
    models: Path | None = None,
) -> RunReport:
    """Runs the scenario with a progress bar. `models`: for boxes that read their pictures themselves."""
    driver = Driver(setup, server, credentials, folder, models)
    try:
        with _bar(quiet) as (progress, task):

            def tell(advance: Advance) -> None:
                when = local(setup.scenario, advance.event_time)
                note = f" [yellow]{advance.note}[/]" if advance.note else ""
                progress.update(
                    task,
                    total=advance.of_pictures,
                    completed=advance.pictures,
                    description=f"{when:%a %d %b %H:%M}{note}",
                )

            return driver.run(tell)
    finally:
        driver.close()


def results_of(
    scenario: Scenario, report: RunReport, server: str, credentials: Credentials, language: str, sample: int
) -> Results:
    """Reads the results over the API."""
    api = Api(server, token=credentials.driver)
    try:
        return read_results(scenario, report, api, language, sample=sample)
    finally:
        api.close()


def show(
    results: Results, report: RunReport, language: str, *, as_json: bool, more: Mapping[str, Any] | None = None
) -> None:
    """Prints the results. `more`: further parts of the JSON document."""
    if as_json:
        document = _document(results, report) | dict(more or {})
        Console(soft_wrap=True, highlight=False, markup=False).print(json.dumps(document))
        return
    console = _console()
    console.print(results_printout(results, language))
    rate = report.pictures / report.seconds if report.seconds else 0.0
    console.print(
        f"{report.pictures} pictures in {report.seconds:.0f} s ({rate:.1f}/s), {report.late} of them delivered late, "
        f"{report.looks} looks by people",
        style="dim",
    )


def _document(results: Results, report: RunReport) -> dict[str, Any]:
    comparison = results.comparison
    return {
        "rates": [asdict(rate) for rate in results.rates],
        "findings": [asdict(finding) for finding in results.findings],
        "bed_states_right": comparison.beds.right.value,
        "presence_right": comparison.checks.right.value,
        "presence": {f"{truth} -> {state}": n for (truth, state), n in sorted(comparison.checks.counts.items())},
        "beds": {f"{truth} -> {state}": n for (truth, state), n in sorted(comparison.beds.counts.items())},
        "problems": list(comparison.problems),
        "pictures": report.pictures,
        "late": report.late,
        "looks": report.looks,
        "seconds": round(report.seconds, 1),
    }


@contextmanager
def _bar(quiet: bool) -> Iterator[tuple[Progress, Any]]:
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        yield progress, progress.add_task("opening the books", total=None)


def _console() -> Console:
    """As wide as the tables need: a file or a pipe has no width of its own."""
    console = Console(highlight=False)
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(highlight=False, width=170)


def _say(line: str) -> None:
    Console(soft_wrap=True, markup=False, highlight=False).print(line)
