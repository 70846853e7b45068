"""A box's readings, in the server's names and for whoever the server knows to belong in each bed.

The box may have judged before it heard of a transfer. What it said stands as far as it does not depend on who was
expected; what depends on it is told again from its own numbers, and a new judgement is asked for.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from service.contracts import EdgeFrameReading, EdgeZoneReading
from service.sightings.edge_errors import ReadingRefused
from service.vision import BedReading, BedState, QualityReason, UnobservedCause
from service.vision.trace import FaceTrace


@dataclass(frozen=True, slots=True)
class Believed:
    """What is recorded. `is_rebased`: the box expected somebody else in some bed."""

    readings: tuple[BedReading, ...]
    is_rebased: bool


def rebased(
    body: EdgeFrameReading, expected: Mapping[str, str], people: Mapping[str, str], threshold: float
) -> Believed:
    """The readings of `body`. `expected`: zone id to the gallery key of whoever belongs there; `people`: the box's
    names to gallery keys; `threshold`: from which similarity a face is somebody's. Raises `ReadingRefused`."""
    readings, changed = [], False
    for zone in body.zones:
        reading, other = _reading(zone, expected.get(zone.zone_id), people, threshold)
        readings.append(reading)
        changed = changed or other
    return Believed(tuple(readings), changed)


def _reading(
    zone: EdgeZoneReading, expected: str | None, people: Mapping[str, str], threshold: float
) -> tuple[BedReading, bool]:
    thought = None if zone.expected is None else people.get(zone.expected)
    recognised = None if zone.recognised is None else people.get(zone.recognised)
    state = BedState(zone.state.value)
    if state is BedState.PATIENT and not _is_shown(zone, threshold):
        raise _refused("a patient is recognised by a similarity at or above the pack's threshold", "body.zones.state")
    try:
        told = BedReading(
            zone_id=zone.zone_id,
            state=state,
            confidence=zone.confidence,
            cause=None if zone.cause is None else UnobservedCause(zone.cause),
            recognised=recognised,
            similarity=zone.similarity,
            expected_similarity=zone.expected_similarity,
            face_quality=zone.face_quality,
            quality_reasons=tuple(QualityReason(reason) for reason in zone.quality_reasons),
            body_score=zone.body_score,
            face_box=zone.face_box,
            trace=_trace(zone) if state is BedState.PATIENT else None,
        )
    except ValueError:
        raise _refused("state, cause or reasons do not go together", "body.zones") from None
    if thought == expected:
        return told, False
    return _for_another(told, recognised, expected, threshold), True


def _is_shown(zone: EdgeZoneReading, threshold: float) -> bool:
    own = zone.expected_similarity
    return zone.expected is not None and zone.recognised == zone.expected and own is not None and own >= threshold


def _for_another(told: BedReading, recognised: str | None, expected: str | None, threshold: float) -> BedReading:
    """The same face in a bed that is somebody else's: a match stays one, a mismatch with the wrong person is none."""
    state, own = told.state, None
    if told.similarity is None or told.similarity < threshold:
        recognised = None  # whoever is called recognised is so by the pack's threshold, whatever the box says
    if recognised is not None:
        state = BedState.PATIENT if recognised == expected else BedState.OTHER_PERSON
        own = told.similarity if recognised == expected else None
    elif state in (BedState.PATIENT, BedState.OTHER_PERSON):
        state = BedState.UNIDENTIFIED
    return BedReading(
        zone_id=told.zone_id,
        state=state,
        confidence=min(told.confidence, 0.5),
        cause=told.cause,
        recognised=recognised,
        similarity=told.similarity,
        expected_similarity=own,
        face_quality=told.face_quality,
        quality_reasons=told.quality_reasons,
        body_score=told.body_score,
        face_box=told.face_box,
    )


def _trace(zone: EdgeZoneReading) -> FaceTrace | None:
    if zone.trace is None:
        return None
    try:
        return FaceTrace(base64.b64decode(zone.trace, validate=True))
    except (ValueError, binascii.Error):
        raise _refused("the trace of a face cannot be read", "body.zones.trace") from None


def _refused(message: str, field: str) -> ReadingRefused:
    return ReadingRefused(
        message,
        field=field,
        remedy="send what service.vision read, unchanged",
        message_zh="识别结果自相矛盾",
        remedy_zh="请原样上传识别结果",
    )
