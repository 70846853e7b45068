"""Work to be done later: written in the transaction that makes it necessary, done at least once."""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Select, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlmodel import Session, col

from service.kit.errors import WardwatchError
from service.kit.ids import new_id
from service.platform import metrics
from service.platform.context import Context
from service.platform.database import announce_jobs
from service.platform.tables import Job

Handler = Callable[[Context, dict[str, Any]], None]

MAX_ATTEMPTS = 5
STALE_AFTER = timedelta(minutes=5)
_HEARTBEAT_SECONDS = 30.0
_POLL_SECONDS = 0.5
_JOIN_SECONDS = 30.0

_log = logging.getLogger(__name__)
_live_runners: set[str] = set()


class JobHopeless(WardwatchError):
    """Raised by a handler whose work can never succeed: the job fails at once instead of being tried again."""

    code = "job-hopeless"
    status = 500
    title_en = "The work cannot be done"
    title_zh = "任务无法完成"


def enqueue(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    now: datetime,
    run_after: datetime | None = None,
    dedupe_key: str | None = None,
    priority: int = 100,
) -> None:
    """Asks for work of `kind` in this transaction. A lower `priority` goes first.

    While a job with the same `dedupe_key` waits, nothing is added: what it will read when it runs includes the change
    that asks again.
    """
    values: dict[str, Any] = {
        "id": new_id(),
        "kind": kind,
        "payload": payload,
        "state": "queued",
        "priority": priority,
        "dedupe_key": dedupe_key,
        "attempts": 0,
        "run_after": run_after or now,
        "created_at": now,
    }
    if dedupe_key is None:
        session.execute(insert(Job).values(values))
    elif session.get_bind().dialect.name == "sqlite":
        session.execute(insert_sqlite(Job).values(values).on_conflict_do_nothing(index_elements=["dedupe_key"]))
    else:
        session.execute(insert_postgresql(Job).values(values).on_conflict_do_nothing(index_elements=["dedupe_key"]))
    announce_jobs(session)


def enqueue_about(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    about: Mapping[str, Collection[str]],
    most: int,
    now: datetime,
    dedupe_key: str,
    priority: int = 100,
) -> None:
    """Asks for work about a few things: `about` holds lists of ids that are added to the payload under their names.

    While a job with the same `dedupe_key` waits, its lists grow by these ids. Beyond `most` ids in all, the lists are
    left out, and the work is about everything; such a job stays so.
    """
    while True:
        enqueue(session, kind, payload | _named(about, {}, most), now=now, dedupe_key=dedupe_key, priority=priority)
        # Locked where there are several writers: until this transaction ends nobody claims the job, or adds to it.
        query = select(Job).where(col(Job.dedupe_key) == dedupe_key).with_for_update()
        waiting = session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
        if waiting is None:  # claimed in between: what it reads may be older than this change
            continue
        if any(name in waiting.payload for name in about):
            rest = {name: value for name, value in waiting.payload.items() if name not in about}
            waiting.payload = rest | _named(about, waiting.payload, most)
            session.flush()
        return


def _named(about: Mapping[str, Collection[str]], known: Mapping[str, Any], most: int) -> dict[str, list[str]]:
    """The lists with those known before; nothing when they are too long together, or empty."""
    united = {name: sorted({*ids, *known.get(name, ())}) for name, ids in about.items()}
    return united if 0 < sum(len(ids) for ids in united.values()) <= most else {}


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many jobs of one kind are in one state."""

    kind: str
    state: str
    count: int


def queue_depths(session: Session) -> tuple[QueueDepth, ...]:
    """What waits, runs and has failed, by kind."""
    query = select(col(Job.kind), col(Job.state), func.count()).group_by(col(Job.kind), col(Job.state))
    return tuple(QueueDepth(kind, state, count) for kind, state, count in session.execute(query))


class JobRunner:
    """Threads that claim jobs and do them. Several runners, in several processes, may share one database.

    A claim is kept alive by a heartbeat; the jobs of a runner that died are queued again when another one starts, or
    five minutes after its last heartbeat.
    """

    def __init__(self, context: Context, handlers: Mapping[str, Handler], threads: int) -> None:
        self._context = context
        self._handlers = dict(handlers)
        self._count = threads
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self.name = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(6)}"

    def start(self) -> None:
        """Starts the threads, after queueing again what dead runners left behind."""
        _live_runners.add(self.name)
        self.requeue_abandoned()
        for number in range(self._count):
            self._spawn(self._work, f"jobs-{number}")
        self._spawn(self._heartbeat, "jobs-heartbeat")

    def stop(self) -> None:
        """Lets every thread finish the job it is at, then returns."""
        self._stopping.set()
        self._context.database.jobs_announced.announce()
        deadline = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        _live_runners.discard(self.name)

    def run_until_idle(self) -> int:
        """Does what is due, in this thread, until nothing is; returns how many jobs were done. For tests and tools."""
        done = 0
        while (job := self._claim(None)) is not None:
            self._settle(job, self._attempt(job))
            done += 1
        return done

    def requeue_abandoned(self) -> int:
        """Queues again the jobs whose runner is gone; returns how many."""
        now = self._context.clock.now()
        with self._context.database.transaction() as session:
            running = session.execute(
                select(col(Job.id), col(Job.claimed_by), col(Job.claimed_at)).where(col(Job.state) == "running")
            ).all()
            lost = [
                job_id
                for job_id, runner, at in running
                if at is None or now - at > STALE_AFTER or not _may_live(runner or "")
            ]
            if lost:
                session.execute(
                    update(Job)
                    .where(col(Job.id).in_(lost), col(Job.state) == "running")
                    .values(state="queued", claimed_by=None, claimed_at=None, run_after=now)
                )
                announce_jobs(session)
        return len(lost)

    def _spawn(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        signal = self._context.database.jobs_announced
        finished: Job | None = None
        while not self._stopping.is_set():
            seen = signal.count
            try:
                job = self._claim(finished)
                finished = None
                if job is not None:
                    finished = self._settle(job, self._attempt(job), defer_success=True)
                    continue
            except Exception:
                # The database is away or busy: what was claimed becomes stale and is queued again.
                finished = None
                _log.exception("jobs cannot be claimed")
                self._stopping.wait(1.0)
            signal.wait_beyond(seen, _POLL_SECONDS)
        if finished is not None:
            self._remove(finished)

    def _heartbeat(self) -> None:
        while not self._stopping.wait(_HEARTBEAT_SECONDS):
            try:
                with self._context.database.transaction(durable=False) as session:
                    session.execute(
                        update(Job)
                        .where(col(Job.claimed_by) == self.name, col(Job.state) == "running")
                        .values(claimed_at=self._context.clock.now())
                    )
                self.requeue_abandoned()
            except Exception:
                _log.exception("the jobs' heartbeat failed")

    def _claim(self, finished: Job | None) -> Job | None:
        """Removes `finished` and takes the next due job, in one transaction.

        Neither needs to survive a power cut: a job that is found again is done again.
        """
        now = self._context.clock.now()
        if finished is None and not self._any_due(now):
            return None
        with self._context.database.transaction(durable=False) as session:
            if finished is not None:
                session.execute(delete(Job).where(col(Job.id) == finished.id, col(Job.claimed_by) == self.name))
            due = _due(now).limit(1)
            if not self._context.database.is_sqlite:
                due = due.with_for_update(skip_locked=True)
            job_id = session.execute(due).scalar()
            if job_id is None:
                return None
            job = session.get_one(Job, job_id)
            job.state, job.claimed_at, job.claimed_by = "running", now, self.name
            job.dedupe_key = None
            job.attempts += 1
            return job

    def _any_due(self, now: datetime) -> bool:
        with self._context.database.reading() as session:
            return session.execute(_due(now).limit(1)).scalar() is not None

    def _attempt(self, job: Job) -> BaseException | None:
        handler = self._handlers.get(job.kind)
        if handler is None:
            return JobHopeless(f"no handler for {job.kind}", remedy="run a worker of the same version as the server")
        started = time.perf_counter()
        try:
            handler(self._context, dict(job.payload))
        except Exception as error:
            _log.exception("job failed", extra={"job": job.id, "kind": job.kind, "attempt": job.attempts})
            return error
        finally:
            metrics.job_seconds.labels(job.kind).observe(time.perf_counter() - started)
        return None

    def _settle(self, job: Job, error: BaseException | None, *, defer_success: bool = False) -> Job | None:
        """Records the end of an attempt. Returns the job when its removal is left to the next claim."""
        if error is None:
            metrics.jobs_total.labels(job.kind, "done").inc()
            if defer_success:
                return job
            self._remove(job)
            return None
        hopeless = isinstance(error, JobHopeless) or job.attempts >= MAX_ATTEMPTS
        metrics.jobs_total.labels(job.kind, "failed" if hopeless else "retried").inc()
        now = self._context.clock.now()
        with self._context.database.transaction() as session:
            session.execute(
                update(Job)
                .where(col(Job.id) == job.id, col(Job.claimed_by) == self.name)
                .values(
                    state="failed" if hopeless else "queued",
                    run_after=now + _backoff(job.attempts),
                    finished_at=now if hopeless else None,
                    claimed_by=None,
                    claimed_at=None,
                    error=f"{type(error).__name__}: {error}"[:2000],
                )
            )
        return None

    def _remove(self, job: Job) -> None:
        with self._context.database.transaction(durable=False) as session:
            result = session.execute(delete(Job).where(col(Job.id) == job.id, col(Job.claimed_by) == self.name))
            if isinstance(result, CursorResult) and result.rowcount == 0:
                _log.warning("a job was taken over while it ran", extra={"job": job.id, "kind": job.kind})


def _due(now: datetime) -> Select[str]:
    return (
        select(col(Job.id))
        .where(col(Job.state) == "queued", col(Job.run_after) <= now)
        .order_by(col(Job.priority), col(Job.run_after), col(Job.id))
    )


def _backoff(attempts: int) -> timedelta:
    # 1, 4, 16, 64 s, spread by a quarter so that jobs that failed together do not come back together.
    return timedelta(seconds=4 ** (attempts - 1) * random.uniform(0.75, 1.25))  # noqa: S311 (no secret)


def _may_live(runner: str) -> bool:
    """Whether the runner of that name may still be at work: unknown on another machine, known on this one."""
    host, _, rest = runner.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname()[:30] or not rest.isdigit():
        return bool(host)
    if int(rest) == os.getpid():
        return runner in _live_runners
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
