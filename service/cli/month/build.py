"""Builds the hospital of a made-up month and writes its books."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from service.access import Actor, Grant, Role, UserAccount, grant_role
from service.admissions import Admission, BedAssignment, LeaveOfAbsence, OffWardActivity, Patient
from service.admissions.tables import ChargeItem
from service.cli.month.stage import CADENCE, PACK, Play
from service.cli.month.world import TrueStay, Way
from service.enrolment import Consent, FaceTemplate
from service.facilities import Bed, BedZone, Camera, Facility, Ward
from service.kit.ids import new_id


def build(session: Session, stage: Play) -> None:
    plan, now = stage.plan, stage.context.clock.now()
    stage_facility = Facility(code=f"month-{new_id()[-6:]}", name="A simulated month", clock="replay", created_at=now)
    session.add(stage_facility)
    session.flush()
    stage.facility_id, stage.facility_code = stage_facility.id, stage_facility.code
    people = [("inspector", Role.INSPECTOR)]
    for number in range(-(-plan.beds // plan.ward_beds)):
        ward = Ward(facility_id=stage.facility_id, code=f"W{number:02}", name=f"Ward {number}")
        session.add(ward)
        stage.wards.append(ward)
        people += [(f"nurse{number:02}{shift}", Role.WARD_STAFF) for shift in ("a", "b")]
    session.flush()
    for number, (name, role) in enumerate(people):
        # Nobody ever logs in here: a password's hash is slow on purpose, and twenty of them are seconds of the month.
        user = UserAccount(username=f"{stage.facility_code}.{name}", password_hash="!", created_at=now)  # noqa: S106
        session.add(user)
        session.flush()
        grant_role(session, user, role, stage.facility_id, actor="cli", now=now)
        grants = (Grant(role, stage.facility_id),)
        stage.nurses[number - 1] = Actor(kind="user", id=user.id, name=user.username, grants=grants)
    for number in range(plan.beds):
        ward = stage.wards[number // plan.ward_beds]
        # A third of the beds stand in the books as closed, and patients lie in them all the same.
        closed = plan.ward_beds * 3 <= number < plan.ward_beds * 6
        bed = Bed(
            facility_id=stage.facility_id,
            ward_id=ward.id,
            code=f"{number:03}",
            hospital_code=f"{number:03}",
            is_open=not closed,
        )
        stage.beds.append(bed)
        session.add(bed)
        if number % 4 == 0:
            camera = Camera(
                facility_id=stage.facility_id,
                ward_id=ward.id,
                code=f"C{number // 4:02}",
                cadence_seconds=int(CADENCE.total_seconds()),
            )
            stage.cameras.append(camera)
            session.add(camera)
    session.flush()
    for number, bed in enumerate(stage.beds):
        zone = BedZone(
            camera_id=stage.cameras[number // 4].id,
            bed_id=bed.id,
            polygon=[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]],
            valid_from=plan.start - timedelta(days=1),
        )
        session.add(zone)
        stage.zones.append(zone.id)
    session.flush()


def admit(session: Session, stage: Play, stay: TrueStay) -> None:
    """The stay's own books. Leaves that are written late, or afterwards, are written when their time comes."""
    who = stage.people.get(stay.person)
    if who is None:
        patient = Patient(facility_id=stage.facility_id, patient_no=f"{stay.person}", recorded_at=stay.admitted)
        session.add(patient)
        session.flush()
        who = stage.people[stay.person] = patient.id
        _enrol(session, stage, stay, who)
    admission = Admission(
        facility_id=stage.facility_id,
        patient_id=who,
        admission_no=stay.number,
        category=stay.category,
        admitted_at=stay.admitted,
        discharged_at=stay.discharged,
        recorded_at=stay.admitted,
        updated_at=stay.admitted,
        admission_type="emergency" if stay.emergency else "planned",
        diagnosis_code=f"I{10 + len(stay.person) % 7}.{stay.bed % 9}",
        discharge_disposition="home" if stay.discharged else None,
        payment_method="per_diem" if stay.per_diem else "drg",
    )
    session.add(admission)
    session.flush()
    stage.stays[stay.number] = admission.id
    own: dict[str, Any] = {"admission_id": admission.id, "recorded_at": stay.admitted}
    session.add(BedAssignment(bed_id=stage.beds[stay.bed].id, from_at=stay.admitted, to_at=stay.discharged, **own))
    if stay.way is not Way.LATE_PAPER:
        for start, due, signed, back in stay.leaves:
            session.add(
                LeaveOfAbsence(
                    from_at=start, expected_return_at=due, to_at=back, approved_by="doctor", signed_at=signed, **own
                )
            )
    for kind, start, end in stay.activities:
        session.add(OffWardActivity(kind=kind, from_at=start, to_at=end, recorded_by="ward", **own))
    if stay.per_diem:
        _bill(session, stage, stay, admission.id)


def _enrol(session: Session, stage: Play, stay: TrueStay, who: str) -> None:
    status = "refused" if stay.way is Way.REFUSED else "given"
    at = stay.admitted
    session.add(Consent(patient_id=who, status=status, given_at=at, recorded_by="simulation", recorded_at=at))
    if stay.way in (Way.REFUSED, Way.UNENROLLED):
        return
    times = [at] if stay.way is not Way.NEW_FACE else [at, at + timedelta(days=3)]
    for number, since in enumerate(times):
        replaced = number + 1 < len(times)
        session.add(
            FaceTemplate(
                patient_id=who,
                facility_id=stage.facility_id,
                pack_hash=PACK,
                sealed=None if replaced else b"simulated",
                dimension=4,
                quality=0.9,
                reference="id_card_picture",
                photo_sha256=f"{number}" * 64,
                effective_from=since,
                enrolled_by="simulation",
                enrolled_at=since,
                revoked_at=times[number + 1] if replaced else None,
                revoked_cause="superseded" if replaced else None,
            )
        )


def _bill(session: Session, stage: Play, stay: TrueStay, admission_id: str) -> None:
    day, end = stay.admitted.replace(hour=12, minute=0), stay.discharged or stage.plan.end
    while day < end:
        for kind in ("bed", "nursing", "medication"):
            session.add(
                ChargeItem(
                    facility_id=stage.facility_id,
                    charge_no=f"{stay.number}-{day:%m%d}-{kind}",
                    admission_no=stay.number,
                    admission_id=admission_id,
                    kind=kind,
                    code=kind,
                    service_at=day,
                    amount="60.00",
                    stated_at=day,
                    received_at=day,
                    source="csv",
                )
            )
        day += timedelta(days=1)
