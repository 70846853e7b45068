"""`wardwatch-edge`: the commands of a device."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from edge_agent.discover import command as discover
from edge_agent.errors import SpoolUnusable
from edge_agent.kiosk.command import kiosk
from edge_agent.logs import LogStyle, configure, keep_secret, one_line
from edge_agent.memory import keep_small
from edge_agent.settings import AgentSettings, load_settings
from edge_agent.spool_report import CameraStatus, list_frames, read_status, retry_refused
from edge_agent.update.command import update
from edge_agent.update.health import RESTART_STATUS
from edge_agent.words import is_chinese, say
from service.kit.errors import WardwatchError

app = typer.Typer(
    help="Takes pictures from a camera and brings each of them to the wardwatch server, whatever happens in between.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
spool_app = typer.Typer(help="Look into a spool.", no_args_is_help=True)
app.add_typer(spool_app, name="spool")
app.command("kiosk")(kiosk)
app.command("update")(update)
app.command("discover")(discover)

SpoolFile = Annotated[Path, typer.Option("--spool", help="The spool's SQLite file.")]
OneCamera = Annotated[str | None, typer.Option("--camera", help="Only this camera.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _console() -> Console:
    """For people; wide where nobody sees its edge, so that a pipe gets whole lines."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else 240)


def _help(name: str) -> str:
    return AgentSettings.model_fields[name].description or ""


@app.command()
def camera(
    config: Annotated[Path | None, typer.Option(help="YAML file with the settings below; a flag wins over it.")] = None,
    server: Annotated[str | None, typer.Option(help=_help("server"))] = None,
    token_file: Annotated[Path | None, typer.Option(help=_help("token_file"))] = None,
    key: Annotated[Path | None, typer.Option(help=_help("key_file"))] = None,
    camera: Annotated[str | None, typer.Option(help=_help("camera"))] = None,
    source: Annotated[str | None, typer.Option(help=_help("source"))] = None,
    spool: Annotated[Path | None, typer.Option(help=_help("spool"))] = None,
    spool_key: Annotated[Path | None, typer.Option(help=_help("spool_key"))] = None,
    source_credentials: Annotated[Path | None, typer.Option(help=_help("source_credentials"))] = None,
    cadence: Annotated[float | None, typer.Option(help=_help("cadence_seconds"))] = None,
    look: Annotated[float | None, typer.Option(help=_help("look_seconds"))] = None,
    follow: Annotated[bool | None, typer.Option("--follow", help=_help("follow"))] = None,
    after: Annotated[str | None, typer.Option(help=_help("after"))] = None,
    until_empty: Annotated[bool | None, typer.Option("--until-empty", help=_help("until_empty"))] = None,
    give_up_after: Annotated[float | None, typer.Option(help=_help("give_up_after_seconds"))] = None,
    start: Annotated[str | None, typer.Option(help=_help("start"))] = None,
    timezone: Annotated[str | None, typer.Option(help=_help("timezone"))] = None,
    max_spool_mb: Annotated[int | None, typer.Option(help=_help("max_spool_mb"))] = None,
    overflow: Annotated[str | None, typer.Option(help=_help("overflow"))] = None,
    max_image_bytes: Annotated[int | None, typer.Option(help=_help("max_image_bytes"))] = None,
    jpeg_quality: Annotated[int | None, typer.Option(help=_help("jpeg_quality"))] = None,
    exposure_hook: Annotated[Path | None, typer.Option(help=_help("exposure_hook"))] = None,
    onvif: Annotated[str | None, typer.Option(help=_help("onvif"))] = None,
    onvif_credentials: Annotated[Path | None, typer.Option(help=_help("onvif_credentials"))] = None,
    onvif_change: Annotated[str | None, typer.Option(help=_help("onvif_change"))] = None,
    matching: Annotated[str | None, typer.Option(help=_help("matching"))] = None,
    models: Annotated[Path | None, typer.Option(help=_help("models"))] = None,
    providers: Annotated[str | None, typer.Option(help=_help("providers"))] = None,
    keep_hours: Annotated[float | None, typer.Option(help=_help("keep_hours"))] = None,
    keep_mb: Annotated[int | None, typer.Option(help=_help("keep_mb"))] = None,
    ca_file: Annotated[Path | None, typer.Option(help=_help("ca_file"))] = None,
    proxy: Annotated[str | None, typer.Option(help=_help("proxy"))] = None,
    timeout: Annotated[float | None, typer.Option(help=_help("timeout_seconds"))] = None,
    retry_max: Annotated[float | None, typer.Option(help=_help("retry_max_seconds"))] = None,
    heartbeat: Annotated[float | None, typer.Option(help=_help("heartbeat_seconds"))] = None,
    config_every: Annotated[float | None, typer.Option(help=_help("config_seconds"))] = None,
    backfill_kbit: Annotated[float | None, typer.Option(help=_help("backfill_kbit_s"))] = None,
    log: Annotated[str | None, typer.Option(help=_help("log"))] = None,
) -> None:
    """Post a camera's pictures through a durable spool, until stopped.

    Status 0: stopped by SIGTERM or Ctrl-C, or, with --until-empty, everything sent.

    Status 1: something a person must mend; the pictures are kept.
    """
    flags: dict[str, Any] = {
        "server": server,
        "token_file": token_file,
        "key": key,
        "spool_key": spool_key,
        "heartbeat": heartbeat,
        "config_every": config_every,
        "backfill_kbit": backfill_kbit,
        "camera": camera,
        "source": source,
        "spool": spool,
        "source_credentials": source_credentials,
        "cadence": cadence,
        "look": look,
        "follow": follow,
        "after": after,
        "until_empty": until_empty,
        "give_up_after": give_up_after,
        "start": start,
        "timezone": timezone,
        "max_spool_mb": max_spool_mb,
        "overflow": overflow,
        "max_image_bytes": max_image_bytes,
        "jpeg_quality": jpeg_quality,
        "exposure_hook": exposure_hook,
        "onvif": onvif,
        "onvif_credentials": onvif_credentials,
        "onvif_change": onvif_change,
        "matching": matching,
        "models": models,
        "providers": providers,
        "keep_hours": keep_hours,
        "keep_mb": keep_mb,
        "ca_file": ca_file,
        "proxy": proxy,
        "timeout": timeout,
        "retry_max": retry_max,
        "log": log,
    }
    run_camera(load_settings(config, flags))


def run_camera(settings: AgentSettings) -> None:
    """Run one camera's agent in this process. Raises `WardwatchError` when it ended with something to mend."""
    keep_small()
    from edge_agent.agent import Agent  # with httpx: the other commands do without

    style: LogStyle = settings.log
    configure(style)
    agent = Agent(settings)

    def end(_number: int, _frame: FrameType | None) -> None:
        # A second signal ends at once: nothing durable is lost.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        agent.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    ending = agent.run()
    if ending.problem is not None:
        raise ending.problem
    if ending.restart:
        raise SystemExit(RESTART_STATUS)
    if settings.until_empty and ending.refused:
        raise SpoolUnusable(
            f"{ending.refused} pictures were refused by the server and are kept in the spool",
            remedy=f"see wardwatch-edge spool ls --spool {settings.spool}",
        )


@app.command()
def pair(
    server: Annotated[str, typer.Option(help=_help("server"))],
    code: Annotated[str, typer.Option(help="As wardwatch devices pair printed it.")],
    key: Annotated[Path, typer.Option(help="File for this device's key. It is made here and stays here.")],
    ca_file: Annotated[Path | None, typer.Option(help=_help("ca_file"))] = None,
    proxy: Annotated[str | None, typer.Option(help=_help("proxy"))] = None,
    as_json: AsJson = False,
) -> None:
    """Make this device's key and show the server its public half, once."""
    from edge_agent.pairing import pair as pair_with
    from edge_agent.pulse import versions
    from edge_agent.sender import SenderOptions, open_client

    with open_client(SenderOptions(server, camera="", ca_file=ca_file, proxy=proxy)) as client:
        paired = pair_with(client, server.rstrip("/"), code, key, versions())
    if as_json:
        _console().print_json(paired.model_dump_json(exclude={"nonce"}))
        return
    _console().print(f"paired as {paired.kind} {paired.name} of {paired.facility_code}; the key is in {key}")


@app.command("rotate-key")
def rotate_key(
    server: Annotated[str, typer.Option(help=_help("server"))],
    key: Annotated[Path, typer.Option(help=_help("key_file"))],
    ca_file: Annotated[Path | None, typer.Option(help=_help("ca_file"))] = None,
    proxy: Annotated[str | None, typer.Option(help=_help("proxy"))] = None,
) -> None:
    """Give this device a new key. A running agent takes it up by itself; the old one is good for a day more."""
    from edge_agent.device_key import DeviceKey
    from edge_agent.pairing import rotate
    from edge_agent.sender import SenderOptions, open_client
    from edge_agent.signing import SigningAuth

    with open_client(SenderOptions(server, camera="", ca_file=ca_file, proxy=proxy)) as client:
        accepted = rotate(client, server.rstrip("/"), SigningAuth(DeviceKey.load(key)), key)
    _console().print(f"new key {accepted.key_id}; the old one is good until {accepted.old_key_valid_until.isoformat()}")


@app.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
def aim(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Show, live, which beds give a usable face. Nothing is sent and nothing is kept."""
    from edge_agent.aim import aim_command  # with the models: the other commands do without

    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command()(aim_command)
    raise typer.Exit(single(arguments or [], prog_name="wardwatch-edge aim", standalone_mode=False) or 0)


@app.command()
def status(spool: SpoolFile, camera: OneCamera = None, as_json: AsJson = False) -> None:
    """What waits, what was refused, what was dropped, and what the agent is doing."""
    found = read_status(spool, camera)
    console = _console()
    if as_json:
        console.print_json(json.dumps({"cameras": [item.to_json() for item in found]}))
        return
    for item in found:
        console.print(_status_table(item))
    if not found:
        console.print(say("no camera has used this spool"))


def _status_table(item: CameraStatus) -> Table:
    table = Table(title=f"{say('camera')} {item.camera}", show_header=False, title_justify="left")
    oldest = (
        "" if item.oldest_waiting_at is None else f", {say('the oldest taken')} {item.oldest_waiting_at.isoformat()}"
    )
    table.add_row(say("waiting"), f"{item.waiting} ({item.waiting_bytes / 1048576:.1f} MiB){oldest}")
    table.add_row(
        say("refused"), f"{item.refused}" + (f" — {say('see wardwatch-edge spool ls')}" if item.refused else "")
    )
    table.add_row(say("dropped"), str(item.dropped))
    table.add_row(say("agent"), one_line(item.agent) or say("never ran"))
    table.add_row(say("sender"), one_line(item.sender))
    for name, told in (("server", item.server), ("clock", item.clock), ("schedule", item.schedule)):
        if told:
            table.add_row(say(name), one_line(told))
    delivered = "" if item.last_delivered_at is None else item.last_delivered_at.isoformat(timespec="seconds")
    table.add_row(say("last delivery"), delivered)
    for name, value in sorted(item.counters.items()):
        table.add_row(name, str(value))
    return table


@spool_app.command("ls")
def spool_ls(
    spool: SpoolFile,
    state: Annotated[str | None, typer.Option(help="waiting or refused.")] = None,
    camera: OneCamera = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The oldest so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List pictures in the spool, with what the server said of them."""
    if state not in (None, "waiting", "refused"):
        raise SpoolUnusable(f"{one_line(str(state))!r} is no state", field="state", remedy="waiting or refused")
    lines = list_frames(spool, state=state, camera=camera, limit=limit)
    console = _console()
    if as_json:
        console.print_json(json.dumps([dataclasses.asdict(line) for line in lines]))
        return
    table = Table("camera", "sequence", "captured at", "bytes", "state", "attempts", "last error")
    for line in lines:
        error = one_line(line.last_error or "")
        table.add_row(
            line.camera, str(line.sequence), line.captured_at, str(line.size), line.state, str(line.attempts), error
        )
    console.print(table)


@spool_app.command("retry")
def spool_retry(
    spool: SpoolFile,
    camera: OneCamera = None,
    sequence: Annotated[int | None, typer.Option(min=0, help="Only this picture.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let refused pictures be sent again, for example after a setting of the server was mended."""
    count = retry_refused(spool, camera=camera, sequence=sequence)
    console = _console()
    if as_json:
        console.print_json(json.dumps({"retried": count}))
    else:
        console.print(f"{count} pictures will be sent again")


def main() -> None:
    """The command's entry: what goes wrong ends with one line that says what to do, and status 1."""
    for argument in sys.argv[1:]:
        _keep_userinfo(argument)
    try:
        app()
    except WardwatchError as error:
        # Not the console: it would colour and wrap what should be one line.
        title = f"{error.title_zh}：" if is_chinese() else ""
        sys.stderr.write(f"wardwatch-edge: {title}{one_line(error.line(), 1000)}\n")
        raise SystemExit(1) from None


def _keep_userinfo(argument: str) -> None:
    """A password in an address on the command line is kept out of every line from the very beginning."""
    _, slashes, rest = argument.partition("://")
    userinfo, at, _ = rest.rpartition("@")
    if slashes and at:
        keep_secret(userinfo.partition(":")[2])


if __name__ == "__main__":
    main()
