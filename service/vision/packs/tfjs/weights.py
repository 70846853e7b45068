"""Weights of a TensorFlow.js model: one binary, entries one after another, some of them quantised."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.vision.packs.errors import PackInvalid

Array: TypeAlias = NDArray[Any]

_TYPES: Mapping[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "int32": np.dtype("<i4"),
    "uint8": np.dtype("u1"),
    "uint16": np.dtype("<u2"),
    "bool": np.dtype("?"),
}


def read_weights(entries: Iterable[Mapping[str, Any]], data: bytes) -> dict[str, Array]:
    """Name -> array in the declared type. Raises `PackInvalid` when the binary is shorter or longer than
    declared."""
    weights: dict[str, Array] = {}
    offset = 0
    for entry in entries:
        try:
            name, stored = entry["name"], _stored_type(entry)
            count = math.prod(entry["shape"])
            size = count * stored.itemsize
            raw = np.frombuffer(data[offset : offset + size], stored)
            weights[name] = _dequantised(raw, entry).reshape(entry["shape"])
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(f"entry {entry.get('name', '?')!r} cannot be read ({error})") from error
        offset += size
    if offset != len(data):
        raise _damaged(f"{len(data)} bytes where {offset} are declared")
    return weights


def _stored_type(entry: Mapping[str, Any]) -> np.dtype[Any]:
    quantisation = entry.get("quantization")
    return _TYPES[quantisation["dtype"] if quantisation else entry["dtype"]]


def _dequantised(raw: Array, entry: Mapping[str, Any]) -> Array:
    """float16 is only a narrower store; integers are `value * scale + min` (TensorFlow.js converter's affine
    scheme)."""
    quantisation = entry.get("quantization")
    declared = _TYPES[entry["dtype"]]
    if quantisation is None or quantisation["dtype"] == "float16":
        return raw.astype(declared)
    restored = raw.astype(np.float32) * np.float32(quantisation["scale"]) + np.float32(quantisation["min"])
    return restored.astype(declared)


def _damaged(what: str) -> PackInvalid:
    return PackInvalid(f"the weight file does not fit its description: {what}", remedy="download it again")
