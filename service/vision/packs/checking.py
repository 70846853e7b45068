"""What packs there are, and whether their files are the ones their manifests name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.vision.packs.errors import PackError, PackMissing
from service.vision.packs.files import sha256_of, wrong_hash
from service.vision.packs.manifest import MANIFEST, PackManifest, pack_hash, read_manifest
from service.vision.packs.progress import Progress, silent
from service.vision.packs.recipe import DEFAULT_PACK


@dataclass(frozen=True, slots=True)
class VerifiedPack:
    """A pack whose every file has been read and found right. `unpinned`: files whose manifest states no sha256."""

    manifest: PackManifest
    pack_hash: str
    bytes: int
    unpinned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListedPack:
    """A pack folder, looked at without reading its models. `problem`: why it cannot be used, empty when it can."""

    name: str
    folder: Path
    model_id: str
    files: tuple[str, ...]
    licences: Mapping[str, str]
    commercial_use: bool | None
    pack_hash: str
    problem: str


def verify_pack(folder: Path, progress: Progress = silent) -> VerifiedPack:
    """Reads every model file and compares its sha256. Raises `PackMissing`, `PackInvalid`, `WrongHash`."""
    manifest = read_manifest(folder)
    remedy = remedy_for(manifest.model_id)
    total, unpinned = 0, []
    for index, (task, part) in enumerate(manifest.parts.items()):
        progress(f"verify {part.file}", index, len(manifest.parts))
        path = manifest.path(task)
        if not path.is_file():
            raise PackMissing(f"{path} is not there", remedy=remedy)
        actual = sha256_of(path)
        if part.sha256 is None:
            unpinned.append(part.file)
        elif actual != part.sha256:
            raise wrong_hash(str(path), part.sha256, actual, remedy)
        total += path.stat().st_size
    progress("verify", len(manifest.parts), len(manifest.parts))
    return VerifiedPack(manifest, pack_hash(folder), total, tuple(unpinned))


def list_packs(models_dir: Path) -> tuple[ListedPack, ...]:
    """Every folder of `models_dir` that has a manifest, by name; quick, so hashes are not checked."""
    if not models_dir.is_dir():
        return ()
    return tuple(_look(path.parent) for path in sorted(models_dir.glob(f"*/{MANIFEST}")))


def _look(folder: Path) -> ListedPack:
    try:
        manifest = read_manifest(folder)
        missing = [part.file for task, part in manifest.parts.items() if not manifest.path(task).is_file()]
        problem = f"{', '.join(missing)} missing: {remedy_for(manifest.model_id)}" if missing else ""
        digest = "" if missing else pack_hash(folder)
    except PackError as error:
        return ListedPack(folder.name, folder, "", (), {}, None, "", error.line())
    parts = manifest.parts.values()
    licences = {part.task: part.licence for part in parts if part.licence}
    files = tuple(part.file for part in parts)
    return ListedPack(folder.name, folder, manifest.model_id, files, licences, manifest.commercial_use, digest, problem)


def remedy_for(model_id: str) -> str:
    """How to get a pack's files back."""
    return "run: wardwatch models fetch" if model_id == DEFAULT_PACK else "run: wardwatch models import FILE"
