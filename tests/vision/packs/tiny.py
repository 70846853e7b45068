"""Tiny packs and registry archives, built by hand: a folded model, a converted graph, and the archives they
come in."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from service.vision.packs.golden import scaled
from service.vision.packs.prepare import prepare
from service.vision.packs.recipe import Golden, GoldenSample, PackRecipe, PartRecipe, parse_recipe

Array = NDArray[Any]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# TensorFlow.js graphs ------------------------------------------------------------------------------------------------


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def texts(*values: str) -> dict[str, Any]:
    return {"list": {"s": [text(value)["s"] for value in values]}}


def node(name: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def weight(name: str, array: Array, quantization: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], bytes]:
    """A manifest entry and its stored bytes; `array` is as stored, so already quantised if it is."""
    declared = "float32" if quantization else str(array.dtype)
    entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": declared}
    if quantization:
        entry["quantization"] = dict(quantization)
    return entry, array.tobytes()


def tfjs(
    nodes: Sequence[dict[str, Any]],
    weights: Sequence[tuple[dict[str, Any], bytes]],
    shape: Sequence[int],
    outputs: Mapping[str, Sequence[int]],
) -> tuple[bytes, bytes]:
    """model.json and weights of a graph whose input `x` has `shape`."""

    def tensor(name: str, sizes: Sequence[int]) -> dict[str, Any]:
        return {"name": f"{name}:0", "tensorShape": {"dim": [{"size": str(size)} for size in sizes]}}

    consts = [node(entry["name"], "Const") for entry, _ in weights]
    document = {
        "signature": {
            "inputs": {"x": tensor("x", shape)},
            "outputs": {name: tensor(name, sizes) for name, sizes in outputs.items()},
        },
        "modelTopology": {"node": [node("x", "Placeholder"), *consts, *nodes]},
        "weightsManifest": [{"paths": ["w.bin"], "weights": [entry for entry, _ in weights]}],
    }
    return json.dumps(document).encode(), b"".join(data for _, data in weights)


# A recipe ------------------------------------------------------------------------------------------------------------

QUANTISED = np.array([[4, -2, 6, 0]], np.int8)
SCALES = np.array([[0.5, 0.25]], np.float32)
# Blocks of 2 along the channels: 4 x 0.5, -2 x 0.5, 6 x 0.25, 0 x 0.25.
FOLDED = np.array([[2.0, -1.0, 1.5, 0.0]], np.float32)


def quantised_onnx() -> bytes:
    """y = x . w, w quantised in blocks, with a stale input as exporters leave them. (1, 3, 1, 4) -> (1, 3, 1,
    1)."""
    helper = onnx.helper
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1, block_size=2),
        helper.make_node("Reshape", ["w", "shape"], ["w2"]),
        helper.make_node("MatMul", ["x", "w2"], ["y"]),
    ]
    weights = {
        "q": QUANTISED,
        "s": SCALES,
        "z": np.zeros_like(SCALES, np.int8),
        "shape": np.array([4, 1], np.int64),
    }
    info = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 1, 4]) for name in ("x", "stale")]
    info.append(helper.make_tensor_value_info("s", onnx.TensorProto.FLOAT, [1, 2]))
    graph = helper.make_graph(
        nodes,
        "g",
        info,
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3, 1, 1])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


def embedding_onnx(*, names: tuple[str, str] = ("first", "second"), size: int = 112) -> bytes:
    """A recognition-like model: the mean over the picture, 3 numbers. `names`: of its nodes."""
    helper = onnx.helper
    nodes = [
        helper.make_node("ReduceMean", ["data", "axes"], ["m"], name=names[0], keepdims=0),
        helper.make_node("Identity", ["m"], ["fc1"], name=names[1]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("data", onnx.TensorProto.FLOAT, ["batch", 3, size, size])],
        [helper.make_tensor_value_info("fc1", onnx.TensorProto.FLOAT, ["batch", 3])],
        [onnx.numpy_helper.from_array(np.array([2, 3], np.int64), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def detection_onnx() -> bytes:
    """Detection-like for insightface's routing: six outputs."""
    helper = onnx.helper
    names = [f"o{index}" for index in range(6)]
    nodes = [helper.make_node("Identity", ["input"], [name]) for name in names]
    info = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 64, 64]) for name in ("input", *names)]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def tiny_graph() -> tuple[bytes, bytes]:
    """A TensorFlow.js graph over (batch, 2, 2, 3) pixels: relu(x - 1) as add and activation."""
    minus_one = weight("c", np.full(3, -1.0, np.float32))
    return tfjs(
        [node("a", "AddV2", "x", "c"), node("r", "Relu", "a")], [minus_one], (-1, 2, 2, 3), {"r": (-1, 2, 2, 3)}
    )


def zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def tiny_recipe(mirror: Path, model_id: str = "tiny") -> PackRecipe:
    """A recipe with one folded and one converted part, and `mirror` filled with the two archives it needs."""
    mirror.mkdir(parents=True, exist_ok=True)
    description, weights = tiny_graph()
    wheel = zipped({"q/m.onnx": quantised_onnx()})
    tarball = tarred({"package/g.json": description, "package/g.bin": weights})
    (mirror / "q-1.0-py3-none-any.whl").write_bytes(wheel)
    (mirror / "g-2.0.tgz").write_bytes(tarball)
    mesh_input = {"name": "x", "layout": "NHWC", "colour": "RGB", "mean": [0, 0, 0], "std": [100, 100, 100]}
    part_input = {"name": "x", "layout": "NCHW", "colour": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1]}
    recipe = parse_recipe(
        {
            "model_id": model_id,
            "display_name": "A tiny pack",
            "packages": {
                "q": _package("pip", "q", "1.0", "q-1.0-py3-none-any.whl", wheel),
                "g": _package("npm", "g", "2.0", "g-2.0.tgz", tarball),
            },
            "copyrights": ["nobody"],
            "limits": ["tiny"],
            "parts": [
                _part("adder", "g", {"g.json": description, "g.bin": weights}, mesh_input),
                _part("scorer", "q", {"m.onnx": quantised_onnx()}, part_input),
            ],
        }
    )
    return replace(recipe, parts=tuple(_pinned(part) for part in recipe.parts))


def _package(client: str, name: str, version: str, archive: str, data: bytes) -> dict[str, Any]:
    return {
        "client": client,
        "name": name,
        "version": version,
        "archive": archive,
        "sha256": sha256(data),
        "bytes": len(data),
    }


def _part(task: str, package: str, members: Mapping[str, bytes], wanted: dict[str, Any]) -> dict[str, Any]:
    folder = "package" if package == "g" else "q"
    converted = {"kind": "tfjs", "input": "x", "outputs": {"r": "r"}}
    folded = {"kind": "fold", "free_axes": {"x": ["batch", 3, 1, 4], "y": ["batch", 3, 1, 1]}}
    return {
        "task": task,
        "file": f"{task}.onnx",
        "title": task,
        "limits": ["tiny"],
        "prepared_sha256": "",
        "sources": [
            {"package": package, "member": f"{folder}/{name}", "sha256": sha256(data)} for name, data in members.items()
        ],
        "step": converted if package == "g" else folded,
        "entry": {
            "input": {**wanted, "size": [2, 2], "multiple_of": 1},
            "outputs": {},
            "thresholds": {},
            "licence": "MIT",
            "origin": "made by hand",
        },
        "golden": {"shape": [1, 2, 2, 3], "reference": "numpy", "samples": {}},
    }


def _pinned(part: PartRecipe) -> PartRecipe:
    """The part with the hash and golden values that its hand-made model must give."""
    if part.task == "adder":
        data = prepare(part.step, list(tiny_graph()))
        expected = np.maximum(scaled((1, 2, 2, 3), part.entry) - 1, 0).ravel()
        golden = Golden((1, 2, 2, 3), "numpy", tuple(GoldenSample("r", i, float(expected[i])) for i in range(12)))
    else:
        data = prepare(part.step, [quantised_onnx()])
        expected = (scaled((1, 3, 1, 4), part.entry) @ FOLDED.T).ravel()
        golden = Golden((1, 3, 1, 4), "numpy", tuple(GoldenSample("y", i, float(expected[i])) for i in range(3)))
    return replace(part, prepared_sha256=sha256(data), golden=golden)
