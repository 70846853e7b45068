"""What the hospital's own systems say: the layout, the census, leaves, transfers, ID pictures."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.kit.errors import WardwatchError
from service.simulator.api import Api
from service.simulator.errors import ServerRefused
from service.simulator.rooms import ROOMS
from service.simulator.scenario import PatientStory, Scenario, WardPlace
from service.simulator.schedule import recorded_absences

_SIGN = "本区域用于住院在床核查，图像仅用于医保监管 / Presence checks of inpatients"


def layout(scenario: Scenario) -> dict[str, Any]:
    """The layout document of the scenario's hospital, zones as its rooms have them."""
    place = scenario.facility
    return {
        "facility": {
            "code": place.code,
            "name": place.name,
            "name_zh": place.name_zh,
            "level": place.level,
            "timezone": place.timezone,
            "clock": "replay",
            "watermark": scenario.start.isoformat(),
            "policy": {
                "checks": [{"kind": check.kind, "at": f"{check.at:%H:%M}"} for check in place.checks],
                "max_gap_minutes": place.max_gap_minutes,
            },
        },
        "wards": [_ward(scenario, ward) for ward in place.wards],
    }


def _ward(scenario: Scenario, ward: WardPlace) -> dict[str, Any]:
    beds = [bed for camera in ward.cameras for bed in camera.beds]
    return {
        "code": ward.code,
        "name": ward.name,
        "name_zh": ward.name_zh,
        "specialty": ward.specialty,
        "beds": [{"code": bed, "hospital_code": f"{ward.code}-{bed}"} for bed in beds],
        "cameras": [
            {
                "code": camera.code,
                "name": f"{ward.name}, {camera.room}",
                "purpose": "Presence of inpatients for the medical insurance fund",
                "sign_text": _SIGN,
                "cadence_seconds": scenario.cadence_minutes * 60,
                "zones": [
                    {"bed": bed, "polygon": ROOMS[camera.room].zone(index), "head_edge": 0}
                    for index, bed in enumerate(camera.beds)
                ],
            }
            for camera in ward.cameras
        ],
    }


def census_csv(stories: Sequence[PatientStory], *, discharges: bool = False) -> bytes:
    """A census of these admissions as the hospital's system would write it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient_no", "admission_no", "bed", "admitted_at", "discharged_at", "category", "sex"])
    for story in stories:
        left = story.discharged_at.isoformat() if discharges and story.discharged_at else ""
        writer.writerow(
            [
                story.patient_no,
                story.admission_no,
                story.bed,
                story.admitted_at.isoformat(),
                left,
                story.category,
                story.sex,
            ]
        )
    return text.getvalue().encode()


def enrolment_zip(stories: Sequence[PatientStory], portrait: Callable[[str], bytes], effective_from: datetime) -> bytes:
    """ID pictures with their table, as an installation brings them in on its first day."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["patient_no", "file", "reference", "consent", "consent_at", "effective_from"])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for story in stories:
            name = f"{story.patient_no}.jpg"
            archive.writestr(name, portrait(story.face))
            when = max(effective_from, story.admitted_at).isoformat()
            writer.writerow([story.patient_no, name, "id_card_picture", "given", when, when])
        archive.writestr("enrolments.csv", table.getvalue())
    return data.getvalue()


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """Something that the hospital's system records at `at`; `send` tells the server, once or again."""

    at: datetime
    label: str
    send: Callable[[Api], None]


class HospitalSystem:
    """The hospital's own records, told to the server in event time."""

    def __init__(self, scenario: Scenario, portrait: Callable[[str], bytes]) -> None:
        self._scenario = scenario
        self._portrait = portrait
        self._code = scenario.facility.code

    def open_books(self, api: Api) -> None:
        """The first day: everybody already in their beds, then their ID pictures."""
        here = [story for story in self._scenario.patients if story.admitted_at <= self._scenario.start]
        self._census(api, here)
        self._enrol(api, here, self._scenario.start)

    def events(self) -> tuple[RecordedEvent, ...]:
        """What is recorded during the scenario, in order of time."""
        found = [event for story in self._scenario.patients for event in self._events_of(story)]
        return tuple(sorted(found, key=lambda event: (event.at, event.label)))

    def _events_of(self, story: PatientStory) -> list[RecordedEvent]:
        path = f"/api/v1/admissions/{story.admission_no}"
        found = []
        if story.admitted_at > self._scenario.start:
            found.append(RecordedEvent(story.admitted_at, f"{story.admission_no} admitted", self._admit(story)))
        for absence in recorded_absences(story):
            if absence.kind == "leave":
                body = {
                    "from": absence.start.isoformat(),
                    "expected_return_at": absence.end.isoformat(),
                    "approved_by": "Dr. 0417",
                    "signed_at": absence.start.isoformat(),
                    "reason": "family matter",
                }
                found.append(self._posted(absence.start, f"{path}/leaves", body))
            else:
                body = {"kind": absence.kind, "from": absence.start.isoformat(), "to": absence.end.isoformat()}
                found.append(self._posted(absence.start, f"{path}/off-ward-activities", body))
        for move in story.moves:
            found.append(self._posted(move.at, f"{path}/transfers", {"bed": move.bed, "at": move.at.isoformat()}))
        if story.discharged_at is not None and story.discharged_at > self._scenario.start:
            at = story.discharged_at
            found.append(self._posted(at, f"{path}/discharge", {"at": at.isoformat()}))
        return found

    def _posted(self, at: datetime, path: str, body: dict[str, str]) -> RecordedEvent:
        def send(api: Api) -> None:
            api.post(path, body, facility=self._code)

        return RecordedEvent(at, path, send)

    def _admit(self, story: PatientStory) -> Callable[[Api], None]:
        def send(api: Api) -> None:
            self._census(api, [story])
            self._enrol(api, [story], story.admitted_at)

        return send

    def _census(self, api: Api, stories: Sequence[PatientStory]) -> None:
        report = api.upload(
            "/api/v1/imports/census", content=census_csv(stories), media_type="text/csv", facility=self._code
        )
        rejected = [row for row in report["rows"] if row["status"] == "rejected"]
        if rejected:
            raise _refused("the census", rejected[0]["errors"])

    def _enrol(self, api: Api, stories: Sequence[PatientStory], effective_from: datetime) -> None:
        archive = enrolment_zip(stories, self._portrait, effective_from)
        report = api.form(
            "/api/v1/imports/enrolments",
            files=[("file", ("enrolments.zip", archive, "application/zip"))],
            facility=self._code,
        )
        for row in report["rows"]:
            if row["status"] not in ("accepted", "unchanged") or not row["proven"]:
                raise _refused(f"the ID picture of {row['patient_no']}", row["reasons"])


def _refused(what: str, errors: object) -> WardwatchError:
    return ServerRefused(f"{what}: {json.dumps(errors, ensure_ascii=False)[:300]}", remedy="mend the scenario")
