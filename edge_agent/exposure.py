"""By what a camera's picture is changed on command: the site's own program, or the camera's ONVIF service."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Protocol

from edge_agent.logs import keep_secret, log
from edge_agent.settings import AgentSettings
from edge_agent.sources.address import read_credentials
from service.contracts.picture_commands import Level

HOOK_SECONDS = 10.0


class Changer(Protocol):
    """Makes a camera's picture dark or bright, and puts it back."""

    @property
    def ability(self) -> str:
        """What the heartbeat says: hook, onvif, or none."""
        ...

    def prepare(self) -> str | None:
        """Before the first change: the text by which `restore` puts the camera back; none: nothing can be changed."""
        ...

    def change(self, level: Level) -> bool:
        """Whether the picture is so now."""
        ...

    def restore(self, state: str) -> bool:
        """Whether the camera is as it was."""
        ...


class ProgramChanger:
    """The operator's own program, called with `dark`, `bright` or `normal`; it ends with 0 when the camera obeyed."""

    ability = "hook"

    def __init__(self, program: Path) -> None:
        self._program = program

    def prepare(self) -> str | None:
        """A program knows itself how the camera was."""
        return "normal"

    def change(self, level: Level) -> bool:
        """Calls it."""
        return self._call(level)

    def restore(self, state: str) -> bool:
        """Calls it with `normal`."""
        return self._call("normal")

    def _call(self, level: str) -> bool:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own program, a list, no shell
                [str(self._program), level],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=HOOK_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            log(logging.WARNING, "the exposure hook fails", error=type(error).__name__)
            return False
        if done.returncode:
            log(logging.WARNING, "the exposure hook fails", status=done.returncode)
        return done.returncode == 0


class Unfinished:
    """Remembers on the disk that a camera is changed, so that an agent that was killed meanwhile puts it back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, state: str) -> bool:
        """Whether it is remembered; a change that cannot be is not begun."""
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log(logging.WARNING, "the picture is not changed: the disk takes nothing", error=type(error).__name__)
            return False
        return True

    def state(self) -> str | None:
        """What is to be put back; none when nothing is."""
        try:
            return self._path.read_text(encoding="utf-8")[:65_536]
        except (OSError, UnicodeDecodeError):
            return None

    def end(self) -> None:
        """The camera is as it was."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def changer_of(settings: AgentSettings) -> Changer | None:
    """What the settings name; none: the box says that it cannot. Raises `SettingsInvalid` or `SourceUnusable`."""
    if settings.exposure_hook is not None:
        return ProgramChanger(settings.exposure_hook)
    if settings.onvif is None:
        return None
    from edge_agent.onvif.imaging import ImagingChanger
    from edge_agent.onvif.soap import OnvifCamera

    file = settings.onvif_credentials or settings.source_credentials
    user, password = read_credentials(file) if file is not None else ("", "")
    keep_secret(password)
    open_camera = partial(OnvifCamera, settings.onvif, user, password)
    open_camera().close()  # an address that is none is said at the start
    return ImagingChanger(open_camera, settings.onvif_change)
