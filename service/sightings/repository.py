"""All queries about snapshots and readings. Every one is bound to a facility, or to an id found through one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, true
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from service.access import Actor, Permission
from service.kit.errors import NotFound
from service.kit.intervals import Interval
from service.sightings.facts import Reading, Sighting
from service.sightings.statements import LOWER_TRUST
from service.sightings.tables import Snapshot, ZoneReading
from service.vision import BedState, QualityReason

_CHUNK = 500
"""Numbers in one IN (…): far below either back end's limit."""

_FEW_BEDS = 16

_COLUMNS = (
    col(ZoneReading.id),
    col(ZoneReading.bed_id),
    col(ZoneReading.camera_id),
    col(ZoneReading.captured_at),
    col(ZoneReading.state),
    col(ZoneReading.expected_patient_id),
    col(ZoneReading.recognised_patient_id),
    cast(col(ZoneReading.quality_reasons), Text),  # only asked for one word: a month of lists is not worth decoding
    col(ZoneReading.cause),
    col(ZoneReading.recognised_staff_id),
    col(ZoneReading.carried_from),
)
_STATES = {state.value: state for state in BedState}


def readings(
    session: Session, facility_id: str, bed_ids: Collection[str] | None, spans: Iterable[Interval]
) -> tuple[Reading, ...]:
    """The readings of these beds (None: of all) captured in any of `spans`, both ends included, in order of time."""
    found: dict[str, Reading] = {}
    wanted = list(spans)
    for chosen in chunks(bed_ids):
        for span in wanted:
            in_beds = true() if chosen is None else col(ZoneReading.bed_id).in_(chosen)
            query = select_columns(*_COLUMNS).where(_belongs(facility_id, chosen), _captured_in(span), in_beds)
            for row in session.execute(query):
                found[row[0]] = _reading(row)
    return tuple(sorted(found.values(), key=lambda item: (item.captured_at, item.bed_id, item.reading_id)))


def with_lateness(
    session: Session,
    facility_id: str,
    bed_ids: Collection[str] | None,
    spans: Iterable[Interval],
    found: tuple[Reading, ...],
) -> tuple[Reading, ...]:
    """The readings `found` of these beds and spans, those from pictures that came late, outside the chain, marked."""
    if not found:
        return ()
    late: set[str] = set()
    # Late pictures are few: of many beds, they lead to their readings sooner than the readings lead to them.
    few = bed_ids is not None and len(bed_ids) <= _FEW_BEDS
    for chosen in chunks(bed_ids if few else None):
        for span in spans:
            query = select(ZoneReading.id).join(Snapshot, col(Snapshot.id) == col(ZoneReading.snapshot_id))
            if chosen is None:
                query = query.where(
                    Snapshot.facility_id == facility_id,
                    col(Snapshot.captured_at) >= span.start,
                    col(Snapshot.captured_at) <= span.end,
                )
            else:
                query = query.where(
                    _belongs(facility_id, chosen), _captured_in(span), col(ZoneReading.bed_id).in_(chosen)
                )
            late.update(session.exec(query.where(col(Snapshot.trust).in_(LOWER_TRUST))))
    return tuple(replace(item, late=True) if item.reading_id in late else item for item in found) if late else found


def sightings_of(
    session: Session, facility_id: str, patient_ids: Collection[str] | None, spans: Iterable[Interval]
) -> tuple[Sighting, ...]:
    """Where these patients (None: all) were recognised in the facility in any of `spans`, both ends included."""
    found: dict[str, Sighting] = {}
    wanted = list(spans)
    for chosen in chunks(patient_ids):
        for span in wanted:
            of_them = true() if chosen is None else col(ZoneReading.recognised_patient_id).in_(chosen)
            query = select_columns(
                col(ZoneReading.id),
                col(ZoneReading.recognised_patient_id),
                col(ZoneReading.bed_id),
                col(ZoneReading.camera_id),
                col(ZoneReading.captured_at),
            ).where(
                _belongs(facility_id, chosen),
                col(ZoneReading.recognised_patient_id).is_not(None),
                _captured_in(span),
                of_them,
            )
            for reading_id, patient_id, bed_id, camera_id, at in session.execute(query):
                found[reading_id] = Sighting(reading_id, patient_id, bed_id, camera_id, at)
    return tuple(sorted(found.values(), key=lambda item: (item.at, item.reading_id)))


def last_recognitions(session: Session, facility_id: str, span: Interval) -> dict[str, datetime]:
    """Bed id -> when somebody enrolled was last recognised there in `span`, both ends included."""
    query = (
        select_columns(col(ZoneReading.bed_id), func.max(ZoneReading.captured_at))
        .where(
            col(ZoneReading.facility_id) == facility_id,
            _captured_in(span),
            or_(col(ZoneReading.recognised_patient_id).is_not(None), col(ZoneReading.state) == BedState.PATIENT.value),
        )
        .group_by(col(ZoneReading.bed_id))
    )
    return {bed_id: at for bed_id, at in session.execute(query)}


def first_captured_at(session: Session, facility_id: str) -> datetime | None:
    """When the facility's earliest picture was taken."""
    return session.exec(select(func.min(Snapshot.captured_at)).where(Snapshot.facility_id == facility_id)).one()


def reading_pack(session: Session, facility_id: str) -> str | None:
    """The hash of the model pack that read the facility's newest analysed picture; `None` before the first."""
    return session.exec(
        select(Snapshot.pack_hash)
        .where(Snapshot.facility_id == facility_id, col(Snapshot.pack_hash).is_not(None))
        .order_by(col(Snapshot.id).desc())
        .limit(1)
    ).first()


def latest_readings(
    session: Session, facility_id: str, bed_ids: Collection[str], upto: datetime
) -> tuple[Reading, ...]:
    """The last reading of each bed by each camera, captured at `upto` at the latest."""
    newest = (
        select_columns(
            col(ZoneReading.bed_id), col(ZoneReading.camera_id), func.max(ZoneReading.captured_at).label("at")
        )
        .where(
            col(ZoneReading.facility_id) == facility_id,
            col(ZoneReading.bed_id).in_(list(bed_ids)),
            col(ZoneReading.captured_at) <= upto,
        )
        .group_by(col(ZoneReading.bed_id), col(ZoneReading.camera_id))
        .subquery()
    )
    query = select_columns(*_COLUMNS).join(
        newest,
        and_(
            col(ZoneReading.bed_id) == newest.c.bed_id,
            col(ZoneReading.camera_id) == newest.c.camera_id,
            col(ZoneReading.captured_at) == newest.c.at,
        ),
    )
    return tuple(sorted((_reading(row) for row in session.execute(query)), key=lambda r: (r.bed_id, r.captured_at)))


def pack_hashes(session: Session, reading_ids: Iterable[str]) -> tuple[str, ...]:
    """The model packs that made these readings."""
    found: set[str] = set()
    for chosen in chunks(set(reading_ids)):
        query = select(ZoneReading.pack_hash).where(col(ZoneReading.id).in_(chosen or []))
        found.update(item for item in session.exec(query.distinct()) if item)
    return tuple(sorted(found))


def find_snapshot(session: Session, camera_id: str, sequence: int, sha256: str) -> Snapshot | None:
    """The snapshot with this camera, sequence and content, if it was received."""
    query = select(Snapshot).where(
        Snapshot.camera_id == camera_id, Snapshot.sequence == sequence, Snapshot.sha256 == sha256
    )
    return session.exec(query).first()


def snapshot_readable_by(session: Session, actor: Actor, snapshot_id: str) -> Snapshot:
    """The snapshot, for whoever may read the facility's occupancy, or sent it. Raises `NotFound`."""
    snapshot = session.get(Snapshot, snapshot_id)
    if snapshot is not None:
        may_read = actor.may(Permission.OCCUPANCY_READ, snapshot.facility_id)
        sent_it = actor.may(Permission.SNAPSHOTS_POST, snapshot.facility_id)
        if may_read or (sent_it and actor.camera_id in (None, snapshot.camera_id)):
            return snapshot
    raise NotFound("no such snapshot", field="snapshot_id", remedy="use the id that the post returned")


def reading_readable_by(
    session: Session, actor: Actor, permission: Permission, reading_id: str
) -> tuple[ZoneReading, Snapshot]:
    """The reading and its snapshot, for whoever has `permission` at its facility. Raises `NotFound` or `Forbidden`."""
    reading = session.get(ZoneReading, reading_id)
    if reading is None:
        raise NotFound("no such reading", field="reading_id", remedy="use an id that a check or a finding names")
    actor.require(permission, reading.facility_id)
    return reading, session.get_one(Snapshot, reading.snapshot_id)


def readings_of_snapshot(session: Session, snapshot_id: str) -> Sequence[ZoneReading]:
    """The snapshot's readings in order of their bed."""
    query = select(ZoneReading).where(ZoneReading.snapshot_id == snapshot_id).order_by(col(ZoneReading.bed_id))
    return session.exec(query).all()


def kept_snapshots(session: Session, facility_id: str, camera_ids: Collection[str], span: Interval) -> list[str]:
    """Ids of the cameras' snapshots captured in `span` whose pictures are still kept, in order of time."""
    query = (
        select(Snapshot.id)
        .where(
            Snapshot.facility_id == facility_id,
            col(Snapshot.camera_id).in_(list(camera_ids)),
            col(Snapshot.captured_at) >= span.start,
            col(Snapshot.captured_at) <= span.end,
            col(Snapshot.blob_key).is_not(None),
        )
        .order_by(col(Snapshot.captured_at), col(Snapshot.id))
    )
    return list(session.exec(query))


def purgeable(session: Session, *, ordinary: datetime, held: datetime, most: int) -> Sequence[Snapshot]:
    """Analysed snapshots whose pictures were received before their term: `held` for those behind an open question."""
    query = (
        select(Snapshot)
        .where(
            col(Snapshot.blob_key).is_not(None),
            col(Snapshot.frozen_for).is_(None),
            Snapshot.state != "queued",
            or_(
                col(Snapshot.received_at) < held,
                and_(col(Snapshot.received_at) < ordinary, col(Snapshot.is_held).is_(False)),
            ),
        )
        .order_by(col(Snapshot.received_at))
        .limit(most)
    )
    return session.exec(query).all()


def chunks(ids: Collection[str] | None) -> Iterator[list[str] | None]:
    """`ids` in parts that fit one query; one None when there is no restriction."""
    if ids is None:
        yield None
        return
    ordered = sorted(ids)
    for at in range(0, len(ordered), _CHUNK):
        yield ordered[at : at + _CHUNK]


def _belongs(facility_id: str, chosen: Collection[str] | None) -> ColumnElement[bool]:
    """The facility's own. Where beds or patients are named, their index finds the rows: SQLite, which keeps no
    statistics unless told to, would else walk through everything the facility saw in that time."""
    column = col(ZoneReading.facility_id)
    return column == facility_id if chosen is None else func.coalesce(column, "") == facility_id


def _captured_in(span: Interval) -> ColumnElement[bool]:
    return and_(col(ZoneReading.captured_at) >= span.start, col(ZoneReading.captured_at) <= span.end)


def _reading(row: Sequence[Any]) -> Reading:
    reading_id, bed_id, camera_id, captured_at, state, expected, recognised, reasons, cause, staff, carried = row
    return Reading(
        reading_id=reading_id,
        bed_id=bed_id,
        camera_id=camera_id,
        captured_at=captured_at,
        state=_STATES[state],
        expected_patient_id=expected,
        recognised_patient_id=recognised,
        lone=QualityReason.SEVERAL_FACES.value not in (reasons or ()),
        cause=cause,
        recognised_staff_id=staff,
        carried=carried is not None,
    )
