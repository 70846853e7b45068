"""A purchase's burst: five frames decoded, judged and compared 1:1, in the server's process."""

from __future__ import annotations

import time

import cv2
import numpy as np

from service.simulator.heads import HeadCamera, Motion, genuine_burst
from service.vision import Gallery, Pack, RuntimeOptions, decode, load_pack
from service.vision.liveness import judge_burst, pauses_for, turns_for
from service.vision.liveness.look import look_at
from tests.bench.bench_vision import Line, pack_folder
from tests.rendered import library

_RUNS = 30
_TEMPLATES = 5


def rows() -> list[Line]:
    """95th percentile over bursts of rendered turns, 640 x 480, wall and CPU, and the ratio of CPU to the model calls,
    made once more in one thread. The challenge's rhythm is checked as the server does."""
    cv2.setNumThreads(1)
    pack = load_pack(pack_folder(), RuntimeOptions())
    head, draws = library(pack).head("f35"), np.random.default_rng(1)
    vectors = draws.standard_normal((_TEMPLATES, pack.embedding_dimension)).astype(np.float32)
    gallery = Gallery(tuple("abcde"), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    seconds, shares, work = [], [], []
    for run in range(_RUNS):
        turns = turns_for(f"bench-{run}")
        shots = genuine_burst(head, turns, HeadCamera(run), Motion())
        images = [bytes(cv2.imencode(".jpg", shot)[1]) for shot in shots]
        pauses = pauses_for(f"bench-{run}")
        times = [sum(pauses[: index + 1]) + 0.8 * index for index in range(len(turns))]
        began, spent = time.perf_counter(), time.process_time()
        judgement = judge_burst([decode(image) for image in images], turns, pack, frame_times=times, pauses=pauses)
        if judgement.embedding is not None:
            _ = gallery.vectors @ judgement.embedding
        seconds.append(time.perf_counter() - began)
        work.append(time.process_time() - spent)
        shares.append(work[-1] / _model_seconds(images, pack))
    return [
        Line("kiosk: burst of 5 frames, decoded and judged, p95", float(np.percentile(seconds, 95)), "s", 1.0),
        Line("kiosk: burst of 5 frames, median", float(np.median(seconds)), "s"),
        Line("kiosk: burst of 5 frames, CPU, p95", float(np.percentile(work, 95)), "s"),
        Line("kiosk: burst of 5 frames, CPU, median", float(np.median(work)), "s"),
        Line("kiosk: burst, CPU over the time in its model calls", float(np.median(shares)), "ratio"),
    ]


def _model_seconds(images: list[bytes], pack: Pack) -> float:
    """Seconds in the models for finding, refining and embedding the faces of `images`, one after the other."""
    frames = [decode(image) for image in images]
    before = pack.model_seconds()
    assert pack.mesh is not None
    for frame in frames:
        look = look_at(frame, pack, pack.mesh)
        if look is not None:
            pack.embedder.embed([look.aligned])
    return pack.model_seconds() - before
