"""A small made-up month through the real occupancy and screening: everything is found, nobody honest is named, and what
was found day by day is what the batch and each single stay give."""

from __future__ import annotations

import pytest
from sqlmodel import select

from service.cli.month.play import play
from service.cli.month.result import poisson_upper, result_of
from service.cli.month.world import EXPECTED, HONEST, Plan, make_world
from service.screening import compare, run_places, run_stays
from service.screening.run import Screened
from service.screening.tables import Finding

PLAN = Plan(beds=80, days=12, each=1)


def test_a_small_month_is_found_out_and_nobody_honest_is_named(context):
    stage = play(context, make_world(PLAN))
    with context.database.reading() as session:
        result = result_of(session, stage)
        raised = session.exec(select(Finding.subject_id).where(Finding.subject_kind == "admission")).all()
    # Three wards of thirty patients are no peers yet: what compares wards needs the larger month.
    compared = {"exemption_rate", "excuse_inflation", "overcapacity"}
    assert {item for item in result.missed if item[0] not in compared} == set()
    assert result.false == ()
    assert result.patient_days > 300
    assert result.upper_bound == pytest.approx(1000 * 2.9957 / result.patient_days, rel=1e-3)
    wrong = {row.rule: row for row in result.wrong}
    assert {"phantom_admission", "staff_in_bed", "impersonation"} <= wrong.keys()
    assert all(row.number == 0 for row in result.wrong if row.kind == "finding")
    assert wrong["phantom_admission"].upper == pytest.approx(result.upper_bound)
    assert "repeated_face" in result.not_played  # its pictures hold no faces
    facility = stage.facility_id
    assert run_stays(context, facility) == Screened()
    assert run_places(context, facility) == Screened()
    assert run_stays(context, facility, sorted(set(raised))[:40]) == Screened()
    trial = compare(context, facility, "phantom_admission@1", "phantom_admission@2")
    assert trial.both + trial.only_first >= 3
    assert trial.only_second == 0  # the version on trial is stricter


def test_the_same_seed_gives_the_same_month_and_every_way_is_known():
    first, again = make_world(PLAN), make_world(PLAN)
    assert first.stays == again.stays
    assert not HONEST & EXPECTED.keys()
    assert make_world(Plan()).patient_days() > 3000


def test_the_upper_bound_of_nothing_is_three():
    # P(X = 0) = exp(-m) = 0.05 at m = -ln 0.05 = 2.9957; of one event 4.7439 (tables of the Poisson distribution).
    assert poisson_upper(0) == pytest.approx(2.9957, abs=1e-3)
    assert poisson_upper(1) == pytest.approx(4.7439, abs=1e-3)
