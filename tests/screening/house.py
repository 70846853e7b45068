"""A facility into whose tables a test writes what a rule reads: stays, checks, looks, statements, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from service.access.tables import UserAccount
from service.admissions.tables import Admission, ChargeItem, LeaveOfAbsence, Patient, StayEvent
from service.facilities.tables import Bed, BedZone, Camera, Facility, Ward
from service.kit.ids import new_id
from service.occupancy import BedCheck, DirectedCheck, PresenceCheck
from service.occupancy.hand_tables import Reverification
from service.occupancy.roll_call_tables import BedLook
from service.occupancy.tables import DirectedLook
from service.platform.context import Context
from service.sightings.tables import Snapshot, ZoneReading
from tests import builders
from tests.occupancy.scenes import at
from tests.screening.chain import enrol

START, NOW = at("01 08:00"), at("10 12:00")
_numbers = count(1)


@dataclass
class House:
    """Written to in one transaction; its time stands at 10 March, noon."""

    context: Context
    session: Session
    facility: Facility
    ward: Ward

    @classmethod
    def build(cls, context: Context, session: Session) -> House:
        """An empty house with one ward."""
        facility = builders.create_facility(session, clock="replay", watermark=NOW)
        return cls(context, session, facility, builders.create_ward(session, facility))

    def bed(self, ward: Ward | None = None) -> Bed:
        return builders.create_bed(self.session, ward or self.ward)

    def stay(self, bed: Bed | None = None, *, since: datetime = START, **columns: Any) -> Admission:
        """A stay of an enrolled patient; `patient` among `columns` names whose."""
        patient = columns.pop("patient", None)
        stay = builders.create_admission(
            self.session, bed=bed or self.bed(), patient=patient, admitted_at=since, **columns
        )
        if patient is None:
            enrol(self.session, self.session.get_one(Patient, stay.patient_id), since)
        return stay

    def person(self, role: str = "ward_staff") -> UserAccount:
        return builders.create_user(self.session, role=role, facility=self.facility)

    def checks(self, stay: Admission, bed: Bed, outcome: str, dues: Iterable[datetime], **details: Any) -> None:
        """Presence checks; two looks stand behind a confirmed absence."""
        rows = []
        for due in dues:
            absent = {"confirmed_at": (due + timedelta(hours=3)).isoformat(), "look_ids": [f"{due}-a", f"{due}-b"]}
            rows.append(
                {
                    "id": new_id(),
                    "facility_id": self.facility.id,
                    "ward_id": bed.ward_id,
                    "bed_id": bed.id,
                    "admission_id": stay.id,
                    "kind": "routine",
                    "due_at": due,
                    "window_start": due,
                    "window_end": due + timedelta(minutes=30),
                    "outcome": outcome,
                    "reading_ids": [],
                    "details": {**(absent if outcome == "absent_confirmed" else {}), **details},
                    "policy_version": "1",
                    "computed_at": due,
                }
            )
        self.session.execute(insert(PresenceCheck), rows)

    def asked(self, stay: Admission, bed: Bed, due: datetime) -> DirectedCheck:
        row = DirectedCheck(
            facility_id=self.facility.id,
            admission_id=stay.id,
            bed_id=bed.id,
            due_at=due,
            cause="bed_empty",
            deadline_at=due + timedelta(hours=6),
            opened_at=due,
            recorded_at=due,
        )
        self.session.add(row)
        self.session.flush()
        return row

    def look(self, request: DirectedCheck, person: UserAccount, when: datetime, result: str) -> DirectedLook:
        row = DirectedLook(
            directed_check_id=request.id,
            person_id=person.id,
            role="ward_staff",
            looked_at=when,
            result=result,
            method="bedside",
            ward_searched=True,
            patient_called=True,
            recorded_at=when,
        )
        self.session.add(row)
        self.session.flush()
        return row

    def contradicted(self, look: DirectedLook, stay: Admission, by: UserAccount) -> None:
        self.session.add(
            Reverification(
                facility_id=self.facility.id,
                look_id=look.id,
                admission_id=stay.id,
                reason="sample",
                asked_at=look.looked_at,
                deadline_at=look.looked_at + timedelta(hours=6),
                answered_at=look.looked_at + timedelta(hours=1),
                person_id=by.id,
                result="contradicted",
            )
        )

    def leave(
        self,
        stay: Admission,
        start: datetime,
        due_back: datetime,
        returned: datetime | None,
        signed: datetime | None = None,
    ) -> None:
        self.session.add(
            LeaveOfAbsence(
                admission_id=stay.id,
                from_at=start,
                expected_return_at=due_back,
                to_at=returned,
                approved_by="doctor",
                signed_at=signed or start,
                recorded_at=start,
            )
        )

    def charge(self, stay: Admission, kind: str, when: datetime) -> None:
        self.session.add(
            ChargeItem(
                facility_id=self.facility.id,
                charge_no=f"C{next(_numbers)}",
                admission_no=stay.admission_no,
                admission_id=stay.id,
                kind=kind,
                service_at=when,
                quantity="1",
                amount="100",
                stated_at=when,
                received_at=when,
                source="csv",
            )
        )

    def correction(self, stay: Admission, event_at: datetime, received_at: datetime) -> None:
        self.session.add(
            StayEvent(
                facility_id=self.facility.id,
                admission_id=stay.id,
                admission_no=stay.admission_no,
                source="hl7",
                kind="leave",
                trigger="A21",
                event_at=event_at,
                stated_at=received_at,
                received_at=received_at,
                fingerprint=f"{next(_numbers):064x}",
                corrects=True,
            )
        )

    def bed_check(
        self, bed: Bed, outcome: str, due: datetime, *, seen: str | None = None, key: str | None = None
    ) -> None:
        """What a check saw of a bed itself; `seen`: what a person found who went there."""
        own = {"facility_id": self.facility.id, "bed_id": bed.id, "due_at": due}
        self.session.add(
            BedCheck(
                **own,
                ward_id=bed.ward_id,
                window_start=due,
                window_end=due + timedelta(minutes=30),
                outcome=outcome,
                occupied_seconds=1500,
                computed_at=due,
            )
        )
        if seen is not None:
            person, when = self.person(), due + timedelta(minutes=20)
            self.session.add(
                BedLook(**own, person_id=person.id, role="ward_staff", result=seen, looked_at=when, recorded_at=when)
            )

    def camera(self, bed: Bed) -> tuple[Camera, BedZone]:
        ward = self.session.get_one(Ward, bed.ward_id)
        camera = builders.create_camera(self.session, ward)
        return camera, builders.create_zone(self.session, camera, bed, valid_from=START - timedelta(days=1))

    def picture(self, camera: Camera, when: datetime, *, trust: str = "live", cause: str | None = None) -> Snapshot:
        number = next(_numbers)
        row = Snapshot(
            facility_id=self.facility.id,
            camera_id=camera.id,
            sequence=number,
            sha256=f"{number:064x}",
            media_type="image/jpeg",
            byte_count=1,
            captured_at=when,
            received_at=when,
            state="analysed",
            pack_hash="fake-pack",
            view_cause=cause,
            trust=trust,
        )
        self.session.add(row)
        self.session.flush()
        return row

    def reading(self, picture: Snapshot, zone: BedZone, state: str, recognised: str | None = None) -> None:
        self.session.add(
            ZoneReading(
                snapshot_id=picture.id,
                facility_id=self.facility.id,
                camera_id=picture.camera_id,
                bed_id=zone.bed_id,
                zone_id=zone.id,
                captured_at=picture.captured_at,
                state=state,
                confidence=0.9,
                recognised_patient_id=recognised,
                quality_reasons=[],
                pack_hash="fake-pack",
            )
        )
