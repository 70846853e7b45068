"""A nurse's hand-held look: one fresh code, one picture of face and bed label, one use. Then a second person, at times.

The code binds the picture to the moment: it is shown to one person for one request, for minutes, and spent by the look.
The picture must be new to the installation; it is kept sealed, so that a person can see face and label later.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from service.access import Actor
from service.admissions import admission_record
from service.enrolment import opened_pack, templates_of
from service.facilities import facility_by_id, watermark
from service.ledger import append
from service.occupancy.directed import Answer, add_look
from service.occupancy.errors import HandheldRefused
from service.occupancy.hand_tables import HandheldChallenge, HandheldPicture
from service.occupancy.labels import LabelSeen, beds_in_question, label_seen
from service.occupancy.looks import LookMethod, LookResult
from service.occupancy.place import place_of
from service.occupancy.tables import DirectedCheck, DirectedLook
from service.platform.context import Context
from service.vision import ImageLimits, assess_portrait, decode

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without characters that are taken for one another."""
_CODE_LENGTH = 6


class IdentifiedBy(StrEnum):
    """How the person at the bed knew who lies there. A face is never the only way."""

    FACE = "face"
    WRISTBAND = "wristband"
    ID_CARD = "id_card"


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """How alike the face in a picture is to the patient's templates, and from what value on it is the patient."""

    similarity: float
    threshold: float

    @property
    def is_same(self) -> bool:
        """Whether it is the patient."""
        return self.similarity >= self.threshold


Matcher = Callable[[bytes, str], FaceMatch | None]
"""(picture, patient id) -> the match; None when the picture shows no face that could be compared."""


def new_challenge(context: Context, session: Session, actor: Actor, request: DirectedCheck) -> HandheldChallenge:
    """A fresh code for this person and this request; earlier ones that were not used are void."""
    now = context.clock.now()
    facility = facility_by_id(session, request.facility_id)
    policy = place_of(facility, session, watermark(facility, context.clock)).policy
    _people_only(actor)
    for old in session.exec(
        select(HandheldChallenge).where(
            HandheldChallenge.directed_check_id == request.id,
            HandheldChallenge.person_id == actor.id,
            col(HandheldChallenge.used_at).is_(None),
            col(HandheldChallenge.expires_at) > now,
        )
    ):
        old.expires_at = now
        session.add(old)
    row = HandheldChallenge(
        directed_check_id=request.id,
        person_id=actor.id,
        nonce="".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)),
        issued_at=now,
        expires_at=now + policy.handheld_code,
    )
    session.add(row)
    session.flush()
    return row


def matcher_of(context: Context) -> Matcher:
    """Compares 1:1 with the patient's own templates, by the installation's pack. Nothing of the face is kept."""

    def match(picture: bytes, patient_id: str) -> FaceMatch | None:
        pack = opened_pack(context)
        with context.database.reading() as session:
            own = templates_of(context, session, patient_id)
        if not len(own.keys):
            raise HandheldRefused(
                "the patient has no face on record",
                field="identified_by",
                remedy="identify by wristband or identity card",
                message_zh="该患者没有登记照片",
                remedy_zh="请改用腕带或身份证核对",
            )
        seen = assess_portrait(decode(picture, ImageLimits()), pack)
        if seen.embedding is None:
            return None
        return FaceMatch(float(np.max(own.vectors @ seen.embedding)), pack.thresholds.same_person)

    return match


def record_handheld(
    context: Context,
    actor: Actor,
    request: DirectedCheck,
    nonce: str,
    picture: bytes,
    identified_by: IdentifiedBy,
    matcher: Matcher,
) -> DirectedLook:
    """Records that the person found the patient. Opens its own transactions: the picture is looked at outside of them.

    Raises `HandheldRefused` (code, picture, face), `LookRefused`, `DirectedCheckClosed`.
    """
    digest = hashlib.sha256(picture).hexdigest()
    with context.database.reading() as session:
        _good_challenge(context, session, actor, request, nonce)
        _refuse_known(session, digest)
        patient_id = admission_record(session, request.admission_id).patient_id
        beds = beds_in_question(session, request)
    match = None
    if identified_by is IdentifiedBy.FACE:
        match = _same_face(matcher(picture, patient_id))
    else:
        decode(picture, ImageLimits())  # a picture that shows nothing proves nothing
    label = label_seen(picture, beds)
    if label is LabelSeen.OTHER_BED:
        raise HandheldRefused(
            "the label in the picture is another bed's",
            field="picture",
            remedy="take the picture at the patient's bed, with that bed's label in it",
            message_zh="照片中的床位标签属于其他床位",
            remedy_zh="请在患者床旁拍照，并拍到该床位的标签",
        )
    key = context.blobs.put(picture)
    try:
        with context.database.transaction() as session:
            challenge = _good_challenge(context, session, actor, request, nonce)
            _refuse_known(session, digest)
            challenge.used_at = context.clock.now()
            session.add(challenge)
            standing = session.get_one(DirectedCheck, request.id)
            answer = Answer(LookResult.FOUND, LookMethod.HANDHELD)
            look = add_look(session, actor, standing, answer, context.clock, unlabelled=label is LabelSeen.FALSE)
            if session.get(HandheldPicture, look.id) is None:
                session.add(
                    HandheldPicture(
                        look_id=look.id,
                        challenge_id=challenge.id,
                        identified_by=identified_by.value,
                        sha256=digest,
                        blob_key=key,
                        similarity=match.similarity if match else None,
                        threshold=match.threshold if match else None,
                        recorded_at=context.clock.now(),
                    )
                )
            _note(context, session, actor, look, identified_by, label, digest, standing.facility_id)
    except BaseException:
        context.blobs.delete(key)
        raise
    return look


def purge_handheld_job(context: Context, _payload: dict[str, Any]) -> None:
    """Job `handheld.purge`."""
    purge_pictures(context)


def purge_pictures(context: Context) -> int:
    """Deletes hand-held pictures whose term is over: as long as those behind an open question. The look stays."""
    before = context.clock.now() - timedelta(days=context.settings.open_check_retention_days)
    with context.database.transaction() as session:
        query = select(HandheldPicture).where(
            col(HandheldPicture.blob_key).is_not(None), col(HandheldPicture.recorded_at) < before
        )
        rows = session.exec(query.limit(1000)).all()
        for row in rows:
            context.blobs.delete(row.blob_key or "")
            row.blob_key = None
            session.add(row)
    return len(rows)


def _people_only(actor: Actor) -> None:
    if actor.kind != "user":
        raise HandheldRefused("a program has no hands", remedy="log in as a person")


def _good_challenge(
    context: Context, session: Session, actor: Actor, request: DirectedCheck, nonce: str
) -> HandheldChallenge:
    _people_only(actor)
    query = select(HandheldChallenge).where(
        HandheldChallenge.directed_check_id == request.id,
        HandheldChallenge.person_id == actor.id,
        HandheldChallenge.nonce == nonce.strip().upper()[:16],
    )
    found = (
        session.exec(query.order_by(col(HandheldChallenge.issued_at).desc())).first() if nonce.isprintable() else None
    )
    if found is None or found.used_at is not None or found.expires_at <= context.clock.now():
        raise HandheldRefused(
            "the code was used, has expired, or was shown to somebody else",
            field="nonce",
            remedy="open the page again: it shows a fresh code",
            message_zh="验证码已使用、已过期，或不属于您",
            remedy_zh="请重新打开页面以获取新的验证码",
        )
    return found


def _refuse_known(session: Session, digest: str) -> None:
    if session.exec(select(HandheldPicture.look_id).where(HandheldPicture.sha256 == digest)).first() is not None:
        raise HandheldRefused(
            "this very picture was used before",
            field="picture",
            remedy="take a new picture at the bed",
            message_zh="此照片已使用过",
            remedy_zh="请在床旁重新拍照",
        )


def _same_face(match: FaceMatch | None) -> FaceMatch:
    if match is None:
        raise HandheldRefused(
            "no face that could be compared is in the picture",
            field="picture",
            remedy="take another one with more light, or identify by wristband or identity card",
            message_zh="照片中没有可比对的人脸",
            remedy_zh="请在光线更好时重拍，或改用腕带或身份证核对",
        )
    if not match.is_same:
        raise HandheldRefused(
            "the face is not like the patient's",
            field="picture",
            remedy="take another one, or identify by wristband or identity card; report somebody else as such",
            message_zh="照片中的人脸与患者不符",
            remedy_zh="请重拍，或改用腕带或身份证核对；如确为他人，请如实登记",
        )
    return match


def _note(
    context: Context,
    session: Session,
    actor: Actor,
    look: DirectedLook,
    identified_by: IdentifiedBy,
    label: LabelSeen,
    digest: str,
    facility_id: str,
) -> None:
    append(
        session,
        clock_now=context.clock.now(),
        kind="evidence",
        actor=actor.label,
        action="handheld.recorded",
        object_kind="directed_look",
        object_id=look.id,
        facility_id=facility_id,
        details={"identified_by": identified_by.value, "label_seen": label.value, "picture_sha256": digest},
    )
