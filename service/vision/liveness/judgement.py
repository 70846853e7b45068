"""What a burst is judged by, and what the judgement says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.vision.faces import FloatArray


class LivenessVerdict(StrEnum):
    """`live`: the challenge was met by a head. `suspect`: the burst shows what a live person does not. `inconclusive`:
    the burst does not show enough; ask again, or go the manual way."""

    LIVE = "live"
    SUSPECT = "suspect"
    INCONCLUSIVE = "inconclusive"


class LivenessReason(StrEnum):
    """Why a burst is not live, or, for the warnings, what a person should look at."""

    TOO_FEW_FRAMES = "too_few_frames"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    TOO_DARK = "too_dark"
    TURN_MISSING = "turn_missing"
    TURN_TOO_FAR = "turn_too_far"
    TURN_UNTIMELY = "turn_untimely"
    TIMES_MISSING = "times_missing"
    FACE_TOO_NEAR = "face_too_near"
    BACKGROUND_MOVES = "background_moves"
    SCREEN_MARKS = "screen_marks"
    PARALLAX_UNCLEAR = "parallax_unclear"
    NO_MESH = "no_mesh"
    TURN_WRONG = "turn_wrong"
    MOTION_JUMP = "motion_jump"
    IDENTITY_CHANGED = "identity_changed"
    FLAT = "flat"
    REPEATED_FRAME = "repeated_frame"
    PASSIVE_WARNING = "passive_warning"


SUSPICIOUS = frozenset(
    {
        LivenessReason.TURN_WRONG,
        LivenessReason.MOTION_JUMP,
        LivenessReason.IDENTITY_CHANGED,
        LivenessReason.FLAT,
        LivenessReason.REPEATED_FRAME,
    }
)
"""Any of these makes a burst suspect. Not among them: surroundings that move and marks of a screen (a kiosk that is
knocked, a striped shirt), and turns made too early (impatience). They ask for another burst, and accuse nobody."""
WARNINGS = frozenset({LivenessReason.PASSIVE_WARNING})
"""These change no verdict."""


@dataclass(frozen=True, slots=True)
class HeadPose:
    """A head in one frame, degrees, as in `MeshFace`: yaw positive to the person's left, pitch positive down."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class BurstJudgement:
    """`reasons`: every one that applies; empty or only warnings when live. `embedding`: (d,) float32 unit, fused over
    the frames that look ahead; `None` without a face. `best_frame`: index of the best frontal frame. `poses`: one a
    frame, `None` without a face. `parallax`: measured over expected relief, 1 for a head and 0 for any print, `None`
    when unmeasured. `similarity`: least cosine of a frame with the frontal ones. `seconds`: time it took. `sway`: how
    far the surroundings moved, over the picture's width; `grid`: the sharpest peak in the face's spectrum, natural
    logarithm; both `None` when unmeasured. `passive`: a passive model's mean share of `live`, `None` without one.
    """

    verdict: LivenessVerdict
    reasons: tuple[LivenessReason, ...]
    embedding: FloatArray | None
    best_frame: int | None
    poses: tuple[HeadPose | None, ...]
    parallax: float | None = None
    similarity: float | None = None
    seconds: float = 0.0
    sway: float | None = None
    grid: float | None = None
    passive: float | None = None


@dataclass(frozen=True, slots=True)
class LivenessPolicy:
    """Thresholds; see docs/kiosk.md for where they were measured."""

    turn_yaw: float = 12.0
    """Degrees from the frontal frame from which a turn aside counts."""
    turn_pitch: float = 9.0
    """The same for up and down: necks bend less, and the mesh tells pitch less well."""
    rest: float = 0.6
    """Share of a turn up to which a head counts as still looking ahead."""
    centre_yaw: float = 14.0
    centre_pitch: float = 22.0
    """Degrees from straight up to which the first frame is frontal. Cameras hang below and above eyes, and the mesh's
    own zero of pitch differs by some ten degrees from face to face."""
    speed: float = 300.0
    """Degrees a second that a head does not exceed. Asked-for turns stay far below."""
    travel: float = 8.0
    """Face widths a second that a face does not travel across the picture."""
    same_person: float = 0.42
    """Cosine of a frame with the frontal frames. Somebody else reached .33 on rendered heads, the same person .74."""
    parallax_head: float = 0.35
    """Measured over expected relief from which a surface is a head."""
    parallax_flat: float = 0.25
    """Below, it is a sheet; between the two, unclear. Rendered sheets, flat, bent, rolled, folded or worn with holes
    for the eyes, reach .19, heads begin at .39 (docs/kiosk.md)."""
    repeated: float = 1.0
    """Mean difference in grey values within the face below which two frames are one. Sensor noise alone makes 2.5."""
    face_width: float = 70.0
    """Pixels between the sides of the face (twice the distance of the eyes)."""
    second_face: float = 0.6
    """Width of a second face over the first from which it is unclear who stands there."""
    luminance: float = 35.0
    """Median grey of the face."""
    widest: float = 0.62
    """Width of a face over the picture's beyond which a turn takes part of it out of the picture."""
    farthest: float = 52.0
    """Degrees of yaw beyond which the far half of the face is hidden, and nothing can be measured on it."""
    reaction: float = 0.2
    """Seconds that a turn takes at least after it was shown: seeing an arrow takes a person that long, without the
    turn itself. Whoever is faster knew it before."""
    answer: float = 15.0
    """Seconds that a turn takes at most after it was shown. Old people turn slowly."""
    sway: float = 0.005
    """Movement of the surroundings, over the picture's width, from which they are held by a hand. Three pixels of 640:
    rendered trembling kiosks reached .0019, tablets in the hand began at .0067 (docs/kiosk.md)."""
    grid: float = 1.5
    """Peak of the spectrum from which a screen's grid is seen. Rendered faces reached 1.38; screens had 2.2 in the
    middle, those that hardly show their grid 1.34."""


DEFAULT_POLICY = LivenessPolicy()
