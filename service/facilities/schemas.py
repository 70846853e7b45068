"""Places on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from service.contracts.messages import Instant
from service.facilities.layout_loading import LayoutReport
from service.facilities.layout_schema import BedSpec, CameraSpec, Code, HospitalCode, Name, Sentence, WardSpec
from service.facilities.tables import Bed, BedZone, Camera, Facility, Ward
from service.facilities.zones import Polygon

_FACILITY: JsonDict = {
    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6e00",
    "code": "demo",
    "name": "Demo County Hospital",
    "name_zh": "示范县医院",
    "kind": "hospital",
    "level": "2",
    "ownership": "public",
    "transmission_basis": "pictures",
    "timezone": "Asia/Shanghai",
    "mode": "shadow",
    "shadow_until": "2026-03-16T00:00:00Z",
    "clock": "live",
    "watermark": None,
    "target_in_bed_rate": 0.94,
}
_WARD: JsonDict = {
    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6e01",
    "facility": "demo",
    "code": "W1",
    "name": "Internal medicine 1",
    "name_zh": "内一科",
    "specialty": "internal",
    "presence_scope": "bed",
}
_BED: JsonDict = {"id": "0195565e3b7e7c3a9d6f1b2a4c5d6e80", "code": "03", "hospital_code": "N1-03", "is_open": True}
_CAMERA: JsonDict = {
    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6ec0",
    "code": "W1-C1",
    "name": "Window side",
    "purpose": "Presence of inpatients",
    "sign_text": "本区域用于住院在床核查",
    "cadence_seconds": 300,
    "is_active": True,
}
_ZONE: JsonDict = {
    "id": "0195565e3b7e7c3a9d6f1b2a4c5d6e02",
    "bed_id": "0195565e3b7e7c3a9d6f1b2a4c5d6e80",
    "bed": "03",
    "polygon": [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9], [0.1, 0.9]],
    "head_edge": 0,
    "version": 1,
    "valid_from": "2000-01-01T00:00:00Z",
    "valid_to": None,
}


class FacilityOut(BaseModel):
    """A facility. `watermark` is the event time of a replay; null on the real clock."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FACILITY]})

    id: str
    code: str
    name: str
    name_zh: str
    kind: str
    level: str
    ownership: str
    transmission_basis: str
    timezone: str
    mode: str
    shadow_until: AwareDatetime | None
    clock: str
    watermark: AwareDatetime | None
    target_in_bed_rate: float

    @classmethod
    def of(cls, facility: Facility) -> FacilityOut:
        """The facility's row on the wire."""
        return cls.model_validate(facility.model_dump(include=set(cls.model_fields)))


class WardOut(BaseModel):
    """A ward of the facility called `facility`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WARD]})

    id: str
    facility: str
    code: str
    name: str
    name_zh: str
    specialty: str
    presence_scope: str

    @classmethod
    def of(cls, ward: Ward, facility_code: str) -> WardOut:
        """The ward's row on the wire."""
        return cls(facility=facility_code, **ward.model_dump(include=set(cls.model_fields)))


class BedOut(BaseModel):
    """A bed. `hospital_code` is what the hospital's own system calls it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BED]})

    id: str
    code: str
    hospital_code: str
    is_open: bool

    @classmethod
    def of(cls, bed: Bed) -> BedOut:
        """The bed's row on the wire."""
        return cls.model_validate(bed.model_dump(include=set(cls.model_fields)))


class ZoneOut(BaseModel):
    """Where a bed lies in the camera's view, from `valid_from` on. `bed` is the bed's code."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ZONE]})

    id: str
    bed_id: str
    bed: str
    polygon: list[tuple[float, float]]
    head_edge: int
    version: int
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None

    @classmethod
    def of(cls, zone: BedZone, bed_code: str) -> ZoneOut:
        """The zone's row on the wire."""
        return cls(bed=bed_code, **zone.model_dump(include=set(cls.model_fields)))


class CameraOut(BaseModel):
    """A camera and the zones that hold now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CAMERA | {"zones": [_ZONE]}]})

    id: str
    code: str
    name: str
    purpose: str
    sign_text: str
    cadence_seconds: int
    is_active: bool
    zones: list[ZoneOut]

    @classmethod
    def of(cls, camera: Camera, zones: list[ZoneOut]) -> CameraOut:
        """The camera's row on the wire."""
        return cls(zones=zones, **camera.model_dump(include=set(cls.model_fields)))


class FacilityDetail(FacilityOut):
    """A facility with its wards."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FACILITY | {"wards": [_WARD]}]})

    wards: list[WardOut]


class WardDetail(WardOut):
    """A ward with its beds and cameras."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [_WARD | {"beds": [_BED], "cameras": [_CAMERA | {"zones": [_ZONE]}]}]}
    )

    beds: list[BedOut]
    cameras: list[CameraOut]


class LayoutReportOut(BaseModel):
    """What loading a layout did, by kind of thing; `uncovered_beds` are open beds that no camera sees."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "facility_id": _FACILITY["id"],
                    "facility_code": "demo",
                    "created": {"facility": 1, "ward": 2, "bed": 7, "camera": 2, "zone": 6},
                    "updated": {},
                    "unchanged": {},
                    "uncovered_beds": ["W2-03"],
                    "unlisted": [],
                    "warnings": [],
                }
            ]
        }
    )

    facility_id: str
    facility_code: str
    created: dict[str, int]
    updated: dict[str, int]
    unchanged: dict[str, int]
    uncovered_beds: list[str]
    unlisted: list[str]
    warnings: list[str]

    @classmethod
    def of(cls, report: LayoutReport) -> LayoutReportOut:
        """The report on the wire."""
        return cls(
            facility_id=report.facility_id,
            facility_code=report.facility_code,
            created=report.created,
            updated=report.updated,
            unchanged=report.unchanged,
            uncovered_beds=list(report.uncovered_beds),
            unlisted=list(report.unlisted),
            warnings=list(report.warnings),
        )


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewWard(_Body):
    """A ward to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "W3", "name": "Surgery"}]})

    code: Code
    name: Name = ""
    name_zh: Name = ""
    specialty: Code = "general"
    presence_scope: Literal["bed", "ward"] = "bed"

    def spec(self) -> WardSpec:
        """As in a layout."""
        return WardSpec.model_validate(self.model_dump(exclude_unset=True))


class NewBed(_Body):
    """A bed to be made, or changed when its code is known."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"code": "05", "hospital_code": "N1-05"}]}
    )

    code: Code
    hospital_code: HospitalCode | None = None
    is_open: bool = True

    def spec(self) -> BedSpec:
        """As in a layout."""
        return BedSpec.model_validate(self.model_dump(exclude_unset=True))


class NewCamera(_Body):
    """A camera to be made, or changed when its code is known."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{k: v for k, v in _CAMERA.items() if k != "id"} | {"code": "W1-C2"}]},
    )

    code: Code
    name: Name = ""
    purpose: Sentence = ""
    sign_text: Sentence = ""
    cadence_seconds: int = Field(default=300, ge=5, le=86_400)
    is_active: bool = True

    def spec(self) -> CameraSpec:
        """As in a layout."""
        return CameraSpec.model_validate(self.model_dump(exclude_unset=True))


class ZoneIn(_Body):
    """A bed's outline: vertices in order as fractions of width and height; head_edge i is from vertex i to i + 1."""

    bed: Code
    polygon: Polygon
    head_edge: int = Field(default=0, ge=0)


class ZonesIn(_Body):
    """All zones of a camera from `valid_from` on (default: now in event time); beds left out lose theirs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"zones": [{"bed": "03", "polygon": _ZONE["polygon"], "head_edge": 0}], "valid_from": None}]
        },
    )

    zones: Annotated[list[ZoneIn], Field(max_length=64)]
    valid_from: Instant | None = None


class WatermarkIn(_Body):
    """The instant to which a replay's event time moves."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "2026-03-02T08:00:00+08:00"}]})

    to: Instant


class WatermarkOut(BaseModel):
    """Where the event time stands now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"watermark": "2026-03-02T00:00:00Z", "moved": True}]})

    watermark: AwareDatetime
    moved: bool


LAYOUT_EXAMPLE: JsonDict = {
    "facility": {"code": "demo", "name": "Demo County Hospital", "timezone": "Asia/Shanghai"},
    "wards": [
        {
            "code": "W1",
            "name": "Internal medicine 1",
            "beds": [{"code": "03", "hospital_code": "N1-03"}],
            "cameras": [{"code": "W1-C1", "zones": [{"bed": "03", "polygon": _ZONE["polygon"], "head_edge": 0}]}],
        }
    ],
}
