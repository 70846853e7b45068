"""What a schema cannot see: names given twice, beds that no ward has, zones that lie on one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.facilities.errors import LayoutInvalid, LayoutIssue
from service.facilities.layout_schema import CameraSpec, LayoutSpec, WardSpec, ZoneSpec


def hospital_code_of(ward_code: str, bed_code: str, given: str | None) -> str:
    """What the hospital calls the bed: as given, or ward and bed joined by a hyphen."""
    return given if given is not None else f"{ward_code}-{bed_code}"


def check_layout(layout: LayoutSpec) -> None:
    """Raises `LayoutInvalid` with every contradiction inside the layout."""
    issues = [
        *_facility_issues(layout),
        *_twice("ward code", ((f"wards[{i}].code", ward.code) for i, ward in enumerate(layout.wards))),
        *_twice("camera code", _camera_codes(layout)),
        *_twice("hospital_code", _hospital_codes(layout)),
    ]
    for i, ward in enumerate(layout.wards):
        issues += _ward_issues(f"wards[{i}]", ward)
    if issues:
        raise LayoutInvalid(issues[:50])


def _facility_issues(layout: LayoutSpec) -> Iterator[LayoutIssue]:
    facility = layout.facility
    if facility.watermark is not None and facility.clock != "replay":
        yield LayoutIssue(
            "facility.watermark", "only a replay facility has a watermark", "remove it, or set clock: replay"
        )
    if "name" in facility.model_fields_set and not facility.name.strip():
        yield LayoutIssue("facility.name", "the name is empty", "give a name")


def _twice(what: str, named: Iterable[tuple[str, str]]) -> Iterator[LayoutIssue]:
    first: dict[str, str] = {}
    for path, name in named:
        if name in first:
            yield LayoutIssue(path, f"the {what} {name!r} stands at {first[name]} too", "make it unique")
        first.setdefault(name, path)


def _camera_codes(layout: LayoutSpec) -> Iterator[tuple[str, str]]:
    for i, ward in enumerate(layout.wards):
        for j, camera in enumerate(ward.cameras):
            yield f"wards[{i}].cameras[{j}].code", camera.code


def _hospital_codes(layout: LayoutSpec) -> Iterator[tuple[str, str]]:
    for i, ward in enumerate(layout.wards):
        for j, bed in enumerate(ward.beds):
            yield f"wards[{i}].beds[{j}].hospital_code", hospital_code_of(ward.code, bed.code, bed.hospital_code)


def _ward_issues(path: str, ward: WardSpec) -> Iterator[LayoutIssue]:
    yield from _twice("bed code", ((f"{path}.beds[{j}].code", bed.code) for j, bed in enumerate(ward.beds)))
    beds = {bed.code for bed in ward.beds}
    for j, camera in enumerate(ward.cameras):
        yield from _camera_issues(f"{path}.cameras[{j}]", camera, beds)


def _camera_issues(path: str, camera: CameraSpec, beds: set[str]) -> Iterator[LayoutIssue]:
    zones = camera.zones or []
    yield from _twice("bed", ((f"{path}.zones[{k}].bed", zone.bed) for k, zone in enumerate(zones)))
    outlines: dict[tuple[tuple[float, float], ...], str] = {}
    for k, zone in enumerate(zones):
        yield from zone_issues(f"{path}.zones[{k}]", zone, beds)
        outline = tuple(sorted(zone.polygon))
        if outline in outlines:
            yield LayoutIssue(
                f"{path}.zones[{k}].polygon",
                f"bed {zone.bed} has the same outline as bed {outlines[outline]}",
                "draw each bed's own outline",
            )
        outlines.setdefault(outline, zone.bed)


def zone_issues(path: str, zone: ZoneSpec, beds: set[str]) -> Iterator[LayoutIssue]:
    """What is wrong with a zone in a ward that has these bed codes."""
    if zone.bed not in beds:
        yield LayoutIssue(f"{path}.bed", f"the ward has no bed {zone.bed!r}", "add the bed, or correct its code")
    if zone.head_edge >= len(zone.polygon):
        yield LayoutIssue(
            f"{path}.head_edge",
            f"the polygon has edges 0 to {len(zone.polygon) - 1}",
            "give the edge at which the head lies: i is the edge from vertex i to vertex i + 1",
        )
