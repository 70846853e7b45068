"""What time makes of a single picture's reading of a bed. Pure: the judged reading can always be made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from service.vision import BedState, ReadingPolicy, UnobservedCause
from service.vision.sequence import BedSight, BedVerdict, Occupancy, ViewVerdict

_BY_FACE = frozenset({BedState.PATIENT, BedState.OTHER_PERSON})
DOUBT = 0.5
"""Chance of somebody in a bed, read as empty, from which the doubt is told."""
NOTHING_STIRS = timedelta(hours=3)
"""How long a bed with a face may look exactly the same before its face is believed less. Who cannot turn is turned
every two hours; a photograph lies on."""
FUSED_CONFIDENCE = 0.5
"""Of a patient whom several frames together identify: as much as of one just at the threshold."""
_ANOTHERS = ReadingPolicy().other_person
"""A face less like the patient than this is not the patient's, however sure the pictures around it are."""
UNSTIRRED = 0.5
"""What is left of the confidence then. A cue that is missing is no proof: state and identity stay as they are."""


@dataclass(frozen=True, slots=True)
class SingleReading:
    """What one picture alone says of one bed. `recognised`: the patient, `staff`: the member of staff, whose face it
    may be. `expected`: whose bed it is; `similarity`: of the face with that patient, `threshold`: from
    where it counts. `carried_from`: the snapshot whose reading this is, since nothing has changed."""

    zone_id: str
    state: BedState
    confidence: float
    cause: str | None = None
    recognised: str | None = None
    staff: str | None = None
    body: float | None = None
    face: bool = False
    expected: str | None = None
    similarity: float | None = None
    threshold: float | None = None
    quality: float | None = None
    carried_from: str | None = None

    @property
    def sight(self) -> BedSight:
        """What the judgement over time needs of it."""
        return BedSight(self.body, self.face)

    @property
    def parts_those_around(self) -> bool:
        """Whether whoever lies here afterwards may be somebody else than before. Staff come and go over a patient."""
        return self.state is BedState.EMPTY or (self.state is BedState.OTHER_PERSON and self.staff is None)

    @property
    def is_claimed_elsewhere(self) -> bool:
        """Whether the face resembles the patient enough, and yet another face in the picture was taken for theirs."""
        alike = self.similarity is not None and self.threshold is not None and self.similarity >= self.threshold
        return alike and self.state is not BedState.PATIENT


@dataclass(frozen=True, slots=True)
class TimedReading:
    """What is recorded of a bed in one picture, once its neighbours in time have been heard."""

    state: BedState
    confidence: float
    cause: str | None
    recognised: str | None
    staff: str | None


def refined(
    single: SingleReading, view: ViewVerdict | None, bed: BedVerdict | None, fused: float | None = None
) -> TimedReading:
    """The reading in the light of time.

    A view that lies shows nobody: not the patient either, whose face may be last night's. In a view that is believed a
    decision by a face stands; only what had no face is refined. Nothing becomes empty that the single picture, or time,
    did not see empty. `fused`: similarity of the face with the bed's patient over several frames; it identifies whom
    this frame alone could not, and never makes anybody another person.
    """
    if view is not None and view.cause is not None:
        return TimedReading(BedState.UNOBSERVED, 0.0, view.cause.value, None, None)
    as_seen = TimedReading(single.state, single.confidence, single.cause, single.recognised, single.staff)
    if _identified(single, fused):
        return TimedReading(BedState.PATIENT, FUSED_CONFIDENCE, None, single.expected, None)
    if bed is None or bed.probability is None:
        return as_seen
    if single.state in _BY_FACE:
        return _believed(single, bed)
    doubted = single.state is BedState.UNOBSERVED and single.cause == UnobservedCause.UNCERTAIN
    if single.state is not BedState.EMPTY and not doubted:
        return as_seen
    if bed.occupancy is Occupancy.OCCUPIED:
        confidence = round(bed.probability, 4)
        return TimedReading(BedState.UNIDENTIFIED, confidence, None, single.recognised, single.staff)
    if bed.occupancy is Occupancy.EMPTY:
        return TimedReading(BedState.EMPTY, round(1.0 - bed.probability, 4), None, None, None)
    if single.state is BedState.EMPTY and bed.probability >= DOUBT:
        return TimedReading(BedState.UNOBSERVED, 0.0, UnobservedCause.UNCERTAIN.value, None, None)
    return as_seen


def _identified(single: SingleReading, fused: float | None) -> bool:
    unsure = single.state is BedState.UNIDENTIFIED and single.face and single.recognised is None
    if not unsure or single.is_claimed_elsewhere or single.expected is None or single.staff is not None:
        return False
    if fused is None or single.similarity is None or single.threshold is None:
        return False
    return fused >= single.threshold and single.similarity >= min(_ANOTHERS, single.threshold)


def _believed(single: SingleReading, bed: BedVerdict) -> TimedReading:
    """A face's decision, with less confidence where nothing in the bed has stirred for long."""
    stirs = bed.still is None or bed.still < NOTHING_STIRS
    confidence = single.confidence if stirs else round(single.confidence * UNSTIRRED, 4)
    return TimedReading(single.state, confidence, single.cause, single.recognised, single.staff)
