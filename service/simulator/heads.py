"""A head in three dimensions, made from one photograph: the face mesh's 468 points with their depths, hair and neck
around it, the photograph as texture. Turned, it shows the parallax that a print cannot have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay  # type: ignore[import-untyped]

from service.kit.errors import InvalidInput
from service.simulator.surfaces import Camera, Floats, Pixels, Pose, Surface, draw, turned
from service.vision.liveness import Turn
from service.vision.mesh import LandmarkMesh

PIVOT = (0.0, 1.2, 1.4)
"""Eye distances: heads turn about the neck, behind and below the eyes."""
_EYES = ((33, 133), (362, 263))
_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Vertex numbers of the face's outline in the canonical mesh."""
_RINGS = ((1.16, 0.35), (1.36, 0.9))
"""Around the outline: how far out, and how many eye distances farther back."""
_TEXTURE_EYES = 96.0
"""Pixels between the eyes in a texture."""


@dataclass(frozen=True, slots=True)
class Light:
    """How a shot is taken. `gain`: brightness; `noise`: standard deviation of grey values; `quality`: of the JPEG;
    `shake`: standard deviation of the camera's own trembling, pixels; `passers`: people who walk by in the back."""

    gain: float = 1.0
    noise: float = 2.5
    quality: int = 88
    shake: float = 0.0
    passers: int = 0


@dataclass(frozen=True, slots=True)
class Motion:
    """How far somebody turns when asked, degrees, and where they stand."""

    yaw: float = 24.0
    pitch: float = 17.0
    place: Pose = field(default_factory=Pose)


def head_of(picture: Pixels, points: NDArray[np.float32], mesh: LandmarkMesh, relief: float = 1.0) -> Surface:
    """The head at `points` ((5, 2), pixels of `picture`), facing straight ahead. `relief`: multiplies its depths, since
    people differ and the mesh's depths are a guess. Raises `InvalidInput` where the mesh sees no face."""
    face = mesh.refine(picture, points)
    if face is None or face.flag < 0.5 or len(face.depths) == 0:
        raise InvalidInput("there is no face at these points", field="points", remedy="mark eyes, nose and mouth")
    shape = np.hstack([face.vertices, face.depths[:, None]]).astype(np.float64)
    eyes = np.stack([shape[list(pair)].mean(axis=0) for pair in _EYES])
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    solid = (shape - eyes.mean(axis=0)) / unit
    solid = _straight(solid)
    solid[:, 2] *= relief
    scale = _TEXTURE_EYES / unit
    texture, flat = _texture(picture, shape[:, :2], scale)
    middle, centre = flat[list(_OVAL)].mean(axis=0), solid[list(_OVAL)].mean(axis=0)
    vertices, places = [solid], [flat]
    for out, back in _RINGS:
        ring = centre + (solid[list(_OVAL)] - centre) * (out, out, 1.0)
        ring[:, 2] += back
        vertices.append(ring)
        places.append(middle + (flat[list(_OVAL)] - middle) * out)
    everything = np.concatenate(vertices)
    triangles = Delaunay(everything[:, :2]).simplices.astype(np.int32)
    return Surface(everything, triangles, np.concatenate(places), _faded(texture, middle, flat))


class HeadCamera:
    """Shots of heads at a counter: the same seed gives the same bytes."""

    def __init__(self, seed: int, camera: Camera | None = None, light: Light | None = None) -> None:
        self.camera = camera or Camera()
        self.light = light or Light()
        self._draws = np.random.default_rng((seed, 41))
        self.backdrop = _backdrop(self.camera, np.random.default_rng((seed, 43)))
        self._place = np.random.default_rng((seed, 71))

    def scene(self) -> Pixels:
        """The pharmacy without the customer, as it is now: shelves that stay, people who walk by."""
        canvas = self.backdrop.copy()
        for _ in range(self.light.passers):
            _passer(canvas, self._place)
        return canvas

    def shot(self, head: Surface, pose: Pose) -> Pixels:
        """The head at `pose` before the counter, with shoulders."""
        canvas = self.scene()
        self.draw_head(canvas, head, pose)
        return self.exposed(canvas)

    def draw_head(self, canvas: Pixels, head: Surface, pose: Pose) -> None:
        """Shoulders that stay and a head that turns, onto `canvas`."""
        _shoulders(canvas, self.camera, pose)
        draw(canvas, head, turned(head.vertices, pose, PIVOT), self.camera)

    def exposed(self, canvas: Pixels) -> Pixels:
        """What the sensor and the JPEG make of `canvas`."""
        if self.light.shake:
            x, y = self._place.normal(0, self.light.shake, 2)
            shift = np.array([[1, 0, x], [0, 1, y]])
            size = canvas.shape[1], canvas.shape[0]
            canvas = np.asarray(cv2.warpAffine(canvas, shift, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
        grain = self._draws.normal(0, self.light.noise, canvas.shape).astype(np.float32)
        noisy = np.clip(canvas.astype(np.float32) * self.light.gain + grain, 0, 255).astype(np.uint8)
        ok, data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, self.light.quality])
        if not ok:
            raise RuntimeError("the frame could not be encoded")
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    def unsteady(self, pose: Pose) -> Pose:
        """`pose` as a person holds it: nobody is quite still."""
        yaw, pitch, roll = self._draws.normal(0, 1.2, 3)
        x, y = self._draws.normal(0, 0.05, 2)
        return replace(
            pose,
            yaw=pose.yaw + yaw,
            pitch=pose.pitch + pitch,
            roll=pose.roll + roll,
            x=pose.x + x,
            y=pose.y + y,
            distance=pose.distance * float(self._draws.uniform(0.97, 1.03)),
        )


def pose_of(turn: Turn, motion: Motion) -> Pose:
    """What `turn` means in an unmirrored picture."""
    yaw = {Turn.LEFT: motion.yaw, Turn.RIGHT: -motion.yaw}.get(turn, 0.0)
    pitch = {Turn.DOWN: motion.pitch, Turn.UP: -motion.pitch}.get(turn, 0.0)
    place = motion.place
    return replace(place, yaw=place.yaw + yaw, pitch=place.pitch + pitch)


def genuine_burst(head: Surface, turns: Sequence[Turn], camera: HeadCamera, motion: Motion) -> list[Pixels]:
    """A frame a turn of somebody who does as asked."""
    return [camera.shot(head, camera.unsteady(pose_of(turn, motion))) for turn in turns]


def _straight(solid: Floats) -> Floats:
    """The head with its own eyes and midline brought upright and ahead: photographs are seldom straight."""
    across = solid[list(_EYES[1])].mean(axis=0) - solid[list(_EYES[0])].mean(axis=0)
    across /= np.linalg.norm(across)
    down = solid[152] - solid[10]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    straight: Floats = solid @ np.stack([across, down, np.cross(across, down)]).T
    return straight


def _texture(picture: Pixels, points: Floats, scale: float) -> tuple[Pixels, Floats]:
    """The surroundings of `points`, enlarged by `scale`, and the points in them."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.35 * (high - low)
    low, high = low - margin, high + margin
    forward = np.array([[scale, 0, -low[0] * scale], [0, scale, -low[1] * scale]])
    size = tuple(int(s) for s in np.ceil((high - low) * scale))
    texture = cv2.warpAffine(picture, forward, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(texture, np.uint8), (points - low) * scale


def _faded(texture: Pixels, middle: Floats, flat: Floats) -> Pixels:
    """Opacity 255 over face and hair, falling off where the neighbours of a group photograph begin."""
    outline = flat[list(_OVAL)]
    mask = np.zeros(texture.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(middle + (outline - middle) * 1.26).astype(np.int32), 255)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 6.0), np.uint8)
    return np.dstack([texture, mask])


def _backdrop(camera: Camera, draws: np.random.Generator) -> Pixels:
    """Shelves with boxes, out of focus."""
    wall = np.full((camera.height, camera.width, 3), draws.uniform(150, 215, 3), np.float32)
    for _ in range(60):
        x, y = int(draws.integers(0, camera.width)), int(draws.integers(0, 6)) * (camera.height // 6)
        width, height = int(draws.integers(14, 60)), int(draws.integers(20, camera.height // 7))
        colour = tuple(float(c) for c in draws.uniform(40, 235, 3))
        cv2.rectangle(wall, (x, y), (x + width, y + height), colour, -1)
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), 2.5), np.uint8)


def _passer(canvas: Pixels, draws: np.random.Generator) -> None:
    """Somebody out of focus behind the customer, each time elsewhere."""
    height, width = canvas.shape[:2]
    x, colour = int(draws.integers(0, width)), tuple(float(c) for c in draws.uniform(30, 200, 3))
    layer = canvas.copy()
    cv2.ellipse(layer, (x, round(height * 0.3)), (width // 22, height // 12), 0, 0, 360, (130, 155, 190), -1)
    cv2.ellipse(layer, (x, round(height * 0.8)), (width // 11, round(height * 0.42)), 0, 0, 360, colour, -1)
    canvas[:] = cv2.GaussianBlur(layer, (0, 0), 2.5)


def _shoulders(canvas: Pixels, camera: Camera, pose: Pose) -> None:
    unit = camera.focal / pose.distance
    x, y = camera.width / 2 + pose.x * unit, camera.height / 2 + pose.y * unit
    outline = ((-0.75, 1.0), (0.75, 1.0), (1.0, 3.0), (-1.0, 3.0))
    neck = np.array([[x + right * unit, y + down * unit] for right, down in outline])
    cv2.fillConvexPoly(canvas, neck.astype(np.int32), (110, 135, 170))
    body = (int(x), int(y + 4.2 * unit)), (int(2.6 * unit), int(2.1 * unit))
    cv2.ellipse(canvas, *body, 0, 180, 360, (96, 74, 52), -1)
