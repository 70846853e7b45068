"""The passive model beside the challenge: an operator's choice, a warning, never a verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from service.pharmacy.identity import passive_of
from service.platform.settings import Settings
from service.vision.errors import PackUnusable
from tests.pharmacy.conftest import Eye, Street, codes
from tests.vision.liveness.test_passive import model


def test_a_warning_is_told_and_changes_nothing(street: Street, eye: Eye) -> None:
    eye.seen = replace(eye.seen, liveness_reasons=("passive_warning",))
    answer = street.verify()
    assert answer["verdict"] == "approved"
    assert "passive_warning" in codes(answer)
    (reason,) = [item for item in answer["reasons"] if item["code"] == "passive_warning"]
    assert reason["effect"] == "note"


def test_the_setting_names_the_folder(tmp_path: Path) -> None:
    assert passive_of(Settings(data_dir=tmp_path)) is None
    folder = tmp_path / "pad"
    folder.mkdir()
    opened = passive_of(Settings(data_dir=tmp_path, passive_pad_pack=model(folder, 3.0)))
    assert opened is not None
    assert passive_of(Settings(data_dir=tmp_path, passive_pad_pack=folder)) is opened  # opened once
    with pytest.raises(PackUnusable):
        passive_of(Settings(data_dir=tmp_path, passive_pad_pack=tmp_path))


def test_the_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WARDWATCH_PASSIVE_PAD_PACK", str(tmp_path))
    assert Settings().passive_pad_pack == tmp_path
