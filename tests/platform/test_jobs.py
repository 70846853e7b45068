"""Jobs: at least once, in order, never lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from service.platform.context import Context
from service.platform.jobs import (
    MAX_ATTEMPTS,
    STALE_AFTER,
    JobHopeless,
    JobRunner,
    enqueue,
    enqueue_about,
    queue_depths,
)
from service.platform.tables import Job


def _ask(context: Context, kind: str = "note", **values: Any) -> None:
    payload = values.pop("payload", {})
    with context.database.transaction() as session:
        enqueue(session, kind, payload, now=context.clock.now(), **values)


def _jobs(context: Context) -> list[Job]:
    with context.database.reading() as session:
        return list(session.exec(select(Job)))


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


def test_jobs_run_by_priority_then_age_and_are_gone(context: Context) -> None:
    seen: list[int] = []
    for number, priority in ((1, 100), (2, 100), (3, 10)):
        _ask(context, payload={"number": number}, priority=priority)
    runner = JobRunner(context, {"note": lambda _context, payload: seen.append(payload["number"])}, 0)
    assert runner.run_until_idle() == 3
    assert seen == [3, 1, 2]
    assert _jobs(context) == []


def test_a_job_of_a_transaction_that_failed_never_was(context: Context) -> None:
    with pytest.raises(ValueError, match="no"), context.database.transaction() as session:  # noqa: PT012
        enqueue(session, "note", {}, now=context.clock.now())
        raise ValueError("no")
    assert _jobs(context) == []


def test_one_waiting_job_a_key_but_another_while_the_first_runs(context: Context) -> None:
    runs = 0

    def handler(inner: Context, _payload: dict[str, Any]) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:  # what changes while the job runs asks for another run
            _ask(inner, dedupe_key="k")

    for _ in range(3):
        _ask(context, dedupe_key="k")
    assert len(_jobs(context)) == 1
    assert JobRunner(context, {"note": handler}, 0).run_until_idle() == 2


def test_a_job_is_not_done_before_its_time(context: Context) -> None:
    _ask(context, run_after=context.clock.now() + timedelta(hours=1))
    assert JobRunner(context, {"note": lambda *_: None}, 0).run_until_idle() == 0
    assert len(_jobs(context)) == 1


def test_a_failing_job_is_tried_five_times_with_growing_pauses_and_then_kept_as_failed(context: Context) -> None:
    tried = 0

    def handler(_context: Context, _payload: dict[str, Any]) -> None:
        nonlocal tried
        tried += 1
        raise ValueError("the lens is covered")

    _ask(context)
    runner = JobRunner(context, {"note": handler}, 0)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert runner.run_until_idle() == 1
        job = _jobs(context)[0]
        assert job.attempts == attempt
        if attempt < MAX_ATTEMPTS:
            assert job.state == "queued"
            assert job.run_after > context.clock.now()
            with context.database.transaction() as session:
                session.get_one(Job, job.id).run_after = context.clock.now()
    assert tried == MAX_ATTEMPTS
    assert (job.state, job.error) == ("failed", "ValueError: the lens is covered")
    assert runner.run_until_idle() == 0


def test_a_hopeless_job_fails_at_once_and_so_does_one_without_a_handler(context: Context) -> None:
    def handler(_context: Context, _payload: dict[str, Any]) -> None:
        raise JobHopeless("the snapshot is gone")

    _ask(context)
    _ask(context, "unheard-of")
    assert JobRunner(context, {"note": handler}, 0).run_until_idle() == 2
    assert {job.state for job in _jobs(context)} == {"failed"}
    with context.database.reading() as session:
        depths = {(depth.kind, depth.state): depth.count for depth in queue_depths(session)}
    assert depths == {("note", "failed"): 1, ("unheard-of", "failed"): 1}


def test_several_runners_do_every_job_once(context: Context) -> None:
    lock, seen = threading.Lock(), list[int]()

    def handler(_context: Context, payload: dict[str, Any]) -> None:
        with lock:
            seen.append(payload["number"])

    for number in range(60):
        _ask(context, payload={"number": number})
    runners = [JobRunner(context, {"note": handler}, 2) for _ in range(2)]
    for runner in runners:
        runner.start()
    try:
        _until(lambda: _jobs(context) == [])
    finally:
        for runner in runners:
            runner.stop()
    assert sorted(seen) == list(range(60))


def test_an_idle_runner_wakes_at_once(context: Context) -> None:
    """Well below the half second at which it polls."""
    done = threading.Event()
    runner = JobRunner(context, {"note": lambda *_: done.set()}, 1)
    runner.start()
    try:
        time.sleep(0.7)
        waits = []
        for _ in range(5):
            started = time.perf_counter()
            _ask(context)
            assert done.wait(5)
            waits.append(time.perf_counter() - started)
            done.clear()
            time.sleep(0.05)
    finally:
        runner.stop()
    assert sorted(waits)[2] < 0.25


def test_stopping_waits_for_the_job_at_hand(context: Context) -> None:
    begun, ended = threading.Event(), threading.Event()

    def handler(_context: Context, _payload: dict[str, Any]) -> None:
        begun.set()
        time.sleep(0.3)
        ended.set()

    _ask(context)
    runner = JobRunner(context, {"note": handler}, 1)
    runner.start()
    assert begun.wait(5)
    runner.stop()
    assert ended.is_set()
    assert _jobs(context) == []


_WORKER = """
import sys, time
from service.platform.context import open_context
from service.platform.jobs import JobRunner
from service.platform.settings import Settings

def handler(context, payload):
    print("begun", flush=True)
    time.sleep(60)

context = open_context(Settings(_env_file=None, data_dir=sys.argv[1], database_url=sys.argv[2] or None))
runner = JobRunner(context, {"note": handler}, 1)
runner.start()
time.sleep(60)
"""


def test_kill_9_in_the_middle_of_a_job_loses_nothing(context: Context) -> None:
    for _ in range(3):
        _ask(context)
    arguments = [str(context.settings.data_dir), context.settings.database_url or ""]
    with subprocess.Popen([sys.executable, "-c", _WORKER, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.kill()
    assert sorted(job.state for job in _jobs(context)) == ["queued", "queued", "running"]
    runner = JobRunner(context, {"note": lambda *_: None}, 1)
    runner.start()
    try:
        _until(lambda: _jobs(context) == [])
    finally:
        runner.stop()


def _claimed(context: Context, by: str, *, ago: timedelta = timedelta(0)) -> None:
    _ask(context)
    with context.database.transaction() as session:
        job = session.exec(select(Job)).one()
        job.state, job.claimed_by, job.claimed_at = "running", by, context.clock.now() - ago
        job.attempts = 1


def test_what_a_killed_process_had_claimed_is_done_after_a_restart(context: Context) -> None:
    host = socket.gethostname()[:30]
    dead = 2**22 + 1  # above the largest pid that Linux gives
    _claimed(context, f"{host}:{dead}:abc")
    runner = JobRunner(context, {"note": lambda *_: None}, 0)
    assert runner.requeue_abandoned() == 1
    assert runner.run_until_idle() == 1
    assert _jobs(context) == []


def test_a_restart_that_got_the_dead_ones_pid_takes_its_jobs_too(context: Context) -> None:
    _claimed(context, f"{socket.gethostname()[:30]}:{os.getpid()}:abc")
    assert JobRunner(context, {}, 0).requeue_abandoned() == 1


def test_another_machines_claim_is_left_alone_until_its_heartbeat_is_old(context: Context) -> None:
    _claimed(context, "another-host:1:abc")
    runner = JobRunner(context, {}, 0)
    assert runner.requeue_abandoned() == 0
    with context.database.transaction() as session:
        session.exec(select(Job)).one().claimed_at = context.clock.now() - STALE_AFTER - timedelta(seconds=1)
    assert runner.requeue_abandoned() == 1


def test_a_live_processs_claim_is_left_alone(context: Context) -> None:
    _claimed(context, f"{socket.gethostname()[:30]}:{os.getppid()}:abc")
    assert JobRunner(context, {}, 0).requeue_abandoned() == 0


def test_a_waiting_job_about_few_things_grows_and_is_about_everything_when_they_are_many(context: Context) -> None:
    def ask(*beds: str) -> dict[str, Any]:
        with context.database.transaction() as session:
            about = {"bed_ids": beds, "stay_ids": ()}
            now = context.clock.now()
            enqueue_about(session, "note", {"place": "F"}, about=about, most=3, now=now, dedupe_key="F")
        return dict(_jobs(context)[0].payload)

    assert ask("b", "a") == {"place": "F", "bed_ids": ["a", "b"], "stay_ids": []}
    assert ask("c", "a")["bed_ids"] == ["a", "b", "c"]
    assert ask("d") == {"place": "F"}
    assert ask("a") == {"place": "F"}
    assert len(_jobs(context)) == 1
