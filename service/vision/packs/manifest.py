"""A pack's manifest as typed values: insightface's manifest V2, with the parts that insightface does not know.

`tasks.recognition` (and `detection`, `verification`) follow insightface; every other task is ours and ignored
by it. Our fields inside a task (`input`, `outputs`, `thresholds`, `licence`, `origin`) are ignored by
insightface as well.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from service.vision.packs.errors import PackInvalid, PackMissing
from service.vision.packs.files import sha256_of

MANIFEST = "manifest.json"
LICENCE = "MODEL.LICENSE"
CARD = "MODEL_CARD.md"
VERSION = 2
MAX_MANIFEST_BYTES = 1 << 20

_MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMEDY = "fetch the default pack again, or import a pack with an insightface manifest V2"


@dataclass(frozen=True, slots=True)
class PackInput:
    """What a model wants to see. A pixel value p of a channel becomes (p - mean) / std.

    layout: "NCHW" or "NHWC". colour: order of the channels, "BGR" or "RGB". mean, std: one number a channel, in
    that order, for pixels 0..255. size: (width, height), or None where any size divisible by `multiple_of` is
    taken.
    """

    name: str
    layout: str
    colour: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: tuple[int, int] | None
    multiple_of: int


@dataclass(frozen=True, slots=True)
class PackPart:
    """One model of a pack. `input` is None in packs made by others, whose preprocessing insightface itself
    reads."""

    task: str
    file: str
    sha256: str | None
    input: PackInput | None
    outputs: tuple[str, ...]
    thresholds: Mapping[str, float]
    embedding_dimension: int | None
    licence: str | None


@dataclass(frozen=True, slots=True)
class PackManifest:
    """A parsed manifest. `commercial_use` is None where the pack does not say."""

    folder: Path
    model_id: str
    display_name: str
    commercial_use: bool | None
    parts: Mapping[str, PackPart]

    def path(self, task: str) -> Path:
        """The model file of a task. Raises `PackMissing` when the pack has no such task."""
        if task not in self.parts:
            raise PackMissing(f"pack {self.model_id} has no part for {task}", remedy=_REMEDY, field="tasks")
        return self.folder / self.parts[task].file


def read_manifest(folder: Path) -> PackManifest:
    """Parses `folder`/manifest.json. Raises `PackMissing` and `PackInvalid`, which name the field."""
    path = folder / MANIFEST
    if not path.is_file():
        raise PackMissing(f"{folder} holds no model pack", remedy="run: wardwatch models fetch")
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise PackInvalid(f"{path} is too large for a manifest", remedy=_REMEDY)
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise PackInvalid(f"{path} is not JSON ({error})", remedy=_REMEDY) from error
    return parse_manifest(document, folder)


def parse_manifest(document: Any, folder: Path) -> PackManifest:
    """A manifest document as typed values. Raises `PackInvalid`."""
    root = _mapping(document, "manifest")
    if root.get("manifest_version") != VERSION or isinstance(root.get("manifest_version"), bool):
        raise _invalid("manifest_version", f"must be {VERSION}")
    model_id = _text(root.get("model_id"), "model_id")
    if not _MODEL_ID.fullmatch(model_id):
        raise _invalid("model_id", "may hold letters, digits, dot, dash and underscore only")
    commercial = root.get("commercial_use")
    if commercial is not None and not isinstance(commercial, bool):
        raise _invalid("commercial_use", "must be true or false")
    tasks = _mapping(root.get("tasks"), "tasks")
    parts = {task: _part(task, _mapping(raw, f"tasks.{task}")) for task, raw in tasks.items()}
    return PackManifest(folder, model_id, _text(root.get("display_name", model_id), "display_name"), commercial, parts)


def _part(task: str, raw: Mapping[str, Any]) -> PackPart:
    at = f"tasks.{task}"
    file = _text(raw.get("file"), f"{at}.file")
    relative = PurePosixPath(file)
    if relative.is_absolute() or ".." in relative.parts or "\\" in file or ":" in file or relative.suffix != ".onnx":
        raise _invalid(f"{at}.file", "must name an .onnx file inside the pack")
    sha256 = raw.get("sha256")
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise _invalid(f"{at}.sha256", "must be 64 hexadecimal digits")
    dimension = raw.get("embedding_dimension")
    if dimension is not None and (not isinstance(dimension, int) or isinstance(dimension, bool) or dimension < 1):
        raise _invalid(f"{at}.embedding_dimension", "must be a positive integer")
    thresholds = _mapping(raw.get("thresholds", {}), f"{at}.thresholds")
    return PackPart(
        task=task,
        file=file,
        sha256=sha256,
        input=_input(raw["input"], f"{at}.input") if "input" in raw else None,
        outputs=tuple(_mapping(raw.get("outputs", {}), f"{at}.outputs")),
        thresholds={name: _number(value, f"{at}.thresholds.{name}") for name, value in thresholds.items()},
        embedding_dimension=dimension,
        licence=_text(raw["licence"], f"{at}.licence") if "licence" in raw else None,
    )


def _input(raw: Any, at: str) -> PackInput:
    entry = _mapping(raw, at)
    layout, colour = _text(entry.get("layout"), f"{at}.layout"), _text(entry.get("colour"), f"{at}.colour")
    if layout not in ("NCHW", "NHWC"):
        raise _invalid(f"{at}.layout", "must be NCHW or NHWC")
    if colour not in ("BGR", "RGB"):
        raise _invalid(f"{at}.colour", "must be BGR or RGB")
    std = _channels(entry.get("std"), f"{at}.std")
    if min(std) <= 0:
        raise _invalid(f"{at}.std", "must be positive")
    size = entry.get("size")
    return PackInput(
        name=_text(entry.get("name"), f"{at}.name"),
        layout=layout,
        colour=colour,
        mean=_channels(entry.get("mean"), f"{at}.mean"),
        std=std,
        size=None if size is None else _size(size, f"{at}.size"),
        multiple_of=int(_number(entry.get("multiple_of", 1), f"{at}.multiple_of")),
    )


def pack_hash(folder: Path) -> str:
    """What identifies the numbers a pack produces: sha256 over each task's file hash and preprocessing, 64 hex
    digits.

    The preprocessing counts because the same file fed otherwise makes other embeddings; names and card do not
    count. A file without a declared hash is hashed now.
    """
    return hash_of(read_manifest(folder), json.loads((folder / MANIFEST).read_bytes()))


def hash_of(manifest: PackManifest, document: Mapping[str, Any]) -> str:
    """`pack_hash` of a parsed manifest and the document it was parsed from."""
    raw, lines = document["tasks"], []
    for task, part in sorted(manifest.parts.items()):
        digest = part.sha256 or _hash_present(manifest.path(task))
        shaping = {key: raw[task].get(key) for key in ("input", "preprocessing", "preprocessing_version")}
        lines.append(f"{task} {digest} {json.dumps(shaping, sort_keys=True)}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _hash_present(path: Path) -> str:
    if not path.is_file():
        raise PackMissing(f"{path} is not there", remedy=_REMEDY)
    return sha256_of(path)


def _invalid(field: str, why: str) -> PackInvalid:
    return PackInvalid(why, field=field, remedy=_REMEDY)


def _mapping(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(field, "must be an object")
    return value


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _invalid(field, "must be a text")
    return value.strip()


def _number(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _invalid(field, "must be a finite number")
    return float(value)


def _channels(value: Any, field: str) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise _invalid(field, "must hold three numbers, one a channel")
    first, second, third = (_number(entry, field) for entry in value)
    return first, second, third


def _size(value: Any, field: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise _invalid(field, "must hold width and height")
    width, height = (int(_number(entry, field)) for entry in value)
    if min(width, height) < 1:
        raise _invalid(field, "must be positive")
    return width, height
