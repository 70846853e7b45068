"""Golden outputs: a prepared model must compute what its unprepared original computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.vision.packs.errors import GoldenMismatch
from service.vision.packs.recipe import Golden

TOLERANCE = 1e-3
"""Allowed difference, of 1 or of the value's own size; conversion moves values by 2e-5 at most, a wrong layer
by far more."""


def synthetic(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A picture-like input of `shape`, values 0..1 in steps of 1/256, the same on every machine: integers only
    until the end.

    Rings of growing frequency: a model answers them more strongly than noise.
    """
    index = np.indices(shape, dtype=np.int64)
    value = index[0] * 31
    for axis, grid in enumerate(index[1:], start=1):
        value += grid * grid * axis + grid * index[axis - 1] * 3 + grid * 29
    picture: NDArray[np.float32] = (value // 16 % 256).astype(np.float32) / np.float32(256.0)
    return picture


def scaled(shape: tuple[int, ...], entry: Mapping[str, Any]) -> NDArray[np.float32]:
    """The synthetic input as a part's manifest entry wants it: pixels 0..255 less mean, over std."""
    wanted = entry["input"]
    channels = (1, 3, 1, 1) if wanted["layout"] == "NCHW" else (1, 1, 1, 3)
    mean = np.asarray(wanted["mean"], np.float32).reshape(channels)
    std = np.asarray(wanted["std"], np.float32).reshape(channels)
    return ((synthetic(shape) * np.float32(255.0) - mean) / std).astype(np.float32)


def check_golden(model: bytes, golden: Golden, entry: Mapping[str, Any], what: str) -> float:
    """Runs `model` on the synthetic input and returns the largest difference. Raises `GoldenMismatch`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = {entry["input"]["name"]: scaled(golden.shape, entry)}
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, feeds), strict=True))
    worst = max(
        abs(float(outputs[sample.output].flat[sample.index]) - sample.value) / max(1.0, abs(sample.value))
        for sample in golden.samples
    )
    if not math.isfinite(worst) or worst > TOLERANCE:
        raise GoldenMismatch(
            f"{what} computes other numbers than {golden.reference} (off by {worst:.2g})",
            remedy="install the versions of requirements.lock and fetch again",
        )
    return worst
