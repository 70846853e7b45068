"""Plays a ward-day of `fixtures/ward-days` through the real tables and jobs. Only the looking at pictures is left out:
the file says what each picture showed. `fixtures/ward-days/README.md` explains the keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlmodel import Session, select

from service import admissions as books
from service.access import Actor, Role
from service.admissions.tables import Admission, ChargeItem, LeaveOfAbsence, Patient
from service.enrolment.tables import Consent, FaceTemplate
from service.facilities import move_watermark
from service.facilities.tables import Bed, BedZone, Camera, Facility
from service.kit.intervals import Interval
from service.occupancy import advance_job, bed_checks, dirty_job, in_bed_rate
from service.occupancy.directed import Answer, add_look
from service.occupancy.looks import LookMethod, LookResult
from service.occupancy.roll_call_tables import BedLook
from service.occupancy.tables import DirectedCheck, PresenceCheck
from service.pharmacy import rescreen_job
from service.platform.context import Context
from service.platform.jobs import JobRunner, enqueue
from service.screening import Finding, places_job, run_job
from service.sightings.tables import Snapshot, ZoneReading
from tests import builders

FOLDER = Path(__file__).parents[2] / "fixtures" / "ward-days"
PACK = "fake-pack"
STATES = {
    "P": "patient",
    "U": "unidentified",
    "O": "other_person",
    "E": "empty",
    "X": "unobserved",
    "S": "other_person",
}


@dataclass
class Ward:
    """The installation of one ward-day, and the names of what is in it."""

    context: Context
    story: dict[str, Any]
    beds: dict[int, Bed] = field(default_factory=dict)
    stays: dict[str, Admission] = field(default_factory=dict)
    people: dict[str, Actor] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    sequence: int = 0

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.story.get("timezone", "Asia/Shanghai"))

    def at(self, text: str) -> datetime:
        """`03-02 09:00` is local time of 2026."""
        return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=self.zone).astimezone(UTC)

    def local(self, instant: datetime) -> str:
        return instant.astimezone(self.zone).strftime("%m-%d %H:%M")

    def build(self) -> None:
        first = min(self.at(item["at"]) for item in self.story["admissions"])
        with self.context.database.transaction() as session:
            self.facility = builders.create_facility(
                session,
                clock="replay",
                timezone=str(self.zone),
                mode=self.story.get("mode", "shadow"),
                policy=self.story.get("policy", {}),
            )
            self.ward = builders.create_ward(session, self.facility, **self.story.get("ward", {}))
            self.camera = builders.create_camera(session, self.ward)
            for number in range(1, self.story["beds"] + 1):
                bed = builders.create_bed(session, self.ward, code=f"{number:02}")
                self.beds[number] = bed
                builders.create_zone(session, self.camera, bed, valid_from=first - timedelta(days=1))
            for item in self.story["admissions"]:
                self._admit(session, item)
            for name, role in (("nurse", "ward_staff"), ("inspector", "inspector")):
                user = builders.create_user(session, role=role, facility=self.facility)
                self.people[name] = builders.actor_for(session, user)
        self.office = builders.actor_with(Role.ADMIN, self.facility)

    def _admit(self, session: Session, item: dict[str, Any]) -> None:
        when = self.at(item["at"])
        patient = None
        if "same_patient_as" in item:
            patient = session.get_one(Patient, self.stays[item["same_patient_as"]].patient_id)
        stay = builders.create_admission(
            session,
            bed=self.beds[item["bed"]],
            patient=patient,
            admitted_at=when,
            admission_no=item["stay"],
            category=item.get("category", "general"),
            **item.get("columns", {}),
        )
        self.stays[item["stay"]] = stay
        if item.get("enrolled", True) and patient is None:
            enrol(session, stay.patient_id, self.facility.id, when)

    def play(self) -> None:
        """Time moves from one statement, look or late delivery to the next; pictures arrive as they were taken."""
        self.build()
        moments = {self.at(item[key]) for name, key in _MOMENTS for item in self.story.get(name, ())}
        moments |= {self.at(item["arrives"]) for item in self.story["shown"] if "arrives" in item}
        end = self.at(self.story["until"])
        for moment in [*sorted(moments - {end}), end]:
            self.show(moment)
            self.advance(moment)
            for item in self.story.get("books", ()):
                if self.at(item["at"]) == moment:
                    self.write(item)
            self.work()
            for item in self.story.get("looks", ()):
                if self.at(item["at"]) == moment:
                    self.look(item)
            for item in self.story.get("bed_looks", ()):
                if self.at(item["at"]) == moment:
                    self.look_at_bed(item)
            self.work()

    def show(self, until: datetime) -> None:
        """The readings of pictures taken, or delivered, by `until`."""
        with self.context.database.transaction() as session:
            for number, item in enumerate(self.story["shown"]):
                late = "arrives" in item
                for when in self._instants(item):
                    key = f"{number}@{when}"
                    if key in self.told or (self.at(item["arrives"]) if late else when) > until:
                        continue
                    self.told.add(key)
                    self._reading(session, item, when, late)
            late_ones = [i for i in self.story["shown"] if "arrives" in i and self.at(i["arrives"]) == until]
            for item in late_ones:
                payload = {
                    "facility_id": self.facility.id,
                    "from": self.at(item["from"]).isoformat(),
                    "to": self.at(item["to"]).isoformat(),
                }
                enqueue(session, "presence.dirty", payload, now=self.context.clock.now())

    def _instants(self, item: dict[str, Any]) -> list[datetime]:
        when, end = self.at(item["from"]), self.at(item["to"])
        found = []
        while when <= end:
            found.append(when)
            when += timedelta(minutes=item.get("every", 15))
        return found

    def _reading(self, session: Session, item: dict[str, Any], when: datetime, late: bool) -> None:
        self.sequence += 1
        bed, letter = self.beds[item["bed"]], item["shows"]
        own = books.assigned_patient(session, bed.id, when)
        who = self.stays[item["who"]].patient_id if "who" in item else None
        if letter == "P" and own is not None:
            who = own.patient_id
        snapshot = Snapshot(
            facility_id=self.facility.id,
            camera_id=self.camera.id,
            sequence=self.sequence,
            sha256=f"{self.sequence:064x}",
            media_type="image/jpeg",
            byte_count=1,
            captured_at=when,
            received_at=when,
            state="analysed",
            pack_hash=PACK,
            trust="late" if late else "live",
        )
        session.add(snapshot)
        session.flush()
        session.add(
            ZoneReading(
                snapshot_id=snapshot.id,
                facility_id=self.facility.id,
                camera_id=self.camera.id,
                bed_id=bed.id,
                zone_id=session.exec(select(BedZone.id).where(BedZone.bed_id == bed.id)).one(),
                captured_at=when,
                state=STATES[letter] if letter != "P" or own else "unidentified",
                confidence=0.9,
                cause={"X": "black"}.get(letter),
                expected_patient_id=own.patient_id if own else None,
                recognised_patient_id=who,
                recognised_staff_id="staff-1" if letter == "S" else None,
                quality_reasons=["several_faces"] if item.get("two") else [],
                pack_hash=PACK,
            )
        )

    def write(self, item: dict[str, Any]) -> None:
        """One statement to the books, said at its `at`."""
        with self.context.database.transaction() as session:
            place = session.get_one(Facility, self.facility.id)
            stay = session.get_one(Admission, self.stays[item["stay"]].id) if item["do"] != "admit" else None
            who: dict[str, Any] = {"actor": self.office, "now": self.context.clock.now()}
            match item["do"]:
                case "admit":
                    self._admit(session, {**item, "at": item["from"]})
                    payload = {
                        "facility_id": place.id,
                        "from": self.at(item["from"]).isoformat(),
                        "to": self.at(item["at"]).isoformat(),
                    }
                    enqueue(session, "presence.dirty", payload, now=self.context.clock.now())
                case "transfer":
                    books.transfer_admission(session, place, stay, self.beds[item["bed"]], self.at(item["from"]), **who)
                case "discharge":
                    books.discharge(session, place, stay, self.at(item["from"]), **who)
                case "cancel_admission":
                    books.cancel_admission(session, place, stay, **who)
                case "leave":
                    books.grant_leave(
                        session,
                        place,
                        stay,
                        from_at=self.at(item["from"]),
                        expected_return_at=self.at(item["until"]),
                        approved_by="Dr Wang",
                        signed_at=self.at(item["signed"]),
                        **who,
                    )
                case "back":
                    leave = session.exec(select(LeaveOfAbsence).where(LeaveOfAbsence.admission_id == stay.id)).one()
                    books.end_leave(session, place, stay, leave, self.at(item["from"]), **who)
                case "off_ward":
                    books.record_off_ward(
                        session,
                        place,
                        stay,
                        kind=item["kind"],
                        from_at=self.at(item["from"]),
                        to_at=self.at(item["until"]),
                        **who,
                    )
                case "charge":
                    session.add(charge(place, stay, self.at(item["from"]), item))

    def look(self, item: dict[str, Any]) -> None:
        with self.context.database.transaction() as session:
            request = session.exec(
                select(DirectedCheck).where(
                    DirectedCheck.admission_id == self.stays[item["stay"]].id,
                    DirectedCheck.due_at == self.at(item["check"]),
                )
            ).one()
            method = LookMethod(item.get("method", "ward_search"))
            answer = Answer(LookResult(item["result"]), method, True, True, looked_at=self.at(item["at"]))
            add_look(session, self.people[item["by"]], request, answer, self.context.clock)

    def look_at_bed(self, item: dict[str, Any]) -> None:
        when = self.at(item["at"])
        with self.context.database.transaction() as session:
            session.add(
                BedLook(
                    facility_id=self.facility.id,
                    bed_id=self.beds[item["bed"]].id,
                    due_at=self.at(item["check"]),
                    person_id=self.people["nurse"].id,
                    role="ward_staff",
                    result=item["result"],
                    looked_at=when,
                    recorded_at=when,
                )
            )
            enqueue(session, "screening.run", {"facility_id": self.facility.id}, now=self.context.clock.now())

    def advance(self, to: datetime) -> None:
        with self.context.database.transaction() as session:
            move_watermark(session.get_one(Facility, self.facility.id), to)
            enqueue(session, "presence.advance", {"facility_id": self.facility.id}, now=self.context.clock.now())
        self.work()

    def work(self) -> None:
        handlers = {
            "presence.dirty": dirty_job,
            "presence.advance": advance_job,
            "screening.run": run_job,
            "screening.places": places_job,
            "purchases.rescreen": rescreen_job,
        }
        JobRunner(self.context, handlers, 0).run_until_idle()

    # What came of it.

    def outcomes(self) -> dict[str, dict[str, str]]:
        names = {stay.id: no for no, stay in self.stays.items()}
        found: dict[str, dict[str, str]] = {no: {} for no in self.stays}
        with self.context.database.reading() as session:
            for row in session.exec(select(PresenceCheck).where(PresenceCheck.facility_id == self.facility.id)):
                found[names[row.admission_id]][self.local(row.due_at)] = row.outcome
        return {no: dict(sorted(own.items())) for no, own in found.items() if own}

    def bed_outcomes(self) -> dict[int, dict[str, str]]:
        """What bed checks say beside `empty` and `unobserved`."""
        names = {bed.id: number for number, bed in self.beds.items()}
        found: dict[int, dict[str, str]] = {}
        always = Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
        with self.context.database.reading() as session:
            for row in bed_checks(session, self.facility.id, always):
                if row.outcome not in ("empty", "unobserved"):
                    found.setdefault(names[row.bed_id], {})[self.local(row.due_at)] = row.outcome
        return found

    def findings(self) -> list[dict[str, Any]]:
        with self.context.database.reading() as session:
            rows = session.exec(
                select(Finding).where(Finding.facility_id == self.facility.id, Finding.state == "raised")
            ).all()
        told = []
        for row in rows:
            label = row.facts["subject"]
            item = {"rule": row.rule, "variant": row.facts["variant"], "subject": label.split("/")[-1]}
            told.append(item | ({"corrected": True} if row.corrected_after_notice else {}))
        return sorted(told, key=lambda item: (item["rule"], item["subject"]))

    def rate(self, first: str, last: str) -> dict[str, Any]:
        with self.context.database.reading() as session:
            row = in_bed_rate(session, self.facility.id, None, Interval(self.at(first), self.at(last)))[0]
        return {
            "verified": row.verified,
            "alternative": row.alternative,
            "unidentified": row.unidentified,
            "not_seen": row.not_seen,
            "unanswered": row.unanswered,
            "bed_empty": row.bed_empty,
            "absent": row.absent,
            "impostor": row.impostor,
            "excused": row.excused,
            "uncovered": row.uncovered,
            "expected": row.expected,
            "low": row.low.value,
            "high": row.high.value,
            "coverage": row.coverage.value if hasattr(row.coverage, "value") else row.coverage,
        }


_MOMENTS = (("books", "at"), ("looks", "at"), ("bed_looks", "at"))


def enrol(session: Session, patient_id: str, facility_id: str, since: datetime) -> None:
    """A proven reference with consent."""
    session.add(Consent(patient_id=patient_id, status="given", given_at=since, recorded_by="test", recorded_at=since))
    session.add(
        FaceTemplate(
            patient_id=patient_id,
            facility_id=facility_id,
            pack_hash=PACK,
            sealed=b"sealed",
            dimension=4,
            quality=0.9,
            reference="id_card_picture",
            photo_sha256="0" * 64,
            effective_from=since,
            enrolled_by="test",
            enrolled_at=since,
        )
    )


def charge(place: Facility, stay: Admission, when: datetime, item: dict[str, Any]) -> ChargeItem:
    """A line of the bill."""
    return ChargeItem(
        facility_id=place.id,
        admission_no=stay.admission_no,
        admission_id=stay.id,
        charge_no=f"{stay.admission_no}-{when:%d%H%M}-{item['kind']}",
        kind=item["kind"],
        code=item["kind"],
        service_at=when,
        quantity="1",
        amount=str(item.get("amount", 100)),
        stated_at=when,
        received_at=when,
        source="csv",
    )


def stories() -> list[Path]:
    """Every ward-day."""
    return sorted(FOLDER.glob("*.yaml"))


def read(path: Path) -> dict[str, Any]:
    """One ward-day."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


__all__ = ["Camera", "Ward", "read", "stories"]
