"""What became of the crops that boxes were asked for: how far what they say can be believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from service.access import Device
from service.kit.clock import system_clock
from service.kit.intervals import Interval
from service.sightings.edge_tables import EdgeRequest

CONTRADICTS = frozenset({"differs", "altered"})
"""The box said something else than its own picture shows."""
_RECENT = timedelta(days=7)
WITHHOLDS = frozenset({"overdue", "gone", "withheld"})
"""The box did not show what it must keep."""


@dataclass(frozen=True, slots=True)
class EdgeAudit:
    """A crop that a box was asked for. `reason`: audit | check | finding. `outcome`: agrees, differs, altered,
    withheld, inconclusive, gone, overdue, open, or released (the device was taken out of use before it was due)."""

    request_id: str
    camera_id: str
    device_id: str
    snapshot_id: str
    reading_id: str | None
    zone_id: str | None
    captured_at: datetime
    asked_at: datetime
    answered_at: datetime | None
    reason: str
    outcome: str
    said: str | None
    found: str | None

    @property
    def contradicts(self) -> bool:
        """Whether the crop shows something else than the box said."""
        return self.outcome in CONTRADICTS

    @property
    def withholds(self) -> bool:
        """Whether the box did not show what it must keep."""
        return self.outcome in WITHHOLDS


def edge_audits(
    session: Session, facility_id: str, interval: Interval, now: datetime | None = None
) -> tuple[EdgeAudit, ...]:
    """Every crop asked for of pictures taken in `interval`, in order of capture. `now`: by the real clock."""
    at = now or system_clock.now()
    query = (
        select(EdgeRequest, Device.revoked_at)
        .join(Device, col(Device.id) == col(EdgeRequest.device_id))
        .where(
            EdgeRequest.facility_id == facility_id,
            EdgeRequest.purpose == "crop",
            col(EdgeRequest.captured_at) >= interval.start,
            col(EdgeRequest.captured_at) < interval.end,
        )
        .order_by(col(EdgeRequest.captured_at), col(EdgeRequest.id))
    )
    return tuple(_audit(row, revoked_at, at) for row, revoked_at in session.exec(query))


def doubtful_audits(audits: Iterable[EdgeAudit]) -> tuple[EdgeAudit, ...]:
    """Those that people must be told of: every contradiction, and crops that one camera's box withheld where there are
    two within seven days. What another camera's box withheld says nothing about this one."""
    found = list(audits)
    withheld: dict[str, list[datetime]] = defaultdict(list)
    for audit in found:
        if audit.withholds:
            withheld[audit.camera_id].append(audit.asked_at)

    def repeated(audit: EdgeAudit) -> bool:
        near = [at for at in withheld[audit.camera_id] if abs(at - audit.asked_at) <= _RECENT]
        return audit.withholds and len(near) >= 2  # itself, and another one

    return tuple(audit for audit in found if audit.contradicts or repeated(audit))


def is_untrusted(session: Session, camera_id: str, now: datetime) -> bool:
    """Whether the crops that the camera's box was asked for in the last seven days give people a reason to look."""
    query = (
        select(EdgeRequest, Device.revoked_at)
        .join(Device, col(Device.id) == col(EdgeRequest.device_id))
        .where(
            EdgeRequest.camera_id == camera_id,
            EdgeRequest.purpose == "crop",
            col(EdgeRequest.asked_at) >= now - _RECENT,
        )
    )
    return bool(doubtful_audits(_audit(row, revoked_at, now) for row, revoked_at in session.exec(query)))


def released_audits(session: Session, camera_id: str, now: datetime) -> int:
    """How many crops of the last seven days can no longer be asked for, because the camera's box was replaced or
    revoked before they were due. It may be an honest repair: a reason to look at the old box, and no finding."""
    query = (
        select(EdgeRequest, Device.revoked_at)
        .join(Device, col(Device.id) == col(EdgeRequest.device_id))
        .where(
            EdgeRequest.camera_id == camera_id,
            EdgeRequest.purpose == "crop",
            col(EdgeRequest.outcome).is_(None),
            col(Device.revoked_at) >= now - _RECENT,
            col(Device.revoked_at) <= now,
        )
    )
    return sum(_audit(row, revoked_at, now).outcome == "released" for row, revoked_at in session.exec(query))


def _audit(row: EdgeRequest, revoked_at: datetime | None, now: datetime) -> EdgeAudit:
    outcome = row.outcome
    if outcome is None:
        outcome = "open" if now < row.due_at else "overdue"
        if revoked_at is not None and revoked_at < row.due_at:
            outcome = "released"
    return EdgeAudit(
        request_id=row.id,
        camera_id=row.camera_id,
        device_id=row.device_id,
        snapshot_id=row.snapshot_id,
        reading_id=row.reading_id,
        zone_id=row.zone_id,
        captured_at=row.captured_at,
        asked_at=row.asked_at,
        answered_at=row.answered_at,
        reason=row.reason,
        outcome=outcome,
        said=row.said,
        found=row.found,
    )
