"""A new model pack, end to end: whom to enrol again, how they are, and what becomes of the templates before."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.enrolment import gallery, opened_pack
from service.platform.context import Context
from tests.enrolment.test_api import CONSENT, LEFT, MIDDLE, api, demo, portrait, post

__all__ = ["api"]


def changed_pack(models: Path, folder: Path) -> None:
    """The default pack with another revision of one part's preprocessing: other numbers by its hash."""
    folder.mkdir(parents=True)
    for file in (models / "wardwatch-default").iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    document = json.loads((folder / "manifest.json").read_text())
    document["tasks"]["body_detection"]["preprocessing_version"] = "revised"
    (folder / "manifest.json").write_text(json.dumps(document))


@pytest.mark.models
def test_a_changed_pack_asks_for_everybody_again(
    context: Context, api: TestClient, models_dir: Path, tmp_path: Path
) -> None:
    for number, face in (("P1", LEFT), ("P2", MIDDLE)):
        assert post(api, number, portrait(face), consent=CONSENT).json()["accepted"]
    assert api.get("/api/v1/enrolments/due?facility=demo").json() == []

    changed_pack(models_dir, tmp_path / "packs" / "revised")
    settings = context.settings.model_copy(update={"models_dir": tmp_path / "packs", "pack": "revised"})
    later = replace(context, settings=settings)
    with TestClient(create_app(later), headers=dict(api.headers)) as after:
        old, new = opened_pack(context).pack_hash, opened_pack(later).pack_hash
        assert old != new

        due = after.get("/api/v1/enrolments/due?facility=demo").json()
        assert [(one["number"], one["packs"]) for one in due] == [("P1", [old]), ("P2", [old])]
        with context.database.reading() as session:
            assert gallery(later, session, demo(session).id).keys == ()  # compared with nothing until then

        answer = post(after, "P1", portrait(LEFT, scale=0.9)).json()
        assert answer["accepted"]
        assert "not_compared_with_previous" in {reason["code"] for reason in answer["warnings"]}
        assert [one["number"] for one in after.get("/api/v1/enrolments/due?facility=demo").json()] == ["P2"]
        with context.database.reading() as session:
            assert len(gallery(later, session, demo(session).id).keys) == 1
            assert len(gallery(context, session, demo(session).id).keys) == 1  # P2's; P1's template before is gone
