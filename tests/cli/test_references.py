"""`wardwatch references due` as it is typed after the model pack has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from service.access import Role
from service.cli import references
from service.cli.program import app
from service.enrolment import enrol_staff
from service.platform.context import Context
from tests.builders import EPOCH, actor_with, create_facility
from tests.enrolment.faces import PlainAssessor, face


@pytest.mark.parametrize(("pack", "numbers"), [("old-pack", []), ("new-pack", ["N-017"])])
def test_a_changed_pack_names_whom_to_enrol_again(
    context: Context, monkeypatch: pytest.MonkeyPatch, pack: str, numbers: list[str]
) -> None:
    with context.database.transaction() as session:
        place = create_facility(session, code="north")
        nurse = actor_with(Role.WARD_STAFF, place)
        own = {"actor": nurse, "consent_at": EPOCH, "assessor": PlainAssessor("old-pack")}
        assert enrol_staff(context, session, place, "N-017", (face(0, 1, 0),), **own).accepted

    @contextmanager
    def opened() -> Iterator[Context]:
        yield context

    monkeypatch.setattr(references, "installation", opened)
    monkeypatch.setattr(references, "opened_pack", lambda _context: SimpleNamespace(pack_hash=pack))
    told = CliRunner().invoke(app, ["references", "due", "--facility", "north", "--json"])
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert (report["pack_hash"], [item["number"] for item in report["due"]]) == (pack, numbers)
    assert all(item["packs"] == ["old-pack"] for item in report["due"])
    shown = CliRunner().invoke(app, ["references", "due", "--facility", "north"]).stdout
    assert ("N-017" in shown) is bool(numbers)
    assert ("nobody: every template is of pack old-pack" in shown) is not bool(numbers)
