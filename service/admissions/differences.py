"""What a change of a stay makes stale, and in words: two records compared, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.admissions.records import FOREVER, AdmissionRecord
from service.kit.intervals import Interval, subtract, union

GRACE_REACH = timedelta(hours=24)
"""How long after an admission checks still depend on when it was: grace periods are shorter than this."""
_ATTRIBUTES = (
    "category",
    "admission_type",
    "diagnosis_code",
    "discharge_disposition",
    "attending_doctor",
    "admitting_clerk",
    "payment_method",
    "course",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """`spans`: event times whose conclusions are stale. `beds`: beds that were another patient's, and when.

    `words` says what changed, in English, short; empty when nothing did.
    """

    spans: tuple[Interval, ...]
    beds: tuple[tuple[str, Interval], ...]
    words: str


def difference(before: AdmissionRecord | None, after: AdmissionRecord | None) -> Difference:
    """What differs between two states of one stay; None is a stay that is not, or was cancelled."""
    if before == after:
        return Difference((), (), "")
    beds = _bed_spans(before, after)
    spans = [span for _, span in beds] + _stay_spans(before, after) + _absence_spans(before, after)
    return Difference(union(spans), beds, _words(before, after)[:500])


def _bed_spans(before: AdmissionRecord | None, after: AdmissionRecord | None) -> tuple[tuple[str, Interval], ...]:
    other_person = before is not None and after is not None and before.patient_id != after.patient_id
    old, new = _by_bed(before), _by_bed(after)
    found: list[tuple[str, Interval]] = []
    for bed_id in sorted(old.keys() | new.keys()):
        mine, theirs = old.get(bed_id, []), new.get(bed_id, [])
        changed = mine + theirs if other_person else _either_not_both(mine, theirs)
        found += [(bed_id, span) for span in union(changed)]
    return tuple(found)


def _by_bed(record: AdmissionRecord | None) -> dict[str, list[Interval]]:
    beds: dict[str, list[Interval]] = {}
    for stay in record.assignments if record else ():
        beds.setdefault(stay.bed_id, []).append(stay.interval)
    return beds


def _either_not_both(first: list[Interval], second: list[Interval]) -> list[Interval]:
    left = [span for one in first for span in subtract(one, second)]
    return left + [span for one in second for span in subtract(one, first)]


def _stay_spans(before: AdmissionRecord | None, after: AdmissionRecord | None) -> list[Interval]:
    if before is None or after is None:
        there = after or before
        return [there.stay] if there else []
    spans = _either_not_both([before.stay], [after.stay])
    if before.admitted_at != after.admitted_at:
        start, end = sorted((before.admitted_at, after.admitted_at))
        spans.append(Interval(start, end + GRACE_REACH))
    if (before.category, before.admission_type, before.patient_id) != (
        after.category,
        after.admission_type,
        after.patient_id,
    ):
        spans.append(after.stay)
    return spans


def _absence_spans(before: AdmissionRecord | None, after: AdmissionRecord | None) -> list[Interval]:
    old, new = _absences(before), _absences(after)
    spans: list[Interval] = []
    for kind in old.keys() | new.keys():
        spans += _either_not_both(old.get(kind, []), new.get(kind, []))
    return spans


def _absences(record: AdmissionRecord | None) -> dict[str, list[Interval]]:
    found: dict[str, list[Interval]] = {}
    for leave in record.leaves if record else ():
        found.setdefault("leave", []).append(leave.interval)
    for activity in record.off_ward if record else ():
        found.setdefault(activity.kind, []).append(activity.interval)
    return found


def _words(before: AdmissionRecord | None, after: AdmissionRecord | None) -> str:
    if before is None and after is not None:
        return f"admitted {_instant(after.admitted_at)}"
    if before is not None and after is None:
        return f"admission of {_instant(before.admitted_at)} taken back"
    if before is None or after is None:
        return ""
    words = []
    if before.patient_id != after.patient_id:
        words.append("patient")
    for name in ("admitted_at", "discharged_at"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            words.append(f"{name} {_instant(old)} -> {_instant(new)}")
    if before.assignments != after.assignments:
        words.append("beds")
    if before.leaves != after.leaves:
        words.append(_leave_words(len(before.leaves), len(after.leaves)))
    if before.off_ward != after.off_ward:
        words.append("activities off the ward")
    words += [name for name in _ATTRIBUTES if getattr(before, name) != getattr(after, name)]
    return ", ".join(words)


def _leave_words(old: int, new: int) -> str:
    return f"leaves {old} -> {new}" if old != new else "leave times"


def _instant(instant: datetime | None) -> str:
    return "none" if instant is None or instant >= FOREVER else instant.strftime("%Y-%m-%dT%H:%M:%SZ")
