"""`wardwatch facility` and `wardwatch census` on an installation of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from service.cli.census import census_app
from service.cli.facility import facility_app
from service.kit.errors import WardwatchError
from service.platform.settings import Settings, get_settings

FIXTURES = Path(__file__).parents[2] / "fixtures"

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command against the test's installation."""
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(settings.data_dir))
    if settings.database_url:
        monkeypatch.setenv("WARDWATCH_DATABASE_URL", settings.database_url)
    get_settings.cache_clear()

    def invoke(app: Typer, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    yield invoke
    get_settings.cache_clear()


def test_a_first_day(run: Run) -> None:
    loaded = run(facility_app, "load", str(FIXTURES / "layouts" / "two-wards.yaml"))
    listed = run(facility_app, "list", "--json")
    sample, faulty = (str(FIXTURES / "census" / name) for name in ("two-wards-zh.csv", "with-faults.csv"))
    tried = run(census_app, "import", faulty, "--facility", "demo", "--dry-run")
    done = run(census_app, "import", sample, "--facility", "demo", "--json")
    assert loaded.exit_code == 0
    assert "no camera sees: W2-03" in loaded.output
    assert json.loads(listed.output)[0]["code"] == "demo"
    assert tried.exit_code == 1
    assert "line 3 rejected: bed: the facility has no bed 'N1-99'" in tried.output
    assert tried.output.splitlines()[-1] == "would be: 2 created, 0 updated, 0 unchanged, 4 rejected"
    assert done.exit_code == 0
    assert json.loads(done.output)["created"] == 5


def test_an_error_says_what_to_do(run: Run, tmp_path: Path) -> None:
    for app, arguments in (
        (facility_app, ("load", str(tmp_path / "nothing.yaml"))),
        (census_app, ("import", str(tmp_path), "--facility", "demo")),
        (census_app, ("import", str(FIXTURES / "census" / "two-wards.csv"), "--facility", "nowhere")),
    ):
        error = run(app, *arguments).exception
        assert isinstance(error, WardwatchError)
        assert error.remedy
