"""Messages shared with devices. A device is older than its server: what it reads ignores fields it does not know."""

from service.contracts.devices import (
    CameraOut,
    DeviceConfig,
    Heartbeat,
    HeartbeatAccepted,
    ZoneOut,
)
from service.contracts.messages import Answer, Code, FieldFault, Instant, Message, faults_of, read_message
from service.contracts.snapshots import (
    SEQUENCE_MAX,
    BedStateCode,
    ReadingOut,
    SnapshotAccepted,
    SnapshotMeta,
    SnapshotReadings,
    ViewOut,
)

__all__ = [
    "SEQUENCE_MAX",
    "Answer",
    "BedStateCode",
    "CameraOut",
    "Code",
    "DeviceConfig",
    "FieldFault",
    "Heartbeat",
    "HeartbeatAccepted",
    "Instant",
    "Message",
    "ReadingOut",
    "SnapshotAccepted",
    "SnapshotMeta",
    "SnapshotReadings",
    "ViewOut",
    "ZoneOut",
    "faults_of",
    "read_message",
]
