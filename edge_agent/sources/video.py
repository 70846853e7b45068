"""A recorded video, sampled at the cadence, each picture with the instant at which it was recorded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import SourceUnusable
from edge_agent.frames import CapturedFrame, Origin
from edge_agent.sources.base import Known
from edge_agent.sources.instants import from_modified, from_name
from edge_agent.sources.opencv import ONE_THREAD, cv2, encode_jpeg

if TYPE_CHECKING:
    from cv2 import VideoCapture


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """`started_at`: the instant of the first picture; none takes it from the file's name, else from its time of change
    less its length. `cadence_seconds` 0 takes every picture. `quality`: of the JPEG, 1 to 100."""

    started_at: datetime | None = None
    cadence_seconds: float = 300.0
    quality: int = 90


class VideoSource:
    """Pictures of one video file. A restart goes on behind the last picture that was spooled."""

    keeps = True

    def __init__(self, path: Path, options: VideoOptions, known: Known) -> None:
        if not path.is_file():
            raise SourceUnusable(f"{path} is no file", field="source", remedy="name a video file")
        self._path = path
        self._options = options
        self._known = known
        self._capture: VideoCapture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, ONE_THREAD)
        if not self._capture.isOpened():
            raise SourceUnusable(
                f"{path} cannot be read as a video", field="source", remedy="convert it to MP4 (H.264)"
            )
        about = path.stat()
        self._size, self._modified_ns = about.st_size, about.st_mtime_ns

    def frames(self, stop: threading.Event) -> Iterator[CapturedFrame]:
        """The first picture at or after each multiple of the cadence."""
        started_at = self._started_at()
        number, due = 0, 0.0
        while not stop.is_set() and self._capture.grab():
            at = self._position(number)
            if at + 1e-6 >= due:
                due = at if self._options.cadence_seconds <= 0 else self._next_due(at)
                origin = Origin(f"{self._path.name}#{number}", self._size, self._modified_ns)
                if not self._known(origin):
                    yield CapturedFrame(self._picture(number), started_at + timedelta(seconds=at), origin)
            number += 1
        if number == 0:
            raise SourceUnusable(f"{self._path} holds no picture", field="source", remedy="name a complete video file")

    def done_with(self, frame: CapturedFrame) -> None:
        """A video is left as it is."""

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _next_due(self, at: float) -> float:
        cadence = self._options.cadence_seconds
        return (int((at + 1e-6) / cadence) + 1) * cadence

    def _position(self, number: int) -> float:
        """Seconds from the first picture to the one just grabbed, by its own time stamp, else by its number."""
        at = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0
        if at > 0 or number == 0:
            return max(0.0, at)
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        return number / rate if 0 < rate < 1000 else float(number)

    def _picture(self, number: int) -> bytes:
        good, pixels = self._capture.retrieve()
        if not good:
            raise SourceUnusable(f"{self._path}: picture {number} cannot be decoded", field="source")
        return encode_jpeg(pixels, self._options.quality)

    def _started_at(self) -> datetime:
        if self._options.started_at is not None:
            return self._options.started_at
        named = from_name(self._path.stem)
        if named is not None:
            return named.captured_at
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        count = float(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        seconds = count / rate if rate > 0 and 0 < count < 1e9 else 0.0
        return from_modified(self._modified_ns) - timedelta(seconds=seconds)
