"""Which of a camera's blind times a logged privacy pause explains."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from service.facilities import Camera, zones_of_camera
from service.kit.intervals import Interval
from service.occupancy import PrivacyPause, pauses_over, privacy_pauses

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
        """Whether the event lies within pauses; from one picture to the next is let go at either end, since an event is
        as exact as the camera's cadence."""
        if camera is None or cause not in OF_CURTAINS or not self._pauses:
            return False
        slack = timedelta(seconds=camera.cadence_seconds)
        inner = [p for p in self._pauses if p.span.start - slack <= since and until <= p.span.end + slack]
        return bool(inner) and self._hides(camera, inner, since)

    def _hides(self, camera: Camera, pauses: Sequence[PrivacyPause], at: datetime) -> bool:
        excused = [pause for pause in pauses if not self._is_over(pause)]
        if any(pause.camera_id == camera.id for pause in excused):
            return True
        seen = {zone.bed_id for zone in zones_of_camera(self._session, camera.id, at)}
        return bool(seen) and seen <= {pause.bed_id for pause in excused}

    def _is_over(self, pause: PrivacyPause) -> bool:
        """Whether the pause began after what is excused of that night or day was used up."""
        key = pause.bed_id or pause.camera_id or ""
        spans = self._over.get(key, ()) if self._over is not None else ()
        return any(span.contains(pause.span.start) for span in spans)
