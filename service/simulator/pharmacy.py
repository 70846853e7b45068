"""Plays a story of pharmacies over the real API: kiosks film rendered heads, tills sell, the truth is compared."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from service.kit.errors import InvalidInput
from service.simulator.api import Api
from service.simulator.attacks import Attempt, Species, attack_burst
from service.simulator.attempts import HeadLibrary
from service.simulator.credentials import Person
from service.simulator.heads import HeadCamera, Motion, genuine_burst, pose_of
from service.simulator.pharmacy_story import Buyer, PharmacyStory, Visit
from service.simulator.surfaces import Pixels
from service.vision.liveness import Turn

KIOSK_SCOPES = ("purchases:verify",)
TILL_SCOPES = ("purchases:sell",)
STAFF_SCOPES = (
    "registers:write",
    "enrolments:write",
    "findings:read",
    "facility:read",
    "clock:drive",
    "purchases:read",
)
_STRANGER = "stranger"
_SECONDS = 0.9
_WAIT = 90.0


class PharmacyAccess(BaseModel):
    """Tokens at one pharmacy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kiosk: str = Field(repr=False)
    till: str = Field(repr=False)
    staff: str = Field(repr=False)


class PharmacyCredentials(BaseModel):
    """Tokens by the code of the pharmacy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pharmacies: dict[str, PharmacyAccess]
    pharmacist: Person


@dataclass(frozen=True, slots=True)
class VisitResult:
    """What a visit came to. `seconds`: from the burst being sent to the answer."""

    visit: str
    patient: str
    expected: str
    verdict: str
    reasons: tuple[str, ...]
    right: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class PharmacyReport:
    """The results of all visits, and the findings: expected and raised."""

    visits: tuple[VisitResult, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    raised: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything was as the truth says."""
        return all(visit.right for visit in self.visits) and not self.missing and not self.unexpected

    def to_json(self) -> dict[str, Any]:
        """JSON values of the report."""
        return {
            "holds": self.holds,
            "visits": [
                {
                    "visit": item.visit,
                    "patient": item.patient,
                    "expected": item.expected,
                    "verdict": item.verdict,
                    "reasons": list(item.reasons),
                    "right": item.right,
                    "seconds": round(item.seconds, 3),
                }
                for item in self.visits
            ],
            "findings": {
                "raised": list(self.raised),
                "missing": list(self.missing),
                "unexpected": list(self.unexpected),
            },
        }


@dataclass
class PharmacyPlayer:
    """Plays one story. `heads`: whose photographs the actors wear."""

    story: PharmacyStory
    server: str
    credentials: PharmacyCredentials
    heads: HeadLibrary
    _faces: dict[str, str] = field(default_factory=dict)
    _unused: list[str] = field(default_factory=list)

    def play(self, tell: Callable[[str, int, int], None] = lambda *_: None) -> PharmacyReport:
        """Enrols, visits in order of time, and waits for the findings."""
        self._unused = list(self.heads.names)
        self._enter()
        self._faces[_STRANGER] = self._unused[-1] if self._unused else self._next_head()
        planned = sorted(self._planned(), key=lambda item: item[0])
        results = []
        for number, (at, visit, patient) in enumerate(planned):
            tell(visit.id, number, len(planned))
            self._drive(at)
            results.append(self._visit(visit, patient, f"{visit.id}-{number}"))
        tell("findings", len(planned), len(planned))
        raised = self._findings()
        wanted = {f"{item.rule} {item.subject} {item.at}" for item in self.story.findings}
        return PharmacyReport(
            tuple(results), tuple(sorted(wanted - raised)), tuple(sorted(raised - wanted)), tuple(sorted(raised))
        )

    def _next_head(self) -> str:
        """A head that nobody wears yet. Raises `InvalidInput` when there is none left."""
        if not self._unused:
            raise InvalidInput("there are too few good faces for this story", field="delegates", remedy="cast fewer")
        return self._unused.pop(0)

    def _enter(self) -> None:
        """Delegations by import, faces by picture, deaths by notice; on day one and at the first pharmacy."""
        staff, place = self._staff(self.story.pharmacies[0].code), self.story.pharmacies[0].code
        begin = self.story.start.date().isoformat()
        rows = ["delegate_no,patient_no,valid_from,kind,registration_no,relation,patient_birth_date"]
        for buyer in self.story.delegates:
            rows += [
                f"{buyer.number},{patient},2026-01-01,{buyer.kind},{buyer.registration},{buyer.kind},1941-05-02"
                for patient in buyer.patients
            ]
        report = staff.upload(
            "/api/v1/imports/delegations", content="\n".join(rows).encode(), media_type="text/csv", facility=place
        )
        if report["rejected"]:
            raise InvalidInput(
                f"rows were rejected: {report['rows'][0]}", field="delegates", remedy="correct the story"
            )
        for buyer in self.story.delegates:
            self._enrol(staff, place, buyer, begin)
        for death in self.story.deaths:
            staff.post(
                f"/api/v1/patients/{death.patient}/vital-status",
                {
                    "source": "civil_affairs",
                    "status": "died",
                    "died_on": death.died_on.isoformat(),
                    "noticed_at": death.noticed_at.isoformat(),
                    "identifiers": {"patient_no": death.patient, "birth_date": "1941-05-02"},
                },
                facility=place,
            )
        staff.close()

    def _enrol(self, staff: Api, place: str, buyer: Buyer, begin: str) -> None:
        """Enrols the first head whose picture the server takes: some photographs of the catalogue are too soft."""
        while True:
            name = self._next_head()
            picture = HeadCamera(_seed(buyer.number)).shot(self.heads.head(name), pose_of(Turn.CENTRE, Motion()))
            answer = staff.call(
                "POST",
                f"/api/v1/delegates/{buyer.number}/enrolments",
                params={"facility": place},
                files=[("photos", ("face.jpg", _jpeg(picture), "image/jpeg"))],
                data={"consent_at": f"{begin}T00:00:00+08:00", "consent_ref": "demo"},
            ).json()
            if answer["accepted"]:
                self._faces[buyer.face] = name
                return

    def _planned(self) -> Iterator[tuple[datetime, Visit, str]]:
        for visit in self.story.visits:
            patients = self.story.buyer(visit.delegate).patients if visit.each_patient else (visit.patient,)
            for number, patient in enumerate(patients):
                yield self.story.moment(visit, number), visit, patient

    def _drive(self, to: datetime) -> None:
        for place in self.story.pharmacies:
            staff = self._staff(place.code)
            staff.post(f"/api/v1/facilities/{place.code}/watermark", {"to": to.isoformat()})
            staff.close()

    def _visit(self, visit: Visit, patient: str, request_id: str) -> VisitResult:
        tokens = self.credentials.pharmacies[visit.at]
        kiosk = Api(self.server, token=tokens.kiosk)
        answer, seconds = self._burst(kiosk, visit, patient, request_id)
        if answer["retry_allowed"] and visit.shows == "genuine":
            # An honest buyer whose burst was not clear tries again, as the kiosk asks.
            answer, seconds = self._burst(kiosk, visit, patient, f"{request_id}-again")
        kiosk.close()
        if answer["token"]:
            till = Api(self.server, token=tokens.till)
            till.post("/api/v1/purchase-redemptions", {"token": answer["token"], "sale_no": request_id[:64]})
            till.close()
        if answer["review_id"] and visit.attack_seen:
            pharmacist = Api(self.server, person=self.credentials.pharmacist)
            body = {"approve": False, "note": "a photograph was held up", "attack_seen": True}
            pharmacist.post(f"/api/v1/purchase-reviews/{answer['review_id']}/decision", body)
            pharmacist.close()
        reasons = tuple(reason["code"] for reason in answer["reasons"])
        verdict = answer["verdict"]
        right = (
            (verdict != "approved" if visit.verdict == "not_approved" else verdict == visit.verdict)
            and (not visit.reason or visit.reason in reasons)
            and (not visit.not_reason or visit.not_reason not in reasons)
        )
        return VisitResult(visit.id, patient, visit.verdict, verdict, reasons, right, seconds)

    def _burst(self, kiosk: Api, visit: Visit, patient: str, request_id: str) -> tuple[Any, float]:
        challenge = kiosk.post("/api/v1/purchase-challenges")
        shots = self._shots(visit, [Turn(turn) for turn in challenge["turns"]], request_id)
        meta = {
            "request_id": request_id,
            "patient_no": patient,
            "buyer": "delegate",
            "delegate_no": visit.delegate,
            "items": [{"code": f"drug-{request_id}"[:64], "quantity": "1", "days_of_supply": 7}],
            "challenge_id": challenge["challenge_id"],
            "nonce": challenge["nonce"],
            "frame_times": [round(index * _SECONDS, 3) for index in range(len(shots))],
        }
        files = [("images", (f"{k}.jpg", _jpeg(shot), "image/jpeg")) for k, shot in enumerate(shots)]
        began = time.perf_counter()
        answer = kiosk.call(
            "POST", "/api/v1/purchase-verifications", files=files, data={"meta": json.dumps(meta)}
        ).json()
        return answer, time.perf_counter() - began

    def _shots(self, visit: Visit, turns: Sequence[Turn], key: str) -> list[Pixels]:
        buyer = self.heads.head(self._faces[self.story.buyer(visit.delegate).face])
        stranger = self.heads.head(self._faces[_STRANGER])
        camera = HeadCamera(_seed(key))
        if visit.shows == "genuine":
            return genuine_burst(buyer, turns, camera, Motion())
        if visit.shows == "stranger":
            return genuine_burst(stranger, turns, camera, Motion())
        attempt = Attempt(buyer, stranger, turns, turns, Motion(), _seed(key))
        return attack_burst(Species.PRINT_FLAT, attempt, camera)

    def _findings(self) -> set[str]:
        """The raised findings, once they are as expected or no more change."""
        wanted = {f"{item.rule} {item.subject} {item.at}" for item in self.story.findings}
        until = time.monotonic() + _WAIT
        while True:
            found = set()
            for place in self.story.pharmacies:
                staff = self._staff(place.code)
                for row in staff.get("/api/v1/findings", facility=place.code, state="raised"):
                    found.add(f"{row['rule']} {row.get('subject') or row.get('subject_label', '')} {place.code}")
                staff.close()
            if found == wanted or time.monotonic() > until:
                return found
            time.sleep(1.0)

    def _staff(self, code: str) -> Api:
        return Api(self.server, token=self.credentials.pharmacies[code].staff)


def _jpeg(picture: Pixels) -> bytes:
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(picture), [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise InvalidInput("a rendered picture could not be written", field="picture", remedy="report it")
    return data.tobytes()


def _seed(text: str) -> int:
    return int.from_bytes(text.encode()[-4:].rjust(4, b"\0"), "big") % (2**31)
