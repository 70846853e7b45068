"""Answers to what the server asks about kept pictures: the crop behind a reading, or another judgement."""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx

from edge_agent.logs import log
from edge_agent.matching.judging import SignedReading
from edge_agent.matching.kept import KeptPicture, KeptPictures
from edge_agent.matching.ward import Ward
from service.contracts import CaptureStatement, EdgeCropMeta, EdgeRequestOut, EdgeRequests, read_message
from service.vision import Frame, ImageError, Pack, Zone, blur_faces, decode
from service.vision.bed_crop import bed_crop, changed_tiles, encode_png

REQUESTS_PATH = "/api/v1/devices/me/edge-requests"
CROPS_PATH = "/api/v1/edge-crops"

Again = Callable[[httpx.Client, KeptPicture, CaptureStatement, str], bool]
"""(client, picture, its statement, request id) -> whether the server took the new judgement."""


class Answers:
    """Asks what is asked, and answers it."""

    def __init__(self, server: str, auth: httpx.Auth, ward: Ward, kept: KeptPictures, pack: Pack, again: Again) -> None:
        self._server, self._auth, self._ward, self._kept, self._pack, self._again = (
            server, auth, ward, kept, pack, again,
        )  # fmt: skip

    def answer_all(self, client: httpx.Client) -> int:
        """Answers what is open now; returns how much that was. Raises `httpx.HTTPError`, `WardwatchError`."""
        response = client.get(self._server + REQUESTS_PATH, auth=self._auth)
        response.raise_for_status()
        open_now = read_message(EdgeRequests, response.content).requests
        for wanted in open_now:
            self._answer(client, wanted)
        return len(open_now)

    def _answer(self, client: httpx.Client, wanted: EdgeRequestOut) -> None:
        picture = self._kept.get(wanted.sequence, wanted.sha256)
        statement = self._kept.statement(wanted.sequence)
        if wanted.purpose == "reread":
            if picture is None or statement is None or not self._again(client, picture, statement, wanted.request_id):
                log(logging.WARNING, "a picture cannot be judged again", sequence=wanted.sequence)
            return
        zone = self._ward.current().zone(wanted.zone_id or "")
        crop = None if picture is None or zone is None else cut(picture, zone, self._pack)
        meta = EdgeCropMeta(request_id=wanted.request_id, gone=crop is None, covered=crop[1] if crop else {})
        files = {"image": ("crop.png", crop[0], "image/png")} if crop else {"none": ("", b"")}
        sent = client.post(
            self._server + CROPS_PATH, data={"meta": meta.model_dump_json()}, files=files, auth=self._auth
        )
        sent.raise_for_status()
        log(logging.INFO, "a crop was asked for", sequence=wanted.sequence, sent=crop is not None)


def cut(picture: KeptPicture, zone: Zone, pack: Pack) -> tuple[bytes, dict[int, str]] | None:
    """The bed's crop as PNG, every face blurred but the one that the reading rests on, and the tiles that this changed
    with the hashes of what was there; none for a picture that does not decode."""
    try:
        frame = decode(picture.data)
    except ImageError:
        return None
    crop = bed_crop(frame, zone)
    said = SignedReading.model_validate_json(picture.post).reading
    box = next((one.face_box for one in said.zones if one.zone_id == zone.zone_id), None)
    x, y = crop.origin
    keep = None if box is None else (box[0] - x, box[1] - y, box[2] - x, box[3] - y)
    shown = blur_faces(Frame(crop.pixels), keep, pack)
    if keep is not None:
        # Found a second time at another angle, the face in question would be blurred as somebody else's.
        x1, y1, x2, y2 = (max(0, round(side)) for side in keep)
        shown.pixels[y1:y2, x1:x2] = crop.pixels[y1:y2, x1:x2]
    return encode_png(shown.pixels), changed_tiles(crop.pixels, shown.pixels)
