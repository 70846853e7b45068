"""The whole paired agent at work: a 1080p RTSP camera before it, a server behind it that takes everything.

`python -m tests.bench.edge_memory SECONDS` prints the agent's peak of memory and how many pictures it brought.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.device_key import DeviceKey
from tests.edge_agent.rtsp import PASSWORD, USER, RtspCamera

SIZE = (1920, 1080)


class Taker(BaseHTTPRequestHandler):
    """Answers each request as a server would. It checks nothing: the agent's memory is measured, not the server."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    taken = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/api/v1/snapshots":
            Taker.taken += 1
            self._say(202, {"snapshot_id": f"{Taker.taken:032x}", "duplicate": False})
        else:
            self._say(200, {"server_time": datetime.now(UTC).isoformat(), "nonce": "n"})

    def do_GET(self) -> None:
        camera = {"camera_id": "1", "code": "cam1", "facility_code": "h", "ward_code": "w"}
        self._say(200, {"version": "1", "cadence_seconds": 1, "camera": camera})

    def _say(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_arguments: object) -> None:
        pass


def scene(number: int) -> np.ndarray:
    """1080p with grain, as a ward at night has it: a JPEG of some 500 kB."""
    rng = np.random.default_rng(number)
    return rng.integers(90, 140, (SIZE[1], SIZE[0], 3), np.uint8)


def peak_mib(pid: int) -> float:
    """The most physical memory that the process ever held, by the kernel."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    raise RuntimeError("no VmHWM: is the process gone?")


def main() -> None:
    """Run and print."""
    seconds = float(sys.argv[1])
    camera = RtspCamera(scene, distinct=4)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        DeviceKey("0" * 32, "1" * 32, "camera", "cam1", "cam1", Ed25519PrivateKey.generate()).save(folder / "key")
        (folder / "stream").write_text(f"{USER}:{PASSWORD}\n")
        command = [
            *(sys.executable, "-m", "edge_agent", "camera", "--server", f"http://127.0.0.1:{server.server_address[1]}"),
            *("--key", str(folder / "key"), "--camera", "cam1", "--spool", str(folder / "spool.db")),
            *("--source", f"rtsp://127.0.0.1:{camera.port}/ward", "--source-credentials", str(folder / "stream")),
            *("--cadence", "1", "--heartbeat", "1", "--config-every", "1"),
        ]
        log = (folder / "log").open("wb")
        agent = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 4 * seconds
            while Taker.taken < seconds / 3 and time.monotonic() < until and agent.poll() is None:
                time.sleep(0.5)
            peak = peak_mib(agent.pid)
        finally:
            agent.terminate()
            agent.wait(60)
        if Taker.taken < 3:
            raise SystemExit((folder / "log").read_text()[-2000:])
    print(json.dumps({"peak_mib": peak, "pictures": Taker.taken}))


if __name__ == "__main__":
    main()
