"""Builders of rows for tests: each makes one thing with sensible values and flushes it. Rooms append theirs below."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any, TypeVar

import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from service.access import COOKIE, Actor, Grant, Permission, Role, grants_of, new_token, open_session
from service.access.passwords import hash_password
from service.access.tables import RoleGrant, UserAccount
from service.admissions.tables import Admission, BedAssignment, Patient
from service.enrolment import Consent, FaceTemplate, NewTemplate, PersonTemplate, store_template
from service.facilities.tables import Bed, BedZone, Camera, Facility, Ward
from service.kit.ids import new_id
from service.platform.context import Context

PASSWORD = "correct horse battery staple"
EPOCH = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)  # a Monday, 08:00 in Shanghai

_numbers = count(1)

Row = TypeVar("Row")


def create_facility(session: Session, code: str = "", **values: Any) -> Facility:
    """A hospital in shadow mode, on the live clock unless `clock="replay"`."""
    number = next(_numbers)
    facility = Facility(
        **{"code": code or f"hospital-{number}", "name": f"Hospital {number}", "created_at": EPOCH} | values
    )
    return _add(session, facility)


def create_ward(session: Session, facility: Facility, code: str = "", **values: Any) -> Ward:
    """A ward of `facility`."""
    number = next(_numbers)
    ward = Ward(**{"facility_id": facility.id, "code": code or f"ward-{number}", "name": f"Ward {number}"} | values)
    return _add(session, ward)


def create_bed(session: Session, ward: Ward, code: str = "", **values: Any) -> Bed:
    """A bed of `ward`; the hospital's own code of it is different from ours."""
    code = code or f"bed-{next(_numbers)}"
    own = {"facility_id": ward.facility_id, "ward_id": ward.id, "code": code, "hospital_code": f"{ward.code}/{code}"}
    return _add(session, Bed(**own | values))


def create_camera(session: Session, ward: Ward, code: str = "", **values: Any) -> Camera:
    """A camera on `ward`."""
    own = {"facility_id": ward.facility_id, "ward_id": ward.id, "code": code or f"camera-{next(_numbers)}"}
    return _add(session, Camera(**own | {"purpose": "bed occupancy", "sign_text": "Camera"} | values))


def create_zone(session: Session, camera: Camera, bed: Bed, **values: Any) -> BedZone:
    """The whole view of `camera` as the zone of `bed`, head at the upper edge."""
    own = {
        "camera_id": camera.id,
        "bed_id": bed.id,
        "polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
        "valid_from": EPOCH - timedelta(days=1),
    }
    return _add(session, BedZone(**own | values))


def create_patient(session: Session, facility: Facility, patient_no: str = "", **values: Any) -> Patient:
    """A patient known to `facility`."""
    own = {"facility_id": facility.id, "patient_no": patient_no or f"P{next(_numbers):06d}", "recorded_at": EPOCH}
    return _add(session, Patient(**own | values))


def create_admission(
    session: Session,
    *,
    bed: Bed,
    patient: Patient | None = None,
    admitted_at: datetime = EPOCH,
    discharged_at: datetime | None = None,
    **values: Any,
) -> Admission:
    """An admission into `bed` from `admitted_at`, with its bed assignment; the patient is made when not given."""
    facility = session.get_one(Facility, bed.facility_id)
    own = {
        "facility_id": bed.facility_id,
        "patient_id": (patient or create_patient(session, facility)).id,
        "admission_no": f"A{next(_numbers):06d}",
        "admitted_at": admitted_at,
        "discharged_at": discharged_at,
        "recorded_at": admitted_at,
        "updated_at": admitted_at,
    }
    admission = _add(session, Admission(**own | values))
    _add(
        session,
        BedAssignment(
            admission_id=admission.id,
            bed_id=bed.id,
            from_at=admitted_at,
            to_at=discharged_at,
            recorded_at=admitted_at,
        ),
    )
    return admission


def create_user(
    session: Session, *, role: Role | str = Role.VIEWER, facility: Facility | None, username: str = ""
) -> UserAccount:
    """A person with `role` at `facility`, or everywhere (None). Their password is `PASSWORD`."""
    name = username or f"user-{next(_numbers)}"
    user = _add(session, UserAccount(username=name, password_hash=_password_hash(), created_at=EPOCH))
    _add(session, RoleGrant(user_id=user.id, facility_id=facility.id if facility else None, role=Role(role).value))
    return user


def create_token(
    session: Session,
    facility: Facility,
    scopes: Iterable[Permission | str],
    *,
    camera: Camera | None = None,
    name: str = "",
) -> str:
    """The secret of a token with `scopes` at `facility`."""
    _, secret = new_token(
        session,
        name or f"token-{next(_numbers)}",
        facility_id=facility.id,
        scopes=[Permission(scope) for scope in scopes],
        camera_id=camera.id if camera else None,
        actor="system",
        now=EPOCH,
    )
    return secret


def create_device_token(session: Session, camera: Camera) -> str:
    """The secret of a camera's token, with the scopes that cameras have."""
    facility = session.get_one(Facility, camera.facility_id)
    return create_token(session, facility, [Permission.SNAPSHOTS_POST, Permission.CONFIG_READ], camera=camera)


def bearer(secret: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {secret}"}


def actor_for(session: Session, user: UserAccount) -> Actor:
    """`user` as the actor of a direct call."""
    return Actor(kind="user", id=user.id, name=user.username, grants=grants_of(session, user.id))


def actor_with(role: Role | str, facility: Facility | None) -> Actor:
    """An actor with `role` who has no account: for functions that only ask what the actor may do."""
    return Actor(
        kind="user", id="0" * 32, name="tester", grants=(Grant(Role(role), facility.id if facility else None),)
    )


def browser(app: FastAPI, context: Context, user: UserAccount) -> TestClient:
    """A browser in which `user` is logged in; it sends the origin and the anti-forgery token as our pages do."""
    with context.database.transaction() as session:
        opened = open_session(context, session, session.get_one(UserAccount, user.id), how="password")
    client = TestClient(app, base_url="http://testserver", cookies={COOKIE: opened.secret})
    client.headers.update({"Origin": "http://testserver", "X-CSRF-Token": opened.csrf_token})
    return client


@lru_cache(maxsize=1)
def _password_hash() -> str:
    return hash_password(PASSWORD)


def _add(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


def create_consent(session: Session, patient: Patient, status: str = "given", *, at: datetime = EPOCH) -> Consent:
    """What `patient` decided about face matching."""
    return _add(
        session,
        Consent(patient_id=patient.id, status=status, given_at=at, recorded_by="user:tester", recorded_at=at),
    )


def create_template(
    context: Context,
    session: Session,
    patient: Patient,
    vector: Iterable[float],
    *,
    pack_hash: str = "test-pack",
    reference: str = "id_card_picture",
    effective_from: datetime = EPOCH,
) -> FaceTemplate:
    """A template of `patient`, by default a proven one; `vector` is scaled to unit length."""
    row = np.array(list(vector), np.float32)
    new = NewTemplate(
        vector=row / np.linalg.norm(row),
        pack_hash=pack_hash,
        quality=0.9,
        photo_sha256=hashlib.sha256(row.tobytes()).hexdigest(),
        reference=reference,
        effective_from=effective_from,
        enrolled_by="user:tester",
        enrolled_at=effective_from,
    )
    return store_template(session, context.keys, facility_id=patient.facility_id, patient_id=patient.id, new=new)


def create_staff(session: Session, facility: Facility, staff_no: str = "") -> str:
    """The gallery key of a member of staff with a reference; the template itself is never opened."""
    row = PersonTemplate(
        person_kind="staff",
        person_id=new_id(),
        person_no=staff_no or f"N-{next(_numbers):03d}",
        facility_id=facility.id,
        pack_hash="fake-pack",
        dimension=4,
        quality=0.9,
        photo_sha256="0" * 64,
        consent_at=EPOCH,
        enrolled_by="user:tester",
        enrolled_at=EPOCH,
    )
    return _add(session, row).person_id
