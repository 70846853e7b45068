"""The camera agent's spool: pictures a second made durable, sealed and signed, and the memory of the process.

`python -m tests.bench.bench_edge [--json]`. Run in a process of its own: memory is this process's peak.
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
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.table import Table

from edge_agent.frames import CapturedFrame
from edge_agent.spool import DropOldest, Spool
from edge_agent.spool_seal import SpoolSeal
from service.contracts import CaptureStatement, signed_bytes

if TYPE_CHECKING:
    from tests.bench.bench_vision import Line

MAX_MS, MAX_MEMORY = 5.0, 150.0  # 200 pictures a second
PICTURES, BYTES = 1000, 100_000


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
    """The same, here."""
    picture = os.urandom(BYTES)
    with tempfile.TemporaryDirectory(dir=os.environ.get("WARDWATCH_BENCH_DIR")) as folder:
        spooled = _seconds(Path(folder) / "spool.db", picture)
        bare = _bare_seconds(Path(folder) / "bare", picture)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    return [
        Figure(f"agent: spool a picture of {BYTES // 1000} kB, sealed, signed, durable", 1000 * spooled, "ms", MAX_MS),
        Figure("agent: the same bytes written and fsynced to a file", 1000 * bare, "ms"),
        Figure("agent: peak memory while spooling", peak, "MiB", MAX_MEMORY),
    ]


def _seconds(path: Path, picture: bytes) -> float:
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

    seal = SpoolSeal.open(path.with_name("key"))
    with Spool(path, "cam1", DropOldest(1 << 30), seal=seal, signer=sign) as spool:
        begun = time.perf_counter()
        for number in range(PICTURES):
            spool.put(CapturedFrame(number.to_bytes(4) + picture, datetime.now(UTC)))
        return (time.perf_counter() - begun) / PICTURES


def _bare_seconds(path: Path, picture: bytes) -> float:
    with path.open("wb", buffering=0) as file:
        begun = time.perf_counter()
        for _ in range(PICTURES // 5):
            file.write(picture)
            os.fsync(file.fileno())
        return (time.perf_counter() - begun) / (PICTURES // 5)


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
