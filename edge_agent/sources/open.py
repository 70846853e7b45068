"""From a source's address to the source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import SettingsInvalid
from edge_agent.pace import Pace
from edge_agent.sources.address import SourceAddress, SourceKind
from edge_agent.sources.base import Count, Known, Source
from edge_agent.sources.folder import FolderOptions, FolderSource


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the sources are told. A folder takes every file; the others sample at `cadence_seconds`."""

    folder: FolderOptions
    started_at_text: str | None = None
    cadence_seconds: float = 300.0
    quality: int = 90
    timeout_seconds: float = 10.0
    pace: Pace | None = None
    look_seconds: float | None = None


def open_source(address: SourceAddress, options: SourceOptions, known: Known, count: Count) -> Source:
    """The source at `address`. Raises `SourceUnusable` or `SettingsInvalid`; a camera that is away is no error."""
    if options.folder.follow and address.kind is not SourceKind.FOLDER:
        raise SettingsInvalid("only a folder can be followed", field="follow", remedy="leave --follow out")
    if address.kind is SourceKind.FOLDER:
        return FolderSource(Path(address.value), options.folder, known, count)
    if address.kind is SourceKind.FILE:
        return _open_video(address, options, known)
    if address.kind is SourceKind.SNAPSHOT:
        from edge_agent.sources.snapshot_url import SnapshotUrlSource

        pace = options.pace or Pace(options.cadence_seconds)
        return SnapshotUrlSource(
            address.value,
            address.shown,
            count,
            pace,
            timeout_seconds=options.timeout_seconds,
            max_bytes=options.folder.max_bytes,
            look_seconds=options.look_seconds,
        )
    return _open_live(address, options, count)


def _open_video(address: SourceAddress, options: SourceOptions, known: Known) -> Source:
    from edge_agent.sources.video import VideoOptions, VideoSource  # OpenCV: 40 MiB that a folder does not need
    from service.kit.clock import parse_instant

    text = options.started_at_text
    started_at = parse_instant(text, field="start") if text else None
    return VideoSource(Path(address.value), VideoOptions(started_at, options.cadence_seconds, options.quality), known)


def _open_live(address: SourceAddress, options: SourceOptions, count: Count) -> Source:
    from edge_agent.sources.live import LiveOptions, LiveSource, stream_opener, usb_opener

    live = LiveOptions(
        options.cadence_seconds, options.quality, options.timeout_seconds, look_seconds=options.look_seconds
    )
    if address.kind is SourceKind.USB:
        opener = usb_opener(int(address.value))
    else:
        opener = stream_opener(address.value, options.timeout_seconds)
    return LiveSource(opener, address.shown, live, count, pace=options.pace)
