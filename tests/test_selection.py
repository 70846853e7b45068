"""What the run on PostgreSQL selects (`-m database`) leaves nothing out that reaches the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.platform.context import Context

TESTS = Path(__file__).resolve().parent
URL_NAME = "WARDWATCH_TEST_" + "DATABASE_URL"


def test_a_test_that_reaches_for_the_database_behind_the_selections_back_fails(
    request: pytest.FixtureRequest,
) -> None:
    assert request.node.get_closest_marker("database") is None
    with pytest.raises(pytest.fail.Exception, match="behind the selection's back"):
        request.getfixturevalue("context")


def test_a_test_that_asks_for_anything_made_of_the_database_is_selected(
    request: pytest.FixtureRequest, context: Context
) -> None:
    assert context.database is not None
    assert request.node.get_closest_marker("database") is not None


def test_only_the_suites_own_fixtures_know_where_postgresql_is() -> None:
    knowing = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("*.py")
        if any(name in path.read_text("utf-8") for name in (URL_NAME, "POSTGRES" + "_URL"))
    }
    assert knowing == {"conftest.py"}


def test_everything_collected_is_marked_by_what_it_asks_for(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        asks = "migrated_template" in getattr(item, "fixturenames", ())
        assert (item.get_closest_marker("database") is not None) == asks, item.nodeid
