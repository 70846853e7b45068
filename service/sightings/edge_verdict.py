"""Whether the server's own look at a crop bears out what the box read in the whole picture."""

from __future__ import annotations

from enum import StrEnum

from service.sightings.tables import ZoneReading
from service.vision import BedReading, BedState, ReadingPolicy


class Outcome(StrEnum):
    """How a request for a crop ended."""

    AGREES = "agrees"
    DIFFERS = "differs"
    ALTERED = "altered"  # not the picture whose reading was signed
    WITHHELD = "withheld"  # what the reading rests on was made unrecognisable
    INCONCLUSIVE = "inconclusive"
    GONE = "gone"  # the box does not have the picture any more


def verdict(said: ZoneReading, found: BedReading, policy: ReadingPolicy) -> Outcome:
    """`said`: as the box read it, from the picture alone. `found`: the server's reading of the crop.

    Only what a different size of the surroundings cannot explain is a difference: faces are looked for in the same
    pixels, bodies are not. A face that is the patient's, or is there at all, is either seen by both or somebody lies.
    """
    state = BedState(said.seen_state or said.state)
    if found.state is state:
        return Outcome.AGREES
    if found.state is BedState.PATIENT:
        return Outcome.DIFFERS
    clear = found.face_quality is not None and found.face_quality >= policy.judgeable_quality
    if state is BedState.PATIENT:
        near = found.expected_similarity is not None and found.expected_similarity >= policy.other_person
        return Outcome.INCONCLUSIVE if near else Outcome.DIFFERS
    if state is BedState.EMPTY:
        return Outcome.DIFFERS if clear else Outcome.INCONCLUSIVE
    if state is BedState.OTHER_PERSON:
        return Outcome.DIFFERS if found.face_quality is None else Outcome.INCONCLUSIVE
    return Outcome.DIFFERS if clear and said.face_quality is None else Outcome.INCONCLUSIVE
