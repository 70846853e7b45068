"""Folding of quantised weights: the numbers, the inputs, the freed axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from service.vision.packs.errors import PackInvalid, UnsupportedOperation
from service.vision.packs.fold import dequantise_blocks, fold
from service.vision.packs.onnx_files import parse_onnx
from tests.vision.packs.tiny import FOLDED, quantised_onnx

FREE = {"x": ["batch", 3, 1, 4], "y": ["batch", 3, 1, 1]}
Array = NDArray[Any]


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_a_folded_model_computes_what_the_quantised_one_does() -> None:
    original = onnx.load_model_from_string(quantised_onnx())
    del original.graph.input[1]  # onnxruntime insists on a value for the stale input
    x = np.random.default_rng(3).normal(size=(1, 3, 1, 4)).astype(np.float32)
    (expected,) = session(original).run(None, {"x": x})
    (answer,) = session(fold(onnx.load_model_from_string(quantised_onnx()), FREE)).run(None, {"x": x})
    np.testing.assert_allclose(answer, expected, atol=1e-6)
    np.testing.assert_allclose(answer, x @ FOLDED.T, atol=1e-6)


def test_only_the_real_input_is_left_and_its_batch_is_free() -> None:
    opened = session(fold(onnx.load_model_from_string(quantised_onnx()), FREE))
    assert [(entry.name, entry.shape) for entry in opened.get_inputs()] == [("x", ["batch", 3, 1, 4])]
    assert [entry.shape for entry in opened.get_outputs()] == [["batch", 3, 1, 1]]
    (answer,) = opened.run(None, {"x": np.ones((6, 3, 1, 4), np.float32)})
    np.testing.assert_allclose(answer, np.full((6, 3, 1, 1), 2.5))  # 2 - 1 + 1.5 + 0


def test_no_dequantisation_is_left() -> None:
    model = fold(onnx.load_model_from_string(quantised_onnx()), FREE)
    assert [node.op_type for node in model.graph.node] == ["MatMul"]


def test_a_reshape_that_nailed_the_batch_keeps_the_batch_it_is_given() -> None:
    helper = onnx.helper
    info = [helper.make_tensor_value_info("x", 1, [1, 2, 3]), helper.make_tensor_value_info("y", 1, [1, 6, 1])]
    shape = onnx.numpy_helper.from_array(np.array([1, -1, 1], np.int64), "shape")
    graph = helper.make_graph([helper.make_node("Reshape", ["x", "shape"], ["y"])], "g", info[:1], info[1:], [shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    opened = session(fold(model, {"x": ["batch", 2, 3], "y": ["batch", 6, 1]}))
    x = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    np.testing.assert_array_equal(opened.run(None, {"x": x})[0], x.reshape(2, 6, 1))


@pytest.mark.parametrize(
    ("quantised", "scale", "zero", "axis", "block", "expected"),
    [
        ([[1, 2, 3, 4, 5]], [[1.0, 10.0, 100.0]], [[0, 0, 1]], 1, 2, [[1, 2, 30, 40, 400]]),  # a short last block
        ([[1], [2], [3]], [[2.0], [5.0]], [[0], [1]], 0, 2, [[2], [4], [10]]),
        ([[1, 2], [3, 4]], [2.0, 0.5], [0, 2], 0, 0, [[2, 4], [0.5, 1]]),  # one scale a row
        ([[1, 2], [3, 4]], [3.0], [1], 1, 64, [[0, 3], [6, 9]]),  # one scale for all, whatever the block
        ([[-128, 127]], [1.0], [127], 1, 0, [[-255, 0]]),  # the difference does not fit int8
    ],
)
def test_dequantisation_by_hand(quantised: Any, scale: Any, zero: Any, axis: int, block: int, expected: Any) -> None:
    answer = dequantise_blocks(
        np.array(quantised, np.int8), np.array(scale, np.float32), np.array(zero, np.int8), axis=axis, block=block
    )
    np.testing.assert_array_equal(answer, np.array(expected, np.float32))
    assert answer.dtype == np.float32


def test_scales_that_fit_no_rule_are_refused() -> None:
    with pytest.raises(UnsupportedOperation):
        dequantise_blocks(
            np.ones((2, 2), np.int8), np.ones((2, 2), np.float32), np.zeros((2, 2), np.int8), axis=1, block=0
        )


def test_two_real_inputs_are_refused() -> None:
    helper = onnx.helper
    info = [helper.make_tensor_value_info(name, 1, [1]) for name in "aby"]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["y"])], "g", info[:2], info[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    with pytest.raises(PackInvalid, match="2 real inputs"):
        fold(model, {"a": ["batch"]})


@pytest.mark.parametrize("data", [b"", b"\x89PNG....", b"not onnx at all"])
def test_what_is_no_onnx_file_is_refused(data: bytes) -> None:
    with pytest.raises(PackInvalid, match="thing"):
        parse_onnx(data, "thing")
