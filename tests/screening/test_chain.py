"""From posted pictures to findings through the real database: honest, gone, never there, somebody else."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlmodel import select

from service.admissions.tables import LeaveOfAbsence
from service.ledger import verify
from service.ledger.tables import LedgerEntry
from service.platform.context import Context
from service.platform.jobs import enqueue
from service.screening import explain
from service.screening.run import Screened, run
from service.screening.tables import Finding
from service.sightings.tables import Snapshot
from tests.occupancy.scenes import at
from tests.screening.chain import Hospital, Shot, build, shots

HONEST, GONE, GHOST, IMPOSTOR = range(4)
END = at("03 17:00")


def truth(bed: int, when: datetime) -> str:
    """The honest one sleeps under the blanket and shows a face at 8 and 20; the second leaves on the 2nd at noon."""
    face = when.hour in (8, 20) and when.minute == 0
    if bed == HONEST:
        return "P" if face else "U"
    if bed == GONE:
        return ("P" if face else "U") if when < at("02 12:00") else "E"
    return "E" if bed == GHOST else "O"


ALL = shots("01 20:00", "03 17:00", truth)
LOOKS = [
    # (admission, check, minutes after it, by the doctor, result, method)
    *[(GONE, due, m, m > 60, "not_found", "ward_search") for due in ("02 16:00", "03 09:00") for m in (40, 170)],
    *[(GHOST, due, m, m > 60, "not_found", "ward_search") for due in ("02 16:00", "03 09:00") for m in (40, 170)],
    (IMPOSTOR, "02 16:00", 60, True, "identity_mismatch", "id_card"),
]


def answer(hospital: Hospital, upto: datetime) -> None:
    for admission, due, minutes, by_doctor, result, method in LOOKS:
        when = at(due) + timedelta(minutes=minutes)
        if upto - timedelta(hours=6) < when <= upto:
            actor = hospital.doctor if by_doctor else hospital.nurse
            hospital.look(admission, at(due), actor, when, result, method)


def play_in_order(hospital: Hospital) -> None:
    now = at("01 20:00")
    while now < END:
        until = min(now + timedelta(hours=6), END)
        for shot in ALL:
            if now <= shot.when < until:
                hospital.post(shot)
        hospital.work()
        hospital.advance(until)
        hospital.work()
        answer(hospital, until)
        hospital.work()
        now = until


def test_a_week_in_small_gives_the_findings_that_are_true_and_no_other(context):
    hospital = build(context)
    play_in_order(hospital)
    outcomes = hospital.outcomes()
    assert {state for (who, _), state in outcomes.items() if who == HONEST} == {"present_verified"}
    assert outcomes[GONE, "02 09:00"] == "present_verified"
    assert outcomes[GONE, "02 16:00"] == outcomes[GONE, "03 09:00"] == "absent_confirmed"
    assert outcomes[GONE, "03 16:00"] == "bed_empty"
    assert outcomes[IMPOSTOR, "02 16:00"] == "impostor_suspected"
    with context.database.reading() as session:
        findings = session.exec(select(Finding)).all()
        number = {admission.id: k for k, admission in enumerate(hospital.admissions)}
        assert {(number[f.admission_id], f.rule, f.state) for f in findings} == {
            (GONE, "phantom_admission", "raised"),
            (GHOST, "ghost_admission", "raised"),
            (IMPOSTOR, "impersonation", "raised"),
        }
        assert all(f.in_shadow for f in findings)
        for finding in findings:
            for language in ("en", "zh"):
                words = explain(finding, language)
                told = "".join([words.headline, *words.paragraphs, *words.counter_evidence])
                assert "{" not in told
                assert "+00:00" not in told
        actions = [e.action for e in session.exec(select(LedgerEntry)) if e.action.startswith("finding.")]
        assert sorted(set(actions)) == ["finding.raised", "finding.updated"]
        assert verify(session) is None
        frozen = session.exec(select(Snapshot).where(Snapshot.frozen_for != None)).all()  # noqa: E711
        assert frozen
    assert run(context, hospital.facility.id) == Screened(0, 0, 0)
    a_late_leave_withdraws_the_finding_and_its_cancelling_raises_it_again(context, hospital)


def test_random_order_and_twice_gives_the_same(context):
    hospital = build(context)
    play_in_order(hospital)
    expected = hospital.summary()

    other = build(context)
    order: list[Shot] = ALL * 2
    random.Random(7).shuffle(order)
    other.advance(at("02 00:00"))
    for k, shot in enumerate(order):
        other.post(shot)
        if k % 97 == 0:
            other.work()
        if k == len(order) // 2:
            other.advance(END)
    other.advance(END)
    other.work()
    for admission, due, minutes, by_doctor, result, method in reversed(LOOKS):
        actor = other.doctor if by_doctor else other.nurse
        other.look(admission, at(due), actor, at(due) + timedelta(minutes=minutes), result, method)
        other.work()

    def named(hospital: Hospital, summary: object) -> str:
        text = str(summary)
        for k, bed in enumerate(hospital.beds):
            text = text.replace(bed.id, f"bed{k}")
        for k, admission in enumerate(hospital.admissions):
            text = text.replace(admission.id, f"admission{k}").replace(admission.admission_no, f"number{k}")
        return text

    found = other.summary()
    assert named(other, sorted(found["checks"].items())) == named(hospital, sorted(expected["checks"].items()))
    assert named(other, sorted(found["findings"].items())) == named(hospital, sorted(expected["findings"].items()))
    with context.database.reading() as session:
        posted = session.exec(select(Snapshot).where(Snapshot.facility_id == other.facility.id)).all()
        assert len(posted) == len(ALL)


def a_late_leave_withdraws_the_finding_and_its_cancelling_raises_it_again(context: Context, hospital: Hospital) -> None:
    with context.database.transaction() as session:
        leave = LeaveOfAbsence(
            admission_id=hospital.admissions[GONE].id,
            from_at=at("02 13:00"),
            expected_return_at=at("05 12:00"),
            approved_by="doctor",
            signed_at=at("03 10:00"),  # 21 hours late
            recorded_at=at("03 10:00"),
        )
        session.add(leave)
    changed(hospital, "02 13:00", "03 17:00")
    hospital.work()
    assert hospital.outcomes()[GONE, "03 09:00"] == "on_leave"
    assert phantom(hospital).state == "withdrawn"
    with context.database.reading() as session:
        held = session.exec(select(Snapshot).where(Snapshot.frozen_for == phantom(hospital).id)).all()
        assert not held
    with context.database.transaction() as session:
        session.get_one(LeaveOfAbsence, leave.id).cancelled_at = at("03 16:50")
    changed(hospital, "02 13:00", "03 17:00")
    hospital.work()
    assert phantom(hospital).state == "raised"
    with context.database.reading() as session:
        actions = [e.action for e in session.exec(select(LedgerEntry)) if e.object_id == phantom(hospital).id]
    assert actions[0] == "finding.raised"
    assert actions[-2:] == ["finding.withdrawn", "finding.raised_again"]


def changed(hospital: Hospital, start: str, end: str) -> None:
    with hospital.context.database.transaction() as session:
        payload = {"facility_id": hospital.facility.id, "from": at(start).isoformat(), "to": at(end).isoformat()}
        enqueue(session, "presence.dirty", payload, now=hospital.context.clock.now())


def phantom(hospital: Hospital) -> Finding:
    with hospital.context.database.reading() as session:
        query = select(Finding).where(
            Finding.admission_id == hospital.admissions[GONE].id, Finding.rule == "phantom_admission"
        )
        return session.exec(query).one()
