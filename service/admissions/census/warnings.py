"""What is recorded as the hospital says it and still asks for a look: shared beds, and one patient twice.

Such rows are not refused. The hospital did admit these patients: a stay left out would turn whoever lies in the bed
into a stranger, and hide what the rule `two_on_one_bed` exists to show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from service.admissions.census.rows import issue
from service.admissions.issue import Issue
from service.admissions.tables import Admission, BedAssignment

_SHARING = frozenset({"newborn", "maternity", "paediatric"})
"""A mother and her child may share a bed."""
_CHUNK = 500


def shared_warnings(session: Session, facility_id: str, admission_ids: Iterable[str]) -> dict[str, list[Issue]]:
    """Admission id -> what to look at."""
    found: dict[str, list[Issue]] = defaultdict(list)
    wanted = sorted(set(admission_ids))
    for at in range(0, len(wanted), _CHUNK):
        chunk = wanted[at : at + _CHUNK]
        for admission_id, other_no in _sharing_a_bed(session, facility_id, chunk):
            found[admission_id].append(_shared_bed(other_no))
        for admission_id, other_no in _admitted_twice(session, facility_id, chunk):
            found[admission_id].append(_twice(other_no))
    return found


def _sharing_a_bed(session: Session, facility_id: str, admission_ids: Sequence[str]) -> list[tuple[str, str]]:
    mine, theirs = aliased(BedAssignment), aliased(BedAssignment)
    me, other = aliased(Admission), aliased(Admission)
    query = (
        select(col(me.id), col(other.admission_no))
        .join(mine, col(mine.admission_id) == col(me.id))
        .join(theirs, (col(theirs.bed_id) == col(mine.bed_id)) & (col(theirs.admission_id) != col(me.id)))
        .join(other, col(other.id) == col(theirs.admission_id))
        .where(
            col(me.id).in_(admission_ids),
            col(other.facility_id) == facility_id,
            col(other.cancelled_at).is_(None),
            or_(col(theirs.to_at).is_(None), col(theirs.to_at) > col(mine.from_at)),
            or_(col(mine.to_at).is_(None), col(mine.to_at) > col(theirs.from_at)),
            col(me.category).not_in(_SHARING),
            col(other.category).not_in(_SHARING),
        )
        .distinct()
        .order_by(col(other.admission_no))
    )
    return [(admission_id, number) for admission_id, number in session.exec(query)]


def _admitted_twice(session: Session, facility_id: str, admission_ids: Sequence[str]) -> list[tuple[str, str]]:
    me, other = aliased(Admission), aliased(Admission)
    query = (
        select(col(me.id), col(other.admission_no))
        .join(other, (col(other.patient_id) == col(me.patient_id)) & (col(other.id) != col(me.id)))
        .where(
            col(me.id).in_(admission_ids),
            col(other.facility_id) == facility_id,
            col(other.cancelled_at).is_(None),
            or_(col(other.discharged_at).is_(None), col(other.discharged_at) > col(me.admitted_at)),
            or_(col(me.discharged_at).is_(None), col(me.discharged_at) > col(other.admitted_at)),
        )
        .order_by(col(other.admission_no))
    )
    return [(admission_id, number) for admission_id, number in session.exec(query)]


def _shared_bed(other_no: str) -> Issue:
    return issue(
        "bed_shared",
        "bed",
        f"admission {other_no} has this bed at the same time",
        "record the other one's discharge or transfer, if it happened",
        f"住院号 {other_no} 同时占用该床位",
        "如对方已出院或转床，请补录",
    )


def _twice(other_no: str) -> Issue:
    return issue(
        "patient_admitted_twice",
        "patient_no",
        f"the patient has admission {other_no} at the same time",
        "record the discharge of one of them, if it happened",
        f"该患者同时存在住院号 {other_no}",
        "如其中一次已出院，请补录",
    )
