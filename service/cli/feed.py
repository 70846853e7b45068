"""`wardwatch messages`, `orders`, `charges`: what hospital systems send. The listener: `adt_listen`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from service.access import SYSTEM, Actor
from service.admissions import (
    InboundMessage,
    RowStatus,
    Wanted,
    claim_message,
    dismiss_message,
    effects_of_message,
    import_bills,
    kept_messages,
    message_by_id,
    readable,
    replay_messages,
    show_message,
    waiting_messages,
)
from service.cli.census import report_document, report_lines
from service.cli.console import AsJson, Grid, answer, installation, operator
from service.cli.facility import read_file
from service.facilities import facility_by_code
from service.kit.errors import InvalidInput

messages_app = typer.Typer(no_args_is_help=True, help="Messages of hospital systems: list, show, replay.")
orders_app = typer.Typer(no_args_is_help=True, help="Orders: import a file.")
charges_app = typer.Typer(no_args_is_help=True, help="Charges: import a file.")

FacilityCode = Annotated[str, typer.Option(help="Code of the facility.")]
State = Literal["", "applied", "duplicate", "rejected", "dead_letter", "dismissed"]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Try everything, keep nothing.")]


@orders_app.callback()
def _orders() -> None:
    """Orders: import a file."""


@charges_app.callback()
def _charges() -> None:
    """Charges: import a file."""


@messages_app.command("list", hidden=True)
@messages_app.command("ls")
def ls(
    facility: FacilityCode,
    state: Annotated[State, typer.Option(help="What became of them; empty: all.")] = "",
    trigger: Annotated[str, typer.Option(help="A01, ORM^O01, Encounter.update …")] = "",
    admission_no: Annotated[str, typer.Option(help="Messages about this stay.")] = "",
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List kept messages, the latest first. What they say stays sealed."""
    with installation() as context, context.database.reading() as session:
        place = facility_by_code(session, facility)
        found = kept_messages(session, place.id, Wanted(state, trigger, admission_no, limit=limit))
    rows = [
        (
            one.id,
            one.received_at.isoformat(timespec="seconds"),
            one.channel,
            one.trigger,
            one.admission_no,
            one.state,
            one.error or one.note,
        )
        for one in found
    ]
    columns = ("id", "received", "channel", "trigger", "admission", "state", "error or note")
    answer([_message(one) for one in found], as_json, Grid(columns, rows))


@messages_app.command("show")
def show_(
    message: Annotated[str, typer.Argument(metavar="ID", help="Id of the message.")],
    facility: FacilityCode,
    as_json: AsJson = False,
) -> None:
    """Show one message with its text and what it changed. That it was looked at goes to the audit log."""
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        found = message_by_id(session, place.id, message)
        text = readable(show_message(context, session, place, found, actor=_actor()))
        effects = [
            {"admission_no": row.admission_no, "kind": row.kind, "event_at": row.event_at, "effect": row.effect}
            for row in effects_of_message(session, found.id)
        ]
    document = _message(found)
    lines = [f"{name}: {value}" for name, value in document.items() if value not in ("", None)]
    lines += [f"said: {one['kind']} of {one['admission_no']} at {one['event_at']}: {one['effect']}" for one in effects]
    answer(document | {"text": text, "effects": effects}, as_json, [*lines, "", *text.splitlines()])


@messages_app.command("replay")
def replay_(
    facility: FacilityCode,
    message: Annotated[list[str] | None, typer.Argument(metavar="ID …", help="Ids of messages.")] = None,
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="All that could not be applied.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take kept messages once more, after what they stumbled over was mended. Ends with 1 when any is refused again."""
    if not message and not dead_letters:
        raise InvalidInput("nothing to replay", field="message", remedy="name messages, or give --dead-letters")
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        found = [message_by_id(session, place.id, one) for one in message or ()]
        if dead_letters:
            found += kept_messages(session, place.id, Wanted("dead_letter", limit=1000))
        done = replay_messages(context, session, place, found, actor=_actor())
        document = [{"id": one.id, "state": outcome.state, "error": one.error} for one, outcome in done]
    lines = [f"{one['id']} {one['state']} {one['error']}".rstrip() for one in document]
    answer(document, as_json, lines or ["no dead letter waits: nothing was replayed"])
    if any(outcome.error is not None for _, outcome in done):
        raise typer.Exit(1)


@messages_app.command("dismiss")
def dismiss(
    message: Annotated[str, typer.Argument(metavar="ID", help="Id of the dead letter.")],
    facility: FacilityCode,
    reason: Annotated[str, typer.Option(help="Why it need not be applied.")],
    as_json: AsJson = False,
) -> None:
    """Put a dead letter aside for good: it waits no longer, and its text goes at the end of its term."""
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        found = message_by_id(session, place.id, message)
        dismiss_message(context, session, place, found, reason, actor=_actor())
        document = {"id": found.id, "state": found.state, "note": found.note}
    answer(document, as_json, [f"{document['id']} dismissed: {document['note']}"])


@messages_app.command("unclaimed")
def unclaimed(
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List messages of senders that no facility is known for, the latest first."""
    with installation() as context, context.database.reading() as session:
        found = waiting_messages(session, limit)
    names = ("id", "last_at", "sending_facility", "receiving_facility", "client", "trigger", "attempts", "error")
    documents = [{name: getattr(one, name) for name in names} for one in found]
    columns = ("id", "last received", "sender", "receiver", "channel's client", "trigger", "attempts", "error")
    answer(documents, as_json, Grid(columns, [tuple(str(value) for value in one.values()) for one in documents]))


@messages_app.command("claim")
def claim(
    message: Annotated[str, typer.Argument(metavar="ID", help="Id of the unclaimed message.")],
    facility: FacilityCode,
    as_json: AsJson = False,
) -> None:
    """Take an unclaimed message as one of a facility's. One that is refused once more ends with status 1."""
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        outcome = claim_message(context, session, place, message, actor=_actor()).outcome
    error = outcome.error.line() if outcome.error else ""
    document = {"id": outcome.message_id, "state": outcome.state, "error": error}
    answer(document, as_json, [" ".join(filter(None, (outcome.message_id, outcome.state, error)))])
    if outcome.error is not None:
        raise typer.Exit(1)


@orders_app.command("import")
def import_orders(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, columns as in docs/csv-contract.md.")],
    facility: FacilityCode,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import orders. Every row is reported; bad rows do not stop the others, and end with status 1."""
    _import("orders", file, facility, dry_run, as_json)


@charges_app.command("import")
def import_charges(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, columns as in docs/csv-contract.md.")],
    facility: FacilityCode,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import charges. Every row is reported; bad rows do not stop the others, and end with status 1."""
    _import("charges", file, facility, dry_run, as_json)


def _import(what: Literal["orders", "charges"], file: Path, facility: str, dry_run: bool, as_json: bool) -> None:
    data = read_file(file)
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        now = context.clock.now()
        report = import_bills(session, place, what, data, dry_run=dry_run, actor=_actor(), now=now)
    answer(report_document(report), as_json, report_lines(report))
    if report.count(RowStatus.REJECTED):
        raise typer.Exit(1)


def _actor() -> Actor:
    return replace(SYSTEM, name=operator())


def _message(message: InboundMessage) -> dict[str, object]:
    names = ("id", "channel", "trigger", "admission_no", "state", "error", "note", "control_id", "sha256", "sender")
    times = {name: getattr(message, name) for name in ("event_at", "received_at", "recorded_at")}
    return {name: getattr(message, name) for name in names} | times | {"attempts": message.attempts}
