"""Measuring a model pack on labelled folders: rates with intervals, as ISO/IEC 19795-1 names them."""

from service.vision.evaluate.faces import FaceReport, evaluate_faces, face_report
from service.vision.evaluate.folders import EvaluationFolderInvalid, LabelledBed, read_faces_folder, read_ward_folder
from service.vision.evaluate.metrics import Area, area_under_curve
from service.vision.evaluate.ward import WardReport, evaluate_ward, ward_report

__all__ = [
    "Area",
    "EvaluationFolderInvalid",
    "FaceReport",
    "LabelledBed",
    "WardReport",
    "area_under_curve",
    "evaluate_faces",
    "evaluate_ward",
    "face_report",
    "read_faces_folder",
    "read_ward_folder",
    "ward_report",
]
