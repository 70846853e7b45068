"""Bed labels: what their QR code says, and whether a hand-held picture shows the label of the right bed."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from urllib.parse import urlencode

from sqlmodel import Session, col, select

from service.admissions import admission_record
from service.facilities import Bed, Facility
from service.occupancy.tables import DirectedCheck
from service.vision import ImageLimits, decode, read_codes

_SCHEME = "wardwatch-bed:?"


class LabelSeen(StrEnum):
    """Whether a hand-held picture shows a bed's label. `false`: no label that could be read; a second person then
    looks again."""

    TRUE = "true"
    FALSE = "false"
    OTHER_BED = "other_bed"


def label_text(facility_code: str, hospital_code: str) -> str:
    """What the QR code on a bed's label says. It names a bed, nobody in it, and is no secret."""
    return _SCHEME + urlencode({"facility": facility_code, "bed": hospital_code})


def label_seen(picture: bytes, wanted: Collection[str]) -> LabelSeen:
    """Which label the picture shows. `wanted`: the label texts of the beds that it may be.

    A neighbour's label beside the right one does no harm. Raises `ImageError` for a picture that cannot be read.
    """
    own = {text for text in read_codes(decode(picture, ImageLimits())) if text.startswith(_SCHEME)}
    if own.intersection(wanted):
        return LabelSeen.TRUE
    return LabelSeen.OTHER_BED if own else LabelSeen.FALSE


def beds_in_question(session: Session, request: DirectedCheck) -> frozenset[str]:
    """The label texts of the beds that the patient has had since the check: a patient may have been moved meanwhile."""
    record = admission_record(session, request.admission_id)
    beds = {stay.bed_id for stay in record.assignments if stay.interval.end > request.due_at}
    if request.bed_id is not None:
        beds.add(request.bed_id)
    facility = session.get_one(Facility, request.facility_id)
    codes = session.exec(select(Bed.hospital_code).where(col(Bed.id).in_(list(beds))))
    return frozenset(label_text(facility.code, code) for code in codes)
