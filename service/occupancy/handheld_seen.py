"""Hand-held pictures for an inspector's eyes: the patient's face and the label, everybody else blurred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from service.enrolment import opened_pack
from service.kit.errors import NotFound
from service.occupancy.hand_tables import HandheldPicture
from service.occupancy.tables import DirectedCheck, DirectedLook
from service.platform.blobs import BlobMissing
from service.platform.context import Context
from service.vision import ImageLimits, assess_portrait, blur_faces, decode, encode_jpeg


@dataclass(frozen=True, slots=True)
class HandheldSeen:
    """A hand-held look of a request. `is_kept`: its picture was not deleted yet."""

    look_id: str
    looked_at: datetime
    identified_by: str
    similarity: float | None
    is_kept: bool


def handhelds_of(session: Session, check_id: str) -> Sequence[HandheldSeen]:
    """The request's hand-held looks, in order of time."""
    query = (
        select(DirectedLook, HandheldPicture)
        .join(HandheldPicture, col(HandheldPicture.look_id) == col(DirectedLook.id))
        .where(DirectedLook.directed_check_id == check_id)
        .order_by(col(DirectedLook.looked_at), col(DirectedLook.id))
    )
    return [
        HandheldSeen(look.id, look.looked_at, row.identified_by, row.similarity, row.blob_key is not None)
        for look, row in session.exec(query)
    ]


def handheld_picture(context: Context, check: DirectedCheck, look_id: str) -> bytes:
    """The picture as a JPEG without metadata: of all faces only the largest, the patient's, is left as it is.

    `check`: the request that the look answers, which the reader may read. Raises `NotFound`, `BlobMissing`.
    """
    with context.database.reading() as session:
        look = session.get(DirectedLook, look_id) if look_id.isprintable() else None
        row = session.get(HandheldPicture, look_id) if look is not None else None
    if look is None or row is None or look.directed_check_id != check.id:
        raise NotFound(
            "this request has no such picture",
            field="look_id",
            remedy="open pictures from the request's page",
            message_zh="该核查请求没有这张图片",
            remedy_zh="请从核查请求页面打开图片",
        )
    if row.blob_key is None:
        raise BlobMissing("the picture was purged", remedy="pictures are kept as long as docs/roll-calls.md says")
    frame, pack = decode(context.blobs.get(row.blob_key), ImageLimits()), opened_pack(context)
    return encode_jpeg(blur_faces(frame, assess_portrait(frame, pack).face, pack))
