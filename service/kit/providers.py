"""How people name onnxruntime's execution providers."""

from __future__ import annotations

import json

_FULL = {name.lower(): f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "OpenVINO", "CoreML", "ROCM", "Tensorrt")}


def provider_names(given: object) -> object:
    """Full names from short or full ones: text with commas, a JSON list as text, or a list. Anything else as it came,
    for whoever validates to refuse.

    >>> provider_names("cuda, cpu")
    ('CUDAExecutionProvider', 'CPUExecutionProvider')
    """
    if isinstance(given, str):
        given = json.loads(given) if given.lstrip().startswith("[") else given.split(",")
    if not isinstance(given, list | tuple):
        return given
    names = [str(name).strip() for name in given]
    return tuple(_FULL.get(name.lower(), name) for name in names if name)
