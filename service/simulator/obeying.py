"""Roll calls of a scenario, and cameras that change their picture when one commands it.

The change is drawn: the room is rendered anew, darker or brighter. A replay shows it as it was, whatever its box says.
Times are event times, so the simulation's camera, not the agent's own thread, says what it did; by the box's key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from edge_agent.device_key import DeviceKey
from edge_agent.signing import SigningAuth
from service.simulator.agents import CameraBox
from service.simulator.api import Api
from service.simulator.errors import ServerRefused
from service.simulator.scenario import RollCallAt, Scenario
from service.simulator.schedule import Shot, disturbed

STEP = timedelta(seconds=10)
_HELD = timedelta(seconds=6)


@dataclass(frozen=True, slots=True)
class Obeyed:
    """One camera's answer: the roll call's id as the server named it, and the pictures of its steps."""

    camera: str
    roll_call_id: str
    shots: tuple[Shot, ...]

    def report(self) -> dict[str, object]:
        """`POST /api/v1/picture-commands`."""
        steps = [
            {
                "level": shot.exposure or shot.claimed,
                "since": (shot.at - timedelta(seconds=1)).isoformat(),
                "until": (shot.at + _HELD).isoformat(),
            }
            for shot in self.shots
        ]
        return {"roll_call_id": self.roll_call_id, "outcome": "applied", "steps": steps}


def calls_at(scenario: Scenario, at: datetime) -> tuple[RollCallAt, ...]:
    """The roll calls that begin at the instant."""
    return tuple(call for call in scenario.roll_calls if call.at == at)


def open_call(scenario: Scenario, call: RollCallAt, inspector: Api) -> None:
    """An inspector counts without warning, at the event time at which the facility stands."""
    body = {"facility": scenario.facility.code, "reason": "simulated"}
    inspector.post("/api/v1/roll-calls", body | ({"ward": call.ward} if call.ward else {}))


def commanded_of(scenario: Scenario, box: CameraBox, at: datetime) -> Obeyed | None:
    """What the box is told to do, asked as a box asks; none where no roll call is open or the box has no key."""
    key = box.key()
    if key is None or box.relay.is_cut:
        return None
    with _client(box, key) as client:
        answer = client.get("/api/v1/devices/me/config")
        _expect(answer, 200)
        told = [call for call in answer.json()["roll_calls"] if datetime.fromisoformat(call["opens_at"]) == at]
    if not told or not told[0]["command"]:
        return None
    camera = next(camera for camera in scenario.cameras if camera.code == box.camera)
    shows = not disturbed(scenario, camera, "replayed", at)
    shots = tuple(
        Shot(
            box.camera,
            at + STEP * (number + 1),
            covered=disturbed(scenario, camera, "covered", at),
            exposure=level if shows else "",
            claimed=level,
        )
        for number, level in enumerate(told[0]["command"])
    )
    return Obeyed(box.camera, str(told[0]["roll_call_id"]), shots)


def say(box: CameraBox, obeyed: Obeyed) -> None:
    """Tells the server what was done, signed by the box. Raises `ServerRefused`."""
    key = box.key()
    if key is not None:
        with _client(box, key) as client:
            _expect(client.post("/api/v1/picture-commands", json=obeyed.report()), 202)


def obey_all(
    scenario: Scenario,
    boxes: Sequence[CameraBox],
    at: datetime,
    take: Callable[[Sequence[Shot]], None],
) -> int:
    """Every box obeys the roll call that opened at `at`; `take` brings pictures to the boxes. How many there were."""
    obeyed = [(box, done) for box in boxes if (done := commanded_of(scenario, box, at)) is not None]
    taken = [shot for _, done in obeyed for shot in done.shots]
    take(taken)
    for box, done in obeyed:
        say(box, done)
    return len(taken)


def _client(box: CameraBox, key: DeviceKey) -> httpx.Client:
    return httpx.Client(base_url=box.server, auth=SigningAuth(key), timeout=30.0, trust_env=False, transport=box.line())


def _expect(answer: httpx.Response, status: int) -> None:
    if answer.status_code != status:
        raise ServerRefused(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:200]}",
            remedy="see the server's log; are server and simulator of the same version?",
        )
