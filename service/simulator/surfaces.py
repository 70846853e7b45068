"""Textured triangles in perspective: what heads, prints and screens are drawn with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Surface:
    """`vertices`: (n, 3), eye distances, x right, y down, z away from the camera, the origin between the eyes;
    `triangles`: (m, 3) indices; `uv`: (n, 2) pixels of `texture`, which is (h, w, 4) uint8 BGR and opacity."""

    vertices: Floats
    triangles: NDArray[np.int32]
    uv: Floats
    texture: Pixels


@dataclass(frozen=True, slots=True)
class Pose:
    """Where something is held. `yaw` positive towards the picture's right, `pitch` positive downwards, `roll`
    clockwise, degrees; `x`, `y`: eye distances from the picture's middle; `distance`: eye distances from the camera."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    distance: float = 8.0


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole. With a focal length of 600 and 8 eye distances (half a metre) the eyes are 75 pixels apart."""

    width: int = 640
    height: int = 480
    focal: float = 600.0

    def project(self, points: Floats) -> Floats:
        """Pixels (n, 2) of points (n, 3) in eye distances, seen from the origin along z."""
        depth = np.maximum(points[:, 2:3], 0.2)
        return points[:, :2] / depth * self.focal + (self.width / 2, self.height / 2)


def turned(vertices: Floats, pose: Pose, pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Floats:
    """`vertices` turned about `pivot` by `pose` and put before the camera."""
    yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
    about_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    rotation = about_z @ about_y @ about_x
    placed: Floats = (vertices - pivot) @ rotation.T + pivot + (pose.x, pose.y, pose.distance)
    return placed


def draw(canvas: Pixels, surface: Surface, placed: Floats, camera: Camera, light: float = 0.25) -> None:
    """Paints `surface`, whose vertices stand at `placed` (n, 3), onto `canvas` (h, w, 3), farthest triangle first.

    A triangle's number is painted, then every pixel looks up its own place in the texture: 1,000 triangles cost some
    ten milliseconds. `light`: how much darker a triangle is that the lamp, above and to the left, sees edge-on.
    """
    flat = camera.project(placed)
    corners = flat[surface.triangles]
    order = np.argsort(-placed[surface.triangles, 2].mean(axis=1))
    low = np.clip(np.floor(corners.min(axis=(0, 1))).astype(int), 0, (camera.width, camera.height))
    high = np.clip(np.ceil(corners.max(axis=(0, 1))).astype(int) + 1, 0, (camera.width, camera.height))
    if (high - low < 1).any():
        return
    numbers = np.full((high[1] - low[1], high[0] - low[0]), -1, np.int32)
    fixed = np.round((corners - low) * 16).astype(np.int32)
    for index in order.tolist():
        cv2.fillConvexPoly(numbers, fixed[index], index, lineType=cv2.LINE_8, shift=4)
    maps = _texture_maps(corners - low, surface.uv[surface.triangles])
    gains = _gains(placed[surface.triangles], light)
    _paint(canvas[low[1] : high[1], low[0] : high[0]], numbers, maps, gains, surface.texture)


def _paint(part: Pixels, numbers: NDArray[np.int32], maps: Floats, gains: NDArray[np.float32], texture: Pixels) -> None:
    ys, xs = np.nonzero(numbers >= 0)
    chosen = maps[numbers[ys, xs]]
    u = np.zeros(numbers.shape, np.float32)
    v = np.zeros(numbers.shape, np.float32)
    u[ys, xs] = chosen[:, 0, 0] * xs + chosen[:, 0, 1] * ys + chosen[:, 0, 2]
    v[ys, xs] = chosen[:, 1, 0] * xs + chosen[:, 1, 1] * ys + chosen[:, 1, 2]
    seen = cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gain = np.ones(numbers.shape, np.float32)
    gain[ys, xs] = gains[numbers[ys, xs]]
    soft = cv2.GaussianBlur(gain, (0, 0), 3.0)[..., None]
    opacity = np.where(numbers >= 0, seen[..., 3], 0).astype(np.float32)[..., None] / 255
    lit = np.clip(seen[..., :3].astype(np.float32) * soft, 0, 255)
    part[:] = (part + (lit - part) * opacity).astype(np.uint8)


def _texture_maps(corners: Floats, uv: Floats) -> Floats:
    """(m, 2, 3): pixel of the picture to pixel of the texture, a triangle."""
    sources = np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2)
    flat = np.abs(np.linalg.det(sources)) < 1e-3
    sources[flat] = np.eye(3)
    maps: Floats = np.linalg.solve(sources, uv).transpose(0, 2, 1)
    return maps


def _gains(corners: Floats, light: float) -> NDArray[np.float32]:
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    lamp = np.array([-0.35, -0.45, -0.82])
    return np.asarray(1 - light * (1 - np.abs(normals @ lamp)), np.float32)
