"""In the background: a fresh copy of the register, and purchases told to the server once it answers again."""

from __future__ import annotations

import logging
import threading

from edge_agent.errors import KioskStoreUnusable
from edge_agent.kiosk.desk import Desk
from edge_agent.kiosk.link import ServerLink, ServerRefused, Unreachable
from edge_agent.kiosk.store import KioskStore, QueuedPurchase
from edge_agent.logs import log
from service.kit.clock import Clock, system_clock


class Courier:
    """One thread. `errand` may also be called by hand."""

    def __init__(
        self, desk: Desk, link: ServerLink, store: KioskStore, seconds: float, clock: Clock = system_clock
    ) -> None:
        self._desk, self._link, self._store, self._seconds, self._clock = desk, link, store, seconds, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kiosk-courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the errand under way."""
        self._stop.set()
        self._thread.join(timeout=10)

    def errand(self) -> bool:
        """Tell the server what waits, then fetch the register. Returns whether the server answered.

        In that order: the new copy then counts what was sold without it.
        """
        try:
            while (waiting := self._store.next_waiting()) is not None:
                self._tell(waiting)
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

    def _tell(self, waiting: QueuedPurchase) -> None:
        request_id = waiting.purchase.request_id
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
