"""A TensorFlow.js graph as an ONNX model with the same inputs and the outputs asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx

from service.vision.packs.errors import PackInvalid
from service.vision.packs.tfjs.builder import Builder, Constant, Tensor, Value, plain
from service.vision.packs.tfjs.graph import GraphModel, Node, tensor_name
from service.vision.packs.tfjs.operations import register_all
from service.vision.packs.tfjs.registry import handler_of

OPSET = 18
IR_VERSION = 9
PRODUCER = "wardwatch"


def convert(graph: GraphModel, input_name: str, outputs: Mapping[str, str]) -> onnx.ModelProto:
    """Converts what `outputs` (ONNX name -> TensorFlow tensor) need; a graph has one input, called `input_name`.

    A free axis (-1) is named `batch`. The bytes depend on the graph alone, not on library versions: nothing is
    inferred. Raises `UnsupportedOperation` and `PackInvalid`.
    """
    if len(graph.inputs) != 1:
        raise PackInvalid(f"{len(graph.inputs)} inputs where one is expected", remedy="use another export")
    missing = [name for name in outputs.values() if tensor_name(name) not in graph.outputs]
    if missing:
        raise PackInvalid(f"no output called {missing[0]}", remedy=f"outputs: {', '.join(graph.outputs)}")
    register_all()
    builder = Builder()
    tensors = _compute(graph, input_name, [tensor_name(name) for name in outputs.values()], builder)
    for name, source in outputs.items():
        builder.nodes.append(
            onnx.helper.make_node("Identity", [builder.as_is(tensors[tensor_name(source)])], [name], name=name)
        )
    (shape,) = graph.inputs.values()
    return _model(
        builder,
        _float_info(input_name, shape),
        [_float_info(name, graph.outputs[tensor_name(source)]) for name, source in outputs.items()],
    )


def _compute(graph: GraphModel, input_name: str, wanted: list[str], builder: Builder) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {name: Constant(array) for name, array in graph.weights.items()}
    tensors |= {name: Value(input_name, plain(len(shape))) for name, shape in graph.inputs.items()}
    for node in _in_order(graph, wanted):
        if node.name in tensors:
            continue
        inputs = tuple(tensors[name] for name in node.inputs)
        for index, tensor in enumerate(handler_of(node)(node, inputs, builder)):
            tensors[tensor_name(f"{node.name}:{index}")] = tensor
    return tensors


def _in_order(graph: GraphModel, wanted: list[str]) -> Iterator[Node]:
    """The nodes that `wanted` need, each after its inputs; depth first without recursion, for graphs are deep."""
    seen: set[str] = set()
    stack = [(name.split(":")[0], False) for name in reversed(wanted)]
    while stack:
        name, ready = stack.pop()
        if ready:
            yield graph.nodes[name]
        elif name not in seen:
            seen.add(name)
            if name not in graph.nodes:
                raise PackInvalid(f"the graph lacks node {name}", remedy="use another export")
            stack.append((name, True))
            stack.extend((parent.split(":")[0], False) for parent in reversed(graph.nodes[name].inputs))


def _float_info(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    axes = ["batch" if size < 0 else size for size in shape]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, axes)


def _model(builder: Builder, source: onnx.ValueInfoProto, outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
    graph = onnx.helper.make_graph(builder.nodes, "graph", [source], outputs, builder.initializers)
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], producer_name=PRODUCER, ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    return model
