"""Snapshots in; who was seen where, when, how surely. This room decides nothing about presence."""

from service.sightings.analyse import Analyser, PackAnalyser, analyse_job, analyse_snapshot
from service.sightings.errors import CameraInactive, CameraUnknown, ImplausibleTime, QueueFull
from service.sightings.facts import Reading, Sighting
from service.sightings.keep import freeze_frames, hold_frames, purge_frames, purge_job, release_frames, reread_job
from service.sightings.picture import evidence_picture
from service.sightings.receive import Accepted, accept_snapshot
from service.sightings.repository import (
    first_captured_at,
    last_recognitions,
    latest_readings,
    pack_hashes,
    reading_pack,
    readings,
    sightings_of,
)
from service.sightings.tables import Snapshot, ZoneReading

__all__ = [
    "Accepted",
    "Analyser",
    "CameraInactive",
    "CameraUnknown",
    "ImplausibleTime",
    "PackAnalyser",
    "QueueFull",
    "Reading",
    "Sighting",
    "Snapshot",
    "ZoneReading",
    "accept_snapshot",
    "analyse_job",
    "analyse_snapshot",
    "evidence_picture",
    "first_captured_at",
    "freeze_frames",
    "hold_frames",
    "last_recognitions",
    "latest_readings",
    "pack_hashes",
    "purge_frames",
    "purge_job",
    "reading_pack",
    "readings",
    "release_frames",
    "reread_job",
    "sightings_of",
]
