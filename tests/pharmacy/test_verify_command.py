"""`wardwatch tokens verify` from outside: with the keys, without the server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from service.cli.tokens import tokens_app
from service.kit.errors import WardwatchError
from service.pharmacy import public_keys, sign_token
from service.platform.crypto import KeyRing


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(tokens_app, ["verify", *arguments])


def test_a_till_checks_a_token_once_without_a_network(tmp_path: Path) -> None:
    ring = KeyRing.load_or_create(tmp_path / "keys")
    now = datetime.now(UTC)
    token = sign_token(
        ring,
        token_id="t1",
        purchase_id="p1",
        facility="north",
        verdict="approved",
        items=[("A10BA02", "2", 28)],
        issued_at=now,
        expires_at=now + timedelta(minutes=30),
    )
    keys, journal = tmp_path / "keys.json", tmp_path / "spent"
    keys.write_text(json.dumps(public_keys(ring)))
    good = _run(token, "--keys", str(keys), "--facility", "north", "--spent", str(journal), "--json")
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["purchase_id"] == "p1"
    for arguments, said in (
        ((token, "--keys", str(keys), "--spent", str(journal)), "already"),
        ((token, "--keys", str(keys), "--facility", "south"), "north"),
        ((token, "--keys", str(keys), "--at", (now + timedelta(hours=1)).isoformat()), "good until"),
        ((token[:-8] + "AAAAAAAA", "--keys", str(keys)), "not signed"),
        ((token, "--keys", str(tmp_path / "none")), "holds no keys"),
    ):
        bad = _run(*arguments)
        assert isinstance(bad.exception, WardwatchError), arguments
        assert said in bad.exception.line()
