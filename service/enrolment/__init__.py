"""Consent, exemptions, face templates, galleries: the only room that opens a template. Photographs are never kept."""

from service.enrolment.bulk_enrol import BulkReport, BulkRow, bulk_enrol
from service.enrolment.collisions import Collision, collisions
from service.enrolment.consent import exempt_patients, record_consent, standing_consent
from service.enrolment.due import DueForEnrolment, due_for_enrolment
from service.enrolment.enrol_patient import enrol
from service.enrolment.errors import BulkUnreadable, ConfirmationRefused, ConsentInvalid
from service.enrolment.expiry import expire_templates
from service.enrolment.galleries import delegate_gallery, gallery, gallery_of_pack, templates_of
from service.enrolment.merging import carry_over
from service.enrolment.pack import opened_pack, threshold_of
from service.enrolment.person_templates import PersonKind, kinds_of, staff_ids, staff_numbers
from service.enrolment.persons import PersonReport, enrol_delegate, enrol_staff, is_enrolled_from, revoke_person
from service.enrolment.photos import AssessedPhoto, Assessor
from service.enrolment.reasons import REASON_CODES, Reason
from service.enrolment.references import expired_references, reference_since
from service.enrolment.report import EnrolmentReport, EnrolmentStatus, LookAlike, PhotoReport
from service.enrolment.second_person import confirm_enrolment, revoke_enrolment
from service.enrolment.sources import PhotoSource, open_source
from service.enrolment.staff_patients import staff_among_patients
from service.enrolment.tables import Consent, FaceTemplate, GalleryStamp, PersonTemplate
from service.enrolment.templates import NewTemplate, enrolment_signatures, store_template
from service.enrolment.ward_gallery import BoxNames, templates_version, ward_gallery

__all__ = [
    "REASON_CODES",
    "AssessedPhoto",
    "Assessor",
    "BoxNames",
    "BulkReport",
    "BulkRow",
    "BulkUnreadable",
    "Collision",
    "ConfirmationRefused",
    "Consent",
    "ConsentInvalid",
    "DueForEnrolment",
    "EnrolmentReport",
    "EnrolmentStatus",
    "FaceTemplate",
    "GalleryStamp",
    "LookAlike",
    "NewTemplate",
    "PersonKind",
    "PersonReport",
    "PersonTemplate",
    "PhotoReport",
    "PhotoSource",
    "Reason",
    "bulk_enrol",
    "carry_over",
    "collisions",
    "confirm_enrolment",
    "delegate_gallery",
    "due_for_enrolment",
    "enrol",
    "enrol_delegate",
    "enrol_staff",
    "enrolment_signatures",
    "exempt_patients",
    "expire_templates",
    "expired_references",
    "gallery",
    "gallery_of_pack",
    "is_enrolled_from",
    "kinds_of",
    "open_source",
    "opened_pack",
    "record_consent",
    "reference_since",
    "revoke_enrolment",
    "revoke_person",
    "staff_among_patients",
    "staff_ids",
    "staff_numbers",
    "standing_consent",
    "store_template",
    "templates_of",
    "templates_version",
    "threshold_of",
    "ward_gallery",
]
