"""A loaded model pack: the parts a frame's analysis calls, behind protocols."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from service.vision.bodies import BodyFinder, NanoDetFinder
from service.vision.calibration import read_calibration
from service.vision.embed import Embedder, InsightfaceEmbedder, quiet_insightface
from service.vision.errors import PackUnusable
from service.vision.faces import VIEW_SIDE, FaceFinder
from service.vision.mesh import FaceMesh, LandmarkMesh
from service.vision.packs.errors import PackError
from service.vision.packs.files import sha256_of
from service.vision.packs.manifest import MANIFEST, PackManifest, pack_hash, read_manifest
from service.vision.runtime import (
    InsightfaceSession,
    ModelTimer,
    RuntimeOptions,
    TimedSession,
    check_available,
    check_running,
    open_session,
    session_options,
)
from service.vision.scrfd import InsightfaceFinder
from service.vision.yunet import YuNetFinder

_FINDER, _MESH, _EMBEDDER, _BODIES = "face_detection", "face_mesh", "recognition", "body_detection"


@dataclass(frozen=True, slots=True)
class PackThresholds:
    """Where a pack's own scores begin to mean something; all 0..1. A pack's manifest may say otherwise.

    `face`: finder's score with a mesh that confirms it. `face_alone`: without. `face_flag`: the mesh's belief. On 12
    empty beds no upright find reached .5; of four angles one did (.72), which is why other angles need a body as well.
    `same_person`: cosine, see `ReadingPolicy.same_person`.
    """

    face: float = 0.3
    face_alone: float = 0.6
    face_flag: float = 0.5
    same_person: float = 0.40


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything that turns pixels into facts. Shared by threads; `mesh` and `bodies` are missing from packs made by
    others, whose finder's own five points are then used, and whose beds without a face stay unobserved."""

    model_id: str
    pack_hash: str
    finder: FaceFinder
    embedder: Embedder
    mesh: LandmarkMesh | None = None
    bodies: BodyFinder | None = None
    thresholds: PackThresholds = PackThresholds()
    timer: ModelTimer = field(default_factory=ModelTimer, repr=False)

    @property
    def embedding_dimension(self) -> int:
        """How many numbers a template has."""
        return self.embedder.dimension

    def model_seconds(self) -> float:
        """Seconds that the calling thread has spent in this pack's model calls."""
        return self.timer.seconds()


def load_pack(folder: Path, options: RuntimeOptions | None = None) -> Pack:
    """The pack in `folder`: ours, or any insightface pack (manifest V2, or ONNX files as `buffalo_l` has them).

    Raises `PackMissing` or `PackInvalid` for a manifest that is not one, `PackUnusable` for a part that is missing or
    does not open, `ProviderMissing` when a provider asked for does not start.
    """
    options = options or RuntimeOptions()
    check_available(options)
    quiet_insightface()
    if not (folder / MANIFEST).is_file() and any(folder.glob("*.onnx")):
        return _insightface_pack(folder, None, options)
    manifest = read_manifest(folder)
    if _FINDER in manifest.parts:
        return _calibrated(_own_pack(manifest, options), folder)
    return _calibrated(_insightface_pack(folder, manifest, options), folder)


def _calibrated(pack: Pack, folder: Path) -> Pack:
    """The pack with the threshold that was measured here (`wardwatch evaluate calibrate`), if one was."""
    measured = read_calibration(folder, pack.pack_hash)
    if measured is None:
        return pack
    return replace(pack, thresholds=replace(pack.thresholds, same_person=measured.same_person))


def stated_threshold(folder: Path) -> tuple[str, float] | None:
    """The hash of the pack in `folder` and the cosine from which two of its embeddings are one person's, calibration
    included, from its small files alone; `None` where there is no whole pack with a manifest."""
    try:
        manifest = read_manifest(folder)
        own = pack_hash(folder)
        measured = read_calibration(folder, own)
    except (PackError, PackUnusable, OSError):
        return None
    return own, measured.same_person if measured is not None else _thresholds(manifest).same_person


def _own_pack(manifest: PackManifest, options: RuntimeOptions) -> Pack:
    timer = ModelTimer()
    thresholds = _thresholds(manifest)

    def opened(task: str) -> TimedSession | None:
        if task not in manifest.parts:
            return None
        _require_own_bytes(manifest, task)
        if manifest.parts[task].input is None:
            raise PackUnusable(
                f"the manifest of {manifest.model_id} does not say what {manifest.parts[task].file} asks of pixels",
                field=f"tasks.{task}.input",
                remedy="state name, layout, colour, mean and std there",
            )
        return open_session(manifest.path(task), options, timer, manifest.parts[task].input)

    finder, mesh, bodies = opened(_FINDER), opened(_MESH), opened(_BODIES)
    if finder is None:
        raise PackUnusable(f"pack {manifest.model_id} finds no faces", field="tasks", remedy="choose another pack")
    return Pack(
        model_id=manifest.model_id,
        pack_hash=pack_hash(manifest.folder),
        finder=YuNetFinder(finder, threshold=thresholds.face, input_name=finder.input_names[0]),
        embedder=_embedder(manifest, options, timer),
        mesh=FaceMesh(mesh, input_name=mesh.input_names[0]) if mesh else None,
        bodies=NanoDetFinder(bodies, input_name=bodies.input_names[0]) if bodies else None,
        thresholds=thresholds,
        timer=timer,
    )


def _require_own_bytes(manifest: PackManifest, task: str) -> None:
    """Raises `PackUnusable` when the file is not the one that the manifest names. A manifest that came with an update
    beside models of before it would give templates the name of a pack that did not make them."""
    stated, path = manifest.parts[task].sha256, manifest.path(task)
    if stated is not None and path.is_file() and sha256_of(path) != stated:
        raise PackUnusable(
            f"{path.name} is not the file that the manifest of {manifest.model_id} names",
            field=f"tasks.{task}",
            remedy="run: wardwatch models fetch",
        )


def _thresholds(manifest: PackManifest) -> PackThresholds:
    chosen = PackThresholds()
    for task, name, attribute in ((_FINDER, "score", "face"), (_EMBEDDER, "same_person", "same_person")):
        part = manifest.parts.get(task)
        if part is not None and name in part.thresholds:
            chosen = replace(chosen, **{attribute: part.thresholds[name]})
    return chosen


def _embedder(manifest: PackManifest, options: RuntimeOptions, timer: ModelTimer) -> InsightfaceEmbedder:
    """insightface opens its own recognition part: it checks the file's sha256 and reads the preprocessing."""
    from insightface.model_zoo import get_model, load_model_package

    try:
        package = load_model_package(manifest.folder)
        task = package.task(_EMBEDDER)
        recogniser = get_model(
            str(manifest.folder),
            model_task=_EMBEDDER,
            model_descriptor=task,
            sess_options=session_options(options),
            providers=list(options.providers),
        )
    except Exception as error:  # insightface and onnxruntime raise a dozen unrelated types here
        raise PackUnusable(
            f"the recognition part of {manifest.model_id} cannot be opened: {_first_line(error)}",
            field="tasks.recognition",
            remedy="run: wardwatch models verify",
        ) from None
    return _counted(recogniser, int(task.metadata["embedding_dimension"]), options, timer)


def _insightface_pack(folder: Path, manifest: PackManifest | None, options: RuntimeOptions) -> Pack:
    from insightface.app import FaceAnalysis

    timer = ModelTimer()
    try:
        app = FaceAnalysis(
            str(folder),
            allowed_modules=["detection", "recognition"],
            providers=list(options.providers),
            sess_options=session_options(options),
        )
        thresholds = PackThresholds(face_alone=0.5)
        app.prepare(ctx_id=0, det_thresh=thresholds.face_alone, det_size=(VIEW_SIDE, VIEW_SIDE))
        detector, recogniser = app.models["detection"], app.models["recognition"]
    except Exception as error:  # as above; also AssertionError for a folder without a detector
        raise PackUnusable(
            f"insightface cannot open {folder.name}: {_first_line(error)}",
            field="folder",
            remedy="name a folder with a detection and a recognition model",
        ) from None
    check_running(detector.session.get_providers(), options)
    detector.session = InsightfaceSession(detector.session, timer)
    dimension = int(recogniser.output_shape[-1])
    return Pack(
        model_id=manifest.model_id if manifest else folder.name,
        pack_hash=pack_hash(folder) if manifest else _hash_of_files(folder),
        finder=InsightfaceFinder(detector),
        embedder=_counted(recogniser, dimension, options, timer),
        thresholds=thresholds,
        timer=timer,
    )


def _counted(recogniser: Any, dimension: int, options: RuntimeOptions, timer: ModelTimer) -> InsightfaceEmbedder:
    check_running(recogniser.session.get_providers(), options)
    recogniser.session = InsightfaceSession(recogniser.session, timer)
    return InsightfaceEmbedder(recogniser, dimension)


def _hash_of_files(folder: Path) -> str:
    """sha256 over the names and hashes of the ONNX files, for packs that have no manifest to say more."""
    import hashlib

    lines = [f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}\n" for p in sorted(folder.glob("*.onnx"))]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
