"""One picture over the wire, and what its answer means."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from edge_agent.dialect import Dialect
from edge_agent.logs import one_line
from edge_agent.spool import SpooledFrame
from service.contracts import SnapshotAccepted, SnapshotMeta, read_message
from service.kit.errors import InvalidInput

PATH = "/api/v1/snapshots"
MAX_ANSWER_BYTES = 64 * 1024
MAX_RETRY_AFTER_SECONDS = 600.0

SERVER_BUSY = frozenset({408, 425, 429, 502, 503, 504, 507})
"""The server as a whole cannot take pictures now."""
SETUP_WRONG = frozenset({401, 402, 403, 404, 405, 407, 421, 426, 451, 511})
"""Nothing is wrong with the picture: token, camera code or address are, and a person must mend them."""

SETUP_PROBLEMS = frozenset(
    {"camera-unknown", "camera-inactive", "edge-pack-mismatch", "readings-not-taken", "sealing-key-missing"}
)
"""The same, by the server's problem type: its status alone would condemn every picture for a misspelt camera code."""
CLOCK_WRONG = frozenset({"captured-at-implausible"})
"""The device's clock is wrong, not the picture: what is learned of the clock meanwhile makes its time plausible."""
SIGN_AGAIN = frozenset({"signature-stale", "request-replayed"})
"""The clock is off, or an answer was lost on its way: signed afresh, the same picture passes."""

_DEVICE_PROBLEMS = {
    "device-unknown": "pair this device: wardwatch devices pair on the server, then wardwatch-edge pair",
    "device-revoked": "pair this device anew, if it is the right one: wardwatch devices pair --replace",
    "request-altered": "look at what stands between this device and the server: it changes requests",
    "pictures-not-transmitted": "this site's pictures stay on the box: start with --matching local",
    "readings-not-taken": "this site sends pictures: start without --matching local",
    "edge-pack-mismatch": "copy the server's model folder to this box, name it with --models, and start again",
    "request-wrongly-aimed": "set --server to the server's public origin",
}

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Delivered:
    """The server has it durably. `duplicate`: it had it before."""

    snapshot_id: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will never take this picture."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. `after_seconds`: as the server asks. `of_this_frame`: it failed on this picture, others may pass."""

    reason: str
    after_seconds: float | None = None
    of_this_frame: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """No picture can pass until a person mends the setup."""

    reason: str
    remedy: str


Outcome = Delivered | Refused | Retry | Paused


def post_snapshot(
    client: httpx.Client,
    server: str,
    camera: str,
    token: str | httpx.Auth,
    frame: SpooledFrame,
    deadline_seconds: float,
    offset_ms: int | None = None,
    dialect: Dialect | None = None,
) -> Outcome:
    """Post `frame` and judge the answer. `token`: or how requests are signed. `deadline_seconds` bounds the answer's
    arrival as a whole. `offset_ms` is added to the picture's time, which is by the device's clock. `dialect`: what the
    server understands; fields that it does not know are left out, and learned."""
    meta = SnapshotMeta(
        camera_id=camera,
        captured_at=frame.captured_at + timedelta(milliseconds=offset_ms or 0),
        sequence=frame.sequence,
        clock_offset_ms=offset_ms,
        statement=frame.note.statement,
    )
    without = dialect.without("meta") if dialect is not None else frozenset()
    headers = {"Accept": "application/json, application/problem+json"}
    name = f"{frame.sequence}.{_EXTENSIONS.get(frame.media_type, 'bin')}"
    until = time.monotonic() + deadline_seconds
    try:
        with client.stream(
            "POST",
            server + PATH,
            files={"image": (name, frame.data, frame.media_type)},
            data={"meta": meta.model_dump_json(exclude_none=True, exclude=set(without))},
            headers=headers if isinstance(token, httpx.Auth) else headers | {"Authorization": f"Bearer {token}"},
            auth=token if isinstance(token, httpx.Auth) else None,
        ) as response:
            body = _read(response, until)
            if dialect is not None and dialect.learn("meta", response.status_code, body):
                return Retry("the server is older than this agent", after_seconds=0.0)
            if dialect is not None and without and _is_missing_statement(response, body):
                dialect.forget("meta")
                return Retry("the server was updated", after_seconds=0.0)
            return judge(response.status_code, response.headers, body)
    except httpx.TimeoutException as error:
        return Retry(f"no answer in time ({type(error).__name__})")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Retry(one_line(f"{type(error).__name__}: {error}"))


def _is_missing_statement(response: httpx.Response, body: bytes) -> bool:
    return response.status_code == 422 and _code(_problem(response.headers, body)) == "statement-refused"


def _read(response: httpx.Response, until: float) -> bytes:
    """The answer's beginning: enough to understand it, whatever the server sends and however slowly."""
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) >= MAX_ANSWER_BYTES:
            break
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer drips")
    return body[:MAX_ANSWER_BYTES]


def judge(status: int, headers: httpx.Headers, body: bytes) -> Outcome:
    """What an answer means for the picture."""
    if 200 <= status < 300:
        return _accepted(status, body)
    problem = _problem(headers, body)
    reason = f"{status} {_words(problem)}".strip()
    if status in SERVER_BUSY:
        return Retry(reason, after_seconds=retry_after(headers.get("retry-after")))
    if status >= 500:
        return Retry(reason, after_seconds=retry_after(headers.get("retry-after")), of_this_frame=True)
    if _code(problem) in SIGN_AGAIN:
        return Retry(reason)
    if _code(problem) in CLOCK_WRONG:
        return Retry(reason, of_this_frame=True)
    if status in SETUP_WRONG or status < 400 or _code(problem) in SETUP_PROBLEMS:
        return Paused(reason, _remedy(status, headers, _code(problem)))
    return Refused(status, reason)


def _accepted(status: int, body: bytes) -> Outcome:
    """Only wardwatch's own words count as an acceptance: a hotel's login page also answers 200."""
    try:
        answer = read_message(SnapshotAccepted, body)
    except InvalidInput:
        return Paused(
            f"{status}, but not in the words of a wardwatch server",
            "look at --server: something else answers there, perhaps a proxy's login page",
        )
    return Delivered(answer.snapshot_id, answer.duplicate)


def _remedy(status: int, headers: httpx.Headers, code: str = "") -> str:
    if code in _DEVICE_PROBLEMS:
        return _DEVICE_PROBLEMS[code]
    if status in (401, 403):
        return "give this device a valid token for this camera: wardwatch tokens add, then put it into --token-file"
    if 300 <= status < 400:
        return f"set --server to where it points: {one_line(headers.get('location', 'unknown'))}"
    if status in (404, 409, 422):
        return "look at --server, and at --camera: the server has no such camera in use for this token"
    return "look at --server and at what stands between it and this device"


def _problem(headers: httpx.Headers, body: bytes) -> dict[str, object]:
    """The problem document (RFC 9457), empty if the answer is none."""
    if "json" not in headers.get("content-type", ""):
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _code(problem: dict[str, object]) -> str:
    """The tail of the problem's type: `camera-unknown` of `/problems/camera-unknown`."""
    kind = problem.get("type")
    return kind.rpartition("/")[2] if isinstance(kind, str) else ""


def _words(problem: dict[str, object]) -> str:
    """The server's own words, on one line."""
    parts = (problem.get(key) for key in ("title", "detail", "remedy"))
    return one_line("; ".join(part for part in parts if isinstance(part, str) and part))


def retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks for (a number or a date), at most ten minutes; none if it is no such."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
