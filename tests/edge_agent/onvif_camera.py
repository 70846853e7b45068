"""A camera with an ONVIF service and a snapshot address, whose picture really changes as it is told."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

USER, PASSWORD = "operator", "s3cret & <odd>"
_S = 'xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"'
EXPOSURE_OPTIONS = (
    "<tt:Exposure><tt:Mode>AUTO</tt:Mode><tt:Mode>MANUAL</tt:Mode>"
    "<tt:ExposureTime><tt:Min>50</tt:Min><tt:Max>33000</tt:Max></tt:ExposureTime>"
    "<tt:Gain><tt:Min>0</tt:Min><tt:Max>60</tt:Max></tt:Gain></tt:Exposure>"
)
BRIGHTNESS_OPTIONS = "<tt:Brightness><tt:Min>0</tt:Min><tt:Max>100</tt:Max></tt:Brightness>"
INFRARED_OPTIONS = "<tt:IrCutFilterModes>ON</tt:IrCutFilterModes><tt:IrCutFilterModes>OFF</tt:IrCutFilterModes>"
AUTO = "<tt:Exposure><tt:Mode>AUTO</tt:Mode><tt:MaxExposureTime>33000</tt:MaxExposureTime></tt:Exposure>"


@dataclass
class FakeCamera:
    """`frozen`: says that it obeyed, and shows the same picture. `told`: the settings that it was sent, in order."""

    options: str = EXPOSURE_OPTIONS + BRIGHTNESS_OPTIONS + INFRARED_OPTIONS
    settings: str = "<tt:Brightness>50</tt:Brightness>" + AUTO + "<tt:IrCutFilter>AUTO</tt:IrCutFilter>"
    clock_off: timedelta = timedelta(0)
    frozen: bool = False
    hostile: bytes | None = None
    hostile_status: int = 200
    encoding: str = ""
    address: str = ""
    level: float = 110.0
    told: list[str] = field(default_factory=list)
    refused: int = 0
    requests: list[bytes] = field(default_factory=list)
    pictures: int = 0

    def jpeg(self) -> bytes:
        """A room with texture and fresh noise, as bright as the exposure makes it."""
        self.pictures += 1
        stripes = np.tile((np.arange(320) // 16 % 2 * 60 - 30)[None, :, None], (180, 1, 3))
        noise = np.random.default_rng(self.pictures).integers(-12, 13, (180, 320, 3))
        light = 110.0 if self.frozen else self.level
        pixels = np.clip((stripes + noise) * light / 110.0 + light, 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    def answer(self, body: str) -> tuple[int, bytes]:
        """Status and SOAP of the answer to a request."""
        if self.hostile is not None:
            return self.hostile_status, self.hostile
        if "GetSystemDateAndTime" in body:
            at = datetime.now(UTC) + self.clock_off
            return 200, _soap(
                "<r><tt:UTCDateTime>"
                f"<tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute>"
                f"<tt:Second>{at.second}</tt:Second></tt:Time>"
                f"<tt:Date><tt:Year>{at.year}</tt:Year><tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day></tt:Date>"
                "</tt:UTCDateTime></r>"
            )
        if not self._is_let_in(body):
            self.refused += 1
            reason = "<e:Reason><e:Text>Sender not authorized</e:Text></e:Reason>"
            return 400, _soap(f"<e:Fault><e:Code/>{reason}</e:Fault>")
        if "GetCapabilities" in body:  # at an address of its own network, as cameras behind a router say
            return 200, _soap(
                "<r><tt:Imaging><tt:XAddr>http://10.9.9.9/onvif/imaging</tt:XAddr></tt:Imaging>"
                "<tt:Media><tt:XAddr>http://10.9.9.9/onvif/media</tt:XAddr></tt:Media></r>"
            )
        if "GetVideoSources" in body:
            return 200, _soap(
                '<m:r xmlns:m="http://www.onvif.org/ver10/media/wsdl"><m:VideoSources token="v &amp; 1"/></m:r>'
            )
        if "GetOptions" in body:
            return 200, _soap(f"<r>{self.options}</r>")
        if "GetImagingSettings" in body:
            return 200, _soap(f"<r>{self.settings}</r>")
        found = re.search(r"<i:ImagingSettings>(.*)</i:ImagingSettings>", body)
        assert found is not None, body
        assert "v &amp; 1" in body
        assert "<i:ForcePersistence>false<" in body
        self.told.append(found[1])
        self._obey(found[1])
        return 200, _soap("<r/>")

    def _obey(self, text: str) -> None:
        time, brightness = re.search(r"ExposureTime>(\d+)<", text), re.search(r"<t:Brightness>(\d+)<", text)
        if "MANUAL" in text and time is not None:
            self.level = 40.0 if float(time[1]) < 10_000 else 170.0
        elif brightness is not None:
            self.level = 40.0 + 1.4 * float(brightness[1])
        elif "IrCutFilter>O" in text:
            self.level = 40.0 if ">ON<" in text else 170.0
        else:
            self.level = 110.0

    def _is_let_in(self, body: str) -> bool:
        names = ("Username", "Password", "Nonce", "Created")
        texts = [re.search(rf"<\w:{name}\b[^>]*>([^<]*)<", body) for name in names]
        user, digest, nonce, created = (found[1] if found else "" for found in texts)
        try:
            at = datetime.fromisoformat(created)
        except ValueError:
            return False
        if abs(at - datetime.now(UTC) - self.clock_off) > timedelta(seconds=5):
            return False
        wanted = hashlib.sha1(base64.b64decode(nonce) + created.encode() + PASSWORD.encode()).digest()  # noqa: S324 - the standard's
        return user == USER and base64.b64decode(digest) == wanted


def _soap(body: str) -> bytes:
    return f'<?xml version="1.0"?><e:Envelope {_S}><e:Body>{body}</e:Body></e:Envelope>'.encode()


@contextmanager
def served(camera: FakeCamera) -> Iterator[FakeCamera]:
    """The camera at `camera.address`: POST its services, GET its picture."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            camera.requests.append(body)
            self._reply(*camera.answer(body.decode()), "application/soap+xml")

        def do_GET(self) -> None:
            self._reply(200, camera.jpeg(), "image/jpeg")

        def _reply(self, status: int, data: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
            if camera.encoding:
                self.send_header("Content-Encoding", camera.encoding)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    camera.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield camera
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
