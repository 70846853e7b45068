"""Rendered heads for tests, from photographs inside installed packages; nothing is fetched."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2

from service.simulator.attempts import HeadLibrary
from service.simulator.faces import read_catalogue
from service.simulator.surfaces import Pixels
from service.vision import Pack

CATALOGUE = Path(__file__).resolve().parent.parent / "fixtures" / "scenarios" / "faces.yaml"


def installed(package: str, member: str) -> Path:
    """A file of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / member


@cache
def library(pack: Pack) -> HeadLibrary:
    """Heads of the friends of insightface's picture and of scikit-image's astronaut."""
    assert pack.mesh is not None
    pictures = {
        "group-colour": installed("insightface", "data/images/t1.jpg"),
        "portrait-colour": installed("skimage", "data/astronaut.png"),
    }
    return HeadLibrary(read_catalogue(CATALOGUE.read_text(encoding="utf-8")), pictures, pack.mesh)


def write_film(path: Path, shots: Sequence[Pixels], rate: int = 5) -> Path:
    """`shots` as uncompressed video (YUV4MPEG2, 4:2:0), which Chromium takes for a camera."""
    height, width = shots[0].shape[:2]
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for shot in shots:
            film.write(b"FRAME\n" + cv2.cvtColor(shot, cv2.COLOR_BGR2YUV_I420).tobytes())
    return path
