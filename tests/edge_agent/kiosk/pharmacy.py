"""A small server that speaks the purchase contract over real HTTP, for the kiosk's own tests. The verdict on a burst is
the product's judgement; registers are what the test says."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from service.contracts import REASON_TEXTS, PurchaseMeta, ReasonCode
from service.vision import Pack, decode
from service.vision.liveness import BurstJudgement, LivenessVerdict, judge_burst, pauses_for, turns_for

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SALT = "00ff"


def held(patient_no: str) -> str:
    return hashlib.sha256(f"{SALT}:{patient_no}".encode()).hexdigest()


def register(made_at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    """A copy of the register: D1 may buy for P1, twice; P9 is on hold."""
    delegation = {
        "delegate_no": "D1",
        "patient_no": "P1",
        "drug_classes": [],
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_to": "2027-01-01T00:00:00Z",
        "uses_left": 2,
    }
    return {
        "version": "v1",
        "made_at": made_at.isoformat(),
        "use_until": (made_at + timedelta(hours=24)).isoformat(),
        "delegations": [delegation, {**delegation, "patient_no": "P9"}],
        "excluded_classes": ["narcotic"],
        "hold_salt": SALT,
        "hold": [held("P9")],
        "max_days_of_supply": 84,
        "keys": {},
    } | changes


@dataclass
class Pharmacy:
    """What the stand-in knows and was told."""

    pack: Pack | None = None
    nonce: str = "n"
    seconds: int = 120
    away: bool = False
    right: bool = True
    copy: dict[str, Any] = field(default_factory=register)
    review: dict[str, Any] | None = None
    asked: list[tuple[str, Any]] = field(default_factory=list)
    images: list[list[bytes]] = field(default_factory=list)
    judged: list[BurstJudgement] = field(default_factory=list)
    fails_at: frozenset[str] = frozenset()
    """Numbers of the purchases at which the server fails."""
    url: str = ""

    def told(self, path: str) -> list[Any]:
        return [body for where, body in self.asked if where == path]

    def challenge(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        turns = [turn.value for turn in turns_for(self.nonce)]
        return {
            "challenge_id": "c1",
            "nonce": self.nonce,
            "turns": turns,
            "issued_at": now.isoformat(),
            "expires_at": (now + timedelta(seconds=self.seconds)).isoformat(),
            "frames": len(turns),
        }

    def verdict(self, meta: PurchaseMeta, images: list[bytes]) -> dict[str, Any]:
        verdict, codes = "approved", [ReasonCode.IDENTITY_BY_DOCUMENTS]
        if meta.method.value == "face":
            assert self.pack is not None
            frames = [decode(image) for image in images]
            turns, pauses = turns_for(meta.nonce or ""), pauses_for(meta.nonce or "")
            judged = judge_burst(frames, turns, self.pack, frame_times=meta.frame_times, pauses=pauses)
            self.judged.append(judged)
            live = judged.verdict is LivenessVerdict.LIVE
            verdict = "approved" if live else "manual_review"
            codes = [ReasonCode.LIVENESS_PASSED, ReasonCode.DELEGATION_VALID] if live else [ReasonCode.LIVENESS_FAILED]
        if meta.delegate_no == "D404":
            verdict, codes = "refused", [ReasonCode.NO_DELEGATION]
        if self.review is not None:
            verdict, codes = "manual_review", [ReasonCode.DOCUMENTS_TO_REVIEW]
        reasons = [
            {"code": code.value, "effect": "note", "text_en": REASON_TEXTS[code].en, "text_zh": REASON_TEXTS[code].zh}
            for code in codes
        ]
        token = "e" * 300 if verdict == "approved" else None
        return {
            "purchase_id": "p1",
            "request_id": meta.request_id,
            "verdict": verdict,
            "reasons": reasons,
            "service_at": NOW.isoformat(),
            "policy_version": "1",
            "token": token,
            "review_id": None if self.review is None else self.review["review_id"],
        }


@contextmanager
def serving(pharmacy: Pharmacy) -> Iterator[Pharmacy]:
    """`pharmacy` on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if pharmacy.away:
                return self._answer(503, {})
            pharmacy.asked.append((self.path, dict(self.headers)))
            if self.path == "/api/v1/kiosks/me/cache":
                if self.headers.get("If-None-Match") == f'"{pharmacy.copy["version"]}"':
                    return self._answer(304, None)
                return self._answer(200, pharmacy.copy, {"ETag": f'"{pharmacy.copy["version"]}"'})
            if pharmacy.review is not None and self.path.startswith("/api/v1/purchase-reviews/"):
                return self._answer(200, pharmacy.review)
            return self._answer(404, {"type": "/problems/not-found", "title": "no"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if pharmacy.away:
                return self._answer(503, {})
            meta, images = self._parts(body)
            pharmacy.asked.append((self.path, meta))
            if images:
                pharmacy.images.append(images)
            if self.path == "/api/v1/purchase-challenges":
                return self._answer(201, pharmacy.challenge())
            if self.path == "/api/v1/purchase-verifications":
                return self._answer(200, pharmacy.verdict(PurchaseMeta.model_validate(meta), images))
            if self.path == "/api/v1/purchase-reconciliations":
                if meta["request_id"] in pharmacy.fails_at:
                    return self._answer(500, {})
                told = {"purchase_id": "p", "request_id": meta["request_id"], "reasons": []}
                return self._answer(200, told | {"verdict": "approved", "right": pharmacy.right})
            if self.path == "/api/v1/delegation-claims":
                return self._answer(201, {"delegation_id": "d", "status": "pending_review"})
            return self._answer(404, {"type": "/problems/not-found", "title": "no"})

        def _parts(self, body: bytes) -> tuple[Any, list[bytes]]:
            kind = self.headers["Content-Type"]
            if not kind.startswith("multipart/"):
                return json.loads(body), []
            message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=HTTP)
            parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}  # type: ignore[attr-defined]
            images = [
                part.get_payload(decode=True)
                for part in message.iter_parts()  # type: ignore[attr-defined]
                if part.get_param("name", header="content-disposition") == "images"
            ]
            return json.loads(parts["meta"].get_payload(decode=True)), images

        def _answer(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
            data = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    pharmacy.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield pharmacy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
