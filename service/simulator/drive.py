"""A scenario driven through a running server in event time: pictures through the agents, records through the API."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from service.kit.intervals import Interval
from service.simulator.agents import CameraBox
from service.simulator.api import Api
from service.simulator.credentials import Credentials
from service.simulator.errors import Stuck
from service.simulator.obeying import calls_at, obey_all, open_call
from service.simulator.records import HospitalSystem, RecordedEvent
from service.simulator.relay import Relay
from service.simulator.scenario import Scenario
from service.simulator.schedule import Shot, pauses, shots
from service.simulator.staff import Staff
from service.simulator.studio import RenderAhead, StudioSetup, TakenShot, portraits

_AHEAD = 4
"""Steps that are rendered before they are needed."""
_POLL_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 1.0
_SECONDS_A_JOB = 0.03
"""Asking costs the server time as well: the more it still has to do, the later it is asked again."""
_STUCK_SECONDS = 180.0
_DEPTH = re.compile(r'^wardwatch_jobs_queued\{kind="([^"]+)",state="([^"]+)"\} ([0-9.e+]+)$', re.MULTILINE)
_ASKED = re.compile(r"^wardwatch_edge_requests_open\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE)
_OURS = ("sightings.", "presence.", "screening.")


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a run has come. `event_time`: up to where everything is judged."""

    event_time: datetime
    pictures: int
    of_pictures: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did. `snapshots`: the server's id of each picture, by camera and instant."""

    snapshots: dict[tuple[str, datetime], str]
    pictures: int
    late: int
    looks: int
    seconds: float
    waits_for_server: int


class Driver:
    """One run of one scenario against one server. `folder` holds spools, tokens and pictures under way."""

    def __init__(
        self, setup: StudioSetup, server: str, credentials: Credentials, folder: Path, models: Path | None = None
    ) -> None:
        """`models`: the pack with which boxes read their pictures themselves, where the credentials say so."""
        self._models = models if credentials.matching == "local" else None
        self._setup = setup
        self._scenario = setup.scenario
        self._folder = folder
        self._api = Api(server, token=credentials.driver)
        self._people = (Api(server, person=credentials.nurse), Api(server, person=credentials.inspector))
        self._staff = Staff(setup.scenario, *self._people)
        self._records = HospitalSystem(setup.scenario, portraits(setup))
        self._credentials = credentials
        parts = urlsplit(server)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._boxes: dict[str, CameraBox] = {}
        self._late = 0

    def run(self, tell: Callable[[Advance], None]) -> RunReport:
        """Drives the scenario to its end. Raises `ServerAway`, `ServerRefused`, `AgentEnded`, `Stuck`."""
        began = time.monotonic()
        ahead = RenderAhead(self._setup, self._folder / "studio")
        try:
            steps = steps_of(self._scenario, shots(self._scenario))
            queue = [ahead.begin(step.shots) for step in steps[:_AHEAD]]
            self._records.open_books(self._api)
            self._open_boxes()
            dropped = self._run_steps(steps, queue, ahead, tell)
            snapshots = {
                (code, at): snapshot_id
                for code, box in self._boxes.items()
                for at, snapshot_id in box.relay.snapshots().items()
            }
        finally:
            ahead.close()
            for box in self._boxes.values():
                box.stop()
                box.relay.close()
        waits = self._api.waited_for_server + sum(person.waited_for_server for person in self._people)
        return RunReport(snapshots, dropped, self._late, self._staff.looks, time.monotonic() - began, waits)

    def close(self) -> None:
        """Closes connections."""
        for api in (self._api, *self._people):
            api.close()

    def _open_boxes(self) -> None:
        for camera in self._scenario.cameras:
            relay, credentials = Relay(*self._target), self._credentials
            token = credentials.cameras.get(camera.code, "")
            device = credentials.devices.get(camera.code, "")
            home = self._folder / "boxes"
            self._boxes[camera.code] = CameraBox(camera.code, token, relay, home, device, self._models)

    def _run_steps(
        self,
        steps: Sequence[Step],
        queue: list[Future[list[TakenShot]]],
        ahead: RenderAhead,
        tell: Callable[[Advance], None],
    ) -> int:
        events = list(self._records.events())
        planned = sum(len(step.shots) for step in steps)
        dropped, watermark = 0, self._scenario.start
        for number, step in enumerate(steps):
            taken = queue.pop(0).result()
            if number + _AHEAD < len(steps):
                queue.append(ahead.begin(steps[number + _AHEAD].shots))
            self._set_network(step.span.start)
            for item in taken:
                self._boxes[item.shot.camera].drop(item.path, item.shot.at)
            dropped += len(taken)
            self._wait_until_done(watermark)
            self._answer(watermark)
            self._move(step.span.end)
            watermark = step.span.end
            events = self._record(events, watermark)
            dropped += self._call(watermark, ahead)
            tell(Advance(watermark, dropped, planned, self._note()))
        self._set_network(watermark)
        self._wait_until_done(watermark)
        while self._answer(watermark):
            self._wait_until_done(watermark)
        return dropped

    def _call(self, at: datetime, ahead: RenderAhead) -> int:
        """Opens the roll calls of this instant, and lets every camera obey; how many pictures that took."""
        taken = 0
        for call in calls_at(self._scenario, at):
            open_call(self._scenario, call, self._people[1])
            taken += obey_all(self._scenario, list(self._boxes.values()), at, lambda shots: self._take(shots, ahead))
        return taken

    def _take(self, shots: Sequence[Shot], ahead: RenderAhead) -> None:
        for item in ahead.begin(shots).result():
            self._boxes[item.shot.camera].drop(item.path, item.shot.at)

    def _record(self, events: list[RecordedEvent], upto: datetime) -> list[RecordedEvent]:
        """Tells the server what the hospital's system has recorded by `upto`; returns the rest."""
        for event in events:
            if event.at <= upto:
                event.send(self._api)
        return [event for event in events if event.at > upto]

    def _move(self, watermark: datetime) -> None:
        code = self._scenario.facility.code
        self._api.post(f"/api/v1/facilities/{code}/watermark", {"to": watermark.isoformat()})

    def _answer(self, watermark: datetime) -> int:
        return self._staff.answer(self._api, watermark)

    def _set_network(self, at: datetime) -> None:
        for item in self._scenario.disturbances:
            if item.kind != "network_cut":
                continue
            relay = self._boxes[item.camera].relay
            if item.interval.contains(at) and not relay.is_cut:
                relay.cut()
            elif item.end == at and relay.is_cut:
                self._late += self._boxes[item.camera].undelivered()
                relay.mend()

    def _wait_until_done(self, watermark: datetime) -> None:
        """Waits until every picture is delivered and everything that follows from it is done. Raises `Stuck`."""
        until = time.monotonic() + _STUCK_SECONDS
        while time.monotonic() < until:
            boxes = [box for box in self._boxes.values() if not box.relay.is_cut]
            waiting = sum(box.undelivered() for box in boxes) or self._jobs()
            if not waiting:
                return
            time.sleep(min(max(_POLL_SECONDS, waiting * _SECONDS_A_JOB), _LONGEST_POLL_SECONDS))
        raise Stuck(f"nothing moves at {watermark.isoformat()}", remedy="see the server's and the agents' logs")

    def _jobs(self) -> int:
        """How much work of ours the server still has. Raises `Stuck` when some of it has failed for good."""
        text = self._api.text("/metrics")
        depths = [(kind, state, float(n)) for kind, state, n in _DEPTH.findall(text)]
        ours = [(kind, state, n) for kind, state, n in depths if kind.startswith(_OURS) and n]
        failed = [f"{n:.0f} {kind}" for kind, state, n in ours if state == "failed"]
        if failed:
            raise Stuck(f"jobs have failed: {', '.join(failed)}", remedy="see the server's log")
        asked = sum(float(n) for n in _ASKED.findall(text))  # of boxes that keep their pictures
        return int(sum(n for _, _, n in ours) + asked)

    def _note(self) -> str:
        cut = [code for code, box in self._boxes.items() if box.relay.is_cut]
        return f"network of {', '.join(cut)} cut" if cut else ""


@dataclass(frozen=True, slots=True)
class Step:
    """The pictures taken after `span.start` and not after `span.end`."""

    span: Interval
    shots: tuple[Shot, ...]


def steps_of(scenario: Scenario, plan: Sequence[Shot]) -> list[Step]:
    """The scenario cut at its pauses."""
    found, start = [], scenario.start
    for end in pauses(scenario):
        first = start == scenario.start
        inside = tuple(shot for shot in plan if start < shot.at <= end or (first and shot.at == start))
        found.append(Step(Interval(start, end), inside))
        start = end
    return found
