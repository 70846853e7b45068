"""Second looks at what one person found: one in twenty by lot, whenever one keeps finding the same patient, and
whenever the picture shows no bed label."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from sqlmodel import Session, col, select

from service.access import Actor, Permission, Role, home_ward, ward_changes
from service.access.tables import UserAccount
from service.facilities import PresencePolicy, bed_by_id
from service.kit.errors import Conflict, NotFound
from service.kit.intervals import Interval
from service.ledger import append
from service.occupancy.errors import LookRefused
from service.occupancy.hand_tables import Reverification
from service.occupancy.looks import INSPECTOR, LookMethod, LookResult
from service.occupancy.once_more import ANSWERED_WITHIN
from service.occupancy.tables import DirectedCheck, DirectedLook

OWN_WARD_FOR = timedelta(days=7)
"""Whoever has no ward on record and looked on a ward in the last week belongs to it, as far as a second look goes."""

Result = Literal["confirmed", "contradicted"]
Voice = Literal["inspector", "another_ward", "not_seen_there"]
"""As whom somebody looks again: an inspector, somebody with another ward on record, or somebody without a ward on
record who has not looked on that ward of late."""


def is_sampled(look_id: str, share: float) -> bool:
    """Whether the lot falls on this look: SHA-256 of its id, as a fraction, lies under `share`.

    The id is random and made with the look, so nobody knows before; afterwards anybody can make the lot again.
    """
    digest = hashlib.sha256(f"wardwatch-reverify-1:{look_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def ask_again(
    session: Session, policy: PresencePolicy, request: DirectedCheck, look: DirectedLook, *, unlabelled: bool = False
) -> Reverification | None:
    """Asks for a second look at a find by the ward's own people, if the lot, a streak or a missing label
    calls for one."""
    if look.result != LookResult.FOUND.value or look.role == INSPECTOR:
        return None
    streak = _streak(session, request.admission_id, look)
    if streak > policy.reverify_streak:
        reason = "streak"
    elif unlabelled:
        reason = "no_label"  # the picture shows a patient, and not where: the word of one person alone
    elif is_sampled(look.id, policy.reverify_share):
        reason = "sample"
    else:
        return None
    row = Reverification(
        facility_id=request.facility_id,
        look_id=look.id,
        admission_id=request.admission_id,
        ward_id=bed_by_id(session, request.bed_id).ward_id if request.bed_id else None,
        reason=reason,
        asked_at=look.looked_at,
        deadline_at=look.looked_at + ANSWERED_WITHIN,
    )
    session.add(row)
    session.flush()
    return row


def answer_again(
    session: Session,
    actor: Actor,
    row: Reverification,
    result: Result,
    method: LookMethod,
    *,
    at: datetime,
    now: datetime,
) -> Reverification:
    """Records the second look. Raises `LookRefused` for the person who looked first and for whoever is of the ward
    (`_voice`), `Conflict` when it is answered already or too late: what was left undone only an inspector closes."""
    actor.require(Permission.DIRECTED_ANSWER, row.facility_id)
    first = session.get_one(DirectedLook, row.look_id)
    voice = _voice(session, actor, row, first, at, now)
    if row.result is not None or (at > row.deadline_at and voice != "inspector"):
        raise Conflict(
            "this second look was given, or its time is over", field="id", remedy="see the list of open ones"
        )
    if voice is None:
        raise LookRefused(
            "a second look is another ward's",
            remedy="ask a colleague of another ward, or an inspector",
            message_zh="复核须由其他病区人员完成",
            remedy_zh="请联系其他病区的同事或检查员",
        )
    row.answered_at, row.person_id, row.result, row.method = at, actor.id, result, method.value
    session.add(row)
    append(
        session,
        clock_now=now,
        kind="evidence",
        actor=actor.label,
        action="reverification.answered",
        object_kind="reverification",
        object_id=row.id,
        facility_id=row.facility_id,
        details={"result": result, "reason": row.reason, "look": row.look_id, "voice": voice},
    )
    return row


def reverifications(session: Session, facility_id: str, interval: Interval) -> Sequence[Reverification]:
    """The second looks asked for in `interval`, the latest first."""
    query = select(Reverification).where(
        Reverification.facility_id == facility_id,
        col(Reverification.asked_at) >= interval.start,
        col(Reverification.asked_at) <= interval.end,
    )
    return session.exec(query.order_by(col(Reverification.asked_at).desc(), col(Reverification.id))).all()


def reverification_readable_by(session: Session, actor: Actor, row_id: str) -> Reverification:
    """The second look, for whoever may answer at its facility. Raises `NotFound` or `Forbidden`."""
    row = session.get(Reverification, row_id) if row_id.isprintable() else None
    if row is None:
        raise NotFound("no such second look", field="id", remedy="GET /api/v1/reverifications lists them")
    actor.require(Permission.DIRECTED_ANSWER, row.facility_id)
    return row


@dataclass(frozen=True, slots=True)
class Confirmations:
    """How often one person found patients, beside the others of the facility.

    `times_peers`: finds over the median of everybody who found any; None when there is nobody else. `longest_streak`:
    finds of one patient in a row by this person. `asked_again`: finds of which a second look was asked for;
    `verified_again`: those of them that somebody of another ward, or an inspector, did look at again, whatever they
    found.
    """

    person_id: str
    username: str
    finds: int
    handheld: int
    patients: int
    longest_streak: int
    asked_again: int
    verified_again: int
    contradicted: int
    peers_median: float | None
    times_peers: float | None


def confirmations(session: Session, facility_id: str, interval: Interval) -> tuple[Confirmations, ...]:
    """Finds by person in `interval`, most first. Numbers to compare, no suspicion."""
    query = (
        select(DirectedLook, DirectedCheck.admission_id, UserAccount.username)
        .join(DirectedCheck, col(DirectedCheck.id) == col(DirectedLook.directed_check_id))
        .join(UserAccount, col(UserAccount.id) == col(DirectedLook.person_id))
        .where(
            DirectedCheck.facility_id == facility_id,
            DirectedLook.result == LookResult.FOUND.value,
            DirectedLook.role != INSPECTOR,
            col(DirectedLook.looked_at) >= interval.start,
            col(DirectedLook.looked_at) < interval.end,
        )
        .order_by(col(DirectedLook.looked_at), col(DirectedLook.id))
    )
    rows = session.exec(query).all()
    names = {look.person_id: username for look, _, username in rows}
    finds = Counter(look.person_id for look, _, _ in rows)
    hands = Counter(look.person_id for look, _, _ in rows if look.method == LookMethod.HANDHELD.value)
    patients: dict[str, set[str]] = defaultdict(set)
    last: dict[str, tuple[str, int]] = {}
    longest: Counter[str] = Counter()
    for look, admission_id, _ in rows:
        patients[look.person_id].add(admission_id)
        before, length = last.get(admission_id, ("", 0))
        length = length + 1 if before == look.person_id else 1
        last[admission_id] = (look.person_id, length)
        longest[look.person_id] = max(longest[look.person_id], length)
    again: Counter[str] = Counter()
    verified: Counter[str] = Counter()
    against: Counter[str] = Counter()
    by_look = {look.id: look.person_id for look, _, _ in rows}
    for row in session.exec(select(Reverification).where(Reverification.facility_id == facility_id)):
        if row.look_id in by_look:
            again[by_look[row.look_id]] += 1
            verified[by_look[row.look_id]] += row.result is not None
            against[by_look[row.look_id]] += row.result == "contradicted"
    found = []
    for person_id, number in finds.most_common():
        others = [count for other, count in finds.items() if other != person_id]
        usual = float(median(others)) if others else None
        found.append(
            Confirmations(
                person_id,
                names[person_id],
                number,
                hands[person_id],
                len(patients[person_id]),
                longest[person_id],
                again[person_id],
                verified[person_id],
                against[person_id],
                usual,
                number / usual if usual else None,
            )
        )
    return tuple(found)


def usernames(session: Session, person_ids: set[str]) -> dict[str, str]:
    """Person id -> user name."""
    query = select(UserAccount.id, UserAccount.username).where(col(UserAccount.id).in_(list(person_ids)))
    return dict(session.exec(query).all())


def _streak(session: Session, admission_id: str, look: DirectedLook) -> int:
    """How many finds of this patient in a row, up to this one, are by the same person."""
    query = (
        select(DirectedLook.person_id)
        .join(DirectedCheck, col(DirectedCheck.id) == col(DirectedLook.directed_check_id))
        .where(
            DirectedCheck.admission_id == admission_id,
            DirectedLook.result == LookResult.FOUND.value,
            col(DirectedLook.looked_at) <= look.looked_at,
        )
        .order_by(col(DirectedLook.looked_at).desc(), col(DirectedLook.id).desc())
        .limit(50)
    )
    length = 0
    for person_id in session.exec(query):
        if person_id != look.person_id:
            break
        length += 1
    return length


def _voice(
    session: Session, actor: Actor, row: Reverification, first: DirectedLook, at: datetime, now: datetime
) -> Voice | None:
    """As whom the actor may look again: None for the person who looked first, and for their ward and the patient's.

    The ward on record decides; only where none is on record, it goes by where the person has looked of late. A record
    that was changed in the last week leaves nobody without the ward of before: a friend moved for an hour is none of
    another ward.
    """
    if actor.kind != "user" or actor.id == first.person_id:
        return None
    here = {grant.role.value for grant in actor.grants if grant.facility_id in (None, row.facility_id)}
    # Whoever works on the hospital's wards does not become an inspector by a second grant.
    if INSPECTOR in here and Role.WARD_STAFF.value not in here:
        return "inspector"
    home, changes = home_ward(session, actor.id, row.facility_id), ward_changes(session, actor.id, now - OWN_WARD_FOR)
    if home is None and not changes:
        return None if _looked_there(session, actor, row, at) else "not_seen_there"
    own = {home, *(before for _, before in changes)} - {None}
    theirs = {home_ward(session, first.person_id, row.facility_id), row.ward_id}
    theirs |= {before for _, before in ward_changes(session, first.person_id, now - OWN_WARD_FOR)}
    unrecorded = [until for until, before in changes if before is None]
    if home is None:
        unrecorded.append(at)
    if own & theirs or (unrecorded and _looked_there(session, actor, row, at, until=max(unrecorded))):
        return None
    return "another_ward" if home is not None else "not_seen_there"


def _looked_there(
    session: Session, actor: Actor, row: Reverification, at: datetime, *, until: datetime | None = None
) -> bool:
    """Whether the actor looked for somebody on that ward in the last week, up to `until`."""
    if row.ward_id is None:
        return False
    query = (
        select(DirectedCheck.bed_id)
        .join(DirectedLook, col(DirectedLook.directed_check_id) == col(DirectedCheck.id))
        .where(
            DirectedCheck.facility_id == row.facility_id,
            DirectedLook.person_id == actor.id,
            col(DirectedLook.looked_at) >= at - OWN_WARD_FOR,
            col(DirectedLook.looked_at) <= (until or at),
        )
        .distinct()
    )
    return any(bed_id and bed_by_id(session, bed_id).ward_id == row.ward_id for bed_id in session.exec(query))
