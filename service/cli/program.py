"""All commands put together."""

from __future__ import annotations

import typer

from service.cli.adt_listen import listen
from service.cli.census import census_app
from service.cli.demo import demo
from service.cli.devices import devices_app
from service.cli.doctor import doctor
from service.cli.enrol import enrol
from service.cli.evaluate import evaluate_app
from service.cli.evaluate_calibrate import calibrate_command
from service.cli.evaluate_pad import pad_command
from service.cli.evaluate_sequence import sequence_command
from service.cli.evidence import evidence_app
from service.cli.facility import facility_app
from service.cli.feed import charges_app, messages_app, orders_app
from service.cli.migrate import migrate
from service.cli.packs import models_app
from service.cli.purge import purge
from service.cli.references import references_app
from service.cli.registers import registers_app
from service.cli.releases import releases_app
from service.cli.rollcalls import rollcalls_app
from service.cli.screen import screen
from service.cli.serve import serve, work
from service.cli.simulate import simulate
from service.cli.tokens import tokens_app
from service.cli.users import users_app

app = typer.Typer(
    name="wardwatch",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Is the admitted patient in the bed? Server and tools.",
)
app.command("demo")(demo)
app.command("serve")(serve)
app.command("worker")(work)
app.command("migrate")(migrate)
app.command("doctor")(doctor)
app.command("enrol")(enrol)
app.command("screen")(screen)
app.command("simulate")(simulate)
app.command("purge")(purge)
app.add_typer(models_app, name="models")
app.add_typer(facility_app, name="facility")
app.add_typer(census_app, name="census")
app.command("adt-listen")(listen)
app.add_typer(messages_app, name="messages")
app.add_typer(orders_app, name="orders")
app.add_typer(charges_app, name="charges")
app.add_typer(users_app, name="users")
app.add_typer(tokens_app, name="tokens")
app.add_typer(rollcalls_app, name="rollcalls")
app.add_typer(devices_app, name="devices")
app.add_typer(releases_app, name="releases")
evaluate_app.command("sequence")(sequence_command)
evaluate_app.command("calibrate")(calibrate_command)
evaluate_app.command("pad")(pad_command)
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(registers_app, name="registers")
app.add_typer(references_app, name="references")
app.add_typer(evidence_app, name="evidence")
