"""Sends what the spool holds, oldest first, and never gives a picture up by itself."""

from __future__ import annotations

import logging
import random
import sqlite3
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from edge_agent.backoff import Backoff
from edge_agent.device_clock import DeviceClock
from edge_agent.dialect import Dialect
from edge_agent.errors import SettingsInvalid, TokenUnusable
from edge_agent.logs import log
from edge_agent.posting import Delivered, Outcome, Paused, Refused, Retry, post_snapshot
from edge_agent.signing import SigningAuth
from edge_agent.spool import Spool, SpooledFrame
from edge_agent.token import TokenFile
from edge_agent.update.health import ACCEPTED, Proof

IDLE_SECONDS = 0.5
"""How often an idle sender looks for a picture that another process (`spool retry`) put back."""
STEP_ASIDE_AFTER = 5
"""A picture on which the server failed this often lets the others pass: one bad picture must not blind a ward."""
STEP_ASIDE_MAX_SECONDS = 3600.0
DISK_PAUSE_SECONDS = 2.0
OVERHEAD_BYTES = 2500
"""What a signed post takes of the line besides its picture: form, statement, signature, TLS and TCP."""


@dataclass(frozen=True, slots=True)
class SenderOptions:
    """`server`: scheme, host and port. `ca_file`: a hospital's own certificate authority. Pauses in seconds.

    `live_first`: a picture just taken goes before those that wait. `backfill_kbit_s`: what those may take of the line.
    """

    server: str
    camera: str
    ca_file: Path | None = None
    timeout_seconds: float = 30.0
    retry_first_seconds: float = 0.5
    retry_max_seconds: float = 60.0
    live_first: bool = False
    backfill_kbit_s: float | None = None
    proxy: str | None = None


class Carrier(Protocol):
    """Speaks for a picture in another way than by sending it."""

    def post(
        self, client: httpx.Client, frame: SpooledFrame, deadline_seconds: float, offset_ms: int | None
    ) -> Outcome:
        """Bring it, and judge the answer."""
        ...


class Sender:
    """One thread's work: `run` until `stop`. The post that is under way is finished first."""

    def __init__(
        self,
        spool: Spool,
        token: TokenFile | SigningAuth,
        options: SenderOptions,
        stop: threading.Event,
        rng: random.Random | None = None,
        clock: DeviceClock | None = None,
        proof: Proof | None = None,
        carrier: Carrier | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        """`proof` hears that the server took a picture. `carrier`: brings something else than the picture itself.

        `dialect`: what the server understands.
        """
        self._spool = spool
        self._token = token
        self._options = options
        self._stop = stop
        self._backoff = Backoff(
            options.retry_first_seconds,
            options.retry_max_seconds,
            rng or random.Random(),  # noqa: S311
        )
        self._state = ""
        self._clock = clock
        self._proof = proof or Proof()
        self._carrier = carrier
        self._dialect = dialect or Dialect()
        self._live_sent = -1
        self._backfill_from = 0.0
        self._client = open_client(options)
        self.progressed_at = time.monotonic()

    def run(self) -> None:
        """Send until `stop` is set."""
        try:
            while not self._stop.is_set():
                try:
                    self._step()
                except sqlite3.OperationalError as error:
                    # The frame stays; if the server had it already, it will say so.
                    log(logging.ERROR, "the spool cannot be written: look at the disk", error=str(error))
                    self._pause(DISK_PAUSE_SECONDS)
        finally:
            self._client.close()

    def _step(self) -> None:
        self._spool.arrived.clear()
        frame = self._choose()
        if frame is None and (wait := self._backfill_from - time.monotonic()) > 0:
            self._pause(min(wait, IDLE_SECONDS), wakes=True)
        elif frame is None:
            self._say("idle", logging.DEBUG, "nothing to send")
            self._pause(IDLE_SECONDS, wakes=True)
        else:
            left_out = self._carrier is None and "statement" in self._dialect.without("meta")
            owes = left_out and frame.note.statement is not None
            self._settle(frame, self._post(frame), owes=owes)

    def _choose(self) -> SpooledFrame | None:
        """What was just taken, once; then the oldest, as fast as the bandwidth for that allows."""
        if self._options.live_first:
            frame = self._spool.newest(self._live_sent)
            if frame is not None:
                self._live_sent = frame.sequence
                return frame
        if time.monotonic() < self._backfill_from:
            return None
        frame = self._spool.oldest()
        rate = self._options.backfill_kbit_s
        if frame is not None and rate is not None:
            self._backfill_from = time.monotonic() + (len(frame.data) + OVERHEAD_BYTES) * 8 / (rate * 1000)
        return frame

    def _post(self, frame: SpooledFrame) -> Outcome:
        try:
            token = self._token.value() if isinstance(self._token, TokenFile) else self._token
        except TokenUnusable as error:
            return Paused(error.message, error.remedy)
        options, stamp, offset_ms = self._options, frame.note.stamp, None
        if stamp is not None and self._clock is not None:
            offset_ms = self._clock.offset_of(stamp, frame.captured_at)
        if self._carrier is not None:
            return self._carrier.post(self._client, frame, options.timeout_seconds, offset_ms)
        return post_snapshot(
            self._client,
            options.server,
            options.camera,
            token,
            frame,
            options.timeout_seconds,
            offset_ms,
            self._dialect,
        )

    def _settle(self, frame: SpooledFrame, outcome: Outcome, *, owes: bool = False) -> None:
        if isinstance(outcome, Delivered):
            self._spool.delivered(frame.sequence, duplicate=outcome.duplicate, owes=owes)
            self._proof.saw(ACCEPTED)
            self._went_well()
        elif isinstance(outcome, Refused):
            self._spool.refuse(frame.sequence, status=outcome.status, reason=outcome.reason)
            log(logging.ERROR, "the server refuses a picture", sequence=frame.sequence, reason=outcome.reason)
            self._went_well()
        elif isinstance(outcome, Paused):
            self._spool.postpone(frame.sequence, error=outcome.reason, counts=False)
            pause = self._backoff.next()
            # Said every time, not only once: nothing will pass until somebody reads it.
            self._say("paused", logging.ERROR, "SENDING IS PAUSED", outcome.reason, remedy=outcome.remedy, always=True)
            self._pause(pause)
        else:
            self._try_later(frame, outcome)

    def _try_later(self, frame: SpooledFrame, outcome: Retry) -> None:
        asked = outcome.after_seconds
        pause = self._backoff.next() if asked is None else self._backoff.spread(asked)
        not_before = 0.0
        if outcome.of_this_frame and frame.attempts + 1 >= STEP_ASIDE_AFTER:
            doublings = min(frame.attempts + 1 - STEP_ASIDE_AFTER, 16)
            not_before = time.time() + min(self._options.retry_max_seconds * 2.0**doublings, STEP_ASIDE_MAX_SECONDS)
        self._spool.postpone(frame.sequence, error=outcome.reason, counts=outcome.of_this_frame, not_before=not_before)
        self._say("waiting", logging.WARNING, "the server does not take pictures now", outcome.reason)
        self._pause(pause)

    def _went_well(self) -> None:
        self._backoff.reset()
        self.progressed_at = time.monotonic()
        self._say("sending", logging.INFO, "sending")

    def _say(
        self, state: str, level: int, event: str, reason: str = "", *, remedy: str = "", always: bool = False
    ) -> None:
        """Note the state for `status`; log it when it changes."""
        told = f"{state}: {reason}" if reason else state
        if told == self._state and not always:
            return
        fields = {key: value for key, value in (("reason", reason), ("remedy", remedy)) if value}
        if told != self._state:
            self._spool.note("sender", told)
        self._state = told
        log(level, event, camera=self._options.camera, **fields)

    def _pause(self, seconds: float, *, wakes: bool = False) -> None:
        """Wait, but not beyond `stop`, nor, if it `wakes`, beyond the next picture's arrival."""
        until = time.monotonic() + seconds
        while not self._stop.is_set():
            left = until - time.monotonic()
            if left <= 0:
                return
            if wakes:
                if self._spool.arrived.wait(min(left, 0.1)):
                    return
            else:
                self._stop.wait(left)


def open_client(options: SenderOptions) -> httpx.Client:
    """A client that keeps its connection, follows no redirect (it would carry the token away), and asks no proxy but
    the one it is told."""
    verify: ssl.SSLContext | bool = True
    if options.ca_file is not None:
        try:
            verify = ssl.create_default_context(cafile=str(options.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise SettingsInvalid(
                f"{options.ca_file}: {error}", field="ca_file", remedy="give a PEM file of certificates"
            ) from None
    seconds = options.timeout_seconds
    return httpx.Client(
        timeout=httpx.Timeout(seconds, connect=min(seconds, 10.0)),
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=120.0),
        follow_redirects=False,
        trust_env=False,
        proxy=options.proxy,
        verify=verify,
        headers={"User-Agent": "wardwatch-edge"},
    )
