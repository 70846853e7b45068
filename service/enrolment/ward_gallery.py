"""The gallery of one ward for one box: the few faces it may recognise, under names that only it and the server know."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlmodel import Session, col, or_, select

from service.admissions import Admission, BedAssignment
from service.contracts import GalleryBed, GalleryPerson, GalleryZone, WardGallery
from service.enrolment.galleries import gallery
from service.enrolment.pack import opened_pack
from service.enrolment.person_templates import staff_ids
from service.enrolment.stamp import stamp_of
from service.facilities import BedZone, Camera, beds_of_ward
from service.platform.context import Context
from service.platform.crypto import KeyRing
from service.vision import Gallery, ReadingPolicy

LIFE = timedelta(hours=12)
"""A box that hears nothing for so long wipes its gallery: pictures wait in its spool until it has another."""
_BEHIND = timedelta(hours=72)
"""Patients discharged so recently are still in it: the box keeps pictures for so long, and may be asked to read them
again."""
_AHEAD = timedelta(hours=12)

_PURPOSE = "edge-person"


@dataclass(frozen=True, slots=True)
class BoxNames:
    """The names of people at one box. Another box calls the same person something else."""

    secrets: tuple[bytes, ...]
    device_id: str

    @classmethod
    def of(cls, keys: KeyRing, device_id: str) -> BoxNames:
        """The names at that device."""
        return cls(keys.derived(_PURPOSE), device_id)

    def name_of(self, person_id: str) -> str:
        """What the box calls the person (a gallery's key): 128 bits of an HMAC."""
        return self._name(self.secrets[0], person_id)

    def persons(self, person_ids: Iterable[str]) -> dict[str, str]:
        """Name -> person, for names under older master keys too."""
        found: dict[str, str] = {}
        for secret in reversed(self.secrets):
            found.update({self._name(secret, person_id): person_id for person_id in person_ids})
        return found

    def _name(self, secret: bytes, person_id: str) -> str:
        return hmac.new(secret, f"{self.device_id}\n{person_id}".encode(), hashlib.sha256).hexdigest()[:32]


def ward_gallery(context: Context, session: Session, camera: Camera, device_id: str, at: datetime) -> WardGallery:
    """What the box of `camera` may compare with at event time `at`, not sealed yet.

    Patients of the ward with a proven reference and a standing consent, and enrolled staff. Raises `PackUnusable`.
    """
    pack, names = opened_pack(context), BoxNames.of(context.keys, device_id)
    known = gallery(context, session, camera.facility_id)
    stays = _stays(session, camera.ward_id, at)
    admitted = {stay.patient_id for stay in stays}
    wanted = sorted((admitted | staff_ids(session, camera.facility_id)) & set(known.keys))
    zones, standard = _zones(session, camera, at), ReadingPolicy()
    same = pack.thresholds.same_person
    now = context.clock.now()
    told = WardGallery(
        version="",
        templates=templates_version(session, camera.facility_id),
        device_id=device_id,
        pack_hash=pack.pack_hash,
        dimension=pack.embedding_dimension,
        same_person=same,
        other_person=min(standard.other_person, same),
        issued_at=now,
        expires_at=now + LIFE,
        persons=tuple(_person(names, known, person_id) for person_id in wanted),
        beds=tuple(
            GalleryBed(zone_id=zone.id, key=names.name_of(stay.patient_id), since=stay.since, until=stay.until)
            for zone in zones
            for stay in stays
            if stay.bed_id == zone.bed_id
        ),
        zones=tuple(
            GalleryZone(
                zone_id=zone.id,
                polygon=tuple((float(x), float(y)) for x, y in zone.polygon),
                head_edge=zone.head_edge,
                since=zone.valid_from,
                until=zone.valid_to,
            )
            for zone in zones
        ),
    )
    return told.model_copy(update={"version": _version(told, now)})


def templates_version(session: Session, facility_id: str) -> str:
    """Changes with every template of the facility; says nothing else."""
    return hashlib.sha256(f"wardwatch-templates/1\n{stamp_of(session, facility_id)}".encode()).hexdigest()[:16]


def _version(told: WardGallery, now: datetime) -> str:
    """A hash of what is in it, and of the half life in which it was given: long before it expires it is given anew."""
    body = told.model_dump(mode="json", exclude={"version", "issued_at", "expires_at"})
    half = int(now.timestamp() // (LIFE.total_seconds() / 2))
    return hashlib.sha256(json.dumps([body, half], sort_keys=True).encode()).hexdigest()[:32]


def _person(names: BoxNames, known: Gallery, person_id: str) -> GalleryPerson:
    rows = [np.ascontiguousarray(known.vectors[row], "<f4").tobytes() for row in known.rows_of(person_id)]
    vectors = tuple(base64.b64encode(row).decode() for row in rows[:64])
    return GalleryPerson(key=names.name_of(person_id), vectors=vectors)


def _zones(session: Session, camera: Camera, at: datetime) -> Sequence[BedZone]:
    """Where the camera's beds lie, or lay lately, in order of their bed as the server reads them."""
    query = (
        select(BedZone)
        .where(
            BedZone.camera_id == camera.id,
            col(BedZone.valid_from) <= at + _AHEAD,
            or_(col(BedZone.valid_to).is_(None), col(BedZone.valid_to) > at - _BEHIND),
        )
        .order_by(col(BedZone.bed_id), col(BedZone.valid_from))
    )
    return session.exec(query).all()


@dataclass(frozen=True, slots=True)
class _BedStay:
    bed_id: str
    patient_id: str
    since: datetime
    until: datetime | None


def _stays(session: Session, ward_id: str, at: datetime) -> list[_BedStay]:
    """Who has, had lately, or will soon have a bed of the ward, in the order in which assignments count."""
    beds = [bed.id for bed in beds_of_ward(session, ward_id)]
    query = (
        select(BedAssignment, Admission)
        .join(Admission, col(Admission.id) == col(BedAssignment.admission_id))
        .where(
            col(BedAssignment.bed_id).in_(beds),
            col(BedAssignment.from_at) <= at + _AHEAD,
            or_(col(BedAssignment.to_at).is_(None), col(BedAssignment.to_at) > at - _BEHIND),
            col(Admission.cancelled_at).is_(None),
            or_(col(Admission.discharged_at).is_(None), col(Admission.discharged_at) > at - _BEHIND),
        )
        .order_by(col(BedAssignment.from_at), col(BedAssignment.recorded_at), col(BedAssignment.id))
    )
    found = []
    for row, stay in session.exec(query):
        ends = [end for end in (row.to_at, stay.discharged_at) if end is not None]
        since = max(row.from_at, stay.admitted_at)
        found.append(_BedStay(row.bed_id, stay.patient_id, since, min(ends, default=None)))
    return found
