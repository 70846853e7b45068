"""The real server on the simulated day's clock. It analyses nothing: this day is about delivery."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from service.app import create_app
from service.platform.context import open_context
from service.platform.settings import Settings
from tests.e2e.day_clock import DayClock


def main() -> None:
    folder, port, origin = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    settings = Settings(
        _env_file=None, data_dir=folder / "data", worker_threads=0, public_origin=origin, signature_seconds=2400
    )
    context = open_context(settings, clock=DayClock(folder / "day.json"))
    uvicorn.run(create_app(context), host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    main()
