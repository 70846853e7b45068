"""Which of a camera's blind times a logged privacy pause explains."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from service.facilities import Camera, zones_of_camera
from service.kit.intervals import Interval, subtract, union
from service.occupancy import PrivacyPause, pauses_over, privacy_pauses
from service.screening.rules import TamperingParameters

_A_DAY = timedelta(days=1)

OF_CURTAINS = frozenset({"covered", "black", "out_of_focus", "over_exposed"})
"""Causes that a drawn curtain can have. It neither freezes a picture nor moves a camera."""


class CurtainsOfCameras:
    """The pauses of a span. A pause is of a bed or of a camera; a camera's view is explained when a pause hides the
    camera, or each of the beds that it sees, and the policy still excuses the pause: two hours of a night, six of a
    day by default. Beyond that it is a view that is covered like any other."""

    def __init__(self, session: Session, facility_id: str, span: Interval) -> None:
        self._session = session
        # A day more on both sides: the whole night or day decides how much of it is excused.
        about = Interval(span.start - _A_DAY, span.end + _A_DAY)
        self._pauses = privacy_pauses(session, facility_id, about)
        self._over = pauses_over(session, facility_id, about) if self._pauses else None

    def explain(self, camera: Camera | None, cause: str, since: datetime, until: datetime) -> bool:
        """Whether the event lies within pauses, one or several after each other; from one picture to the next is let go
        at either end, since an event is as exact as the camera's cadence. What is left between two pauses is nothing
        to speak of while it is shorter than a view has to be covered to count."""
        if camera is None or cause not in OF_CURTAINS or not self._pauses:
            return False
        hidden = self._hidden(camera, since)
        slack = timedelta(seconds=camera.cadence_seconds)
        wide = [Interval(span.start - slack, span.end + slack) for span in hidden]
        if until <= since:
            return any(span.start <= since <= span.end for span in wide)
        rest = subtract(Interval(since, until), wide)
        short = timedelta(minutes=TamperingParameters().minutes)
        return bool(wide) and all(part.length < short for part in rest)

    def _hidden(self, camera: Camera, at: datetime) -> tuple[Interval, ...]:
        """When the camera's view was to be hidden: by its own pauses, or by pauses of each bed that it sees."""
        excused = [pause for pause in self._pauses if not self._is_over(pause)]
        own = [pause.span for pause in excused if pause.camera_id == camera.id]
        seen = {zone.bed_id for zone in zones_of_camera(self._session, camera.id, at)}
        of_beds = [union([*own, *(pause.span for pause in excused if pause.bed_id == bed_id)]) for bed_id in seen]
        if not of_beds:
            return union(own)
        hidden = of_beds[0]
        for spans in of_beds[1:]:
            hidden = tuple(part for span in hidden for other in spans if (part := span.overlap(other)) is not None)
        return hidden

    def _is_over(self, pause: PrivacyPause) -> bool:
        """Whether the pause began after what is excused of that night or day was used up."""
        key = pause.bed_id or pause.camera_id or ""
        spans = self._over.get(key, ()) if self._over is not None else ()
        return any(span.contains(pause.span.start) for span in spans)
