"""Consent, exemptions, face templates, galleries: the only room that opens a template. Photographs are never kept."""

from service.enrolment.bulk_enrol import BulkReport, BulkRow, bulk_enrol
from service.enrolment.consent import exempt_patients, record_consent, standing_consent
from service.enrolment.enrol_patient import enrol
from service.enrolment.errors import BulkUnreadable, ConfirmationRefused, ConsentInvalid
from service.enrolment.galleries import gallery, gallery_of_pack, reference_since
from service.enrolment.pack import opened_pack
from service.enrolment.photos import AssessedPhoto, Assessor
from service.enrolment.reasons import REASON_CODES, Reason
from service.enrolment.report import EnrolmentReport, EnrolmentStatus, LookAlike, PhotoReport
from service.enrolment.second_person import confirm_enrolment, revoke_enrolment
from service.enrolment.tables import Consent, FaceTemplate, GalleryStamp
from service.enrolment.templates import NewTemplate, store_template

__all__ = [
    "REASON_CODES",
    "AssessedPhoto",
    "Assessor",
    "BulkReport",
    "BulkRow",
    "BulkUnreadable",
    "ConfirmationRefused",
    "Consent",
    "ConsentInvalid",
    "EnrolmentReport",
    "EnrolmentStatus",
    "FaceTemplate",
    "GalleryStamp",
    "LookAlike",
    "NewTemplate",
    "PhotoReport",
    "Reason",
    "bulk_enrol",
    "confirm_enrolment",
    "enrol",
    "exempt_patients",
    "gallery",
    "gallery_of_pack",
    "opened_pack",
    "record_consent",
    "reference_since",
    "revoke_enrolment",
    "standing_consent",
    "store_template",
]
