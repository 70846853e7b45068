"""A scenario file as typed values: places, patients and what each really does, disturbances, what should come of it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.kit.errors import InvalidInput
from service.kit.intervals import Interval
from service.simulator.rooms import ROOMS

Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("no such time zone; write one like Asia/Shanghai") from None
    return name


def _known_room(name: str) -> str:
    if name not in ROOMS:
        raise ValueError(f"no such room; there are {', '.join(ROOMS)}")
    return name


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(_Part):
    """A stretch of event time."""

    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")

    @model_validator(mode="after")
    def _forward(self) -> Span:
        if self.end <= self.start:
            raise ValueError("it ends before it begins")
        return self

    @property
    def interval(self) -> Interval:
        """The same as an interval."""
        return Interval(self.start, self.end)


class Absence(Span):
    """When a patient is not in the bed. `leave` and the off-ward kinds are recorded with the hospital; `walk`: on the
    ward or in its garden, unrecorded and harmless; `home`: not in the hospital, and nobody wrote it down."""

    kind: Literal["leave", "theatre", "imaging", "dialysis", "therapy", "walk", "home"]

    @property
    def recorded(self) -> bool:
        """Whether the hospital's system knows."""
        return self.kind not in ("walk", "home")


class DailyAbsence(_Part):
    """The same every day, local time; over midnight when `to` is before `from`."""

    start: time = Field(alias="from")
    end: time = Field(alias="to")
    kind: Literal["walk", "home"]


class Move(_Part):
    """A transfer to another bed, recorded with the hospital."""

    at: AwareDatetime
    bed: Code


class PatientStory(_Part):
    """An admission and the truth about it. `bed` is the hospital's code. `face` is the one on the ID picture;
    `occupant` is who really lies there, if it is somebody else; `never_there`: nobody ever does.
    `turned_away`: share of the time in which a sleeper's face is not to be seen."""

    patient_no: Code
    admission_no: Code
    bed: Code
    face: Code
    sex: Literal["female", "male", "unknown"] = "unknown"
    category: Code = "general"
    admitted_at: AwareDatetime
    discharged_at: AwareDatetime | None = None
    moves: tuple[Move, ...] = ()
    away: tuple[Absence, ...] = ()
    away_daily: tuple[DailyAbsence, ...] = ()
    never_there: bool = False
    occupant: Code | None = None
    turned_away: float = Field(default=0.05, ge=0, le=1)
    expected_findings: tuple[Code, ...] = ()
    note: str = ""

    @property
    def honest(self) -> bool:
        """Whether there is nothing to find."""
        return not self.expected_findings


class CameraPlace(_Part):
    """A camera: its room, and the beds (codes within the ward) in the room's order; a short list leaves places bare."""

    code: Code
    room: Annotated[str, AfterValidator(_known_room)]
    beds: tuple[Code, ...] = Field(min_length=1)
    infrared: bool = False

    @model_validator(mode="after")
    def _fits(self) -> CameraPlace:
        if len(self.beds) > len(ROOMS[self.room].beds):
            raise ValueError(f"room {self.room} has {len(ROOMS[self.room].beds)} beds")
        return self


class WardPlace(_Part):
    """A ward. The hospital's own code of a bed is `WARD-BED`."""

    code: Code
    name: str
    name_zh: str
    specialty: Code = "general"
    cameras: tuple[CameraPlace, ...] = Field(min_length=1)


class CheckAt(_Part):
    """A check every day."""

    kind: Literal["routine", "night", "random"]
    at: time


class FacilityPlace(_Part):
    """The hospital."""

    code: Code
    name: str
    name_zh: str
    level: Literal["1", "2", "3", "none"] = "2"
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    checks: tuple[CheckAt, ...] = Field(min_length=1)
    max_gap_minutes: int = Field(default=40, ge=1, le=180)
    wards: tuple[WardPlace, ...] = Field(min_length=1)


class Disturbance(Span):
    """`network_cut`: the camera's box cannot reach the server and delivers later; `dead`: no pictures at all;
    `covered`: something hangs before the lens; `replayed`: when a roll call commands a change in the picture, the box
    says that it was done, and sends the room as it was."""

    camera: Code
    kind: Literal["network_cut", "dead", "covered", "replayed"]


class RollCallAt(_Part):
    """A surprise roll call, of one ward or of all."""

    at: AwareDatetime
    ward: Code | None = None


class Staff(_Part):
    """How people answer when they are asked to look: minutes after the check."""

    nurse_after_minutes: int = Field(default=50, ge=31, le=300)
    inspector_after_minutes: int = Field(default=200, ge=31, le=380)


class Bounds(_Part):
    """What the comparison with the truth must reach."""

    bed_states: float = Field(default=0.97, ge=0, le=1)
    presence: float = Field(default=0.98, ge=0, le=1)


class Scenario(_Part):
    """A whole scenario."""

    name: Code
    title: str
    title_zh: str
    seed: int = Field(ge=0)
    start: AwareDatetime
    days: float = Field(gt=0, le=60)
    cadence_minutes: int = Field(default=30, ge=1, le=240)
    dense_minutes: int = Field(default=10, ge=1, le=60)
    step_minutes: int = Field(default=120, ge=10, le=360)
    facility: FacilityPlace
    patients: tuple[PatientStory, ...] = Field(min_length=1)
    disturbances: tuple[Disturbance, ...] = ()
    roll_calls: tuple[RollCallAt, ...] = ()
    staff: Staff = Staff()
    bounds: Bounds = Bounds()

    @property
    def span(self) -> Interval:
        """From the first to the last instant."""
        return Interval(self.start, self.start + timedelta(days=self.days))

    @property
    def zone(self) -> ZoneInfo:
        """The hospital's time zone."""
        return ZoneInfo(self.facility.timezone)

    @property
    def cameras(self) -> tuple[CameraPlace, ...]:
        """Every camera, in order of the file."""
        return tuple(camera for ward in self.facility.wards for camera in ward.cameras)

    def beds_of(self, camera: CameraPlace) -> tuple[str, ...]:
        """Hospital codes of the camera's beds."""
        ward = next(ward for ward in self.facility.wards if camera in ward.cameras)
        return tuple(f"{ward.code}-{bed}" for bed in camera.beds)

    def camera_of(self, bed: str) -> CameraPlace:
        """The camera that sees a bed, by the bed's hospital code."""
        return next(camera for camera in self.cameras if bed in self.beds_of(camera))

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> Scenario:
        codes = [camera.code for camera in self.cameras]
        beds = [bed for camera in self.cameras for bed in self.beds_of(camera)]
        _once("cameras", codes)
        _once("beds", beds)
        _once("patient_no", [story.patient_no for story in self.patients])
        _once("admission_no", [story.admission_no for story in self.patients])
        for story in self.patients:
            for bed in (story.bed, *(move.bed for move in story.moves)):
                if bed not in beds:
                    raise ValueError(f"{story.patient_no}: no bed is called {bed}")
        for item in self.disturbances:
            if item.camera not in codes:
                raise ValueError(f"no camera is called {item.camera}")
        for call in self.roll_calls:
            if call.ward not in (None, *(ward.code for ward in self.facility.wards)):
                raise ValueError(f"no ward is called {call.ward}")
            if not self.span.contains(call.at):
                raise ValueError("a roll call lies outside of the scenario's time")
        return self


def _once(what: str, values: list[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{what}: {', '.join(twice)} more than once")


def read_scenario(path: Path) -> Scenario:
    """The scenario in a YAML file. Raises `InvalidInput` naming the place in the file."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}", field="scenario", remedy="name a scenario file") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise InvalidInput(f"{path}: {first}", field="scenario", remedy="write UTF-8 YAML") from None
    return parse_scenario(document)


def parse_scenario(document: object) -> Scenario:
    """The scenario in a parsed YAML document. Raises `InvalidInput` naming the place in it."""
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part)[:64] for part in first["loc"]) or "scenario"
        raise InvalidInput(
            str(first["msg"]).removeprefix("Value error, ")[:300],
            field=place,
            remedy="docs/simulator.md lists the keys",
        ) from None


def local(scenario: Scenario, instant: datetime) -> datetime:
    """The instant on the hospital's wall clock."""
    return instant.astimezone(scenario.zone)
