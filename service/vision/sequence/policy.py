"""What makes a view a lie, in numbers; each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from service.vision.view import DEFAULT_VIEW_POLICY, ViewPolicy


class ViewCause(StrEnum):
    """Why a view shows nothing, or something else than it should. The first four a single frame can show, the others
    only time."""

    BLACK = "black"
    OVER_EXPOSED = "over_exposed"
    COVERED = "covered"
    OUT_OF_FOCUS = "out_of_focus"
    MOVED = "moved"
    FROZEN = "frozen"
    LOOPED = "looped"
    SWAPPED_CAMERA = "swapped_camera"


@dataclass(frozen=True, slots=True)
class SequencePolicy:
    """Shares and similarities are 0..1; cells are those of `structure`, 64 across the frame. A new set of numbers is a
    new `version`. Measured on simulated wards unless another source is named (docs/views.md)."""

    version: str = "2"
    light: ViewPolicy = field(default_factory=lambda: DEFAULT_VIEW_POLICY)
    """Black, over-exposed, covered and out of focus in a single frame: the thresholds of the single frame."""

    anchors: int = 16
    """Good prints from which a reference is founded. Fewer than an hour of a day's lying would outvote the truth at
    one picture in five minutes; more would leave a new camera without a reference for a day."""
    least_anchors: int = 4
    """With fewer, nothing is called moved or swapped: a majority of three is one picture's word."""
    recent: int = 12
    """Good prints that a second reference follows: furniture is moved, seasons change the light."""

    block_agrees: float = 0.5
    """Correlation of an eighth by a sixth of the view with the reference. The same scene under another lamp reaches
    .9, another room below .3."""
    view_agrees: float = 0.45
    """Share of the view, weighted by how much there is to see, from which it is the known view: half a view may lie
    behind a curtain. Changed beds alone leave .83, a nurse close to the lens .6."""
    view_certain: float = 0.80
    """From here no shift is looked for: one cell of it leaves .65."""
    view_unrelated: float = 0.20
    """Below this, and with no shift that explains it, the view is of something else: another room reaches .04. In
    between a view is taken for the known one, much obstructed."""

    moved_cells: float = 1.0
    """A shift from which beds no longer lie in their zones: 1.6% of the width, 30 pixels of 1,920, a third of a face.
    A camera on a swaying arm stays below .3."""
    moved_gain: float = 0.10
    """By how much undoing the shift must better the agreement: chance peaks do not."""
    moved_agrees: float = 0.5
    """Agreement after the shift is undone."""
    moved_fit: float = 0.55
    """Correlation, cell by cell, of what both views share: .8 and more for a camera that was turned, at most .4 for the
    best chance shift between two rooms."""
    moved_overlap: float = 0.35
    """Share of the view that both must show for the shift to mean anything."""

    lasting: int = 2
    """Prints in a row, alike among themselves, from which an unrelated view is another camera and no passer-by."""
    self_agrees: float = 0.45
    """Their agreement with each other."""

    covered_texture: float = 0.35
    """Edges over those of the reference, below which what hides the view is a cover."""
    blurred: float = 0.85
    """Edges over spread, as a share of the camera's usual in the same kind of light. Blurred by .006 of its width (12
    pixels of 1,920) a frame keeps .64 to .76, by .003 it keeps .85; honest frames keep .90, a patch of sun or a dim
    lamp leaves .75."""
    blurred_surely: float = 0.45
    """As little edge says it alone: a small noisy picture stays sharp by its noise."""
    unsharp: float = 0.55
    """The single frame's sharpness as a share of the usual, which must fall too. Blurred by .006 of the width: .26 to
    .41; honest frames keep .84, relit ones .78."""
    live_noise: float = 0.10
    """Grey values between neighbouring pixels below which a picture has no noise to judge (a black one, a drawing):
    then equality proves nothing. The quietest simulated frame, day, quality 84, has .58."""
    same_noise: float = 1.0
    """Noise distance over the noise level, below which two prints are one picture sent twice through an encoder. Two
    moments of one scene lie at 1.94 for white noise (the distance of two sums of four pixels less their surroundings),
    and between 3.3 and 4.2 after JPEG, which takes the level down faster. Encoded again at quality 95 a picture stays
    below 1; lower qualities drown the noise, and only `looped` by content is left."""
    loop_prints: int = 3
    """Pictures in a row that repeat earlier ones in their order. One alone may be a doubled delivery under another
    number."""
    loop_content_prints: int = 8
    """Pictures in a row whose beds all look as they did one lag earlier, noise apart ..."""
    loop_content_moves: int = 4
    """... while something in them moved so often. Nobody turns in bed twice in the same way, four times over."""
    loop_same: float = 0.02
    """Change up to which a bed looks as it did: noise gives at most .010, a sleeper who turns over .1 and more."""
    loop_moves: float = 0.05
    """Change from which something moved: more than a head that stirs (.015)."""

    loop_false_alarm: float = 1e-7
    """Chance that noise alone makes any row of the pictures judged together (two days and a quarter) look like an
    encoded loop. Ten times less than one camera-day in a million, for sums that are only nearly normal."""
    loop_most_of_one: float = 4.5
    """Standard deviations that one pair of pictures may add to a row: no three pairs suffice for four."""
    loop_live_spot: float = 1.5
    """Spread of a spot, in units of `ViewPrint.noise`, from which it has noise and not rounding: white noise of one
    grey value gives 2.2. A camera so quiet that rounding decides has the same picture again by itself."""
    loop_live_picture: float = 1.0
    """The same over the spots of one picture. Where a quiet one (white noise of .6, quality 60 to 75) differs from
    those around it by a lamp's flicker and rounding, it reaches .4; noise of 2 encoded at 95, then 60, has 1.1."""
    loop_live_spots: int = 192
    """Half of the spots must live, or nothing is said."""
    loop_moving_spot: float = 4.0
    """Spreads from which something moved in a spot; noise gets there once in 16,000."""
    loop_unlike_noise: float = 2.0
    """Spread of all correlations over that of noise from which they are no noise (a flickering lamp, a shaking arm) and
    nothing is said. Below it they are divided by it. Noise has .9 to 1.0, an evening of which a third is a loop 1.5."""
    loop_everywhere: float = 3.0
    """Standard deviations by which the half of the view that is less alike must still be alike."""

    span: timedelta = timedelta(hours=48)
    """How far back repeats are sought: a loop is made to cover a night, not a week."""


DEFAULT_SEQUENCE_POLICY = SequencePolicy()
