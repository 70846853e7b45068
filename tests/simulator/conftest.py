"""The demo's scenario, the photographs and the real pack for tests of the simulator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from service.simulator import Scenario, StudioSetup, read_scenario
from service.vision import Pack, load_pack
from service.vision.packs import PackError, fetch_test_pictures

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "fixtures" / "scenarios"
PACK = Path(os.environ.get("WARDWATCH_TEST_MODELS_DIR", ROOT / "models")) / "wardwatch-default"


@pytest.fixture(scope="session")
def demo_week() -> Scenario:
    return read_scenario(SCENARIOS / "demo-week.yaml")


@pytest.fixture(scope="session")
def one_night() -> Scenario:
    return read_scenario(SCENARIOS / "one-night.yaml")


@pytest.fixture(scope="session")
def pictures() -> Mapping[str, Path]:
    """The photographs by the catalogue's keys. Nothing is rendered without them."""
    try:
        found = fetch_test_pictures(Path.home() / ".cache" / "wardwatch")
    except PackError as error:
        pytest.skip(f"NO TEST PICTURES: {error.line()}; nothing of the simulator's pictures is tested")
    return {"group-1927": found.group_1927, "group-colour": found.bundled, "portrait-colour": found.astronaut}


@pytest.fixture(scope="session")
def setup(demo_week: Scenario, pictures: Mapping[str, Path]) -> StudioSetup:
    return StudioSetup(demo_week, (SCENARIOS / "faces.yaml").read_text(encoding="utf-8"), pictures)


@pytest.fixture(scope="session")
def pack() -> Pack:
    if not (PACK / "sface.onnx").is_file():
        pytest.skip(f"NO MODEL PACK in {PACK}: run `wardwatch models fetch`; no rendered picture is read")
    return load_pack(PACK)
