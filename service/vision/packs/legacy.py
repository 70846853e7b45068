"""Packs from before insightface's manifest V2: a folder of ONNX files, told apart by their shapes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from service.vision.packs.errors import PackInvalid
from service.vision.packs.files import sha256_of
from service.vision.packs.manifest import LICENCE, MANIFEST, VERSION

_ENDINGS = re.compile(r"(\.(zip|tar|tgz|gz|bz2|xz))+$")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_REMEDY = "name a pack with a recognition model (112 x 112) and a detection model"


def needs_manifest(folder: Path) -> bool:
    """Whether `folder` has no manifest V2. One that cannot be read counts as present: it is refused, not
    replaced."""
    try:
        document = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return True
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("manifest_version") in (None, 1)


def written_manifest(folder: Path, source_name: str) -> bytes:
    """A manifest V2 for the ONNX files in `folder`, with their hashes, called after the source. Raises
    `PackInvalid`."""
    tasks: dict[str, Any] = {}
    for path in sorted(folder.glob("*.onnx")):
        task, entry = _routed(path)
        if task and task not in tasks:
            tasks[task] = {"file": path.name, "sha256": sha256_of(path), **entry}
    if missing := {"detection", "recognition"} - set(tasks):
        raise PackInvalid(f"no model for {' and '.join(sorted(missing))} among the .onnx files", remedy=_REMEDY)
    name = _NOT_IN_A_NAME.sub("-", _ENDINGS.sub("", source_name)).strip("-.") or "imported"
    document = {"manifest_version": VERSION, "model_id": name[:128], "license": LICENCE, "tasks": tasks}
    return (json.dumps(document, indent=2) + "\n").encode()


def _routed(path: Path) -> tuple[str, dict[str, Any]]:
    """Task and preprocessing of a model by insightface's own rules (`ModelRouter`, `SCRFD`, `ArcFaceONNX`); ""
    for others."""
    # Only an import needs onnx; who lists packs does not pay for it.
    from service.vision.packs.onnx_files import parse_onnx

    graph = parse_onnx(path.read_bytes(), path.name).graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [_shape(info) for info in graph.input if info.name not in weights]
    if len(graph.output) >= 5:
        return "detection", {"preprocessing": {"mean": 127.5, "std": 128.0}}
    if len(inputs) == 1 and inputs[0][2:] == [112, 112] and len(graph.output) == 1:
        dimension = _shape(graph.output[0])[-1]
        if dimension < 1:
            raise PackInvalid(f"{path.name} does not state the size of its embedding", remedy=_REMEDY)
        first = [node.name for node in graph.node[:8]]
        embedded = _any_starts(first, ("Sub", "_minus")) and _any_starts(first, ("Mul", "_mul"))
        scaling = {"mean": 0.0, "std": 1.0} if embedded else {"mean": 127.5, "std": 127.5}
        return "recognition", {"preprocessing": scaling, "embedding_dimension": dimension}
    return "", {}


def _shape(info: Any) -> list[int]:
    """Sizes of the axes, 0 for a free one."""
    return [int(axis.dim_value) for axis in info.type.tensor_type.shape.dim]


def _any_starts(names: list[str], stems: tuple[str, ...]) -> bool:
    return any(name.startswith(stems) for name in names)
