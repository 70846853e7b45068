"""The ward's gallery on the box: fetched and kept sealed, open in memory only, wiped when it expires."""

from __future__ import annotations

import base64
import binascii
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from edge_agent.device_key import write_private
from edge_agent.logs import log
from edge_agent.matching.box_key import public_text
from edge_agent.matching.errors import GalleryMissing, PackDiffers
from service.contracts import SealedGallery, SealingKeyRequest, WardGallery, open_for_box, read_message
from service.kit.errors import WardwatchError
from service.vision import Gallery, Pack, Zone

GALLERY_PATH = "/api/v1/devices/me/gallery"
KEY_PATH = "/api/v1/devices/me/sealing-key"


@dataclass(frozen=True, slots=True, repr=False)
class OpenWard:
    """A gallery in the clear."""

    told: WardGallery
    gallery: Gallery
    vectors: NDArray[np.float32]

    def expected(self, zone_ids: frozenset[str], at: datetime) -> dict[str, str]:
        """Zone id -> the key of whoever belongs there at `at`; of two, whoever was assigned it last."""
        found: dict[str, str] = {}
        for bed in self.told.beds:
            if bed.zone_id in zone_ids and bed.since <= at and (bed.until is None or at < bed.until):
                found[bed.zone_id] = bed.key
        return found

    def zones(self, at: datetime) -> list[Zone]:
        """Where the beds lay in the view at `at`, in the server's order."""
        return [
            Zone(zone.zone_id, np.asarray(zone.polygon, np.float32), zone.head_edge)
            for zone in self.told.zones
            if zone.since <= at and (zone.until is None or at < zone.until)
        ]

    def zone(self, zone_id: str) -> Zone | None:
        """One of them, whenever it held."""
        one = next((zone for zone in self.told.zones if zone.zone_id == zone_id), None)
        return None if one is None else Zone(zone_id, np.asarray(one.polygon, np.float32), one.head_edge)

    def wipe(self) -> None:
        """Overwrites the templates where they lie; what Python copied meanwhile is out of reach."""
        self.vectors.fill(0.0)


class Ward:
    """The newest gallery. Safe for the thread that fetches and the thread that judges."""

    def __init__(
        self, path: Path, private: X25519PrivateKey, device_id: str, pack: Pack, now: Callable[[], datetime]
    ) -> None:
        """`path`: where the sealed copy lies. `now`: the server's time, as well as it is known."""
        self._path, self._private, self._device_id, self._pack, self._now = path, private, device_id, pack, now
        self._lock = threading.Lock()
        self._open: OpenWard | None = None
        self._etag = ""
        self._is_registered = False
        self._load()

    def current(self) -> OpenWard:
        """The gallery to judge with. Raises `GalleryMissing` when there is none that has not expired."""
        with self._lock:
            if self._open is not None and self._open.told.expires_at <= self._now():
                log(logging.WARNING, "the gallery has expired and is wiped")
                self._forget()
            if self._open is None:
                raise GalleryMissing(
                    "there is no gallery to compare with", remedy="bring the server back: pictures wait in the spool"
                )
            return self._open

    def fetch(self, client: httpx.Client, server: str, auth: httpx.Auth) -> bool:
        """Asks for a newer one; whether there was one. Raises `httpx.HTTPError`, `PackDiffers`, `WardwatchError`."""
        if not self._is_registered:
            wanted = SealingKeyRequest(public_key=public_text(self._private)).model_dump_json()
            headers = {"Content-Type": "application/json"}
            client.post(server + KEY_PATH, content=wanted, headers=headers, auth=auth).raise_for_status()
            self._is_registered = True
        response = client.get(
            server + GALLERY_PATH, headers={"If-None-Match": self._etag} if self._etag else {}, auth=auth
        )
        if response.status_code == 304:
            return False
        if response.status_code in (401, 403, 409):
            self._is_registered = False
            if b"device-revoked" in response.content:
                with self._lock:
                    self._forget()
        response.raise_for_status()
        told = read_message(SealedGallery, response.content)
        self._take(told.sealed)
        self._etag = response.headers.get("etag", "")
        write_private(self._path, told.sealed.encode())
        return True

    def _take(self, sealed: str) -> None:
        told = read_message(WardGallery, open_for_box(sealed, self._private, self._device_id))
        if told.pack_hash != self._pack.pack_hash:
            raise PackDiffers(
                f"the server's model pack is {told.pack_hash[:12]}…, this box has {self._pack.pack_hash[:12]}…",
                field="models",
                remedy="copy the server's model folder to this box, and start the agent again",
            )
        with self._lock:
            self._forget()
            self._open = _opened(told)

    def _load(self) -> None:
        """Takes up the sealed copy after a restart; one that cannot be opened is removed."""
        if not self._path.exists():
            return
        try:
            self._take(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError, PackDiffers, WardwatchError):
            self._path.unlink(missing_ok=True)

    def _forget(self) -> None:
        """With the lock held."""
        if self._open is not None:
            self._open.wipe()
        self._open, self._etag = None, ""
        self._path.unlink(missing_ok=True)


def _opened(told: WardGallery) -> OpenWard:
    keys: list[str] = []
    rows: list[NDArray[np.float32]] = []
    try:
        for person in told.persons:
            for vector in person.vectors:
                row = np.frombuffer(base64.b64decode(vector, validate=True), "<f4")
                if row.shape != (told.dimension,):
                    raise ValueError(f"a template has {row.shape} numbers")
                keys.append(person.key)
                rows.append(row)
    except binascii.Error as error:
        raise ValueError("a template cannot be read") from error
    if not keys:
        empty = Gallery.empty(told.dimension)
        return OpenWard(told, empty, empty.vectors)
    vectors = np.stack(rows).astype(np.float32)
    gallery = Gallery(tuple(keys), vectors)
    return OpenWard(told, gallery, gallery.vectors)
