"""The pharmacies of the demo: made on the server's machine, played by an outside client, compared with the truth."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from service import access
from service.cli.console import installation, operator
from service.cli.faces_at_hand import head_library
from service.facilities import apply_layout, facility_by_code, find_facility
from service.kit.errors import Conflict, InvalidInput
from service.pharmacy import describe_site
from service.platform.context import Context
from service.platform.settings import get_settings
from service.simulator.credentials import Person, write_secret
from service.simulator.pharmacy import (
    KIOSK_SCOPES,
    STAFF_SCOPES,
    TILL_SCOPES,
    PharmacyAccess,
    PharmacyCredentials,
    PharmacyPlayer,
    PharmacyReport,
)
from service.simulator.pharmacy_story import PharmacyStory, read_story
from service.vision import load_pack

STORY = Path(__file__).parents[2] / "fixtures" / "scenarios" / "pharmacies.yaml"


def prepare_pharmacies(context: Context, story: PharmacyStory) -> PharmacyCredentials:
    """Makes the story's pharmacies, their register and tokens. Raises `Conflict` when one exists already."""
    now, actor = context.clock.now(), operator()
    made = {}
    with context.database.transaction() as session:
        for item in story.pharmacies:
            if find_facility(session, item.code) is not None:
                raise Conflict(
                    f"there is already a facility {item.code}", field="pharmacies", remedy="use a fresh installation"
                )
            spec = {"facility": {"code": item.code, "name": item.name, "kind": "pharmacy", "clock": "replay"}}
            apply_layout(session, spec, now, actor=actor)
            place = facility_by_code(session, item.code)
            describe_site(
                session,
                place,
                register=story.register_code,
                level="A",
                pharmacy_type="chronic",
                opening_hours={str(day): [["07:00", "22:00"]] for day in range(7)},
                policy={},
                actor=access.SYSTEM,
                now=now,
            )
            tokens = {}
            for name, scopes in (("kiosk", KIOSK_SCOPES), ("till", TILL_SCOPES), ("staff", STAFF_SCOPES)):
                _, tokens[name] = access.new_token(
                    session,
                    f"{name} {item.code}",
                    facility_id=place.id,
                    scopes=[access.Permission(scope) for scope in scopes],
                    actor=actor,
                    now=now,
                )
            made[item.code] = PharmacyAccess(**tokens)
        password = secrets.token_urlsafe(18)
        user = access.add_user(session, f"{story.register_code}.pharmacist", password, actor=actor, now=now)
        for code in made:
            place = facility_by_code(session, code)
            access.grant_role(session, user, access.Role.WARD_STAFF, place.id, actor=actor, now=now)
    return PharmacyCredentials(pharmacies=made, pharmacist=Person(username=user.username, password=password))


def simulate_pharmacies(scenario: Path, server: str, token_file: Path, *, prepare: bool, as_json: bool) -> None:
    """`wardwatch simulate` of a scenario of pharmacies. Status 1 when truth and result differ."""
    story = read_story(scenario)
    if prepare:
        with installation() as context:
            write_secret(token_file, prepare_pharmacies(context, story).model_dump_json(indent=2))
        Console(stderr=True).print(f"the pharmacies are made; credentials are in {token_file}")
        return
    try:
        credentials = PharmacyCredentials.model_validate_json(token_file.read_bytes())
    except (OSError, ValueError):
        raise InvalidInput(
            f"{token_file} is no credentials file",
            field="token_file",
            remedy="make it with `wardwatch simulate SCENARIO --prepare`",
        ) from None
    report = play_pharmacies(story, server, credentials, get_settings().pack_folder(), quiet=as_json)
    show_pharmacies(report, as_json=as_json)
    if not report.holds:
        raise typer.Exit(1)


def play_pharmacies(
    story: PharmacyStory, server: str, credentials: PharmacyCredentials, pack_folder: Path, *, quiet: bool = False
) -> PharmacyReport:
    """Plays the story with a progress bar."""
    player = PharmacyPlayer(story, server, credentials, head_library(load_pack(pack_folder)))
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as bars:
        task = bars.add_task("pharmacies", total=None)
        return player.play(lambda what, done, total: bars.update(task, description=what, completed=done, total=total))


def show_pharmacies(report: PharmacyReport, *, as_json: bool = False) -> None:
    """Prints the report: a line a visit, and the findings."""
    console = Console()
    if as_json:
        console.print_json(json.dumps(report.to_json(), ensure_ascii=False))
        return
    table = Table()
    for name in ("visit, patient · 来访，患者", "verdict (expected) · 判定（应为）", "reasons · 原因", "s", ""):
        table.add_column(name, overflow="fold")  # a reason that is cut short is none
    for item in report.visits:
        table.add_row(
            f"{item.visit}\n{item.patient}",
            f"{item.verdict}\n({item.expected})",
            "\n".join(item.reasons),
            f"{item.seconds:.2f}",
            "ok" if item.right else "DIFFERS",
        )
    console.print(table)
    for title, lines in (("found", report.raised), ("missing", report.missing), ("unexpected", report.unexpected)):
        if lines:
            console.print(f"{title}: {'; '.join(lines)}")
