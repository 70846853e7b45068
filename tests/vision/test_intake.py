"""A model that takes bytes gives, bit for bit, what it gives for the floats that numpy makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from service.vision import RuntimeOptions, load_pack
from service.vision.errors import PackUnusable
from service.vision.intake import taking_bytes
from service.vision.packs.errors import PackInvalid
from service.vision.packs.manifest import MANIFEST, PackInput, read_manifest
from service.vision.runtime import ModelTimer, open_session
from tests.vision.conftest import FOLDER

SHAPES = {"face_detection": (2, 3, 64, 96), "face_mesh": (2, 192, 192, 3), "body_detection": (1, 3, 416, 416)}


def wanted(mean: tuple[float, float, float] = (0, 0, 0), std: tuple[float, float, float] = (1, 1, 1)) -> PackInput:
    return PackInput("x", "NCHW", "BGR", mean, std, None, 1)


def model(*inputs: tuple[str, int, list[str]]) -> bytes:
    """Passes its first input on."""
    values = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    first = values[0]
    result = helper.make_tensor_value_info("y", first.type.tensor_type.elem_type, inputs[0][2])
    graph = helper.make_graph([helper.make_node("Identity", [first.name], ["y"])], "same", values, [result])
    data: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()
    return data


@pytest.mark.models
@pytest.mark.parametrize("task", list(SHAPES))
def test_bytes_and_numbers_give_the_same(task: str) -> None:
    manifest = read_manifest(FOLDER)
    part = manifest.parts[task].input
    assert part is not None
    path, options = manifest.path(task), RuntimeOptions()
    bytes_in = open_session(path, options, ModelTimer(), part)
    numbers_in = open_session(path, options)
    pixels = np.random.default_rng(3).integers(0, 256, SHAPES[task]).astype(np.uint8)
    axis = (1, 3, 1, 1) if part.layout == "NCHW" else (1, 1, 1, 3)
    mean = np.array(part.mean, np.float32).reshape(axis)
    factor = np.array([1.0 / one for one in part.std], np.float32).reshape(axis)
    numbers = (pixels.astype(np.float32) - mean) * factor
    name = numbers_in.input_names[0]
    assert bytes_in.input_names == numbers_in.input_names
    for one, other in zip(bytes_in.run({name: pixels}), numbers_in.run({name: numbers}), strict=True):
        assert np.array_equal(one, other)
        assert np.isfinite(one).all()
        assert one.std() > 0


@pytest.mark.parametrize("mean", [(0.0, 0.0, 0.0), (10.0, 20.0, 30.0)])
@pytest.mark.parametrize("std", [(1.0, 1.0, 1.0), (2.0, 4.0, 0.5)])
def test_mean_and_spread_are_taken_off_each_channel(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> None:
    changed = taking_bytes(model(("x", TensorProto.FLOAT, ["n", "c", "h", "w"])), wanted(mean, std), "a model")
    session = onnxruntime.InferenceSession(changed, providers=["CPUExecutionProvider"])
    pixels = np.arange(24, dtype=np.uint8).reshape(1, 3, 2, 4)
    expected = (pixels - np.reshape(mean, (1, 3, 1, 1))) / np.reshape(std, (1, 3, 1, 1))
    assert np.array_equal(session.run(None, {"x": pixels})[0], expected.astype(np.float32))


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"no model", PackInvalid, "a model is not an ONNX file"),
        (model(("x", TensorProto.INT64, ["n", "c", "h", "w"])), ValueError, "one float32 input"),
        (model(("x", TensorProto.FLOAT, ["n"])), ValueError, "four axes"),
        (
            model(("x", TensorProto.FLOAT, ["n", "c", "h", "w"]), ("z", TensorProto.FLOAT, ["n"])),
            ValueError,
            "one float32 input",
        ),
    ],
)
def test_what_takes_no_pictures_is_named(data: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        taking_bytes(data, wanted(), "a model")


@pytest.mark.models
def test_a_pack_that_does_not_say_what_it_asks_is_not_opened(tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        if file.is_file():
            (tmp_path / file.name).symlink_to(file.resolve())
    document = json.loads((FOLDER / MANIFEST).read_bytes())
    del document["tasks"]["face_mesh"]["input"]
    (tmp_path / MANIFEST).unlink()
    (tmp_path / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(PackUnusable, match=r"facemesh\.onnx asks of pixels") as caught:
        load_pack(tmp_path)
    assert caught.value.field == "tasks.face_mesh.input"


def test_a_file_that_takes_no_pictures_cannot_be_opened_for_them(tmp_path: Path) -> None:
    (tmp_path / "odd.onnx").write_bytes(model(("x", TensorProto.FLOAT, ["n"])))
    with pytest.raises(PackUnusable, match=r"odd\.onnx"):
        open_session(tmp_path / "odd.onnx", RuntimeOptions(), None, wanted())
