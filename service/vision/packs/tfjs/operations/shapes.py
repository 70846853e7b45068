"""Operations that move values without changing them."""

from __future__ import annotations

import numpy as np

from service.vision.packs.tfjs.builder import Builder, Constant, Tensor, Value, plain
from service.vision.packs.tfjs.graph import Node, as_ints
from service.vision.packs.tfjs.operations.elementwise import computed
from service.vision.packs.tfjs.registry import handles, known


@handles("Transpose")
def transpose(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """Renames the axes of the stored tensor; no ONNX node is needed."""
    axes = as_ints(known(node, inputs[1], "the permutation"))
    if isinstance(inputs[0], Constant):
        return (Constant(inputs[0].array.transpose(axes)),)
    value = inputs[0]
    return (Value(value.name, tuple(axes.index(axis) for axis in value.order)),)


@handles("Reshape")
def reshape(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """A reshape to a constant shape; the values are read in TensorFlow's order."""
    shape = as_ints(known(node, inputs[1], "the shape"))
    if isinstance(inputs[0], Constant):
        return (Constant(inputs[0].array.reshape(shape)),)
    name = builder.one("Reshape", [builder.as_is(inputs[0]), builder.ints(shape)])
    return (Value(name, plain(len(shape))),)


@handles("ConcatV2")
def concatenate(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """Joins along one axis, in the stored order of the first computed part."""
    *parts, last = inputs
    axis = int(known(node, last, "the axis"))
    leader = next((part for part in parts if isinstance(part, Value)), None)
    if leader is None:
        return (Constant(np.concatenate([known(node, part, "a part") for part in parts], axis)),)
    names = [builder.stored(part, leader.order) for part in parts]
    return (Value(builder.one("Concat", names, axis=leader.axis(axis)), leader.order),)


@handles("SplitV")
def split(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """Cuts along one axis into parts of constant sizes."""
    value = computed(node, inputs[0])
    sizes = as_ints(known(node, inputs[1], "the sizes"))
    axis = value.axis(int(known(node, inputs[2], "the axis")))
    if min(sizes) < 0:
        raise node.refuse("a size left open")
    names = builder.emit("Split", [value.name, builder.ints(sizes)], outputs=len(sizes), axis=axis)
    return tuple(Value(name, value.order) for name in names)


@handles("SparseToDense")
def sparse_to_dense(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """A dense constant from indices, shape, values and a default; exporters write shapes this way."""
    indices, shape, values, default = (known(node, tensor, "every input") for tensor in inputs)
    dense = np.full(as_ints(shape), default, values.dtype)
    if dense.ndim == 1:
        dense[indices.reshape(-1)] = values
    else:
        dense[tuple(indices.T)] = values
    return (Constant(dense),)


@handles("Pad", "PadV2")
def pad(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """Constant padding; the widths (rank, 2) follow the axes of the stored tensor."""
    value = computed(node, inputs[0])
    widths = known(node, inputs[1], "the widths")[list(value.order)]
    fill = known(node, inputs[2], "the fill") if len(inputs) > 2 else np.float32(0.0)
    names = [
        value.name,
        builder.ints(as_ints(widths.T.reshape(-1))),
        builder.constant(np.array(fill, np.float32).reshape(())),
    ]
    return (Value(builder.one("Pad", names), value.order),)
