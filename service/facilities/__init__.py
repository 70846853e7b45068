"""Places: facilities, wards, beds, cameras, and where each bed lies in a camera's view."""

from service.facilities.errors import LayoutInvalid, LayoutIssue, WatermarkRefused
from service.facilities.event_time import event_now, move_watermark, watermark
from service.facilities.layout_loading import LayoutReport, apply_layout, load_layout
from service.facilities.repository import (
    bed_by_hospital_code,
    bed_by_id,
    beds_of_facility,
    beds_of_ward,
    camera_by_id,
    cameras_of,
    cameras_of_facility,
    facilities_readable,
    facility_by_code,
    facility_by_id,
    facility_for,
    find_camera,
    find_facility,
    ward,
    ward_by_id,
    wards_of_facility,
    zoned_beds,
    zones_of_camera,
)
from service.facilities.tables import Bed, BedZone, Camera, Facility, Ward
from service.facilities.zones import ZoneDrawing, redraw

__all__ = [
    "Bed",
    "BedZone",
    "Camera",
    "Facility",
    "LayoutInvalid",
    "LayoutIssue",
    "LayoutReport",
    "Ward",
    "WatermarkRefused",
    "ZoneDrawing",
    "apply_layout",
    "bed_by_hospital_code",
    "bed_by_id",
    "beds_of_facility",
    "beds_of_ward",
    "camera_by_id",
    "cameras_of",
    "cameras_of_facility",
    "event_now",
    "facilities_readable",
    "facility_by_code",
    "facility_by_id",
    "facility_for",
    "find_camera",
    "find_facility",
    "load_layout",
    "move_watermark",
    "redraw",
    "ward",
    "ward_by_id",
    "wards_of_facility",
    "watermark",
    "zoned_beds",
    "zones_of_camera",
]
