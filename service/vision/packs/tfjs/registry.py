"""Which function converts which TensorFlow operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from service.vision.packs.errors import UnsupportedOperation
from service.vision.packs.tfjs.builder import Builder, Constant, Tensor
from service.vision.packs.tfjs.graph import Node
from service.vision.packs.tfjs.weights import Array

Handler: TypeAlias = Callable[[Node, tuple[Tensor, ...], Builder], tuple[Tensor, ...]]

_handlers: dict[str, Handler] = {}


def handles(*operations: str) -> Callable[[Handler], Handler]:
    """Registers a function as the converter of `operations`."""

    def register(handler: Handler) -> Handler:
        for operation in operations:
            _handlers[operation] = handler
        return handler

    return register


def handler_of(node: Node) -> Handler:
    """The converter of a node's operation. Raises `UnsupportedOperation`."""
    try:
        return _handlers[node.op]
    except KeyError:
        raise UnsupportedOperation(
            f"the graph uses {node.op} ({node.name}), which cannot be converted",
            remedy=f"known operations: {', '.join(sorted(_handlers))}",
        ) from None


def known(node: Node, tensor: Tensor, what: str) -> Array:
    """The array of an input that must be constant. Raises `UnsupportedOperation` when it is computed at run
    time."""
    if isinstance(tensor, Constant):
        return tensor.array
    raise node.refuse(f"{what} must be a constant")
