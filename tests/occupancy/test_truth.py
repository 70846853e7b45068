"""Every hand-computed ward-day of fixtures/truth: each state of each check, and the rate, exactly."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.facilities import PresencePolicy, policy_of
from service.kit.intervals import Interval
from service.occupancy.asking import judge_in_order
from service.occupancy.looks import Look, LookMethod, LookResult
from service.occupancy.outcome import CheckFacts, PresenceState
from service.occupancy.rate_arithmetic import rate_of
from service.occupancy.stays import Activity, Leave, Placement, Stay, unfinished
from service.occupancy.timeline import observe
from service.occupancy.windows import Window, is_due, windows_between
from service.sightings.facts import Reading, Sighting
from service.vision import BedState
from tests.occupancy.scenes import FAR, ZONE, at

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "truth"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_there_are_ward_days_to_replay():
    assert len(FILES) >= 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_ward_day_comes_out_as_computed_by_hand(path: Path, seed: int):
    day = yaml.safe_load(path.read_text(encoding="utf-8"))
    policy = policy_of(day.get("policy", {}))
    found = replay(day, policy, random.Random(seed))
    assert found == day["expected"]
    counts: dict[PresenceState, int] = {}
    for states in found.values():
        for state in states.values():
            counts[PresenceState(state)] = counts.get(PresenceState(state), 0) + 1
    row, wanted = rate_of(counts, target=0.94), day["rate"]
    assert row.expected == wanted["expected"]
    assert f"{row.low.hits}/{row.low.trials}" == wanted["low"]
    assert f"{row.high.hits}/{row.high.trials}" == wanted["high"]
    assert (row.excused, row.uncovered) == (wanted["excused"], wanted["uncovered"])
    assert row.coverage == pytest.approx(wanted["coverage"], abs=5e-5)
    assert row.reportable is wanted["reportable"]


def replay(day: dict[str, Any], policy: PresencePolicy, rng: random.Random) -> dict[str, dict[str, str]]:
    stays = [stay_of(item, policy) for item in day["stays"]]
    readings = [reading for k, item in enumerate(day["frames"]) for reading in frames_of(item, stays, k)]
    rng.shuffle(readings)
    span = Interval(at(day["checks"]["from"]), at(day["checks"]["to"]))
    windows = [
        w
        for w in windows_between(policy, ZONE, Interval(span.start, span.end + policy.window))
        if span.start <= w.due_at < span.end
    ]
    looks = [look_of(item, k, stays) for k, item in enumerate(day.get("looks", []))]
    found: dict[str, dict[str, str]] = {}
    for stay in stays:
        own = tuple(look for no, look in looks if no == stay.admission_no)
        checks = [
            facts(stay, window, readings, own, stays, day, policy) for window in windows if is_due(stay, window, policy)
        ]
        for judged in judge_in_order(checks, policy):
            name = judged.facts.window.due_at.astimezone(ZONE).strftime("%d %H:%M")
            found.setdefault(stay.admission_no, {})[name] = judged.outcome.state.value
    return found


def facts(
    stay: Stay,
    window: Window,
    readings: list[Reading],
    looks: tuple[Look, ...],
    stays: list[Stay],
    day: dict[str, Any],
    policy: PresencePolicy,
) -> CheckFacts:
    whole = Interval(window.span.start - policy.lookback, window.span.end)
    held = [
        r
        for p in stay.placements_in(whole)
        for r in readings
        if r.bed_id == p.bed_id and (p.held.contains(r.captured_at) or r.captured_at == p.held.end == window.span.end)
    ]
    seen = tuple(
        Sighting(r.reading_id, stay.patient_id, r.bed_id, r.camera_id, r.captured_at)
        for r in readings
        if r.recognised_patient_id == stay.patient_id and window.span.start <= r.captured_at <= window.deadline
    )
    admitted = frozenset(s.patient_id for s in stays if s.active_through(window.span))
    watermark = at(day["watermark"])
    return CheckFacts(stay, window, observe(held, stay.patient_id, policy), seen, looks, admitted, watermark)


def stay_of(item: dict[str, Any], policy: PresencePolicy) -> Stay:
    admitted = at(item["admitted"])
    discharged = at(item["discharged"]) if item.get("discharged") else None
    beds = item.get("beds") or [{"bed": item["bed"], "from": item["admitted"]}]
    reference = item.get("reference", item["admitted"])
    return Stay(
        admission_id=item["admission"],
        admission_no=item["admission"],
        patient_id=item["patient"],
        category=item.get("category", "general"),
        admitted_at=admitted,
        discharged_at=discharged,
        placements=tuple(
            Placement(b["bed"], "W1", Interval(at(b["from"]), at(b["to"]) if b.get("to") else discharged or FAR))
            for b in beds
        ),
        leaves=tuple(
            Leave(Interval(at(leave["from"]), at(leave["to"])), at(leave["signed"])) for leave in item.get("leaves", [])
        ),
        activities=tuple(
            Activity(a["kind"], Interval(at(a["from"]), at(a["to"])))
            if a["to"]
            else unfinished(a["kind"], at(a["from"]), policy)
            for a in item.get("activities", [])
        ),
        reference_since=at(reference) if reference else None,
        exempt=item.get("exempt", False),
    )


def frames_of(item: dict[str, Any], stays: list[Stay], number: int) -> list[Reading]:
    found, when = [], at(item["from"])
    while when <= at(item["to"]):
        holder = next(
            (s.patient_id for s in stays for p in s.placements if p.bed_id == item["bed"] and p.held.contains(when)),
            None,
        )
        state = BedState(item["state"])
        found.append(
            Reading(
                reading_id=f"{number}-{when:%d%H%M}",
                bed_id=item["bed"],
                camera_id=f"camera-of-{item['bed']}",
                captured_at=when,
                state=state,
                expected_patient_id=holder,
                recognised_patient_id=item.get("recognised") or (holder if state is BedState.PATIENT else None),
                cause=item.get("cause"),
            )
        )
        when += timedelta(minutes=item["every"])
    return found


def look_of(item: dict[str, Any], number: int, stays: list[Stay]) -> tuple[str, Look]:
    assert item["stay"] in {stay.admission_no for stay in stays}
    return item["stay"], Look(
        look_id=f"look-{number}",
        due_at=at(item["check"]),
        person_id=item["person"],
        role="inspector" if item["person"] == "inspector" else "ward_staff",
        looked_at=at(item["at"]),
        result=LookResult(item["result"]),
        method=LookMethod(item.get("method", "bedside")),
        ward_searched=item.get("ward_searched", False),
        patient_called=item.get("patient_called", False),
    )
