"""The model pack, opened once a process."""

from __future__ import annotations

import threading
from pathlib import Path

from service.platform.context import Context
from service.vision import Pack, RuntimeOptions, load_pack


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


_packs = _OpenPacks()


def opened_pack(context: Context) -> Pack:
    """The pack that the settings name, shared by all threads. Raises `PackUnusable` or `ProviderMissing`."""
    settings = context.settings
    options = RuntimeOptions(providers=tuple(settings.providers), intra_threads=settings.intra_threads)
    return _packs.get(settings.pack_folder(), options)
