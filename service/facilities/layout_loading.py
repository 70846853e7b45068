"""One facility from one file, again and again: what is new is made, what differs is changed, the rest is left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from service.facilities.errors import LayoutInvalid, LayoutIssue
from service.facilities.event_time import event_now
from service.facilities.layout_checks import check_layout, hospital_code_of
from service.facilities.layout_schema import FacilitySpec, LayoutSpec, validate_layout
from service.facilities.layout_text import parse_layout_text
from service.facilities.presence_policy import policy_of
from service.facilities.repository import beds_of_facility, cameras_of_facility, find_facility, zoned_beds
from service.facilities.tables import Facility, Ward
from service.facilities.upsert import Tally, assign, given, upsert_ward
from service.kit.clock import utc
from service.kit.errors import Conflict, InvalidInput
from service.ledger import append

MAX_POLICY_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class LayoutReport:
    """What loading a layout did. The counts are by kind of thing: facility, ward, bed, camera, zone.

    `uncovered_beds`: hospital codes of open beds that no active camera sees; an admission there counts as uncovered.
    `unlisted`: recorded wards, beds and cameras that the file does not name; they stay as they are.
    """

    facility_id: str
    facility_code: str
    created: dict[str, int]
    updated: dict[str, int]
    unchanged: dict[str, int]
    uncovered_beds: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was made or changed."""
        return bool(self.created or self.updated)


def load_layout(session: Session, yaml_text: str | bytes, now: datetime, *, actor: str = "system") -> LayoutReport:
    """Loads the YAML text of one facility. `actor` is the label for the audit log.

    Raises `LayoutInvalid` naming every path at fault; then nothing has changed.
    """
    return apply_layout(session, parse_layout_text(yaml_text), now, actor=actor)


def apply_layout(session: Session, document: dict[str, Any], now: datetime, *, actor: str = "system") -> LayoutReport:
    """As `load_layout`, from values already parsed."""
    layout = validate_layout(document)
    check_layout(layout)
    tally = Tally()
    facility = _facility(session, layout.facility, now, tally)
    _refuse_taken_codes(session, facility, layout)
    for ward_spec in layout.wards:
        upsert_ward(session, facility, ward_spec, now, tally)
    session.flush()
    report = _report(session, facility, layout, now, tally)
    if report.changed:
        append(
            session,
            clock_now=now,
            kind="audit",
            actor=actor,
            action="facility.layout",
            object_kind="facility",
            object_id=facility.id,
            facility_id=facility.id,
            details={"created": report.created, "updated": report.updated},
        )
    return report


def _facility(session: Session, spec: FacilitySpec, now: datetime, tally: Tally) -> Facility:
    facility = find_facility(session, spec.code)
    values = given(spec, without={"shadow_days", "watermark", "clock"})
    _check_policy(spec.policy)
    if facility is None:
        begins = utc(spec.watermark) if spec.watermark is not None else now
        facility = Facility(
            **({"name": spec.code} | values),
            clock=spec.clock,
            watermark=begins if spec.watermark is not None else None,
            shadow_until=begins + timedelta(days=spec.shadow_days) if spec.mode == "shadow" else None,
            created_at=now,
        )
        session.add(facility)
        session.flush()
        tally.created["facility"] += 1
        return facility
    if "clock" in spec.model_fields_set and spec.clock != facility.clock:
        raise Conflict(
            f"the facility's clock is {facility.clock!r} since it was made",
            field="facility.clock",
            remedy="a clock cannot be exchanged: deadlines would stop; make another facility",
        )
    assign(session, facility, values, "facility", tally)
    return facility


def _refuse_taken_codes(session: Session, facility: Facility, layout: LayoutSpec) -> None:
    """Hospital codes of recorded beds that the file does not name, or names with another code."""
    wards = {ward.id: ward.code for ward in session.exec(select(Ward).where(Ward.facility_id == facility.id))}
    taken = {bed.hospital_code: (wards[bed.ward_id], bed.code) for bed in beds_of_facility(session, facility.id)}
    renamed = {(ward.code, bed.code) for ward in layout.wards for bed in ward.beds if bed.hospital_code is not None}
    issues = []
    for i, ward in enumerate(layout.wards):
        for j, bed in enumerate(ward.beds):
            code = hospital_code_of(ward.code, bed.code, bed.hospital_code)
            owner = taken.get(code)
            if owner is not None and owner != (ward.code, bed.code):
                why = "rename it in two steps" if owner in renamed else "make it unique"
                message = f"bed {owner[1]} of ward {owner[0]} already has the hospital code {code!r}"
                issues.append(LayoutIssue(f"wards[{i}].beds[{j}].hospital_code", message, why))
    if issues:
        raise LayoutInvalid(issues[:50])


def _report(session: Session, facility: Facility, layout: LayoutSpec, now: datetime, tally: Tally) -> LayoutReport:
    seen = zoned_beds(session, facility.id, event_now(facility, now))
    beds = beds_of_facility(session, facility.id)
    listed_beds = {
        hospital_code_of(ward.code, bed.code, bed.hospital_code) for ward in layout.wards for bed in ward.beds
    }
    listed_cameras = {camera.code for ward in layout.wards for camera in ward.cameras}
    unlisted = [f"bed {bed.hospital_code}" for bed in beds if bed.hospital_code not in listed_beds]
    unlisted += [
        f"camera {camera.code}"
        for camera in cameras_of_facility(session, facility.id)
        if camera.code not in listed_cameras
    ]
    return LayoutReport(
        facility_id=facility.id,
        facility_code=facility.code,
        created=dict(tally.created),
        updated=dict(tally.updated),
        unchanged=dict(tally.unchanged),
        uncovered_beds=tuple(bed.hospital_code for bed in beds if bed.is_open and bed.id not in seen),
        unlisted=tuple(unlisted),
        warnings=tuple(tally.warnings),
    )


def _check_policy(policy: dict[str, Any]) -> None:
    """Plain data of a fair size that says something a presence policy can say."""
    try:
        text = json.dumps(policy, allow_nan=False)
    except (TypeError, ValueError):
        raise LayoutInvalid(
            [LayoutIssue("facility.policy", "holds something that is not plain data", "use numbers, text and lists")]
        ) from None
    if len(text) > MAX_POLICY_CHARACTERS:
        raise LayoutInvalid([LayoutIssue("facility.policy", "the policy is too long", "keep only what differs")])
    try:
        policy_of(policy)
    except InvalidInput as error:
        raise LayoutInvalid([LayoutIssue(f"facility.{error.field}", error.message, error.remedy)]) from None
