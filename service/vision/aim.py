"""How well a camera is aimed: whether each bed gives a face that can be used, and what to change if not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.vision.analyse import beds_of, faces_in_beds
from service.vision.decode import Frame
from service.vision.pack import Pack
from service.vision.quality import QualityReason, measure
from service.vision.reading import PixelBox, ReadingPolicy, UnobservedCause, Zone
from service.vision.sight import FaceSight
from service.vision.view import check_view
from service.vision.warp import reduced


class AimAdvice(StrEnum):
    """What an installer should do about a bed."""

    GOOD = "good"
    LIE_DOWN = "lie_down"  # nobody to look at
    MEND_VIEW = "mend_view"  # nothing can be seen at all
    TURN_OR_MOVE = "turn_or_move"
    GET_CLOSER = "get_closer"
    FOCUS = "focus"
    MORE_LIGHT = "more_light"
    LESS_LIGHT = "less_light"
    UNCOVER = "uncover"


_ADVICE = {
    QualityReason.TOO_SMALL: AimAdvice.GET_CLOSER,
    QualityReason.BLURRED: AimAdvice.FOCUS,
    QualityReason.TOO_DARK: AimAdvice.MORE_LIGHT,
    QualityReason.TOO_BRIGHT: AimAdvice.LESS_LIGHT,
    QualityReason.TURNED_AWAY: AimAdvice.TURN_OR_MOVE,
    QualityReason.OCCLUDED: AimAdvice.UNCOVER,
    QualityReason.LOW_CONFIDENCE: AimAdvice.TURN_OR_MOVE,
}


@dataclass(frozen=True, slots=True)
class AimedBed:
    """One bed of one frame. Without a face everything measured of it is None.

    `usable`: a mismatch could be judged by this face. `width`: pixels across the face; `sharpness` as in
    `quality.FaceMeasures`; `yaw`, `pitch`: degrees off frontal, None without a mesh. `body`: best score of a person in
    the bed, None without that part of the pack.
    """

    zone_id: str
    usable: bool
    advice: AimAdvice
    width: float | None = None
    sharpness: float | None = None
    yaw: float | None = None
    pitch: float | None = None
    quality: float | None = None
    reasons: tuple[QualityReason, ...] = ()
    body: float | None = None
    box: PixelBox | None = None

    @property
    def face_found(self) -> bool:
        """Whether there is a face in the bed."""
        return self.quality is not None


def aim(
    frame: Frame, zones: Sequence[Zone], pack: Pack, policy: ReadingPolicy | None = None
) -> tuple[UnobservedCause | None, tuple[AimedBed, ...]]:
    """What is wrong with the whole view, and each zone's best face, in the order of `zones`. Nobody is recognised."""
    policy = policy or ReadingPolicy()
    view = check_view(reduced(frame.pixels).pixels)
    if not view.observed:
        return view.cause, tuple(AimedBed(zone.zone_id, False, AimAdvice.MEND_VIEW) for zone in zones)
    if not zones:
        return None, ()
    beds = beds_of(frame, zones, pack)
    best: dict[int, FaceSight] = {}
    for index, sight in faces_in_beds(frame.pixels, beds, pack, policy):
        if index not in best or sight.quality.score > best[index].quality.score:
            best[index] = sight
    return None, tuple(
        _measured(frame, bed.zone.zone_id, bed.body, best[index], pack, policy)
        if index in best
        else _faceless(bed.zone.zone_id, bed.body, policy)
        for index, bed in enumerate(beds)
    )


def _faceless(zone_id: str, body: float | None, policy: ReadingPolicy) -> AimedBed:
    lies = body is not None and body >= policy.body_present
    advice = AimAdvice.TURN_OR_MOVE if lies else AimAdvice.LIE_DOWN
    return AimedBed(zone_id, False, advice, reasons=(QualityReason.NO_FACE,), body=body)


def _measured(
    frame: Frame, zone_id: str, body: float | None, sight: FaceSight, pack: Pack, policy: ReadingPolicy
) -> AimedBed:
    face = pack.mesh.refine(frame.pixels, sight.points) if pack.mesh is not None else None
    eyes = sight.points[1] - sight.points[0]
    measured = measure(
        sight.aligned,
        eye_distance=float((eyes[0] ** 2 + eyes[1] ** 2) ** 0.5),
        yaw=face.yaw if face else 0.0,
        pitch=face.pitch if face else 0.0,
        flag=sight.flag,
        detection=sight.detection,
    )
    quality = sight.quality
    usable = quality.score >= policy.judgeable_quality
    advice = _ADVICE.get(quality.reasons[0], AimAdvice.GOOD) if quality.reasons else AimAdvice.GOOD
    return AimedBed(
        zone_id,
        usable,
        advice,
        width=measured.width,
        sharpness=measured.sharpness,
        yaw=face.yaw if face else None,
        pitch=face.pitch if face else None,
        quality=quality.score,
        reasons=quality.reasons,
        body=body,
        box=sight.box,
    )
