"""The TensorFlow.js graph model as typed values: nodes, weights, signature.

Format: a `model.json` with `modelTopology` (a TensorFlow GraphDef as JSON), `signature` and `weightsManifest`,
and one binary file with the weights one after another (https://www.tensorflow.org/js/guide/save_load).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.vision.packs.errors import PackInvalid, UnsupportedOperation
from service.vision.packs.tfjs.weights import Array, read_weights

_REMEDY = "use the model.json and .bin of one export"


@dataclass(frozen=True, slots=True)
class Node:
    """One TensorFlow operation. `inputs` are data inputs only; control inputs do not matter for inference."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def ints(self, key: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """A list-of-int attribute."""
        values = self.attributes.get(key, {}).get("list", {}).get("i")
        return default if not values else tuple(int(value) for value in values)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list-of-string attribute (base64 in the file)."""
        return tuple(_text(value) for value in self.attributes.get(key, {}).get("list", {}).get("s", ()))

    def text(self, key: str, default: str = "") -> str:
        """A string attribute (base64 in the file)."""
        value = self.attributes.get(key, {}).get("s")
        return default if value is None else _text(value)

    def number(self, key: str, default: float) -> float:
        """A float attribute."""
        return float(self.attributes.get(key, {}).get("f", default))

    def flag(self, key: str) -> bool:
        """A boolean attribute, false when absent."""
        return bool(self.attributes.get(key, {}).get("b", False))

    def refuse(self, why: str) -> UnsupportedOperation:
        """The error for a variant of this operation that the converter does not know."""
        return UnsupportedOperation(
            f"{self.op} {self.name}: {why}", remedy="this graph cannot be converted by this version"
        )


@dataclass(frozen=True, slots=True)
class GraphModel:
    """A parsed graph.

    inputs, outputs: TensorFlow tensor name (without `:0`) -> shape, -1 for a free axis.
    """

    nodes: Mapping[str, Node]
    weights: Mapping[str, Array]
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]


def tensor_name(reference: str) -> str:
    """`x:0` and `x` are the same tensor; `x:1` is another output of the same node."""
    return reference.removesuffix(":0")


def parse_graph_model(description: bytes, weights: bytes) -> GraphModel:
    """Parses a `model.json` and its single weight file. Raises `PackInvalid` for anything else."""
    try:
        document = json.loads(description)
        manifest = [entry for group in document["weightsManifest"] for entry in group["weights"]]
        signature = document["signature"]
        nodes = {raw["name"]: _node(raw) for raw in document["modelTopology"]["node"]}
        inputs, outputs = _tensors(signature["inputs"]), _tensors(signature["outputs"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackInvalid(f"this is not a TensorFlow.js graph model ({error})", remedy=_REMEDY) from error
    return GraphModel(nodes, read_weights(manifest, weights), inputs, outputs)


def _node(raw: Mapping[str, Any]) -> Node:
    inputs = tuple(tensor_name(name) for name in raw.get("input", ()) if not name.startswith("^"))
    return Node(raw["name"], raw["op"], inputs, raw.get("attr") or {})


def _tensors(raw: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {
        tensor_name(entry["name"]): tuple(int(axis["size"]) for axis in entry["tensorShape"].get("dim", ()))
        for entry in raw.values()
    }


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise PackInvalid(f"{encoded[:40]!r} is not a base64 attribute", remedy=_REMEDY) from None


def as_ints(array: Array) -> tuple[int, ...]:
    """The values of a constant that holds axes, sizes or a shape."""
    return tuple(int(value) for value in np.atleast_1d(array))
