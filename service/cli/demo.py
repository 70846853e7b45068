"""`wardwatch demo`: from nothing to in-bed rates and findings, on this machine, in a few minutes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from service import access
from service.cli.console import installation, operator
from service.cli.pharmacy_demo import STORY as PHARMACIES
from service.cli.pharmacy_demo import play_pharmacies, prepare_pharmacies, show_pharmacies
from service.cli.simulate import SAMPLE_PICTURES, Language, credentials_for, drive, results_of, show, studio_setup
from service.facilities import facility_by_code
from service.kit.errors import Conflict, InvalidInput, WardwatchError
from service.platform.context import Context
from service.platform.settings import Settings, get_settings
from service.simulator import Api, Credentials, Scenario, ServerProcess, read_scenario
from service.simulator.pharmacy_story import read_story
from service.vision.packs import TestPictures, fetch_default, fetch_test_pictures

SCENARIO = Path(__file__).parents[2] / "fixtures" / "scenarios" / "demo-week.yaml"
_MARK = "made-by-wardwatch-demo"
_READY_SECONDS = 60.0


class ServerDidNotStart(WardwatchError):
    """The server was started and never became ready."""

    code = "server-did-not-start"
    status = 503
    title_en = "The server did not start"
    title_zh = "服务器未能启动"


@dataclass(frozen=True, slots=True)
class _Made:
    """What was made before the server started. `link`: the path that logs the administrator in once."""

    credentials: Credentials
    link: str


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", envvar="DEMO_EXIT", help="Stop the server at the end; status 1 when it differs.")
    ] = False,
    scenario: Annotated[Path, typer.Option(help="Scenario file.")] = SCENARIO,
    folder: Annotated[Path, typer.Option(help="Folder made anew for the demo.")] = Path("demo-data"),
    port: Annotated[
        int | None, typer.Option(help="Port of the server; 0 takes a free one. Default: 8765 if it is free.")
    ] = None,
    language: Language = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on standard output.")] = False,
) -> None:
    """A simulated week in two wards: rendered, sent by real camera agents, judged by a real server, compared.

    Leaves the server running and prints where it is; Ctrl-C ends it.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    story = read_scenario(scenario)
    pictures = _fetch(get_settings(), console)
    _clear(folder)
    settings = _settings(folder, port)
    with installation(settings) as context:
        made = _prepare(context, story)
        shops = read_story(PHARMACIES)
        tills = prepare_pharmacies(context, shops)
    server = _start(settings, folder, console)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        address = f"http://{settings.host}:{settings.port}"
        _wait_until_ready(address, server, folder)
        console.print(f"server at {address} (process {server.pid}); log in {folder / 'server.log'}", style="dim")
        report = drive(
            studio_setup(scenario, story, pictures), address, made.credentials, folder / "cameras", quiet=as_json
        )
        results = results_of(story, report, address, made.credentials, language, SAMPLE_PICTURES)
        if not as_json:
            show(results, report, language, as_json=False)
        bought = play_pharmacies(shops, address, tills, settings.pack_folder(), quiet=as_json)
        if as_json:
            show(results, report, language, as_json=True, more={"pharmacies": bought.to_json()})
        else:
            show_pharmacies(bought)
        if not leave:
            _stay(server, address, made, story, console)
    except KeyboardInterrupt:
        console.print("stopping")
        raise typer.Exit(130) from None
    finally:
        server.stop()
    if leave and not (results.comparison.holds and bought.holds):
        raise typer.Exit(1)


def _fetch(settings: Settings, console: Console) -> TestPictures:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("models and pictures", total=None)

        def tell(stage: str, done: int, total: int) -> None:
            bars.update(task, description=stage, completed=done, total=total or None)

        fetch_default(settings.models_dir, tell, settings.models_mirror, cache_dir=settings.cache_dir)
        return fetch_test_pictures(settings.cache_dir, tell, settings.models_mirror)


def _clear(folder: Path) -> None:
    """Makes `folder` anew. Only what an earlier demo made is thrown away."""
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / _MARK).exists()):
            raise Conflict(
                f"{folder} holds something that no demo made", field="folder", remedy="name another with --folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def _settings(folder: Path, port: int | None) -> Settings:
    chosen = get_settings()
    return chosen.model_copy(
        update={
            "data_dir": (folder / "data").absolute(),
            "database_url": None,
            "host": "127.0.0.1",
            "port": _free_port(8765 if port is None else port),
            "public_origin": None,
        }
    )


def _free_port(wanted: int) -> int:
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise InvalidInput("no free port", field="port", remedy="name one with --port")


def _prepare(context: Context, scenario: Scenario) -> _Made:
    credentials = credentials_for(context, scenario)
    now, actor = context.clock.now(), operator()
    with context.database.transaction() as session:
        # A grant at the facility: findings in shadow mode are for its own people only.
        place = facility_by_code(session, scenario.facility.code)
        admin = access.add_user(session, "admin", None, actor=actor, now=now)
        access.grant_role(session, admin, access.Role.ADMIN, place.id, actor=actor, now=now)
        link = access.new_link(session, admin, actor=actor, now=now)
    return _Made(credentials, f"/one-time/{link}")


def _start(settings: Settings, folder: Path, console: Console) -> ServerProcess:
    command = [sys.executable, "-c", "from service.cli import main; main()", "serve"]
    environment = os.environ | {
        "WARDWATCH_DATA_DIR": str(settings.data_dir),
        "WARDWATCH_DATABASE_URL": settings.resolved_database_url(),
        "WARDWATCH_MODELS_DIR": str(settings.models_dir.absolute()),
        "WARDWATCH_HOST": settings.host,
        "WARDWATCH_PORT": str(settings.port),
        "WARDWATCH_LOG_LEVEL": "warning",
    }
    environment.pop("WARDWATCH_PUBLIC_ORIGIN", None)
    return ServerProcess(command, environment, folder / "server.log", lambda line: console.print(line, style="yellow"))


def _wait_until_ready(address: str, server: ServerProcess, folder: Path) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and not server.gave_up:
        try:
            if httpx.get(f"{address}/readyz", timeout=10.0, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise ServerDidNotStart(f"nothing is ready at {address}", remedy=f"see {folder / 'server.log'}")


def _stay(server: ServerProcess, address: str, made: _Made, scenario: Scenario, console: Console) -> None:
    api = Api(address, token=made.credentials.driver)
    wards = api.get("/api/v1/wards", facility=scenario.facility.code)
    api.close()
    console.print(f"\nThe server keeps running at {address}")
    console.print("Log in with this link; it is good once, within a day:")
    console.print(f"  {address}{made.link}", style="bold")
    for ward in wards:
        console.print(f"Board of {ward['code']} {ward['name']}: {address}/wards/{ward['id']}")
    console.print(f"Report: {address}/reports/in-bed-rate   Findings: {address}/findings")
    console.print("Ctrl-C ends it.", style="dim")
    server.wait()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
