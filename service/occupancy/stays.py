"""What a check needs to know of one admission: where it belongs, since when it may be judged, what excuses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.facilities import CATEGORIES_LOOKED_FOR_ON_WARD, PresencePolicy
from service.kit.intervals import Interval


@dataclass(frozen=True, slots=True)
class Placement:
    """A bed, from when to when it was the admission's. `ward_scope`: this ward's patients are not sought in bed."""

    bed_id: str
    ward_id: str
    held: Interval
    ward_scope: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """An approved leave and when it was signed."""

    away: Interval
    signed_at: datetime

    def signed_late_by(self) -> timedelta:
        """How long after it began the leave was signed; zero when before."""
        return max(self.signed_at - self.away.start, timedelta())


@dataclass(frozen=True, slots=True)
class Activity:
    """A recorded reason to be in the hospital but off the ward."""

    kind: str
    away: Interval


def unfinished(kind: str, start: datetime, policy: PresencePolicy) -> Activity:
    """An activity that nobody has closed: it excuses for a limited time only."""
    return Activity(kind, Interval(start, start + policy.open_activity_limit))


@dataclass(frozen=True, slots=True)
class Stay:
    """One admission. `reference_since`: from when a proven enrolment may judge; None: never yet."""

    admission_id: str
    admission_no: str
    patient_id: str
    category: str
    admitted_at: datetime
    discharged_at: datetime | None
    placements: tuple[Placement, ...] = ()
    leaves: tuple[Leave, ...] = ()
    activities: tuple[Activity, ...] = ()
    reference_since: datetime | None = None
    exempt: bool = False

    def active_through(self, span: Interval) -> bool:
        """Whether the admission lasts over the whole of `span`."""
        return self.admitted_at <= span.start and (self.discharged_at is None or self.discharged_at >= span.end)

    def placements_in(self, span: Interval) -> tuple[Placement, ...]:
        """The beds held at some time of `span`, clipped to it, in order of time."""
        clipped = []
        for item in self.placements:
            common = item.held.overlap(span)
            if common is not None:
                clipped.append(Placement(item.bed_id, item.ward_id, common, item.ward_scope))
        return tuple(sorted(clipped, key=lambda item: (item.held.start, item.bed_id)))

    def excusing_leaves(self, policy: PresencePolicy) -> tuple[Leave, ...]:
        """Leaves signed early enough to excuse. A later paper is kept elsewhere, for a person to weigh."""
        return tuple(leave for leave in self.leaves if leave.signed_late_by() <= policy.leave_signing)

    def excused_at(self, instant: datetime, policy: PresencePolicy) -> bool:
        """Whether leave or an activity explains that nobody finds the patient on the ward at `instant`."""
        away = [leave.away for leave in self.excusing_leaves(policy)] + [item.away for item in self.activities]
        return any(item.contains(instant) for item in away)

    def sought_on_ward(self, span: Interval) -> bool:
        """Whether an empty bed says nothing of this patient during `span`."""
        if self.category in CATEGORIES_LOOKED_FOR_ON_WARD:
            return True
        return any(item.ward_scope for item in self.placements_in(span))
