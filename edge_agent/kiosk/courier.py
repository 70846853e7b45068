"""In the background: a fresh copy of the register, and purchases told to the server once it answers again."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from edge_agent.errors import KioskStoreUnusable
from edge_agent.kiosk.desk import Desk
from edge_agent.kiosk.link import ServerLink, ServerRefused, Unreachable
from edge_agent.kiosk.store import KioskStore
from edge_agent.logs import log
from service.kit.clock import Clock, system_clock

_ATTEMPTS = 5
"""Failures of the server at one purchase after which the purchase is set aside."""
_IN_A_ROW = 3
"""Failures in a row after which they are the server's, not the purchases'."""
_AGAIN = timedelta(days=1)
"""After which what was set aside is tried again."""


class Courier:
    """One thread. `errand` may also be called by hand."""

    def __init__(
        self, desk: Desk, link: ServerLink, store: KioskStore, seconds: float, clock: Clock = system_clock
    ) -> None:
        self._desk, self._link, self._store, self._seconds, self._clock = desk, link, store, seconds, clock
        self._again_at = clock.now() + _AGAIN
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kiosk-courier", daemon=True)

    def start(self) -> None:
        """Begin. What was set aside is tried again: whoever started the agent anew may have mended something."""
        self._store.try_aside_again()
        self._thread.start()

    def stop(self) -> None:
        """End after the errand under way."""
        self._stop.set()
        self._thread.join(timeout=10)

    def errand(self) -> bool:
        """Tell the server what waits, then fetch the register. Returns whether the server answered.

        In that order: the new copy then counts what was sold without it. A purchase that the server fails at, or that
        does not open, keeps neither the others nor the copy waiting.
        """
        try:
            self._tell_all()
            self._refresh()
            self._desk.seen(True)
            return True
        except Unreachable as error:
            self._desk.seen(False)
            log(logging.WARNING, "the server is away", reason=error.message)
        except (ServerRefused, KioskStoreUnusable) as error:
            self._desk.seen(not isinstance(error, ServerRefused) or error.refusal < 500)
            log(logging.ERROR, "the kiosk cannot refresh its copy", reason=error.line())
        return False

    def _tell_all(self) -> None:
        """Each purchase once; the first failures end it when they may be the server's own. Raises `Unreachable` when
        nobody answers at all, `ServerRefused` when the kiosk itself is refused."""
        if self._clock.now() >= self._again_at:
            self._store.try_aside_again()
            self._again_at = self._clock.now() + _AGAIN
        failures = 0
        for request_id in self._store.waiting():
            try:
                self._tell(request_id)
                failures = 0
            except Unreachable as error:
                if not error.answered:
                    raise
                failures += 1
                if self._store.attempts(request_id) >= _ATTEMPTS:
                    self._set_aside(request_id, error.message)
                if failures >= _IN_A_ROW:
                    return
            except KioskStoreUnusable as error:
                self._set_aside(request_id, error.message)

    def _set_aside(self, request_id: str, why: str) -> None:
        log(logging.ERROR, "a purchase is set aside", request=request_id, reason=why)
        self._store.settle(request_id, "aside", why)

    def _refresh(self) -> None:
        """Fetch the register. Unchanged, the copy is as good as a new one: it was the truth when it was asked for."""
        etag, now = self._store.etag(), self._clock.now()
        fresh = self._link.copy(etag)
        if fresh is not None:
            self._store.keep_copy(fresh.copy, fresh.etag)
            return
        held = self._store.copy()
        if held is not None and etag is not None:
            span = held.use_until - held.made_at
            self._store.keep_copy(held.model_copy(update={"made_at": now, "use_until": now + span}), etag)

    def _tell(self, request_id: str) -> None:
        waiting = self._store.queued(request_id)
        self._store.settle(request_id, "waiting")
        try:
            answer = self._link.reconcile(waiting.purchase, waiting.images)
        except ServerRefused as error:
            if error.refusal in (401, 403, 404):
                raise
            log(logging.ERROR, "a purchase was refused", request=request_id, reason=error.message)
            self._store.settle(request_id, "refused", error.message)
            return
        self._store.settle(request_id, "told" if answer.right else "wrong", answer.verdict.value)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                answered = self.errand()
            except Exception as error:  # a full disk, a token that is being exchanged: the thread must outlive them
                log(logging.ERROR, "the courier stumbled", kind=type(error).__name__)
                answered = False
            self._stop.wait(self._seconds if answered else min(self._seconds, 20.0))
