"""What a process would gain by loading graphs that onnxruntime has optimised and saved before."""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path
from statistics import median

import onnxruntime

from service.vision import RuntimeOptions
from service.vision.runtime import session_options
from tests.bench.bench_vision import Line, pack_folder

_ROUNDS = 7


def rows() -> list[Line]:
    """Processor time of loading the pack's four models: as shipped, as saved, and as saved with the check that a saved
    file would need (SHA-256), since whoever can write it decides what the product sees."""
    shipped = sorted(pack_folder().glob("*.onnx"))
    with tempfile.TemporaryDirectory() as scratch:
        saved = [save(path, Path(scratch)) for path in shipped]
        plain, optimised, checked = [], [], []
        for _ in range(_ROUNDS):
            plain.append(timed(shipped, optimise=True))
            optimised.append(timed(saved, optimise=False))
            checked.append(timed(saved, optimise=False, check=True))
        size = sum(path.stat().st_size for path in saved) / 1e6
    return [
        Line("start: models as shipped, optimised when loaded", 1000 * median(plain), "ms"),
        Line("start: the same, saved optimised", 1000 * median(optimised), "ms"),
        Line("start: saved optimised, and checked", 1000 * median(checked), "ms"),
        Line("start: what would be kept beside the pack, for this machine alone", size, "MB"),
    ]


def save(path: Path, folder: Path) -> Path:
    """The model at `path` as onnxruntime keeps it in memory after optimising, in `folder`."""
    target, options = folder / path.name, session_options(RuntimeOptions())
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return target


def timed(paths: list[Path], *, optimise: bool, check: bool = False) -> float:
    """Seconds of processor time to open all of `paths`; `check`: with the SHA-256 of each."""
    started = time.process_time()
    for path in paths:
        options = session_options(RuntimeOptions())
        if not optimise:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        if check:
            hashlib.sha256(path.read_bytes()).hexdigest()
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return time.process_time() - started
