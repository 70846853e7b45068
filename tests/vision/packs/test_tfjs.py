"""Single operations of the TensorFlow.js converter, each against a value computed with numpy by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from service.vision.packs.errors import PackInvalid, UnsupportedOperation
from service.vision.packs.tfjs import convert, parse_graph_model
from tests.vision.packs.tiny import ints, node, text, texts, tfjs, tiny_graph, weight

Array = NDArray[Any]
STRIDE_1, STRIDE_2 = ints(1, 1, 1, 1), ints(1, 2, 2, 1)
RNG = np.random.default_rng(7)


def run(nodes: list[dict[str, Any]], weights: list[Any], x: Array, output: str, shape: tuple[int, ...]) -> Array:
    """Converts the graph and runs it on `x`."""
    graph = parse_graph_model(*tfjs(nodes, weights, x.shape, {output: shape}))
    model = convert(graph, "picture", {"answer": output})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == ["picture"]
    (answer,) = session.run(["answer"], {"picture": x})
    assert answer.shape == shape
    return answer


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's rule: as much as the last window needs, the odd pixel at the end."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def convolve(x: Array, kernel: Array, stride: int, padding: str) -> Array:
    """Channels-last convolution as written in the textbook."""
    height, width = kernel.shape[:2]
    if padding == "SAME":
        rows, columns = same_padding(x.shape[1], height, stride), same_padding(x.shape[2], width, stride)
        x = np.pad(x, ((0, 0), rows, columns, (0, 0)))
    out_h, out_w = (x.shape[1] - height) // stride + 1, (x.shape[2] - width) // stride + 1
    out = np.zeros((x.shape[0], out_h, out_w, kernel.shape[3]), np.float32)
    for row in range(out_h):
        for column in range(out_w):
            top, left = row * stride, column * stride
            window = x[:, top : top + height, left : left + width, :]
            out[:, row, column, :] = np.einsum("bhwi,hwio->bo", window, kernel)
    return out


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("size", [5, 6])
def test_strided_convolution_pads_as_tensorflow_does(padding: str, size: int) -> None:
    x = RNG.normal(size=(1, size, size, 2)).astype(np.float32)
    kernel = RNG.normal(size=(3, 3, 2, 4)).astype(np.float32)
    expected = convolve(x, kernel, 2, padding)
    nodes = [node("y", "Conv2D", "x", "k", strides=STRIDE_2, padding=text(padding))]
    answer = run(nodes, [weight("k", kernel)], x, "y", expected.shape)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_fused_bias_and_prelu_follow_the_convolution() -> None:
    x = RNG.normal(size=(1, 4, 4, 2)).astype(np.float32)
    kernel = RNG.normal(size=(1, 1, 2, 3)).astype(np.float32)
    bias, slope = np.array([0.5, -1, 2], np.float32), np.array([[[0.1, 0.2, 0.3]]], np.float32)
    plain = convolve(x, kernel, 1, "VALID") + bias
    expected = np.where(plain > 0, plain, plain * slope)
    fused = node("y", "_FusedConv2D", "x", "k", "b", "s", strides=STRIDE_1, padding=text("VALID"))
    fused["attr"]["fused_ops"] = texts("BiasAdd", "Prelu")
    answer = run([fused], [weight("k", kernel), weight("b", bias), weight("s", slope)], x, "y", expected.shape)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_depthwise_convolution_keeps_channels_apart() -> None:
    x = RNG.normal(size=(1, 5, 5, 2)).astype(np.float32)
    kernel = RNG.normal(size=(3, 3, 2, 1)).astype(np.float32)
    full = np.zeros((3, 3, 2, 2), np.float32)
    full[:, :, 0, 0], full[:, :, 1, 1] = kernel[:, :, 0, 0], kernel[:, :, 1, 0]
    expected = convolve(x, full, 1, "SAME")
    nodes = [node("y", "DepthwiseConv2dNative", "x", "k", strides=STRIDE_1, padding=text("SAME"))]
    answer = run(nodes, [weight("k", kernel)], x, "y", expected.shape)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_max_pool_takes_the_largest_of_each_window() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    # Rows 0 1 2 3 / 4 5 6 7 / 8 .. 11 / 12 .. 15: the lower right of each 2 x 2 window.
    expected = np.array([5, 7, 13, 15], np.float32).reshape(1, 2, 2, 1)
    nodes = [node("y", "MaxPool", "x", strides=STRIDE_2, ksize=ints(1, 2, 2, 1), padding=text("VALID"))]
    np.testing.assert_array_equal(run(nodes, [], x, "y", (1, 2, 2, 1)), expected)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"half_pixel_centers": {"b": True}}, [0.0, 0.5, 1.5, 2.0]),  # centres at -0.25 (clamped), 0.25, 0.75, 1.25
        ({"align_corners": {"b": True}}, [0.0, 2 / 3, 4 / 3, 2.0]),
        ({}, [0.0, 1.0, 2.0, 2.0]),
    ],
)
def test_bilinear_resize_places_pixels_three_ways(attributes: dict[str, Any], expected: list[float]) -> None:
    x = np.array([0, 2, 0, 2], np.float32).reshape(1, 2, 2, 1)
    nodes = [node("y", "ResizeBilinear", "x", "size", **attributes)]
    answer = run(nodes, [weight("size", np.array([2, 4], np.int32))], x, "y", (1, 2, 4, 1))
    np.testing.assert_allclose(answer[0, 0, :, 0], expected, atol=1e-6)


def test_transposes_around_a_convolution_cost_nothing_and_change_nothing() -> None:
    """A channels-first graph, as exporters write it: transpose, convolve, transpose back."""
    x = RNG.normal(size=(1, 2, 4, 4)).astype(np.float32)
    kernel = RNG.normal(size=(1, 1, 2, 3)).astype(np.float32)
    nodes = [
        node("t", "Transpose", "x", "there"),
        node("c", "Conv2D", "t", "k", strides=STRIDE_1, padding=text("VALID")),
        node("y", "Transpose", "c", "back"),
    ]
    there, back = np.array([0, 2, 3, 1], np.int32), np.array([0, 3, 1, 2], np.int32)
    weights = [weight("k", kernel), weight("there", there), weight("back", back)]
    expected = convolve(x.transpose(there), kernel, 1, "VALID").transpose(back)
    np.testing.assert_allclose(run(nodes, weights, x, "y", (1, 3, 4, 4)), expected, atol=1e-5)
    model = convert(parse_graph_model(*tfjs(nodes, weights, x.shape, {"y": (1, 3, 4, 4)})), "x", {"y": "y"})
    assert "Transpose" not in {entry.op_type for entry in model.graph.node}


def test_a_lazily_ordered_tensor_pads_joins_and_splits_on_the_right_axis() -> None:
    x = RNG.normal(size=(1, 3, 4, 2)).astype(np.float32)
    nodes = [
        node("p", "MaxPool", "x", strides=STRIDE_1, ksize=STRIDE_1, padding=text("VALID")),  # stored channels first
        node("w", "PadV2", "p", "widths", "fill"),
        node("j", "ConcatV2", "w", "w", "axis"),
        node("s", "SplitV", "j", "sizes", "axis"),
        node("y", "Identity", "s:1"),
    ]
    weights = [
        weight("widths", np.array([[0, 0], [1, 0], [0, 2], [0, 0]], np.int32)),
        weight("fill", np.array(9, np.float32)),
        weight("axis", np.array(3, np.int32)),
        weight("sizes", np.array([1, 3], np.int32)),
    ]
    padded = np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0)), constant_values=9)
    expected = np.concatenate([padded, padded], axis=3)[..., 1:]
    np.testing.assert_array_equal(run(nodes, weights, x, "y", (1, 4, 6, 3)), expected)


def test_reshape_reads_values_in_tensorflow_order_with_a_shape_built_from_constants() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    nodes = [
        node("p", "MaxPool", "x", strides=STRIDE_1, ksize=STRIDE_1, padding=text("VALID")),
        node("dense", "SparseToDense", "where", "length", "values", "zero"),
        node("shape", "Add", "dense", "one"),
        node("y", "Reshape", "p", "shape"),
    ]
    weights = [
        weight("where", np.array([[1], [0]], np.int32)),
        weight("length", np.array([2], np.int32)),
        weight("values", np.array([3, 1], np.int32)),  # dense = [1, 3], plus one = [2, 4]
        weight("zero", np.array(0, np.int32)),
        weight("one", np.array([1, 1], np.int32)),
    ]
    np.testing.assert_array_equal(run(nodes, weights, x, "y", (2, 4)), np.arange(8).reshape(2, 4))


@pytest.mark.parametrize(
    ("operation", "attributes", "expected"),
    [
        ("Relu", {}, [0, 0, 1, 8]),
        ("Relu6", {}, [0, 0, 1, 6]),
        ("LeakyRelu", {"alpha": {"f": 0.1}}, [-0.2, 0, 1, 8]),
        ("LeakyRelu", {}, [-0.4, 0, 1, 8]),
        ("Sigmoid", {}, [1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-8))]),
    ],
)
def test_activations(operation: str, attributes: dict[str, Any], expected: list[float]) -> None:
    x = np.array([[-2, 0, 1, 8]], np.float32)
    answer = run([node("y", operation, "x", **attributes)], [], x, "y", (1, 4))
    np.testing.assert_allclose(answer[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("quantization", "stored", "expected"),
    [
        ({"dtype": "uint8", "scale": 0.5, "min": -1.0}, np.array([0, 2, 255], np.uint8), [-1.0, 0.0, 126.5]),
        ({"dtype": "uint16", "scale": 0.25, "min": 0.0}, np.array([4, 8, 400], np.uint16), [1.0, 2.0, 100.0]),
        ({"dtype": "float16"}, np.array([0.5, -2, 3], np.float16), [0.5, -2.0, 3.0]),
    ],
)
def test_quantised_weights_are_restored(quantization: dict[str, Any], stored: Array, expected: list[float]) -> None:
    x = np.zeros((1, 3), np.float32)
    answer = run([node("y", "AddV2", "x", "w")], [weight("w", stored, quantization)], x, "y", (1, 3))
    np.testing.assert_allclose(answer[0], expected)


def test_a_free_axis_becomes_a_named_batch_that_may_be_any() -> None:
    model = convert(parse_graph_model(*tiny_graph()), "x", {"r": "r"})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["batch", 2, 2, 3]
    (answer,) = session.run(None, {"x": np.full((5, 2, 2, 3), 3, np.float32)})
    np.testing.assert_array_equal(answer, np.full((5, 2, 2, 3), 2))


def test_the_same_graph_gives_the_same_bytes() -> None:
    first, second = (convert(parse_graph_model(*tiny_graph()), "x", {"r": "r"}) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_an_unknown_operation_is_named_with_the_node() -> None:
    x = np.zeros((1, 2), np.float32)
    with pytest.raises(UnsupportedOperation, match=r"FFT \(odd\)"):
        run([node("odd", "FFT", "x")], [], x, "odd", (1, 2))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("y", "Conv2D", "x", "k", strides=STRIDE_1, padding=text("WRAP"))],
        [node("y", "Conv2D", "x", "k", strides=STRIDE_1, padding=text("SAME"), data_format=text("NCHW"))],
        [node("y", "Conv2D", "x", "x", strides=STRIDE_1, padding=text("SAME"))],
        [node("y", "_FusedConv2D", "x", "k", strides=STRIDE_1, padding=text("SAME"), fused_ops=texts("Swish"))],
    ],
)
def test_a_variant_that_is_not_known_is_refused_not_guessed(nodes: list[dict[str, Any]]) -> None:
    x = np.zeros((1, 4, 4, 1), np.float32)
    with pytest.raises(UnsupportedOperation, match="y"):
        run(nodes, [weight("k", np.ones((1, 1, 1, 1), np.float32))], x, "y", (1, 4, 4, 1))


def test_weights_cut_or_too_long_are_refused() -> None:
    description, weights = tiny_graph()
    for wrong in (weights[:-1], weights + b"\0"):
        with pytest.raises(PackInvalid, match="does not fit"):
            parse_graph_model(description, wrong)


@pytest.mark.parametrize("description", [b"", b"{}", b"[1]", b"\xff\xfe", json.dumps({"weightsManifest": 3}).encode()])
def test_what_is_no_graph_model_is_refused(description: bytes) -> None:
    with pytest.raises(PackInvalid):
        parse_graph_model(description, b"")


def test_an_output_that_is_not_there_is_named() -> None:
    with pytest.raises(PackInvalid, match="nope"):
        convert(parse_graph_model(*tiny_graph()), "x", {"answer": "nope"})
