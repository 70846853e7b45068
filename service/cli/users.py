"""`wardwatch users`: people who log in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

import typer
from sqlmodel import Session

from service import access
from service.cli.console import AsJson, Grid, answer, installation, operator, origin, read_secret
from service.facilities import facilities_readable, facility_by_code, ward, wards_of_facility
from service.kit.errors import InvalidInput

users_app = typer.Typer(no_args_is_help=True, help="People: add, give roles, log in by link, put out of use.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="User name.")]
RoleOption = Annotated[access.Role, typer.Option("--role", help="What the person is there.")]
FacilityOption = Annotated[str | None, typer.Option("--facility", help="Code of the facility where the role holds.")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="The role holds at all facilities.")]
WardOption = Annotated[
    str | None, typer.Option("--ward", help="Of ward staff: code of the ward on which the person works there.")
]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@users_app.command("add")
def add(
    name: Name,
    role: RoleOption = access.Role.VIEWER,
    facility: FacilityOption = None,
    everywhere: Everywhere = False,
    home: WardOption = None,
    password_stdin: FromStdin = False,
    link: Annotated[bool, typer.Option("--link", help="No password: print a link that logs in once.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a person with a role at one facility, or everywhere. Asks for the password."""
    _require_place(facility, everywhere)
    _require_ward_staff(role, facility, home)
    password = None if link else read_secret(f"Password for {name}", password_stdin)
    with installation() as context, context.database.transaction() as session:
        now, settings = context.clock.now(), context.settings
        place = _facility_id(session, facility)
        user = access.add_user(session, name, password, actor=operator(), now=now)
        access.grant_role(session, user, role, place, actor=operator(), now=now)
        _assign(session, user, place, home, now)
        secret = access.new_link(session, user, actor=operator(), now=now) if link else None
        address = f"{origin(settings)}/one-time/{secret}" if secret else None
    where = facility or "all facilities"
    lines = [f"{user.username} is {role.value} at {where}" + (f", ward {home}" if home else "")]
    if address:
        lines.append(f"log in once, within a day: {address}")
    told = {"username": user.username, "role": role.value, "facility": facility, "ward": home, "link": address}
    answer(told, as_json, lines)


@users_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List people and their roles."""
    with installation() as context, context.database.reading() as session:
        codes = {facility.id: facility.code for facility in facilities_readable(session, None)}
        homes = _homes(session, codes)
        people = [
            _described(user, access.grants_of(session, user.id), codes, homes) for user in access.all_users(session)
        ]
    rows = [(person.username, "yes" if person.active else "no", ", ".join(person.roles)) for person in people]
    answer([asdict(person) for person in people], as_json, Grid(("name", "active", "roles"), rows))


@users_app.command("grant")
def grant(
    name: Name,
    role: RoleOption,
    facility: FacilityOption = None,
    everywhere: Everywhere = False,
    home: WardOption = None,
) -> None:
    """Give a person another role."""
    _require_place(facility, everywhere)
    _require_ward_staff(role, facility, home)
    with installation() as context, context.database.transaction() as session:
        user, now = access.named_user(session, name), context.clock.now()
        place = _facility_id(session, facility)
        access.grant_role(session, user, role, place, actor=operator(), now=now)
        _assign(session, user, place, home, now)
    where = facility or "all facilities"
    answer(None, False, [f"{user.username} is {role.value} at {where}" + (f", ward {home}" if home else "")])


@users_app.command("ward")
def put_on_ward(
    name: Name,
    facility: Annotated[str, typer.Option("--facility", help="Code of the facility.")],
    home: WardOption = None,
    none: Annotated[bool, typer.Option("--none", help="The person works on no ward in particular.")] = False,
) -> None:
    """Put on record on which ward a person of the ward staff works. Second looks go to another ward's people."""
    if (home is None) != none:
        raise InvalidInput("say which ward", field="ward", remedy="give --ward CODE or --none")
    with installation() as context, context.database.transaction() as session:
        user, place = access.named_user(session, name), facility_by_code(session, facility)
        ward_id = ward(session, place.id, home).id if home is not None else None
        access.assign_ward(session, user, place.id, ward_id, actor=operator(), now=context.clock.now())
    answer(
        None, False, [f"{user.username} works at {facility} on " + (f"ward {home}" if home else "no ward on record")]
    )


@users_app.command("link")
def link(name: Name, as_json: AsJson = False) -> None:
    """Print a link that logs a person in once, within a day."""
    with installation() as context, context.database.transaction() as session:
        user = access.named_user(session, name)
        secret = access.new_link(session, user, actor=operator(), now=context.clock.now())
        address = f"{origin(context.settings)}/one-time/{secret}"
    answer({"username": user.username, "link": address}, as_json, [address])


@users_app.command("password")
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Set a person's password, end their sessions and lift a lock."""
    chosen = read_secret(f"New password for {name}", password_stdin)
    with installation() as context, context.database.transaction() as session:
        user = access.named_user(session, name)
        access.set_password(session, user, chosen, actor=operator(), now=context.clock.now())
    answer(None, False, [f"{user.username} has a new password"])


@users_app.command("disable")
def disable(name: Name) -> None:
    """Put a person out of use and end their sessions."""
    _set_active(name, False)


@users_app.command("enable")
def enable(name: Name) -> None:
    """Put a person back into use."""
    _set_active(name, True)


@dataclass(frozen=True, slots=True)
class _Person:
    username: str
    active: bool
    locked_until: datetime | None
    roles: tuple[str, ...]


def _described(
    user: access.UserAccount,
    grants: Sequence[access.Grant],
    codes: Mapping[str, str],
    homes: Mapping[tuple[str, str], str],
) -> _Person:
    roles = (
        f"{grant.role.value} at {codes.get(grant.facility_id or '', 'all facilities')}"
        + (homes.get((user.id, grant.facility_id or ""), "") if grant.role is access.Role.WARD_STAFF else "")
        for grant in grants
    )
    return _Person(user.username, user.is_active, user.locked_until, tuple(roles))


def _homes(session: Session, facility_ids: Iterable[str]) -> dict[tuple[str, str], str]:
    """(person, facility) -> how the ward on record is told, of those who have one."""
    found = {}
    for facility_id in facility_ids:
        wards = {item.id: item.code for item in wards_of_facility(session, facility_id)}
        for user, ward_id in access.ward_staff_of(session, facility_id):
            if ward_id is not None:
                found[user.id, facility_id] = f" (ward {wards[ward_id]})"
    return found


def _assign(session: Session, user: access.UserAccount, place: str | None, home: str | None, now: datetime) -> None:
    if place is not None and home is not None:
        access.assign_ward(session, user, place, ward(session, place, home).id, actor=operator(), now=now)


def _set_active(name: str, active: bool) -> None:
    with installation() as context, context.database.transaction() as session:
        user = access.named_user(session, name)
        access.set_active(session, user, active, actor=operator(), now=context.clock.now())
    answer(None, False, [f"{user.username} is {'in' if active else 'out of'} use"])


def _require_place(facility: str | None, everywhere: bool) -> None:
    # A role everywhere is never what is meant by leaving something out.
    if (facility is None) != everywhere:
        raise InvalidInput("say where the role holds", field="facility", remedy="give --facility CODE or --everywhere")


def _require_ward_staff(role: access.Role, facility: str | None, home: str | None) -> None:
    if home is not None and (role is not access.Role.WARD_STAFF or facility is None):
        raise InvalidInput(
            "only ward staff of one facility work on a ward",
            field="ward",
            remedy="give it with --role ward_staff and --facility CODE",
        )


def _facility_id(session: Session, code: str | None) -> str | None:
    return facility_by_code(session, code).id if code is not None else None
