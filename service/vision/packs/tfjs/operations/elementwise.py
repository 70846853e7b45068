"""Operations that act on each element: sums and activations."""

from __future__ import annotations

import numpy as np

from service.vision.packs.tfjs.builder import Builder, Constant, Tensor, Value
from service.vision.packs.tfjs.graph import Node
from service.vision.packs.tfjs.registry import handles, known

_SIX = np.array(6.0, np.float32)


@handles("Identity")
def identity(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """Passes its input on; costs nothing."""
    return (inputs[0],)


@handles("Add", "AddV2")
def add(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """A sum; two constants are added now."""
    first, second = inputs
    if isinstance(first, Constant) and isinstance(second, Constant):
        return (Constant(first.array + second.array),)
    leader = first if isinstance(first, Value) else computed(node, second)
    if any(tensor.rank > leader.rank or _narrow(tensor, leader) for tensor in inputs):
        raise node.refuse("broadcasting that changes the rank of a computed tensor")
    names = [builder.stored(tensor, leader.order) for tensor in inputs]
    return (Value(builder.one("Add", names), leader.order),)


def _narrow(tensor: Tensor, leader: Value) -> bool:
    return isinstance(tensor, Value) and tensor.rank < leader.rank


@handles("Relu", "Relu6", "Sigmoid", "LeakyRelu", "Prelu")
def activation(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """A nonlinearity as its own node."""
    value = computed(node, inputs[0])
    slope = inputs[1] if len(inputs) > 1 else None
    return (activate(node, node.op, value, slope, builder),)


def activate(node: Node, kind: str, value: Value, slope: Tensor | None, builder: Builder) -> Value:
    """Applies the nonlinearity `kind`, alone or fused behind a convolution. `slope` only for Prelu."""
    if kind in ("Relu", "Sigmoid"):
        name = builder.one(kind, [value.name])
    elif kind == "LeakyRelu":
        # 0.2 is TensorFlow's default where the attribute is left out.
        alpha = node.number("alpha", node.number("leakyrelu_alpha", 0.2))
        name = builder.one("LeakyRelu", [value.name], alpha=alpha)
    elif kind == "Prelu" and slope is not None:
        learned = Constant(known(node, slope, "the slope"))
        name = builder.one("PRelu", [value.name, builder.stored(learned, value.order)])
    elif kind == "Relu6":
        name = builder.one("Min", [builder.one("Relu", [value.name]), builder.constant(_SIX)])
    else:
        raise node.refuse(f"activation {kind}")
    return Value(name, value.order)


def computed(node: Node, tensor: Tensor) -> Value:
    """An input that must come from run time: a constant there means a graph that was never folded."""
    if isinstance(tensor, Value):
        return tensor
    raise node.refuse("the data input is a constant")
