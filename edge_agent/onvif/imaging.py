"""A commanded change by the camera's own ONVIF Imaging service (ver20): exposure, brightness, or infrared filter."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from edge_agent.logs import log, one_line
from edge_agent.onvif.soap import DEVICE, SCHEMA, CameraRefused, OnvifCamera, read_xml
from service.contracts.picture_commands import Level

MEDIA = "http://www.onvif.org/ver10/media/wsdl"
IMAGING = "http://www.onvif.org/ver20/imaging/wsdl"
Kind = Literal["auto", "exposure", "brightness", "infrared"]
DARK_US, BRIGHT_US = 1_000.0, 40_000.0
"""Exposure times, microseconds: 1/1000 s and 1/25 s, five stops apart, the longest that 25 pictures a second allow. The
server looks for a quarter of a stop (`service.sightings.commanded.LEAST_CHANGE`); either is kept within the camera's
own range."""
_S = f"{{{SCHEMA}}}"


@dataclass(frozen=True, slots=True)
class _Plan:
    """How this camera is made dark and bright, and put back. Texts: the children of ImagingSettings."""

    path: str
    token: str
    dark: str
    bright: str
    normal: str


class ImagingChanger:
    """Changes one camera's picture. Settings are never made to last: a camera that restarts is as it was."""

    def __init__(self, open_camera: Callable[[], OnvifCamera], kind: Kind = "auto") -> None:
        """`kind`: what is changed; auto: the first of exposure, brightness and infrared that the camera has."""
        self._open, self._kind = open_camera, kind
        self._plan: _Plan | None = None
        self._can = False

    @property
    def ability(self) -> str:
        """`onvif` once the camera said what it can, else `none`."""
        return "onvif" if self._can else "none"

    def prepare(self) -> str | None:
        """Looks how the camera is now; the text puts it back. None: it can change nothing, or does not answer now."""
        self._plan = None
        camera = self._open()
        try:
            self._plan = _plan(camera, self._kind)
        except CameraRefused as error:
            log(logging.WARNING, "the camera's picture cannot be changed", reason=one_line(error.message))
            return None
        finally:
            camera.close()
        self._can = self._can or self._plan is not None
        if self._plan is None:
            return None
        return json.dumps({"path": self._plan.path, "token": self._plan.token, "normal": self._plan.normal})

    def change(self, level: Level) -> bool:
        """Makes the picture so; false when the camera refuses."""
        plan = self._plan
        return plan is not None and self._send(plan.path, plan.token, plan.dark if level == "dark" else plan.bright)

    def restore(self, state: str) -> bool:
        """Puts the camera back to what `prepare` found; false when it does not answer."""
        try:
            kept = json.loads(state)
            path, token, normal = str(kept["path"]), str(kept["token"]), str(kept["normal"])
        except (ValueError, KeyError, TypeError):
            return True  # nothing that anybody could put back
        if read_xml(f'<kept xmlns:t="{SCHEMA}">{normal}</kept>'.encode()) is None:
            return True
        return self._send(path, token, normal)

    def _send(self, path: str, token: str, settings: str) -> bool:
        camera = self._open()
        try:
            camera.ask(
                camera.path_of(path),
                f'<i:SetImagingSettings xmlns:i="{IMAGING}" xmlns:t="{SCHEMA}"><i:VideoSourceToken>{escape(token)}'
                f"</i:VideoSourceToken><i:ImagingSettings>{settings}</i:ImagingSettings>"
                "<i:ForcePersistence>false</i:ForcePersistence></i:SetImagingSettings>",
            )
        except CameraRefused as error:
            log(logging.WARNING, "the camera's picture cannot be changed", reason=one_line(error.message))
            return False
        finally:
            camera.close()
        return True


def _plan(camera: OnvifCamera, kind: Kind) -> _Plan | None:
    """Raises `CameraRefused`."""
    services = camera.ask(
        camera.path, f'<d:GetCapabilities xmlns:d="{DEVICE}"><d:Category>All</d:Category></d:GetCapabilities>'
    )
    media = camera.path_of(services.findtext(f".//{_S}Media/{_S}XAddr"))
    path = camera.path_of(services.findtext(f".//{_S}Imaging/{_S}XAddr"))
    sources = camera.ask(media, f'<m:GetVideoSources xmlns:m="{MEDIA}"/>').find(f".//{{{MEDIA}}}VideoSources")
    token = (sources.get("token", "") if sources is not None else "")[:64]
    if not token:
        raise CameraRefused("the camera names no video source", remedy="look whether this user may see it")
    named = f"<i:VideoSourceToken>{escape(token)}</i:VideoSourceToken>"
    options = camera.ask(path, f'<i:GetOptions xmlns:i="{IMAGING}">{named}</i:GetOptions>')
    current = camera.ask(path, f'<i:GetImagingSettings xmlns:i="{IMAGING}">{named}</i:GetImagingSettings>')
    able = {"exposure": _exposure, "brightness": _brightness, "infrared": _infrared}
    for name, build in able.items():
        texts = build(options, current) if kind in ("auto", name) else None
        if texts is not None:
            return _Plan(path, token, *texts)
    return None


def _exposure(options: ET.Element, current: ET.Element) -> tuple[str, str, str] | None:
    found, now = options.find(f".//{_S}Exposure"), current.find(f".//{_S}Exposure")
    if found is None or now is None or "MANUAL" not in [item.text for item in found.findall(f"{_S}Mode")]:
        return None
    times, gains = _range(found, "ExposureTime"), _range(found, "Gain")
    if times is None:
        return None
    gain = "" if gains is None else f"<t:Gain>{gains[0]:g}</t:Gain>"

    def manual(microseconds: float) -> str:
        held = min(max(microseconds, times[0]), times[1])
        return f"<t:Exposure><t:Mode>MANUAL</t:Mode><t:ExposureTime>{held:g}</t:ExposureTime>{gain}</t:Exposure>"

    return manual(DARK_US), manual(BRIGHT_US), _again(now)


def _brightness(options: ET.Element, current: ET.Element) -> tuple[str, str, str] | None:
    span, now = _range(options, "Brightness"), current.find(f".//{_S}Brightness")
    if span is None or now is None:
        return None
    dark, bright = (f"<t:Brightness>{value:g}</t:Brightness>" for value in span)
    return dark, bright, _again(now)


def _infrared(options: ET.Element, current: ET.Element) -> tuple[str, str, str] | None:
    """The filter in: only visible light. Out: infrared too, from lamps that cameras switch on with it."""
    modes = {item.text for item in options.findall(f".//{_S}IrCutFilterModes")}
    now = current.find(f".//{_S}IrCutFilter")
    if not {"ON", "OFF"} <= modes or now is None:
        return None
    return "<t:IrCutFilter>ON</t:IrCutFilter>", "<t:IrCutFilter>OFF</t:IrCutFilter>", _again(now)


def _range(within: ET.Element, name: str) -> tuple[float, float] | None:
    found = within.find(f".//{_S}{name}")
    try:
        low = float(found.findtext(f"{_S}Min", "")) if found is not None else 0.0
        high = float(found.findtext(f"{_S}Max", "")) if found is not None else 0.0
    except ValueError:
        return None
    return (low, high) if -1e9 < low < high < 1e9 else None


def _again(found: ET.Element) -> str:
    """The element as it was read, written with our own prefix; names of other namespaces are left out."""
    if not found.tag.startswith(_S):
        return ""
    name = found.tag.removeprefix(_S)
    attributes = "".join(f" {key}={quoteattr(value)}" for key, value in found.attrib.items() if not key.startswith("{"))
    inner = "".join(_again(child) for child in found) or escape((found.text or "").strip())
    return f"<t:{name}{attributes}>{inner}</t:{name}>"
