"""Relief between two frames, measured on the pixels themselves.

A face mesh imagines depth in a printed face as well, so its word is not taken: it only says where to look. The flow of
grey values between the frontal and the turned frame is measured, and everything a sheet of paper could do is taken away
from it: a plane moves by a homography, a bent sheet by a quadratic term more, and both lie (to second order) within the
quadratic polynomials of the place. What a face has besides is mostly the nose: its share in the flow is compared with
the share that the turn should have caused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.vision.decode import Pixels
from service.vision.faces import FloatArray
from service.vision.mesh import MeshFace
from service.vision.warp import Affine, apply, sample

SIDE = 224
EYES = 64.0
"""Pixels between the eyes in the patches that are compared."""
_MIDDLE = (SIDE / 2, SIDE * 0.42)
"""Where the middle of the eyes comes to lie."""
_ROUND_TRIP = 1.5
"""Pixels by which the flow there and back may miss its beginning."""
_MIN_POINTS = 120
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Relief:
    """`share`: (2,) the relief's share in the flow across and down, `expected`: (2,) what the turn should have caused,
    `noise`: standard error of a share; all as tangents of an angle. `points`: how many places were compared."""

    share: NDArray[np.float64]
    expected: NDArray[np.float64]
    noise: float
    points: int


def frontal_patch(pixels: Pixels, face: MeshFace) -> tuple[Pixels, Affine]:
    """The grey patch of a frontal face, upright, and the matrix from frame to patch."""
    forward = _upright(face)
    return _grey(sample(pixels, forward, (SIDE, SIDE))), forward


def relief(patch: Pixels, to_patch: Affine, face: MeshFace, pixels: Pixels, other: MeshFace) -> Relief | None:
    """Relief between a frontal face (its `patch`, from `frontal_patch`) and the `other` face in `pixels`; `None` where
    too little could be followed."""
    here = apply(to_patch, face.vertices).astype(np.float64)
    there = other.vertices.astype(np.float64)
    aligned = _affine(there, here)
    turned = _grey(sample(pixels, aligned, (SIDE, SIDE)))
    moved, kept = _followed(patch, turned, here)
    if int(kept.sum()) < _MIN_POINTS:
        return None
    places = (here[kept] - here.mean(axis=0)) / EYES
    depth = face.depths[kept].astype(np.float64) * math.sqrt(abs(np.linalg.det(to_patch[:, :2]))) / EYES
    share, noise = _share(places, depth, moved[kept] / EYES)
    expected = -np.tan(np.radians([other.yaw - face.yaw, other.pitch - face.pitch]))
    return Relief(share, expected, noise, int(kept.sum()))


def ratio(reliefs: list[Relief]) -> float | None:
    """Measured over expected relief, all turns together: 1 for a head, 0 for paper."""
    strength = sum(float(r.expected @ r.expected) for r in reliefs)
    if strength < 1e-3:
        return None
    return sum(float(r.share @ r.expected) for r in reliefs) / strength


def _upright(face: MeshFace) -> Affine:
    left, right = face.points[0].astype(np.float64), face.points[1].astype(np.float64)
    across = right - left
    scale = EYES / max(float(np.linalg.norm(across)), 1e-3)
    cos, sin = across / max(float(np.linalg.norm(across)), 1e-3) * scale
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.hstack([turn, (np.array(_MIDDLE) - turn @ ((left + right) / 2))[:, None]])


def _affine(source: NDArray[np.float64], target: NDArray[np.float64]) -> Affine:
    """The affine map (2, 3) of `source` onto `target`, least squares."""
    left = np.hstack([source, np.ones((len(source), 1))])
    return np.asarray(np.linalg.lstsq(left, target, rcond=None)[0].T, np.float64)


def _grey(patch: Pixels) -> Pixels:
    """Grey, with the light evened out: a turned face is lit differently."""
    grey = cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY).astype(np.float32)
    local = grey - cv2.GaussianBlur(grey, (0, 0), 12.0)
    spread = np.sqrt(cv2.GaussianBlur(local * local, (0, 0), 12.0)) + 6.0
    return np.clip(128 + 50 * local / spread, 0, 255).astype(np.uint8)


def _followed(
    patch: Pixels, turned: Pixels, places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Where each of `places` (n, 2) moved, pixels, and which of them came back when followed backwards."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    there = np.asarray(flow.calc(patch, turned, None), np.float32)  # type: ignore[call-overload]
    back = np.asarray(flow.calc(turned, patch, None), np.float32)  # type: ignore[call-overload]
    moved = _at(there, places)
    returned = _at(back, places + moved)
    inside = ((places + moved > 4) & (places + moved < SIDE - 4) & (places > 4) & (places < SIDE - 4)).all(axis=1)
    return moved, inside & (np.linalg.norm(moved + returned, axis=1) < _ROUND_TRIP)


def _at(field: FloatArray, places: NDArray[np.float64]) -> NDArray[np.float64]:
    xy = places.astype(np.float32)
    return np.asarray(cv2.remap(field, xy[None, :, 0], xy[None, :, 1], cv2.INTER_LINEAR)[0], np.float64)


def _share(
    places: NDArray[np.float64], depth: NDArray[np.float64], moved: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The coefficient (2,) of `depth` in `moved` beside all quadratics of the place, robustly, and its error."""
    x, y = places.T
    paper = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    basis = np.hstack([paper, depth[:, None]])
    weights = np.ones(len(x))
    solution = np.zeros((7, 2))
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)[:, None]
        solution = np.linalg.lstsq(basis * root, moved * root, rcond=None)[0]
        rest = np.linalg.norm(moved - basis @ solution, axis=1)
        limit = 1.5 * float(np.median(rest)) + 1e-4
        weights = np.minimum(1.0, limit / np.maximum(rest, 1e-9))
    own = depth - paper @ np.linalg.lstsq(paper, depth, rcond=None)[0]
    noise = float(np.median(rest)) / max(float(np.linalg.norm(own)), 1e-6)
    return solution[6], noise
