"""Measuring a model pack on labelled folders: rates with intervals, as ISO/IEC 19795-1 names them."""

from service.vision.evaluate.calibrate import (
    Chosen,
    FusionGain,
    Template,
    calibrate,
    choose,
    fusion_gain,
    least_pairs,
    read_templates,
)
from service.vision.evaluate.clustered import ClusteredRate, clustered_rate
from service.vision.evaluate.conditions import ConditionRow, Enrolled, measure_conditions, measure_labelled
from service.vision.evaluate.degrade import DEGRADATIONS, Degradation, Photo, Spoilt
from service.vision.evaluate.faces import FaceReport, evaluate_faces, face_report
from service.vision.evaluate.folders import EvaluationFolderInvalid, LabelledBed, read_faces_folder, read_ward_folder
from service.vision.evaluate.labels import Labels, read_groups, read_labels
from service.vision.evaluate.metrics import Area, area_under_curve
from service.vision.evaluate.reliability import Band, Reliability, reliability
from service.vision.evaluate.ward import WardReport, evaluate_ward, ward_report

__all__ = [
    "DEGRADATIONS",
    "Area",
    "Band",
    "Chosen",
    "ClusteredRate",
    "ConditionRow",
    "Degradation",
    "Enrolled",
    "EvaluationFolderInvalid",
    "FaceReport",
    "FusionGain",
    "LabelledBed",
    "Labels",
    "Photo",
    "Reliability",
    "Spoilt",
    "Template",
    "WardReport",
    "area_under_curve",
    "calibrate",
    "choose",
    "clustered_rate",
    "evaluate_faces",
    "evaluate_ward",
    "face_report",
    "fusion_gain",
    "least_pairs",
    "measure_conditions",
    "measure_labelled",
    "read_faces_folder",
    "read_groups",
    "read_labels",
    "read_templates",
    "read_ward_folder",
    "reliability",
    "ward_report",
]
