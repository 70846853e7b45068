"""`wardwatch models import`: a pack made elsewhere, from a folder, a ZIP or a tar, checked before it is placed.

Taken: insightface's manifest V2 (ours too), and insightface's older folders without a manifest (`det_10g.onnx`,
`w600k_r50.onnx`, ...), for which a manifest with the file hashes is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.vision.packs.archives import MAX_FILES, is_archive, unpack
from service.vision.packs.checking import VerifiedPack, verify_pack
from service.vision.packs.errors import PackError, PackExists, PackInvalid, PackMissing
from service.vision.packs.files import disk_errors, sync_tree, write_durably
from service.vision.packs.legacy import needs_manifest, written_manifest
from service.vision.packs.manifest import MANIFEST, PackManifest, read_manifest
from service.vision.packs.progress import Progress, silent
from service.vision.packs.recipe import DEFAULT_PACK, default_recipe
from service.vision.packs.staging import WAIT_S, locked, move_in, stage

NON_COMMERCIAL_EN = "This pack is for non-commercial research only, unless its makers gave you a licence."
NON_COMMERCIAL_ZH = "该模型包仅供非商业研究使用，除非已获得其作者的授权。"


@dataclass(frozen=True, slots=True)
class ImportedPack:
    """An imported pack. `licence_note`: what must be said about its licence, empty when commercial use is
    allowed."""

    folder: Path
    verified: VerifiedPack
    commercial_use: bool
    already_there: bool


def import_pack(
    source: Path,
    models_dir: Path,
    progress: Progress = silent,
    *,
    replace: bool = False,
    wait_s: float = WAIT_S,
) -> ImportedPack:
    """Checks the pack in `source` and places it as `models_dir`/<model_id>.

    Raises `PackMissing`, `PackInvalid`, `ArchiveDamaged`, `ArchiveUnsafe`, `WrongHash`, and `PackExists` when
    another pack of that name is there and `replace` is false. Nothing is placed unless everything is right.
    """
    if not source.exists():
        raise PackMissing(f"{source} is not there", remedy="name a pack folder, a ZIP or a tar file")
    with _opened(source, models_dir, progress, wait_s) as staged:
        root = _pack_root(staged)
        if needs_manifest(root):
            write_durably(root / MANIFEST, written_manifest(root, source.name))
        verified = verify_pack(root, progress)
        _refuse_impostor(verified.manifest)
        folder = models_dir / verified.manifest.model_id
        with locked(folder, progress, wait_s):
            there = _already_there(folder, verified, replace)
            if not there:
                _place(root, folder)
        placed = verify_pack(folder, progress)
    return ImportedPack(folder, placed, may_use_commercially(folder), there)


def may_use_commercially(folder: Path) -> bool:
    """Whether a pack's licence allows commercial use.

    A pack that does not say `commercial_use` is judged as insightface judges it: only a licence that its makers
    signed allows it.
    """
    stated = read_manifest(folder).commercial_use
    if stated is not None:
        return stated
    # Importing insightface costs 118 MiB; only an import of a foreign pack needs it.
    from insightface.model_zoo.model_license import STATUS_VERIFIED_COMMERCIAL, inspect_model_package_license

    return bool(inspect_model_package_license(folder).status == STATUS_VERIFIED_COMMERCIAL)


@contextmanager
def _opened(source: Path, models_dir: Path, progress: Progress, wait_s: float) -> Iterator[Path]:
    """A private copy of the source on the models' file system, gone afterwards: what is checked is what is
    placed."""
    with locked(models_dir, progress, wait_s), stage(models_dir) as staged:
        progress(f"unpack {source.name}", 0, 0)
        if source.is_dir():
            _copy_files(_pack_root(source), staged)
        elif is_archive(source):
            unpack(source, staged)
        else:
            raise PackInvalid(f"{source.name} is no ZIP or tar file", remedy="name a pack folder, a ZIP or a tar file")
        yield staged


def _copy_files(source: Path, folder: Path) -> None:
    with disk_errors(folder):
        for count, path in enumerate(_visible_files(source)):
            if count >= MAX_FILES:
                raise PackInvalid(f"{source} holds more than {MAX_FILES} files", remedy="name the pack's own folder")
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _visible_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _pack_root(folder: Path) -> Path:
    """The folder with the manifest or the models: `folder`, or the one folder in it, as archives often have it."""
    for candidate in (folder, *(path for path in sorted(folder.iterdir()) if path.is_dir())):
        if (candidate / MANIFEST).is_file() or any(candidate.glob("*.onnx")):
            return candidate
    raise PackInvalid("neither a manifest.json nor an .onnx file is in it", remedy="name a model pack")


def _refuse_impostor(manifest: PackManifest) -> None:
    """Nobody's files but the pinned ones may carry the default pack's name."""
    if manifest.model_id != DEFAULT_PACK:
        return
    pinned = {part.task: part.prepared_sha256 for part in default_recipe().parts}
    if {task: part.sha256 for task, part in manifest.parts.items()} != pinned:
        raise PackInvalid(
            f"this calls itself {DEFAULT_PACK} but holds other files",
            field="model_id",
            remedy="give it a name of its own",
        )


def _already_there(folder: Path, verified: VerifiedPack, replace: bool) -> bool:
    """Whether the same pack is there and whole. Raises `PackExists` for another whole one."""
    try:
        there = verify_pack(folder).pack_hash
    except PackError:
        return False
    if there != verified.pack_hash and not replace:
        raise PackExists(
            f"another pack called {folder.name} is already there", remedy="add --replace, or remove its folder"
        )
    return there == verified.pack_hash


def _place(root: Path, folder: Path) -> None:
    """Moves the checked files in, the manifest last, and removes what an older pack of the name left."""
    names = sorted((str(path.relative_to(root)) for path in _visible_files(root)), key=lambda name: name == MANIFEST)
    with disk_errors(folder):
        sync_tree(root)
    move_in(names, root, folder)
    for path in list(_visible_files(folder)):
        if str(path.relative_to(folder)) not in names:
            path.unlink()
