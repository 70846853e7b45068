"""The box's side of matching at the edge: in the place of sending pictures, and in answer to the server's questions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from edge_agent.device_clock import DeviceClock
from edge_agent.identity import Identity, KeyFileAuth
from edge_agent.logs import log, one_line
from edge_agent.matching.answers import Answers
from edge_agent.matching.box_key import box_key_path, open_box_key
from edge_agent.matching.errors import GalleryMissing, PackDiffers
from edge_agent.matching.judging import SignedReading, judge_picture, sign_reading
from edge_agent.matching.kept import KeptPicture, KeptPictures
from edge_agent.matching.ward import Ward
from edge_agent.posting import Outcome, Paused, Refused, Retry, judge
from edge_agent.spool import Spool, SpooledFrame
from edge_agent.spool_seal import SpoolSeal
from service.contracts import CaptureStatement, EdgeReadingPost
from service.kit.errors import WardwatchError
from service.vision import Pack, RuntimeOptions, load_pack

READINGS_PATH = "/api/v1/edge-readings"
EXPIRE_SECONDS = 600.0


class LocalMatching:
    """One camera's. `post` is called by the sending thread, `run` is another thread's work."""

    def __init__(
        self,
        *,
        models: Path,
        providers: tuple[str, ...] = ("CPUExecutionProvider",),
        identity: Identity,
        clock: DeviceClock,
        spool: Spool,
        seal: SpoolSeal,
        key_file: Path,
        server: str,
        keep: timedelta,
        keep_bytes: int,
        look_seconds: float,
        agent: str = "",
    ) -> None:
        """Raises `PackUnusable`, `ProviderMissing`, `KeyUnusable`, `KeptUnusable`."""
        if not isinstance(identity.credentials, KeyFileAuth):
            raise ValueError("the settings' own check forbids a token here")
        self._auth = identity.credentials
        self._clock, self._server, self._look, self._agent = clock, server, look_seconds, agent
        self._pack: Pack = load_pack(models, RuntimeOptions(providers=providers))
        beside = spool.path.with_name
        self._ward = Ward(
            beside(f"{spool.path.name}.{_safe(spool.camera)}.gallery"),
            open_box_key(box_key_path(key_file)),
            self._auth.key.device_id,
            self._pack,
            clock.server_now,
        )
        self.kept = KeptPictures(
            beside(f"{spool.path.name}.{_safe(spool.camera)}.kept"),
            spool.camera,
            seal,
            max_bytes=keep_bytes,
            life=keep,
            count=spool.count,
        )
        self._spool, self._problem = spool, ""
        self._asking = Answers(server, self._auth, self._ward, self.kept, self._pack, self._again)

    def post(
        self, client: httpx.Client, frame: SpooledFrame, deadline_seconds: float, offset_ms: int | None
    ) -> Outcome:
        """Judge the picture, keep both durably, and post the reading. Judged once, however often it is posted."""
        statement = frame.note.statement
        if statement is None:
            return Refused(0, "the picture was spooled without a statement: it cannot be spoken for")
        at = frame.captured_at + timedelta(milliseconds=offset_ms or 0)
        try:
            signed = self._signed(frame, statement, at)
        except GalleryMissing as error:
            return Retry(self._problem or error.message)
        except PackDiffers as error:
            return Paused(error.message, error.remedy)
        return self._send(client, statement, at, offset_ms, signed, deadline_seconds)

    def run(self, stop: threading.Event, open_client: Callable[[], httpx.Client]) -> None:
        """Fetch galleries and answer questions until `stop`. What fails is tried again."""
        expired = 0.0
        with open_client() as client:
            while not stop.is_set():
                try:
                    self.look(client)
                    self._say("")
                except (httpx.HTTPError, httpx.InvalidURL, WardwatchError, OSError, ValueError) as error:
                    self._say(one_line(f"{type(error).__name__}: {error}"))
                if time.monotonic() - expired >= EXPIRE_SECONDS:
                    self.kept.expire()
                    expired = time.monotonic()
                stop.wait(self._look)
        self.kept.close()

    def look(self, client: httpx.Client) -> None:
        """One round: the gallery, if there is a newer one, and what the server asks."""
        if self._ward.fetch(client, self._server, self._auth):
            log(logging.INFO, "a new gallery", camera=self._spool.camera)
            self._spool.note("gallery", "fresh")
        self._asking.answer_all(client)

    def _signed(self, frame: SpooledFrame, statement: CaptureStatement, at: datetime) -> SignedReading:
        known = self.kept.get(frame.sequence, frame.sha256)
        if known is not None:
            return SignedReading.model_validate_json(known.post)
        signed = self._judge(frame.data, statement, at)
        picture = KeptPicture(frame.sequence, frame.sha256, at, frame.data, signed.model_dump_json().encode())
        self.kept.put(picture, statement)
        return signed

    def _judge(self, data: bytes, statement: CaptureStatement, at: datetime) -> SignedReading:
        said = judge_picture(data, statement, at, self._ward.current(), self._pack, self._agent)
        self._spool.count("judged")
        return sign_reading(said, statement, self._auth.key)

    def _again(self, client: httpx.Client, picture: KeptPicture, statement: CaptureStatement, request_id: str) -> bool:
        """Judge a kept picture anew and say so; whether the server took it."""
        signed = self._judge(picture.data, statement, picture.captured_at)
        self.kept.put(
            KeptPicture(
                picture.sequence, picture.sha256, picture.captured_at, picture.data, signed.model_dump_json().encode()
            ),
            statement,
        )
        offset = round((picture.captured_at - statement.captured_at) / timedelta(milliseconds=1))
        outcome = self._send(client, statement, picture.captured_at, offset or None, signed, 30.0, request_id)
        return not isinstance(outcome, Retry | Paused)

    def _send(
        self,
        client: httpx.Client,
        statement: CaptureStatement,
        at: datetime,
        offset_ms: int | None,
        signed: SignedReading,
        deadline_seconds: float,
        request_id: str | None = None,
    ) -> Outcome:
        message = EdgeReadingPost(
            camera_id=statement.camera,
            captured_at=at,
            sequence=statement.sequence,
            clock_offset_ms=offset_ms,
            statement=statement,
            body=signed.body,
            key_id=signed.key_id,
            signature=signed.signature,
            request_id=request_id,
        )
        try:
            response = client.post(
                self._server + READINGS_PATH,
                content=message.model_dump_json(exclude_none=True),
                headers={"Content-Type": "application/json"},
                auth=self._auth,
                timeout=deadline_seconds,
            )
        except httpx.TimeoutException as error:
            return Retry(f"no answer in time ({type(error).__name__})")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Retry(one_line(f"{type(error).__name__}: {error}"))
        return judge(response.status_code, response.headers, response.content[:65536])

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._spool.note("matching", problem or "working")
            log(logging.WARNING if problem else logging.INFO, "matching", state=problem or "working")


def _safe(camera: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else f"%{ord(c):x}" for c in camera)
