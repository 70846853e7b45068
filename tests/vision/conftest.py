"""The real default pack for tests marked `models`; they say loudly when it has not been fetched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.vision import Pack, load_pack

FOLDER = Path(os.environ.get("WARDWATCH_TEST_MODELS_DIR", "models")) / "wardwatch-default"


@pytest.fixture(scope="session")
def real_pack() -> Pack:
    if not (FOLDER / "manifest.json").is_file():
        pytest.skip(f"NO MODEL PACK in {FOLDER}: run `wardwatch models fetch`; nothing of vision's accuracy is tested")
    return load_pack(FOLDER)
