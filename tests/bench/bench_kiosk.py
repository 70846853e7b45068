"""A purchase's burst: five frames decoded, judged and compared 1:1, in the server's process."""

from __future__ import annotations

import time

import cv2
import numpy as np

from service.simulator.heads import HeadCamera, Motion, genuine_burst
from service.vision import Gallery, RuntimeOptions, decode, load_pack
from service.vision.liveness import judge_burst, turns_for
from tests.bench.bench_vision import Line, pack_folder
from tests.rendered import library

_RUNS = 30
_TEMPLATES = 5


def rows() -> list[Line]:
    """95th percentile over bursts of rendered turns, 640 x 480, and its ratio to the model calls in it."""
    cv2.setNumThreads(1)
    pack = load_pack(pack_folder(), RuntimeOptions())
    head, draws = library(pack).head("f35"), np.random.default_rng(1)
    vectors = draws.standard_normal((_TEMPLATES, pack.embedding_dimension)).astype(np.float32)
    gallery = Gallery(tuple("abcde"), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    seconds, shares = [], []
    for run in range(_RUNS):
        turns = turns_for(f"bench-{run}")
        shots = genuine_burst(head, turns, HeadCamera(run), Motion())
        images = [bytes(cv2.imencode(".jpg", shot)[1]) for shot in shots]
        before, began = pack.model_seconds(), time.perf_counter()
        judgement = judge_burst([decode(image) for image in images], turns, pack)
        if judgement.embedding is not None:
            _ = gallery.vectors @ judgement.embedding
        seconds.append(time.perf_counter() - began)
        shares.append(seconds[-1] / (pack.model_seconds() - before))
    return [
        Line("kiosk: burst of 5 frames, decoded and judged, p95", float(np.percentile(seconds, 95)), "s", 1.0),
        Line("kiosk: burst of 5 frames, median", float(np.median(seconds)), "s"),
        Line("kiosk: burst over its model calls", float(np.median(shares)), "ratio"),
    ]
