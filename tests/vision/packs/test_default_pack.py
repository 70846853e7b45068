"""The default pack as fetched: real models, on real faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from service.vision.packs.checking import verify_pack
from service.vision.packs.fetch import prepare_part
from service.vision.packs.manifest import PackManifest, read_manifest
from service.vision.packs.pictures import fetch_test_pictures
from service.vision.packs.recipe import DEFAULT_PACK, default_recipe
from service.vision.packs.sources import default_cache
from service.vision.packs.words import card_bytes, licence_bytes, manifest_bytes

pytestmark = pytest.mark.models
FOLDER = Path(__file__).resolve().parents[3] / "models" / DEFAULT_PACK
Array = NDArray[Any]


@pytest.fixture(scope="module")
def pack() -> PackManifest:
    if not all((FOLDER / part.file).is_file() for part in default_recipe().parts):
        pytest.skip("the default model pack is not fetched: run `wardwatch models fetch`")
    return read_manifest(FOLDER)


@pytest.fixture(scope="module")
def friends() -> Array:
    """insightface's bundled photograph of six people."""
    import insightface

    picture = cv2.imread(str(Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"))
    assert picture is not None
    return picture


def run(pack: PackManifest, task: str, feed: Array) -> dict[str, Array]:
    session = onnxruntime.InferenceSession(str(pack.path(task)), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert set(names) == set(pack.parts[task].outputs)
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: feed}), strict=True))


def fitted(pack: PackManifest, task: str, picture: Array) -> Array:
    """`picture` as the manifest says the part wants it: this is how the manifest is tested, so nothing is known
    here."""
    wanted = pack.parts[task].input
    assert wanted is not None
    if wanted.size is not None:
        picture = cv2.resize(picture, wanted.size)
    if wanted.colour == "RGB":
        picture = picture[:, :, ::-1]
    feed = ((picture.astype(np.float32) - np.array(wanted.mean)) / np.array(wanted.std)).astype(np.float32)
    return np.ascontiguousarray((feed.transpose(2, 0, 1) if wanted.layout == "NCHW" else feed)[None])


def test_the_pack_verifies_and_its_words_are_those_of_the_recipe(pack: PackManifest) -> None:
    verify_pack(FOLDER)
    recipe = default_recipe()
    assert (FOLDER / "manifest.json").read_bytes() == manifest_bytes(recipe)
    assert (FOLDER / "MODEL.LICENSE").read_bytes() == licence_bytes(recipe)
    assert (FOLDER / "MODEL_CARD.md").read_bytes() == card_bytes(recipe)


def test_preparing_again_from_the_sources_gives_the_same_files(pack: PackManifest) -> None:
    store = default_cache() / "sources"
    for part in default_recipe().parts:
        paths = [store / source.cached_name for source in part.sources]
        if not all(path.is_file() for path in paths):
            pytest.skip("the sources are not in the cache: run `wardwatch models fetch`")
        assert prepare_part(part, [path.read_bytes() for path in paths]) == (FOLDER / part.file).read_bytes()


def test_insightface_loads_the_recognition_part_and_embeds(pack: PackManifest) -> None:
    from insightface.model_zoo import get_model, load_model_package

    package = load_model_package(FOLDER)
    descriptor = package.task("recognition")
    assert descriptor.metadata["embedding_dimension"] == 128
    options = onnxruntime.SessionOptions()
    model = get_model(str(FOLDER), model_task="recognition", model_descriptor=descriptor, sess_options=options)
    assert (model.input_mean, model.input_std, model.input_size) == (0.0, 1.0, (112, 112))
    picture = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    (direct,) = run(pack, "recognition", fitted(pack, "recognition", picture)).values()
    np.testing.assert_allclose(model.get_feat([picture, picture]), np.repeat(direct, 2, axis=0), atol=1e-4)


def test_the_face_finder_sees_six_friends_at_any_size_and_batch(pack: PackManifest, friends: Array) -> None:
    height, width = (side // 32 * 32 for side in friends.shape[:2])
    feed = fitted(pack, "face_detection", friends[:height, :width])
    answers = run(pack, "face_detection", np.concatenate([feed, feed[:, :, :, ::-1]]))
    certain = sum(
        int((np.sqrt(answers[f"cls_{stride}"][0] * answers[f"obj_{stride}"][0]) > 0.8).sum()) for stride in (8, 16, 32)
    )
    assert certain >= 6
    for stride in (8, 16, 32):
        assert answers[f"kps_{stride}"].shape == (2, (height // stride) * (width // stride), 10)


def test_the_mesh_flags_a_face_and_not_a_wall(pack: PackManifest, friends: Array) -> None:
    session = onnxruntime.InferenceSession(str(pack.path("face_detection")), providers=["CPUExecutionProvider"])
    height, width = (side // 32 * 32 for side in friends.shape[:2])
    feed = fitted(pack, "face_detection", friends[:height, :width])
    names = [output.name for output in session.get_outputs()]
    answers = dict(zip(names, session.run(None, {"input": feed}), strict=True))
    scores = answers["cls_32"][0, :, 0] * answers["obj_32"][0, :, 0]
    best = int(scores.argmax())
    column, row = best % (width // 32), best // (width // 32)
    x, y, w, h = answers["bbox_32"][0, best]
    centre, side = ((column + x) * 32, (row + y) * 32), 1.8 * 32 * float(np.exp(max(w, h)))
    region = cv2.getRectSubPix(friends, (int(side), int(side)), centre)
    flag = run(pack, "face_mesh", fitted(pack, "face_mesh", region))["face_flag"][0, 0]
    wall = run(pack, "face_mesh", fitted(pack, "face_mesh", np.full((200, 200, 3), 180, np.uint8)))["face_flag"][0, 0]
    assert flag > 0.9
    assert wall < 0.1


def test_the_body_finder_sees_people_with_the_stated_preprocessing(pack: PackManifest, friends: Array) -> None:
    answers = run(pack, "body_detection", fitted(pack, "body_detection", friends))
    best = max(float(answers[f"cls_{stride}"][0, :, 0].max()) for stride in (8, 16, 32))
    grey = np.full_like(friends, 128)
    nobody = run(pack, "body_detection", fitted(pack, "body_detection", grey))
    assert best > 0.5
    assert max(float(nobody[f"cls_{stride}"][0, :, 0].max()) for stride in (8, 16, 32)) < 0.15


def test_the_test_pictures_are_found_in_the_cache() -> None:
    from service.vision.packs.recipe import picture_sources

    if not (default_cache() / "sources" / picture_sources()["group_1927"].cached_name).is_file():
        pytest.skip("the pictures are not in the cache: run `wardwatch models fetch --with-test-pictures`")
    pictures = fetch_test_pictures(default_cache())
    for path in (pictures.group_1927, pictures.bundled, pictures.astronaut):
        assert cv2.imread(str(path)) is not None
