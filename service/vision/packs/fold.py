"""Folding of block-quantised weights to float32, and freeing of the axes that an export nailed down.

A weight stored as `DequantizeLinear` (and a `Reshape` behind it) is computed anew in every run, because the
runtime does not fold the blocked form; and a graph that lists its weights as inputs too promises that a caller
may replace them, which keeps the runtime from fusing anything. Folding once makes SFace about three times
faster (30 ms to 11-14 ms) with a largest difference of 1.7e-6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray

from service.vision.packs.errors import PackInvalid, UnsupportedOperation

Array: TypeAlias = NDArray[Any]
FreeAxes: TypeAlias = Mapping[str, Sequence[str | int]]


def fold(model: onnx.ModelProto, free_axes: FreeAxes) -> onnx.ModelProto:
    """The same network with plain float32 weights and one input.

    free_axes: input or output name -> its axes, a name for each free one; the single input must be among them. A
    reshape that fixed the batch at 1 keeps the batch it is given.
    """
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = _without_constant_nodes(model.graph.node, weights)
    _free_batch(nodes, weights)
    used = {name for node in nodes for name in node.input}
    # An export may list inputs that nothing reads any more beside the weights that it lists.
    real = [info for info in model.graph.input if info.name in used and info.name not in weights]
    source = [_with_axes(info, free_axes) for info in real]
    if len(source) != 1 or source[0].name not in free_axes:
        raise PackInvalid(f"{len(source)} real inputs where one is expected", remedy="use the pinned file")
    kept = [onnx.numpy_helper.from_array(array, name) for name, array in sorted(weights.items()) if name in used]
    outputs = [_with_axes(info, free_axes) for info in model.graph.output]
    graph = onnx.helper.make_graph(nodes, "graph", source, outputs, kept)
    folded = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid(entry.domain, entry.version) for entry in model.opset_import],
        producer_name="wardwatch",
        ir_version=model.ir_version,
    )
    onnx.checker.check_model(folded)
    return folded


def _without_constant_nodes(nodes: Sequence[onnx.NodeProto], weights: dict[str, Array]) -> list[onnx.NodeProto]:
    """The nodes that depend on the input; what the others compute is added to `weights`."""
    kept = []
    for node in nodes:
        foldable = node.op_type in ("DequantizeLinear", "Reshape")
        if foldable and all(name in weights for name in node.input):
            weights[node.output[0]] = _evaluate(node, [weights[name] for name in node.input])
        else:
            kept.append(node)
    return kept


def _evaluate(node: onnx.NodeProto, inputs: list[Array]) -> Array:
    if node.op_type == "Reshape":
        return inputs[0].reshape([int(size) for size in inputs[1]])
    attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    zero = inputs[2] if len(inputs) > 2 else np.zeros_like(inputs[1], dtype=inputs[0].dtype)
    return dequantise_blocks(
        inputs[0], inputs[1], zero, axis=int(attributes.get("axis", 1)), block=int(attributes.get("block_size", 0))
    )


def dequantise_blocks(quantised: Array, scale: Array, zero: Array, *, axis: int, block: int) -> Array:
    """`(quantised - zero) * scale` as ONNX's `DequantizeLinear` defines it, float32.

    A single scale holds for all, whatever `block` says. Otherwise block > 0: each scale holds for `block`
    values along `axis` (the last block may be shorter); block 0: one scale for each index of `axis`.
    """
    if scale.size == 1:
        scale, zero = scale.reshape(()), zero.reshape(())
    elif block:
        size = quantised.shape[axis]
        scale, zero = (np.repeat(array, block, axis).take(range(size), axis) for array in (scale, zero))
    elif scale.ndim == 1:
        shape = [1] * quantised.ndim
        shape[axis] = scale.size
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    else:
        raise UnsupportedOperation("DequantizeLinear without blocks but with many scales", remedy="use the pinned file")
    restored: Array = (quantised.astype(np.int32) - zero.astype(np.int32)).astype(np.float32) * scale
    return restored.astype(np.float32)


def _free_batch(nodes: Sequence[onnx.NodeProto], weights: dict[str, Array]) -> None:
    """Reshape shapes like (1, -1, c): the leading 1 becomes 0, which copies the batch."""
    for node in nodes:
        shape = weights.get(node.input[1]) if node.op_type == "Reshape" else None
        if shape is not None and shape.size > 1 and shape[0] == 1 and -1 in shape[1:]:
            weights[node.input[1]] = np.concatenate([np.zeros(1, shape.dtype), shape[1:]])


def _with_axes(info: onnx.ValueInfoProto, free_axes: FreeAxes) -> onnx.ValueInfoProto:
    if info.name not in free_axes:
        return info
    return onnx.helper.make_tensor_value_info(info.name, info.type.tensor_type.elem_type, list(free_axes[info.name]))
