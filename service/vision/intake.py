"""Bytes in: what a model asks of pixels, as the first nodes of its own graph.

Pixels are bytes, models want floats less a mean and over a spread. Done in the graph, nobody outside can get it wrong,
a quarter of the memory is written and handed over (to a graphics processor: copied), and the runtime does it where the
numbers are needed. The results are those of numpy, bit for bit (a test compares). It is done when a model is opened, so
that files, their hashes and the templates bound to them stay as they are.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from service.vision.packs.manifest import PackInput
from service.vision.packs.onnx_files import parse_onnx


def taking_bytes(model: bytes, wanted: PackInput, what: str) -> bytes:
    """`model` (ONNX) with uint8 in place of its one float32 input, of the same name, layout and shape.

    The mean and the spread of `wanted` are taken off inside. Raises `PackInvalid`, naming `what`, for bytes that are no
    model, and `ValueError` for one whose input is not a single float32 array of four axes.
    """
    changed = parse_onnx(model, what)
    graph = changed.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type != TensorProto.FLOAT:
        raise ValueError(f"{what}: one float32 input, not {[value.name for value in inputs]}")
    if len(inputs[0].type.tensor_type.shape.dim) != 4:
        raise ValueError(f"{what}: pictures have four axes")
    inputs[0].type.tensor_type.elem_type = TensorProto.UINT8
    name, numbers = inputs[0].name, f"{inputs[0].name}_as_numbers"
    for node in graph.node:
        for place, value in enumerate(node.input):
            if value == name:
                node.input[place] = numbers
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*_steps(name, numbers, wanted, graph), *rest])
    data: bytes = changed.SerializeToString()
    return data


def _steps(name: str, numbers: str, wanted: PackInput, graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """From `name` to `numbers`: to floats, then less the mean and over the spread where there is anything to take off.
    Constants are added to `graph`."""
    shifted, scaled = any(wanted.mean), any(one != 1.0 for one in wanted.std)
    shape = (1, 3, 1, 1) if wanted.layout == "NCHW" else (1, 1, 1, 3)
    steps: list[tuple[str, list[float] | None]] = [("Cast", None)]
    if shifted:
        steps.append(("Sub", [float(one) for one in wanted.mean]))
    if scaled:
        steps.append(("Mul", [1.0 / one for one in wanted.std]))
    nodes, value = [], name
    for i, (kind, constant) in enumerate(steps):
        result = numbers if i == len(steps) - 1 else f"{numbers}_{i}"
        if constant is None:
            nodes.append(helper.make_node(kind, [value], [result], to=TensorProto.FLOAT))
        else:
            by = f"{result}_by"
            tensor = np.array(constant, np.float32).reshape(shape)
            graph.initializer.append(numpy_helper.from_array(tensor, by))
            nodes.append(helper.make_node(kind, [value, by], [result]))
        value = result
    return nodes
