"""PReLU spelt out: the same numbers for every slope, and nothing else of a model touched."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.vision.packs.prelu import without_prelu


def model(slope: np.ndarray, shape: tuple[int, ...]) -> onnx.ModelProto:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("PRelu", ["x", "slope"], ["bent"], name="bend"),
            helper.make_node("Neg", ["bent"], ["y"], name="negate"),
        ],
        "graph",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
        [onnx.numpy_helper.from_array(slope.astype(np.float32), "slope")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def answer(graph: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def kinds(graph: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in graph.graph.node]


@given(slopes=st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_every_slope_gives_the_same_numbers(slopes: list[float], seed: int) -> None:
    # Slopes above 1, below 0 and exactly 0 or 1 all occur in trained networks.
    original = model(np.array(slopes).reshape(4, 1, 1), (1, 4, 5, 6))
    x = np.random.default_rng(seed).normal(0, 10, (1, 4, 5, 6)).astype(np.float32)
    spelt = without_prelu(original)
    assert kinds(spelt) == ["Conv", "Relu", "Conv", "Add", "Neg"]
    np.testing.assert_allclose(answer(spelt, x), answer(original, x), atol=2e-5)


def test_it_is_the_formula_by_hand() -> None:
    spelt = without_prelu(model(np.array([0.25, -2.0]).reshape(2, 1, 1), (1, 2, 1, 2)))
    y = answer(spelt, np.array([[[[4.0, -4.0]], [[3.0, -3.0]]]], np.float32))
    assert y.ravel().tolist() == [-4.0, 1.0, -3.0, -6.0]  # the graph negates: -(4), -(-1), -(3), -(6)


@pytest.mark.parametrize(
    ("slope", "shape"),
    [
        (np.full((1,), 0.2), (1, 4, 5, 6)),  # one slope for all
        (np.full((4, 5, 6), 0.2), (1, 4, 5, 6)),  # one a pixel
        (np.full((4,), 0.2), (2, 4)),  # no picture
    ],
)
def test_another_prelu_is_left_alone(slope: np.ndarray, shape: tuple[int, ...]) -> None:
    original = model(slope, shape)
    assert without_prelu(original) is original


def test_a_slope_that_another_node_reads_stays() -> None:
    original = model(np.full((4, 1, 1), 0.2), (1, 4, 5, 6))
    original.graph.node.append(onnx.helper.make_node("Add", ["x", "slope"], ["z"], name="other"))
    assert "slope" in [tensor.name for tensor in without_prelu(original).graph.initializer]
    assert "slope" not in [
        tensor.name for tensor in without_prelu(model(np.full((4, 1, 1), 0.2), (1, 4, 5, 6))).graph.initializer
    ]


def test_the_same_model_gives_the_same_bytes() -> None:
    one, two = (
        without_prelu(model(np.full((4, 1, 1), 0.2), (1, 4, 5, 6))).SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert one == two
