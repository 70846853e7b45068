"""`wardwatch models fetch`: the default pack, from registry to verified folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service.vision.calibration import drop_other_calibration
from service.vision.packs.card import card_text
from service.vision.packs.checking import VerifiedPack, verify_pack
from service.vision.packs.errors import PackMissing, WrongHash
from service.vision.packs.files import require_hash, write_durably
from service.vision.packs.manifest import CARD, LICENCE, MANIFEST
from service.vision.packs.progress import Progress, silent
from service.vision.packs.recipe import PackRecipe, PartRecipe, default_recipe
from service.vision.packs.sources import default_cache, obtain
from service.vision.packs.staging import WAIT_S, locked, move_in, stage
from service.vision.packs.words import card_bytes, licence_bytes, manifest_bytes


@dataclass(frozen=True, slots=True)
class FetchedPack:
    """The pack after a fetch. `already_there`: nothing had to be done."""

    folder: Path
    verified: VerifiedPack
    already_there: bool


def fetch_default(
    models_dir: Path,
    progress: Progress = silent,
    mirror: Path | None = None,
    *,
    cache_dir: Path | None = None,
    recipe: PackRecipe | None = None,
    wait_s: float = WAIT_S,
) -> FetchedPack:
    """Makes `models_dir`/wardwatch-default, or finds it right and leaves it alone.

    cache_dir: `default_cache()` when left out. Raises `PackError` subclasses, each saying what to do; whatever
    happens, no half-made model is left under its final name.
    """
    wanted = recipe or default_recipe()
    folder = models_dir / wanted.model_id
    with locked(folder, progress, wait_s):
        words = _words(wanted)
        verified = _right_already(folder, words, progress)
        if verified is not None:
            return FetchedPack(folder, verified, already_there=True)
        sources = [source for part in wanted.parts for source in part.sources]
        files = obtain(sources, cache_dir or default_cache(), progress, mirror)
        with stage(folder) as staged:
            for index, part in enumerate(wanted.parts):
                progress(f"prepare {part.file}", index, len(wanted.parts))
                data = prepare_part(part, [files[source.sha256].read_bytes() for source in part.sources])
                write_durably(staged / part.file, data)
            for name, text in words.items():
                write_durably(staged / name, text)
            move_in([part.file for part in wanted.parts] + list(words), staged, folder)
        progress("prepare", len(wanted.parts), len(wanted.parts))
        verified = verify_pack(folder, progress)
        # A threshold measured here holds for the same models only.
        drop_other_calibration(folder, verified.pack_hash)
        _renew_card(folder, words[CARD])
        return FetchedPack(folder, verified, already_there=False)


def prepare_part(part: PartRecipe, sources: list[bytes]) -> bytes:
    """One model file, checked: the pinned bytes, computing the golden values. Raises `WrongHash`,
    `GoldenMismatch`."""
    # onnx and onnxruntime weigh 60 MiB; a camera that only reads a manifest must not pay for them.
    from service.vision.packs.golden import check_golden
    from service.vision.packs.prepare import prepare

    data = prepare(part.step, sources)
    check_golden(data, part.golden, part.entry, part.file)
    require_hash(data, part.prepared_sha256, f"prepared {part.file}", "install the versions of requirements.lock")
    return data


def _words(recipe: PackRecipe) -> dict[str, bytes]:
    """What lies beside the models, the manifest last: a pack is what its manifest says, so it must not come
    early."""
    return {
        LICENCE: licence_bytes(recipe),
        CARD: card_bytes(recipe),
        MANIFEST: manifest_bytes(recipe),
    }


def _right_already(folder: Path, words: dict[str, bytes], progress: Progress) -> VerifiedPack | None:
    """The pack if every file is the one this recipe makes; None sends the caller to make it anew. The card says what
    is known here, so it is only brought up to date."""
    pinned = {name: text for name, text in words.items() if name != CARD}
    if any(not (folder / name).is_file() or (folder / name).read_bytes() != text for name, text in pinned.items()):
        return None
    try:
        verified = verify_pack(folder, progress)
        drop_other_calibration(folder, verified.pack_hash)
        _renew_card(folder, words[CARD])
        return verified
    except (PackMissing, WrongHash):
        return None


def _renew_card(folder: Path, words: bytes) -> None:
    """The recipe's words with the calibration made here, where the card says anything else."""
    card = folder / CARD
    wanted = card_text(folder, words.decode()).encode()
    if not card.is_file() or card.read_bytes() != wanted:
        with stage(folder) as staged:
            write_durably(staged / CARD, wanted)
            move_in([CARD], staged, folder)
