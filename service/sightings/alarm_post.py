"""Alarms posted to one address of the operator's own, signed, and tried again for a day.

The address comes from the settings alone: nothing that a request, a box or a layout says ever chooses it. Redirects are
not followed, the environment's proxies are not asked, and of the answer only its status is read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import ssl
from datetime import datetime, timedelta
from typing import Any

import httpx

from service.platform.context import Context
from service.platform.jobs import JobHopeless, enqueue
from service.platform.metrics import counter
from service.platform.settings import Settings

POST_JOB = "cameras.post_alarm"
TIMEOUT_SECONDS = 5.0
PRIORITY = 200
"""After everything else that is due: a receiver that hangs keeps no picture waiting."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=1)
"""An alarm of yesterday tells nobody anything that the page does not."""

posts_total = counter("alarm_posts_total", "Posts of alarms, by result: taken, retried, given_up", ("result",))
_log = logging.getLogger(__name__)


def is_told(context: Context) -> bool:
    """Whether alarms are posted at all."""
    return context.settings.alarm_url is not None and context.settings.alarm_key is not None


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """Of the header `Wardwatch-Signature`: `v1=` and the HMAC-SHA256, hex, of timestamp, a full stop, and the body."""
    return "v1=" + hmac.new(key, timestamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def post_alarm_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `cameras.post_alarm` {about, attempt}. What is not taken is asked for again, later each time."""
    settings, now = context.settings, context.clock.now()
    if settings.alarm_url is None or settings.alarm_key is None:
        return  # it was set when the alarm rose
    about, attempt = dict(payload["about"]), int(payload.get("attempt", 0))
    error = _post(settings, about, now)
    if not error:
        posts_total.labels("taken").inc()
        return
    if now - datetime.fromisoformat(about["at"]) >= GIVE_UP_AFTER:
        posts_total.labels("given_up").inc()
        raise JobHopeless(
            f"an alarm was not taken for a day: {error}", remedy="look at WARDWATCH_ALARM_URL and what answers there"
        )
    posts_total.labels("retried").inc()
    _log.warning("an alarm was not taken", extra={"reason": error, "attempt": attempt + 1})
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 10))
    with context.database.transaction() as session:
        payload = {"about": about, "attempt": attempt + 1}
        enqueue(session, POST_JOB, payload, now=now, run_after=now + pause, priority=PRIORITY)


def _post(settings: Settings, about: dict[str, Any], now: datetime) -> str:
    """What went wrong; empty when a status from 200 to 299 came."""
    url, key = settings.alarm_url or "", settings.alarm_key.get_secret_value().encode() if settings.alarm_key else b""
    body = json.dumps(about, sort_keys=True).encode()
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": f"{about['alarm_id']}-{about['event']}",
        "Wardwatch-Timestamp": timestamp,
        "Wardwatch-Signature": signature(key, timestamp, body),
    }
    try:
        verify = ssl.create_default_context(cafile=settings.alarm_ca_file) if settings.alarm_ca_file else True
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, verify=verify) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            return "" if response.is_success else f"status {response.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return type(error).__name__
