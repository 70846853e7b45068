"""`make bench`: every benchmark of the product, each figure with its conditions and what the design asks for.

`python -m tests.bench [--json] [--only vision] [--frames 10000] [--scrfd scrfd-0.3.0.tar.gz]`
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
import onnxruntime
from rich.console import Console
from rich.table import Table

from service.vision.packs import pack_hash
from tests.bench import (
    bench_edge,
    bench_int8,
    bench_kiosk,
    bench_memory,
    bench_occupancy,
    bench_pharmacy,
    bench_screening,
    bench_start,
    bench_unchanged,
    bench_vision,
)
from tests.bench.bench_vision import Line, pack_folder


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", help="the topic of one benchmark")
    parser.add_argument("--frames", type=int, default=240, help="frames of the memory benchmark")
    parser.add_argument("--scrfd", type=Path, help="scrfd-0.3.0.tar.gz; sought in the cache of packages if left out")
    arguments = parser.parse_args()
    topics: dict[str, Callable[[], list[Line]]] = {
        "edge": bench_edge.rows,
        "kiosk": bench_kiosk.rows,
        "pharmacy": bench_pharmacy.rows,
        "vision": lambda: bench_vision.rows(arguments.scrfd),
        "unchanged": bench_unchanged.rows,
        "int8": bench_int8.rows,
        "start": bench_start.rows,
        "screening": bench_screening.rows,
        "occupancy": bench_occupancy.rows,
        "memory": lambda: bench_memory.rows(arguments.frames),
    }
    chosen = {name: call for name, call in topics.items() if arguments.only in (None, name)}
    if not chosen:
        parser.error(f"--only is one of: {', '.join(topics)}")
    lines = [line for call in chosen.values() for line in call()]
    if arguments.json:
        print(json.dumps({"conditions": conditions(), "lines": [asdict(line) for line in lines]}, indent=2))
        return
    table = Table(title="\n".join(f"{k}: {v}" for k, v in conditions().items()), title_justify="left")
    for name in ("what", "measured", "unit", "asked"):
        table.add_column(name, justify="left" if name in ("what", "unit") else "right")
    for line in lines:
        table.add_row(line.name, f"{line.value:.3g}", line.unit, "" if line.limit is None else f"<= {line.limit}")
    Console().print(table)


def conditions() -> dict[str, str]:
    """What the figures hold for."""
    folder = pack_folder()
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "onnxruntime": onnxruntime.__version__,
        "pack": f"{folder.name} {pack_hash(folder)[:12]}",
        "frames": "1920x1080, 4 beds, 2 visible faces; 1 thread a session; medians of turns",
    }


if __name__ == "__main__":
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", category=FutureWarning)
    main()
