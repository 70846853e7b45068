"""Opening ONNX files that may be anything."""

from __future__ import annotations

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from service.vision.packs.errors import PackInvalid


def parse_onnx(data: bytes, what: str) -> onnx.ModelProto:
    """A model from its bytes; weights kept in other files are not read. Raises `PackInvalid`, naming `what`."""
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise PackInvalid(f"{what} is not an ONNX file", remedy="get the file again") from error
    if not model.graph.node:
        raise PackInvalid(f"{what} is an ONNX file without a graph", remedy="get the file again")
    return model
