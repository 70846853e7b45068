"""Photographed faces: the catalogue that says where they are, cut-outs for the pillow, and ID pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from service.kit.errors import InvalidInput

Pixels = NDArray[np.uint8]

CUTOUT_WIDTH, CUTOUT_HEIGHT = 192, 240
FACE_BREADTH = 84.0
"""Pixels of a cut-out from one side of the face to the other; sizes in the room refer to it."""
FACE_CENTRE = (96.0, 128.0)
_TEMPLATE = np.array([[69.9, 109.5], [122.1, 109.3], [96.0, 139.7], [74.4, 168.3], [117.7, 168.1]], np.float32)
"""Eyes, nose and mouth corners in a cut-out: the common 112-pixel face template, 1.5 times as large."""

_SKIN = ((0, (22, 26, 34)), (60, (52, 62, 84)), (128, (106, 130, 168)), (190, (165, 190, 224)), (255, (228, 238, 252)))
"""Brightness to colour (BGR) for black-and-white photographs: patients of 1927 had colour, their pictures have none."""


@dataclass(frozen=True, slots=True)
class FacePlace:
    """Where a face is: `points` (5, 2) pixels of the picture (eyes, nose, mouth corners), as seen."""

    name: str
    picture: str
    points: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A head upright and alone: `pixels` (h, w, 3) uint8 BGR, `mask` (h, w) uint8, 255 where the head is."""

    pixels: Pixels
    mask: Pixels


class FaceLibrary:
    """The faces of a catalogue, cut from pictures that lie outside the project."""

    def __init__(self, places: Mapping[str, FacePlace], pictures: Mapping[str, Path]) -> None:
        self._places = dict(places)
        self._paths = dict(pictures)
        self._pictures: dict[str, Pixels] = {}
        self._cutouts: dict[str, Cutout] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._places

    @property
    def names(self) -> tuple[str, ...]:
        """Every face of the catalogue, in its order."""
        return tuple(self._places)

    def cutout(self, name: str) -> Cutout:
        """The head of `name`, cut once and kept."""
        if name not in self._cutouts:
            place = self._place(name)
            self._cutouts[name] = _cut(self._picture(place.picture), place.points)
        return self._cutouts[name]

    def portrait(self, name: str, *, height: int = 480, quality: int = 93) -> bytes:
        """An ID picture: the face upright with room around it, as JPEG."""
        place = self._place(name)
        width = height * 4 // 5
        template = _TEMPLATE * (height / 1.05 / CUTOUT_HEIGHT)
        template += (width / 2, height * 0.52) - template.mean(axis=0)
        matrix = _similarity(place.points, template)
        picture = cv2.warpAffine(
            self._picture(place.picture),
            matrix,
            (width, height),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        ok, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not ok:
            raise RuntimeError(f"no JPEG for the portrait of {name}")
        return bytes(encoded)

    def _place(self, name: str) -> FacePlace:
        try:
            return self._places[name]
        except KeyError:
            raise InvalidInput(
                f"no face is called {name!r}", field="face", remedy="use a name from the catalogue of faces"
            ) from None

    def _picture(self, key: str) -> Pixels:
        if key not in self._pictures:
            path = self._paths.get(key)
            data = path.read_bytes() if path is not None and path.exists() else b""
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
            if picture is None:
                raise InvalidInput(
                    f"the picture {key!r} is not there or cannot be read",
                    field="pictures",
                    remedy="run `wardwatch models fetch --test-pictures`",
                )
            self._pictures[key] = _coloured(np.asarray(picture, np.uint8))
        return self._pictures[key]


def read_catalogue(text: str) -> dict[str, FacePlace]:
    """The catalogue's faces by name. Raises `InvalidInput` for one without five points."""
    document: Any = yaml.safe_load(text)
    places: dict[str, FacePlace] = {}
    for name, entry in document["faces"].items():
        points = np.asarray(entry["points"], np.float32)
        if points.shape != (5, 2):
            raise InvalidInput("a face has five points", field=f"faces.{name}.points", remedy="give five [x, y]")
        places[str(name)] = FacePlace(str(name), str(entry["picture"]), points)
    return places


def _cut(picture: Pixels, points: NDArray[np.float32]) -> Cutout:
    matrix = _similarity(points, _TEMPLATE)
    size = (CUTOUT_WIDTH, CUTOUT_HEIGHT)
    head = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return Cutout(np.asarray(head, np.uint8), _head_mask())


def _head_mask() -> Pixels:
    """Face, hair and ears; its soft edge lets the pillow begin without a seam."""
    mask = np.zeros((CUTOUT_HEIGHT, CUTOUT_WIDTH), np.uint8)
    cv2.ellipse(mask, (96, 112), (58, 86), 0, 0, 360, 255, -1)
    cv2.ellipse(mask, (96, 140), (46, 60), 0, 0, 360, 255, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 5.0), np.uint8)


def _similarity(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
    """The turn, scale and shift (2, 3) that brings `source` closest to `target` (least squares)."""
    a = source.astype(np.float64) - source.mean(axis=0)
    b = target.astype(np.float64) - target.mean(axis=0)
    norm = float((a * a).sum())
    cosine = float((a * b).sum()) / norm
    sine = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    linear = np.array([[cosine, -sine], [sine, cosine]])
    shift = target.mean(axis=0) - linear @ source.mean(axis=0)
    return np.hstack([linear, shift[:, None]])


def _coloured(picture: Pixels) -> Pixels:
    """A grey photograph in skin tones; a colour one as it is."""
    small = picture[::8, ::8].astype(np.int16)
    if int(np.abs(small[:, :, 0] - small[:, :, 2]).max()) > 8:
        return picture
    levels = np.array([level for level, _ in _SKIN], np.float64)
    colours = np.array([colour for _, colour in _SKIN], np.float64)
    table = np.stack([np.interp(np.arange(256), levels, colours[:, c]) for c in range(3)], axis=1)
    return np.asarray(cv2.LUT(picture, table.astype(np.uint8)[None]), np.uint8)
