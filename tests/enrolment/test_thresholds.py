"""Whether two faces are one person's is asked by the threshold of the pack that made them, never by another pack's."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from sqlmodel import Session

from service.access import Role
from service.enrolment import collisions, enrol, enrol_staff, record_consent, threshold_of
from service.enrolment.merging import carry_over
from service.platform.context import Context
from service.vision.packs import pack_hash
from service.vision.packs.manifest import MANIFEST
from tests.builders import EPOCH, actor_with, create_consent, create_facility, create_patient, create_template
from tests.enrolment.faces import PlainAssessor, face

FACE, NEAR = np.eye(3, dtype=np.float32)[0], np.array([0.55, 0.8352, 0.0], np.float32)
"""Two faces with a cosine of .55."""


@dataclass(frozen=True)
class Strict(PlainAssessor):
    """A pack with embeddings that lie closer together: one person from .7 on."""

    same_person: float = 0.7


def install(folder: Path, same_person: float) -> str:
    """A pack that states its own threshold; its hash. Its models are never opened here."""
    folder.mkdir(parents=True)
    for name in ("r.onnx", "MODEL.LICENSE"):
        (folder / name).write_bytes(f"{name} {same_person}".encode())
    part = {"file": "r.onnx", "embedding_dimension": 3, "thresholds": {"same_person": same_person}}
    document = {"manifest_version": 2, "model_id": folder.name, "license": "MODEL.LICENSE"}
    (folder / MANIFEST).write_text(json.dumps(document | {"tasks": {"recognition": part}}))
    return pack_hash(folder)


@pytest.fixture
def packs(context: Context, tmp_path: Path) -> tuple[Context, str, str]:
    """An installation with a loose and a strict pack."""
    models = tmp_path / "packs"
    loose, strict = install(models / "loose", 0.5), install(models / "strict", 0.7)
    settings = context.settings.model_copy(update={"models_dir": models, "pack": "loose"})
    return replace(context, settings=settings), loose, strict


def test_each_pack_has_its_own_threshold(packs: tuple[Context, str, str]) -> None:
    context, loose, strict = packs
    assert (threshold_of(context, loose), threshold_of(context, strict)) == (0.5, 0.7)
    assert threshold_of(context, "0" * 64) == 0.40  # of a pack that is not installed: the standard one


def pair(context: Context, session: Session, pack: str) -> tuple[str, list[str]]:
    facility = create_facility(session, clock="replay")
    patients = [create_patient(session, facility) for _ in range(2)]
    for patient, vector in zip(patients, (FACE, NEAR), strict=True):
        create_consent(session, patient)
        create_template(context, session, patient, vector, pack_hash=pack)
    return facility.id, [patient.id for patient in patients]


def test_collisions_are_judged_by_the_pack_that_made_the_templates(packs: tuple[Context, str, str]) -> None:
    context, loose, strict = packs
    with context.database.transaction() as session:
        alike, _ = pair(context, session, loose)
        different, _ = pair(context, session, strict)
        (found,) = collisions(context, session, alike)
        assert (found.similarity, found.threshold) == (pytest.approx(0.55, abs=1e-3), 0.5)
        assert collisions(context, session, different) == ()


def test_merged_numbers_are_compared_by_the_pack_that_made_the_templates(packs: tuple[Context, str, str]) -> None:
    context, loose, strict = packs
    with context.database.transaction() as session:
        now, keys = context.clock.now(), context.keys

        def threshold(pack: str) -> float:
            return threshold_of(context, pack)

        _, (one, other) = pair(context, session, loose)
        assert carry_over(session, keys, other, one, now, threshold)
        _, (one, other) = pair(context, session, strict)
        assert not carry_over(session, keys, other, one, now, threshold)


def test_photographs_and_look_alikes_are_judged_by_the_packs_threshold(context: Context) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session)
        nurse = actor_with(Role.WARD_STAFF, facility)
        given = {"actor": nurse, "consent_at": EPOCH}
        two = [face(*FACE.tolist()), face(*NEAR.tolist())]
        loose = enrol_staff(context, session, facility, "S1", two, **given, assessor=PlainAssessor())
        strict = enrol_staff(context, session, facility, "S2", two, **given, assessor=Strict("strict-pack"))
        assert loose.accepted
        assert not strict.accepted
        assert [reason.code for reason in strict.reasons] == ["photos_differ"]

        enrol_staff(
            context, session, facility, "S3", [face(*FACE.tolist(), take=1)], **given, assessor=Strict("strict-pack")
        )
        patient = create_patient(session, facility, "P1")
        record_consent(session, patient, status="given", given_at=EPOCH, actor="user:nurse", now=EPOCH)
        photo = [face(*NEAR.tolist(), take=2)]
        report = enrol(
            context, session, patient, photo, "id_card_picture", nurse, EPOCH, assessor=Strict("strict-pack")
        )
        assert report.look_alikes == ()
