"""From pinned source files to the bytes of one model file."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from service.vision.packs.fold import fold
from service.vision.packs.onnx_files import parse_onnx
from service.vision.packs.prelu import without_prelu
from service.vision.packs.recipe import ConvertStep, FoldStep, Step
from service.vision.packs.tfjs import convert, parse_graph_model


def prepare(step: Step, sources: Sequence[bytes]) -> bytes:
    """The prepared ONNX file, the same bytes on every machine. Raises `PackInvalid` and `UnsupportedOperation`."""
    data: bytes = without_prelu(as_made(step, sources)).SerializeToString(deterministic=True)
    return data


def as_made(step: Step, sources: Sequence[bytes]) -> onnx.ModelProto:
    """The same graph with the operations that its makers chose."""
    return _folded(step, sources[0]) if isinstance(step, FoldStep) else _converted(step, *sources)


def _folded(step: FoldStep, source: bytes) -> onnx.ModelProto:
    return fold(parse_onnx(source, "the source"), step.free_axes)


def _converted(step: ConvertStep, description: bytes, weights: bytes) -> onnx.ModelProto:
    return convert(parse_graph_model(description, weights), step.input, step.outputs)
