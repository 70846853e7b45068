"""How long a frame's analysis takes, as ratios within one run.

Ratios, since absolute times say more about the machine and its neighbours than about the product; what is compared is
called in turn, since the neighbours come and go.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from service.vision import Gallery, Pack, ReadingPolicy, RuntimeOptions, analyse_frame, decode, encode_jpeg, load_pack
from service.vision.analyse import beds_of, faces_in_beds
from service.vision.packs import PackError, default_cache
from service.vision.packs.manifest import MANIFEST
from service.vision.packs.prepare import as_made
from service.vision.packs.progress import silent
from service.vision.packs.recipe import default_recipe
from service.vision.packs.sources import obtain
from service.vision.runtime import session_options
from tests.bench.frames import WardFrame, ward_frame

ROUNDS = 15
MAX_OVERHEAD, MAX_FACES = 1.08, 0.75
_SCRFD = "scrfd-0.3.0.tar.gz"


@dataclass(frozen=True, slots=True)
class Line:
    """One result. `limit`: what the design asks for, `None` where it asks for nothing."""

    name: str
    value: float
    unit: str
    limit: float | None = None


def rows(archive: Path | None = None) -> list[Line]:
    """Analysis over its model calls, ours and their makers' own, 1:N, and the comparison with FaceAnalysis where
    `archive` (SCRFD) is at hand."""
    folder = pack_folder()
    pack = load_pack(folder)
    frames = [ward_frame(seed, {0: 0, 2: 1}) for seed in range(3)]
    return [
        *analysis_lines(frames, pack),
        *makers_lines(frames, folder),
        *matching_lines(frames[0], pack),
        *peer_lines(frames, pack, folder, archive),
    ]


def pack_folder() -> Path:
    """Where the default pack lies."""
    return Path(os.environ.get("WARDWATCH_MODELS_DIR", "models")) / "wardwatch-default"


def analysis_lines(frames: list[WardFrame], pack: Pack) -> list[Line]:
    """A whole analysis over its own model calls, and decoding apart."""
    nobody = Gallery.empty(pack.embedding_dimension)
    pack, meter = metered(pack)
    analyse_frame(frames[0].frame, frames[0].zones, {}, nobody, pack)
    ratios, totals, models, work, between = [], [], [], [], []
    for _ in range(ROUNDS):
        for ward in frames:
            before, started = meter.seconds, time.process_time()
            result = analyse_frame(ward.frame, ward.zones, {}, nobody, pack)
            spent, inside = time.process_time() - started, meter.seconds - before
            work.append(spent / inside)
            between.append(spent - inside)
            ratios.append(result.seconds_total / result.seconds_models)
            totals.append(result.seconds_total)
            models.append(result.seconds_models)
    jpeg = encode_jpeg(frames[0].frame, 85)
    decoding = median_seconds(lambda: decode(jpeg), ROUNDS)
    return [
        Line("analysis / its model calls, processor time", statistics.median(work), "ratio", MAX_OVERHEAD),
        Line("analysis less its model calls, processor time", 1000 * statistics.median(between), "ms"),
        Line("analysis / its model calls", statistics.median(ratios), "ratio", MAX_OVERHEAD),
        Line("analysis / its model calls, best tenth", float(np.percentile(ratios, 10)), "ratio"),
        Line("analysis", 1000 * statistics.median(totals), "ms"),
        Line("its model calls", 1000 * statistics.median(models), "ms"),
        Line("decode of the JPEG", 1000 * decoding, "ms"),
        Line("decode + analysis", 1000 * (decoding + statistics.median(totals)), "ms"),
    ]


def makers_lines(frames: list[WardFrame], folder: Path) -> list[Line]:
    """The same with PReLU as the models' makers have it, for which the design's limit was set: their model calls take
    longer, what surrounds them does not."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            pack = load_pack(makers_pack(folder, Path(scratch)))
    except PackError as error:
        Console(stderr=True).print(f"no source of the models at hand ({error}): the makers' own are left out")
        return []
    by_name = {line.name: line for line in analysis_lines(frames, pack)}
    return [
        replace(by_name[name], name=f"{name}, models as made", limit=None)
        for name in ("analysis / its model calls, processor time", "analysis")
    ]


def makers_pack(folder: Path, scratch: Path) -> Path:
    """The default pack with the operations that its makers chose, from the cache of sources. Raises `PackError`."""
    recipe = default_recipe()
    shutil.copytree(folder, scratch, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
    manifest = json.loads((scratch / MANIFEST).read_bytes())
    files = obtain([source for part in recipe.parts for source in part.sources], default_cache(), silent)
    for part in recipe.parts:
        sources = [files[source.sha256].read_bytes() for source in part.sources]
        data = as_made(part.step, sources).SerializeToString(deterministic=True)
        (scratch / part.file).write_bytes(data)
        manifest["tasks"][part.task]["sha256"] = hashlib.sha256(data).hexdigest()
    (scratch / MANIFEST).write_text(json.dumps(manifest))
    return scratch


class Meter:
    """Processor time of the model calls that go through it: on a busy machine the clock on the wall tells about the
    neighbours. The whole process's, since a call may use threads of its own."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, session: Any) -> Any:
        """`session`, its calls counted."""
        return _Metered(session, self)


class _Metered:
    def __init__(self, session: Any, meter: Meter) -> None:
        self._session, self._meter = session, meter

    def run(self, *arguments: Any) -> list[np.ndarray]:
        started = time.process_time()
        try:
            return self._session.run(*arguments)
        finally:
            self._meter.seconds += time.process_time() - started


def metered(pack: Pack) -> tuple[Pack, Meter]:
    """The default pack with its four sessions counted."""
    meter = Meter()
    recogniser = copy.copy(pack.embedder.recogniser)
    recogniser.session = meter.around(recogniser.session)
    parts = {
        name: replace(part, session=meter.around(part.session))
        for name, part in (("finder", pack.finder), ("mesh", pack.mesh), ("bodies", pack.bodies))
    }
    return replace(pack, embedder=replace(pack.embedder, recogniser=recogniser), **parts), meter


def matching_lines(ward: WardFrame, pack: Pack) -> list[Line]:
    """1:N of 8 faces against 100,000 templates over a whole analysis."""
    from service.vision.judge import compare

    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(100_000, pack.embedding_dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery = Gallery(tuple(f"k{i}" for i in range(len(vectors))), vectors)
    faces, keys = vectors[:8].copy(), [None] * 8
    nobody = Gallery.empty(pack.embedding_dimension)
    ratio = paired_ratio(
        lambda: compare(faces, keys, gallery, 0.4),
        lambda: analyse_frame(ward.frame, ward.zones, {}, nobody, pack),
    )
    return [Line("1:N of 8 faces in 100,000 templates / analysis", ratio, "ratio", 0.12)]


def peer_lines(frames: list[WardFrame], pack: Pack, folder: Path, archive: Path | None) -> list[Line]:
    """The faces part against insightface's FaceAnalysis (SCRFD 2.5G, the same embedder), where SCRFD is cached."""
    archive = archive or next(default_cache().rglob(_SCRFD), None)
    if archive is None:
        Console(stderr=True).print(f"no {_SCRFD} in {default_cache()}: the comparison with FaceAnalysis is left out")
        return []
    with tempfile.TemporaryDirectory() as scratch:
        peer = open_peer(archive, folder, Path(scratch))
        policy = ReadingPolicy()
        ours, theirs, found_ours, found_theirs = [], [], 0, 0
        for round_ in range(ROUNDS + 1):
            for ward in frames:
                beds = beds_of(ward.frame, ward.zones, pack)
                started = time.process_time()
                sights = faces_in_beds(ward.frame.pixels, beds, pack, policy)
                pack.embedder.embed([s.aligned for _, s in sights])
                middle = time.process_time()
                peers = peer.get(ward.frame.pixels)
                ended = time.process_time()
                if round_:
                    ours.append(middle - started)
                    theirs.append(ended - middle)
                    found_ours += len({index for index, _ in sights if ward.occupied[index]})
                    found_theirs += len(peers)
    there = ROUNDS * sum(sum(w.occupied) for w in frames)
    return [
        Line("faces part / FaceAnalysis (SCRFD 640, same embedder)", ratio_of(ours, theirs), "ratio", MAX_FACES),
        Line("faces found, ours", found_ours / there, "of visible"),
        Line("faces found, FaceAnalysis", found_theirs / there, "of visible"),
    ]


def open_peer(archive: Path, folder: Path, scratch: Path) -> Any:
    """FaceAnalysis over a folder with SCRFD from `archive` and our prepared SFace, options as ours."""
    from insightface.app import FaceAnalysis

    with tarfile.open(archive) as tar:
        member = next(m for m in tar.getmembers() if m.name.endswith("models/scrfd.onnx"))
        content = tar.extractfile(member)
        assert content is not None
        (scratch / "scrfd.onnx").write_bytes(content.read())
    shutil.copy(folder / "sface.onnx", scratch / "sface.onnx")
    (scratch / "MODEL.LICENSE").write_text("for comparison only")
    tasks = {
        "detection": {"file": "scrfd.onnx", "preprocessing": {"mean": 127.5, "std": 128.0}},
        "recognition": {
            "file": "sface.onnx",
            "preprocessing": {"mean": 0.0, "std": 1.0},
            "embedding_dimension": 128,
        },
    }
    manifest = {"manifest_version": 2, "model_id": "peer", "license": "MODEL.LICENSE", "tasks": tasks}
    (scratch / "manifest.json").write_text(json.dumps(manifest))
    options = RuntimeOptions()
    app = FaceAnalysis(str(scratch), providers=list(options.providers), sess_options=session_options(options))
    app.prepare(ctx_id=0, det_thresh=0.3, det_size=(640, 640))
    return app


def ratio_of(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios of neighbours in time: a busy machine slows both."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def median_seconds(call: Callable[[], object], rounds: int) -> float:
    """The median time of `call`, after one call that does not count."""
    call()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def paired_ratio(one: Callable[[], object], other: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of processor time of `one` over that of `other`, called in turn, after a turn that does not count."""
    ratios = []
    for round_ in range(rounds + 1):
        started = time.process_time()
        one()
        middle = time.process_time()
        other()
        ended = time.process_time()
        if round_:
            ratios.append((middle - started) / (ended - middle))
    return statistics.median(ratios)
