"""The ward-days of `fixtures/ward-days`, worked out by hand there: every state, rate and finding must come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.screening import run
from service.screening.run import Screened
from tests.screening.ward_days import Ward, read, stories


@pytest.mark.parametrize("path", stories(), ids=lambda path: path.stem)
def test_a_ward_day_comes_out_as_worked_out_by_hand(context, path: Path):
    story = read(path)
    ward = Ward(context, story)
    ward.play()
    expected = story["expect"]
    assert ward.outcomes() == {no: dict(sorted(own.items())) for no, own in expected["outcomes"].items()}
    assert ward.bed_outcomes() == {
        number: dict(sorted(own.items())) for number, own in expected.get("beds", {}).items()
    }
    wanted = dict(expected["rate"])
    found = ward.rate(wanted.pop("from"), wanted.pop("to"))
    for name, value in wanted.items():
        assert found[name] == (pytest.approx(value, abs=1e-4) if isinstance(value, float) else value), name
    assert ward.findings() == sorted(expected["findings"], key=lambda item: (item["rule"], item["subject"]))
    # What came event by event is what the whole facility gives at once.
    assert run(context, ward.facility.id) == Screened()


def test_there_are_enough_and_their_arithmetic_is_written_out():
    assert len(stories()) >= 12
    for path in stories():
        comments = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        assert len(comments) >= 4, path.name
