"""The ONNX graph under construction, and tensors whose axes are permuted lazily.

TensorFlow convolves over (batch, height, width, channel), ONNX over (batch, channel, height, width).
Transposing around every convolution would cost more than some of the convolutions, so a tensor remembers the
order in which its axes are stored and is only transposed where an operation needs another one. A TensorFlow
`Transpose` then costs nothing either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx

from service.vision.packs.tfjs.weights import Array

AxisOrder: TypeAlias = tuple[int, ...]

CHANNELS_FIRST: AxisOrder = (0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor known at conversion time."""

    array: Array

    @property
    def rank(self) -> int:
        """Number of axes."""
        return int(self.array.ndim)


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor computed at run time: the ONNX tensor `name` is the TensorFlow tensor transposed by `order`."""

    name: str
    order: AxisOrder

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.order)

    def axis(self, tensorflow_axis: int) -> int:
        """Where a TensorFlow axis (may be negative) lies in the ONNX tensor."""
        return self.order.index(tensorflow_axis % self.rank)


Tensor: TypeAlias = Constant | Value


def plain(rank: int) -> AxisOrder:
    """The order of a tensor that is stored as TensorFlow has it."""
    return tuple(range(rank))


class Builder:
    """Collects ONNX nodes and initialisers; names are counted, so that the same graph gives the same bytes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._transposed: dict[tuple[str, AxisOrder], str] = {}

    def emit(self, op: str, inputs: Sequence[str], *, outputs: int = 1, **attributes: Any) -> tuple[str, ...]:
        """Appends a node and returns the names of its outputs."""
        stem = f"{op.lower()}_{len(self.nodes)}"
        names = tuple(f"{stem}_{index}" if outputs > 1 else stem for index in range(outputs))
        self.nodes.append(onnx.helper.make_node(op, list(inputs), list(names), name=stem, **attributes))
        return names

    def one(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Appends a node with a single output."""
        return self.emit(op, inputs, **attributes)[0]

    def constant(self, array: Array) -> str:
        """Adds an initialiser and returns its name."""
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def ints(self, values: Sequence[int]) -> str:
        """Adds an int64 initialiser."""
        return self.constant(np.asarray(values, np.int64))

    def stored(self, tensor: Tensor, order: AxisOrder) -> str:
        """The name of `tensor` with its axes in `order`; a constant of lower rank is broadcast from the left."""
        if isinstance(tensor, Constant):
            array = tensor.array.reshape((1,) * (len(order) - tensor.rank) + tensor.array.shape)
            return self.constant(array.transpose(order))
        if tensor.order == order:
            return tensor.name
        key = (tensor.name, tuple(tensor.order.index(axis) for axis in order))
        if key not in self._transposed:
            self._transposed[key] = self.one("Transpose", [tensor.name], perm=key[1])
        return self._transposed[key]

    def as_is(self, tensor: Tensor) -> str:
        """The name of `tensor` stored as TensorFlow has it."""
        return self.stored(tensor, plain(tensor.rank))
