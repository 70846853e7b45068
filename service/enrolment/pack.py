"""The model pack, opened once a process."""

from __future__ import annotations

import threading
from pathlib import Path

from service.platform.context import Context
from service.vision import Pack, ReadingPolicy, RuntimeOptions, load_pack, stated_threshold


class _OpenPacks:
    """Packs by folder and options. Opening takes seconds and memory, so two threads must not do it twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packs: dict[tuple[Path, RuntimeOptions], Pack] = {}

    def get(self, folder: Path, options: RuntimeOptions) -> Pack:
        key = (folder.resolve(), options)
        with self._lock:
            if key not in self._packs:
                self._packs[key] = load_pack(folder, options)
            return self._packs[key]

    def threshold(self, pack_hash: str) -> float | None:
        with self._lock:
            same = (pack.thresholds.same_person for pack in self._packs.values() if pack.pack_hash == pack_hash)
            return next(same, None)


_packs = _OpenPacks()


def opened_pack(context: Context) -> Pack:
    """The pack that the settings name, shared by all threads. Raises `PackUnusable` or `ProviderMissing`."""
    settings = context.settings
    options = RuntimeOptions(providers=tuple(settings.providers), intra_threads=settings.intra_threads)
    return _packs.get(settings.pack_folder(), options)


def threshold_of(context: Context, pack_hash: str) -> float:
    """The cosine from which two templates of this pack are one person's: as measured at this installation, else as the
    pack's manifest states. The standard one for a pack that is not installed (any more). No model is opened for it.
    """
    opened = _packs.threshold(pack_hash)
    if opened is not None:
        return opened
    chosen, others = context.settings.pack_folder(), sorted(context.settings.models_dir.glob("*/manifest.json"))
    for folder in (chosen, *(path.parent for path in others)):
        stated = stated_threshold(folder)
        if stated is not None and stated[0] == pack_hash:
            return stated[1]
    return ReadingPolicy().same_person
