"""The camera agent: pictures a second made durable, sealed and signed, beside what the disk itself can do; and the
memory of the whole paired agent, which reads a 1080p stream, signs, and talks to a server.

`python -m tests.bench.bench_edge [--json]`. Memory is the agent's own peak, as its system counts it (VmHWM).
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.table import Table

from edge_agent.agent import GROUP_FRAMES, Agent
from edge_agent.frames import CapturedFrame
from edge_agent.settings import AgentSettings
from edge_agent.spool import DropOldest, Spool
from edge_agent.spool_report import read_status
from edge_agent.spool_seal import SpoolSeal
from service.contracts import CaptureStatement, signed_bytes

if TYPE_CHECKING:
    from tests.bench.bench_vision import Line

MAX_MEMORY = 150.0
GROUPED_MS = 5.0
"""200 pictures a second."""
TURNS, PICTURES, BYTES = 4, 64, 100_000
CAMERAS, EACH, BACKLOG = 8, 32, 600
AGENT_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Figure:
    """As `Line` of the other benchmarks, whose imports alone would take the memory that is measured here."""

    name: str
    value: float
    unit: str
    limit: float | None = None


def rows() -> list[Line]:
    """Each measurement, in a process of its own: the peak of its memory is then the spool's."""
    from tests.bench.bench_vision import Line

    command = [sys.executable, "-m", "tests.bench.bench_edge", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [Line(**line) for line in json.loads(done.stdout)]


def measure() -> list[Figure]:
    """The same, here. The three ways of writing take turns, so that what else the disk does hits each."""
    picture = os.urandom(BYTES)
    alone, together, bare = [], [], []
    with tempfile.TemporaryDirectory(dir=os.environ.get("WARDWATCH_BENCH_DIR")) as name:
        folder = Path(name)
        seal = SpoolSeal.open(folder / "key")
        with Spool(folder / "spool.db", "cam1", DropOldest(1 << 30), seal=seal, signer=_signer()) as spool:
            for _ in range(TURNS):
                alone.append(_seconds(lambda frames: [spool.put(frame) for frame in frames], picture, 1))
                together.append(_seconds(spool.put_all, picture, GROUP_FRAMES))
                bare.append(_bare_seconds(folder / "bare", picture))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    one, grouped, disk = min(alone), min(together), min(bare)
    size = f"{BYTES // 1000} kB"
    return [
        Figure(
            f"agent: spool a picture of {size}, sealed, signed, durable, {GROUP_FRAMES} at once",
            1000 * grouped,
            "ms",
            GROUPED_MS,
        ),
        Figure("agent: the same, each alone", 1000 * one, "ms"),
        Figure("agent: the same bytes written and fsynced to a file", 1000 * disk, "ms"),
        Figure("agent: a picture alone / its bytes and the disk's own wait", one / disk, "ratio"),
        Figure(f"agent: a picture of {CAMERAS} cameras at once, a spool each, each alone", _many_ms(), "ms"),
        Figure(
            "agent: a picture of a folder's backlog, through the whole agent, no server in reach",
            _agent_ms(),
            "ms",
            GROUPED_MS,
        ),
        Figure("agent: peak memory while spooling", peak, "MiB", MAX_MEMORY),
        Figure(
            "agent: peak memory of the whole paired agent on a 1080p RTSP camera", _agent_memory(), "MiB", MAX_MEMORY
        ),
    ]


def _signer() -> Callable[[int, str, datetime, str, str], CaptureStatement]:
    key = Ed25519PrivateKey.generate()

    def sign(sequence: int, sha256: str, at: datetime, previous: str, nonce: str) -> CaptureStatement:
        signature = key.sign(signed_bytes("cam1", sha256, at, sequence, previous, nonce, "0" * 32))
        return CaptureStatement(
            camera="cam1",
            sha256=sha256,
            captured_at=at,
            sequence=sequence,
            previous=previous,
            nonce=nonce,
            key_id="0" * 32,
            signature=base64.b64encode(signature).decode(),
        )

    return sign


def _seconds(put: Callable[[list[CapturedFrame]], object], picture: bytes, at_once: int) -> float:
    """A picture, put `at_once` at a time."""
    begun = time.perf_counter()
    for first in range(0, PICTURES, at_once):
        now = datetime.now(UTC)
        put([CapturedFrame((first + number).to_bytes(4) + picture, now) for number in range(at_once)])
    return (time.perf_counter() - begun) / PICTURES


def _bare_seconds(path: Path, picture: bytes) -> float:
    with path.open("wb", buffering=0) as file:
        begun = time.perf_counter()
        for _ in range(PICTURES):
            file.write(picture)
            os.fsync(file.fileno())
        return (time.perf_counter() - begun) / PICTURES


def _many_ms() -> float:
    """A picture's share of the time, ms: the disk's waits of several cameras pass together."""
    picture = os.urandom(BYTES)
    with tempfile.TemporaryDirectory(dir=os.environ.get("WARDWATCH_BENCH_DIR")) as name, ExitStack() as stack:
        folder = Path(name)
        seal = SpoolSeal.open(folder / "key")
        spools = [
            stack.enter_context(
                Spool(folder / f"{number}.db", f"cam{number}", DropOldest(1 << 30), seal=seal, signer=_signer())
            )
            for number in range(CAMERAS)
        ]

        def fill(spool: Spool) -> None:
            for number in range(EACH):
                spool.put(CapturedFrame(number.to_bytes(4) + picture, datetime.now(UTC)))

        threads = [threading.Thread(target=fill, args=(spool,)) for spool in spools]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return 1000 * (time.perf_counter() - begun) / (CAMERAS * EACH)


def _agent_ms() -> float:
    """A picture, ms: a real agent reads a folder, seals, and tries meanwhile to reach a server that is not there."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("WARDWATCH_BENCH_DIR")) as name:
        folder = Path(name)
        (folder / "in").mkdir()
        picture = os.urandom(BYTES)
        for number in range(BACKLOG):
            data = b"\xff\xd8" + number.to_bytes(4) + picture + b"\xff\xd9"
            (folder / "in" / f"cam1_20260302T081500Z_{number}.jpg").write_bytes(data)
        (folder / "token").write_text("no-server-hears-it")
        (folder / "token").chmod(0o600)
        settings = AgentSettings.model_validate(
            {
                "server": "http://127.0.0.1:9",
                "token_file": folder / "token",
                "camera": "cam1",
                "source": f"folder:{folder / 'in'}",
                "spool": folder / "spool.db",
            }
        )
        agent = Agent(settings)
        running = threading.Thread(target=agent.run)
        running.start()
        seen: list[tuple[float, int]] = []
        while not seen or seen[-1][1] < BACKLOG:
            time.sleep(0.02)
            cameras = read_status(settings.spool) if _is_at_work(settings.spool) else ()
            taken = cameras[0].counters.get("captured", 0) if cameras else 0
            if taken:
                seen.append((time.perf_counter(), taken))
        agent.stop()
        running.join()
        (first_at, first), (last_at, last) = seen[0], seen[-1]
        return 1000 * (last_at - first_at) / (last - first)


def _is_at_work(spool: Path) -> bool:
    log = spool.with_name(spool.name + "-wal")
    return log.exists() and log.stat().st_size > BYTES


def _agent_memory() -> float:
    """MiB at the peak of a real agent, in a process of its own, that reads, seals, signs and posts for a while."""
    command = [sys.executable, "-m", "tests.bench.edge_memory", str(AGENT_SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=AGENT_SECONDS * 8)
    return float(json.loads(done.stdout)["peak_mib"])


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    lines = measure()
    if as_json:
        print(json.dumps([asdict(line) for line in lines]))
        return
    table = Table("what", "value", "unit", "asked for")
    for line in lines:
        table.add_row(line.name, f"{line.value:.2f}", line.unit, "" if line.limit is None else f"<= {line.limit:g}")
    Console().print(table)


if __name__ == "__main__":
    main()
