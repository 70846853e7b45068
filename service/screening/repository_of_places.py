"""Queries about places and people at work, for the facts that compare them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import case, func
from sqlmodel import Session, col, select

from service.access.tables import UserAccount
from service.admissions import Admission, BedAssignment
from service.enrolment import Consent
from service.facilities import Bed, Ward
from service.kit.intervals import Interval
from service.occupancy import BedCheck, PresenceCheck
from service.screening.repository import chunks
from service.sightings import Snapshot, ZoneReading

EXCUSED = ("on_leave", "off_ward", "exempt")


def usernames(session: Session, person_ids: Collection[str]) -> dict[str, str]:
    """Person -> user name."""
    found: dict[str, str] = {}
    for chosen in chunks(person_ids):
        query = select(UserAccount.id, UserAccount.username).where(col(UserAccount.id).in_(chosen))
        found |= dict(session.exec(query).all())
    return found


def excused_counts(session: Session, facility_id: str, span: Interval) -> dict[str, tuple[int, int]]:
    """Ward -> (checks that leave, an activity or an exemption excused, checks)."""
    excused = func.sum(case((col(PresenceCheck.outcome).in_(EXCUSED), 1), else_=0))
    query = (
        select(PresenceCheck.ward_id, excused, func.count())
        .where(
            PresenceCheck.facility_id == facility_id,
            col(PresenceCheck.due_at) >= span.start,
            col(PresenceCheck.due_at) < span.end,
            col(PresenceCheck.kind) != "admission",
        )
        .group_by(col(PresenceCheck.ward_id))
    )
    return {ward_id: (int(hits), int(trials)) for ward_id, hits, trials in session.exec(query) if ward_id is not None}


def exempt_elsewhere(session: Session, facility_id: str, span: Interval) -> dict[str, list[tuple[int, int]]]:
    """Specialty -> (exempt patients, patients) of each ward of that specialty in the other facilities."""
    latest = select(Consent.patient_id).where(col(Consent.status).in_(("refused", "withdrawn"))).distinct()
    exempt = func.count(func.distinct(case((col(Admission.patient_id).in_(latest), col(Admission.patient_id)))))
    query = (
        select(Ward.specialty, Ward.id, exempt, func.count(func.distinct(col(Admission.patient_id))))
        .join(Bed, col(Bed.ward_id) == col(Ward.id))
        .join(BedAssignment, col(BedAssignment.bed_id) == col(Bed.id))
        .join(Admission, col(Admission.id) == col(BedAssignment.admission_id))
        .where(
            col(Ward.facility_id) != facility_id,
            col(Admission.cancelled_at).is_(None),
            col(BedAssignment.from_at) < span.end,
            col(BedAssignment.to_at).is_(None) | (col(BedAssignment.to_at) > span.start),
        )
        .group_by(col(Ward.specialty), col(Ward.id))
    )
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for specialty, _, hits, trials in session.exec(query):
        found[specialty].append((int(hits), int(trials)))
    return found


def late_blind_checks(session: Session, facility_id: str, span: Interval) -> dict[str, int]:
    """Bed -> checks at which it counts as unobserved and pictures of it came late, without the server's chain."""
    found: dict[str, int] = defaultdict(int)
    for table in (PresenceCheck, BedCheck):
        query = (
            select(col(table.bed_id), func.count(func.distinct(col(table.id))))
            .join(
                ZoneReading,
                (col(ZoneReading.bed_id) == col(table.bed_id))
                & (col(ZoneReading.captured_at) >= col(table.window_start))
                & (col(ZoneReading.captured_at) <= col(table.window_end)),
            )
            .join(Snapshot, col(Snapshot.id) == col(ZoneReading.snapshot_id))
            .where(
                col(table.facility_id) == facility_id,
                col(table.due_at) >= span.start,
                col(table.due_at) < span.end,
                col(table.outcome) == "unobserved",
                col(Snapshot.trust) == "late",
            )
            .group_by(col(table.bed_id))
        )
        for bed_id, number in session.exec(query):
            found[str(bed_id)] += int(number)
    return found


def reading_times(session: Session, reading_ids: Collection[str]) -> dict[str, datetime]:
    """Reading -> when its picture was taken."""
    found: dict[str, datetime] = {}
    for chosen in chunks(reading_ids):
        query = select(ZoneReading.id, ZoneReading.captured_at).where(col(ZoneReading.id).in_(chosen))
        found |= dict(session.exec(query).all())
    return found


def pictures_by_camera(session: Session, facility_id: str, span: Interval) -> dict[str, int]:
    """Camera -> pictures captured in `span`."""
    query = (
        select(Snapshot.camera_id, func.count())
        .where(
            Snapshot.facility_id == facility_id,
            col(Snapshot.captured_at) >= span.start,
            col(Snapshot.captured_at) < span.end,
        )
        .group_by(col(Snapshot.camera_id))
    )
    return {camera_id: int(number) for camera_id, number in session.exec(query)}
