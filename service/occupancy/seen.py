"""What cameras saw in the windows of checks, by bed and by face: read for many checks with a handful of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from service.facilities import PresencePolicy
from service.kit.intervals import Interval
from service.occupancy.place import Place
from service.occupancy.stays import Placement, Stay
from service.occupancy.timeline import Observation, observe
from service.occupancy.trusted import judged_readings, judged_sightings
from service.occupancy.windows import Window
from service.sightings import Reading, Sighting, last_recognitions
from service.vision import BedState


@dataclass(frozen=True, slots=True)
class Seen:
    """The readings of the windows, by bed and by who was recognised; and of beds whose occupant may still be known
    from before, the readings of the time before."""

    policy: PresencePolicy
    by_bed: dict[tuple[datetime, str], list[Reading]]
    by_patient: dict[tuple[datetime, str], list[Sighting]]

    @classmethod
    def load(
        cls,
        session: Session,
        place: Place,
        windows: Sequence[Window],
        due: Sequence[tuple[Stay, list[Window]]],
        shown: Sequence[Sequence[Reading]] | None,
    ) -> Seen:
        """`shown`: the readings of all beds, window by window; None: only these stays' are read."""
        seen = cls(place.policy, defaultdict(list), defaultdict(list))
        if shown is None:
            seen.add_few(session, place, windows, due)
            return seen
        for window, found in zip(windows, shown, strict=True):
            for reading in found:
                seen.by_bed[window.due_at, reading.bed_id].append(reading)
                if reading.recognised_patient_id is not None:
                    seen.by_patient[window.due_at, reading.recognised_patient_id].append(_sighting(reading))
        for window in windows:
            beds = {
                placement.bed_id
                for stay, wanted in due
                if window in wanted and (window.due_at, stay.patient_id) not in seen.by_patient
                for placement in stay.placements_in(window.span)
                if seen.has_unidentified(window, placement.bed_id)
            }
            if beds:
                seen.add_before(session, place, window, beds)
        return seen

    def add_few(
        self, session: Session, place: Place, windows: Sequence[Window], due: Sequence[tuple[Stay, list[Window]]]
    ) -> None:
        """Only these stays' beds and faces, read once over the whole time."""
        facility_id, first = place.facility.id, windows[0].span.start
        whole = Interval(first - place.policy.lookback, max(window.span.end for window in windows))
        beds = {placement.bed_id for stay, wanted in due if wanted for placement in stay.placements_in(whole)}
        found = judged_readings(session, facility_id, beds, [whole]) if beds else ()
        patients = {stay.patient_id for stay, wanted in due if wanted}
        # One question over the whole time, not one a window: a stay's readings are few, questions are not for nothing.
        since_first = Interval(first, whole.end)
        faces = judged_sightings(session, facility_id, patients, [since_first]) if patients else ()
        for window in windows:
            since = window.span.start - place.policy.lookback
            for reading in found:
                if since <= reading.captured_at <= window.span.end:
                    self.by_bed[window.due_at, reading.bed_id].append(reading)
            for face in faces:
                if window.span.start <= face.at <= window.span.end:
                    self.by_patient[window.due_at, face.patient_id].append(face)

    def recognised(self) -> frozenset[str]:
        """Everybody whose face was recognised, or whose the bed was thought to be."""
        known = {r.recognised_patient_id for found in self.by_bed.values() for r in found}
        known |= {r.expected_patient_id for found in self.by_bed.values() for r in found}
        return frozenset(item for item in known if item is not None)

    def has_unidentified(self, window: Window, bed_id: str) -> bool:
        doubtful = (BedState.UNIDENTIFIED, BedState.OTHER_PERSON)
        return any(reading.state in doubtful for reading in self.by_bed.get((window.due_at, bed_id), ()))

    def add_before(self, session: Session, place: Place, window: Window, beds: Collection[str]) -> None:
        """An identity begins with a face no longer ago than it may last: from the last one on, readings matter."""
        lasting = Interval(window.span.start - place.policy.continuity, window.span.start)
        faces = last_recognitions(session, place.facility.id, lasting)
        known = {bed_id: faces[bed_id] for bed_id in beds if bed_id in faces}
        if not known:
            return
        before = Interval(min(known.values()), window.span.start)
        for reading in judged_readings(session, place.facility.id, known, [before]):
            if reading.captured_at < window.span.start:
                self.by_bed[window.due_at, reading.bed_id].append(reading)

    def observations(self, stay: Stay, window: Window) -> tuple[Observation, ...]:
        """Of each bed, while the stay held it. Two beds' readings never share an instant but at a transfer."""
        whole = Interval(window.span.start - self.policy.lookback, window.span.end)
        found: list[Reading] = []
        for placement in stay.placements_in(whole):
            for reading in self.by_bed.get((window.due_at, placement.bed_id), ()):
                if _held_at(placement, reading.captured_at, window):
                    found.append(reading)
        return observe(found, stay.patient_id, self.policy)

    def sightings(self, stay: Stay, window: Window) -> tuple[Sighting, ...]:
        return tuple(self.by_patient.get((window.due_at, stay.patient_id), ()))


def _held_at(placement: Placement, instant: datetime, window: Window) -> bool:
    # The clipped placement ends with the window; a frame at the window's last instant still belongs to it.
    return placement.held.contains(instant) or instant == placement.held.end == window.span.end


def _sighting(reading: Reading) -> Sighting:
    return Sighting(
        reading.reading_id,
        reading.recognised_patient_id or "",
        reading.bed_id,
        reading.camera_id,
        reading.captured_at,
    )
