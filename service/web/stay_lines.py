"""The checks and looks of one stay in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from service.occupancy import Look, PresenceCheck
from service.web.places import Places
from service.web.views import CheckLine, LookLine
from service.web.wording import Wording


def check_lines(checks: Sequence[PresenceCheck], places: Places, words: Wording) -> tuple[CheckLine, ...]:
    """The checks in order of time, each with what a reader wants to know besides."""
    return tuple(
        CheckLine(check.due_at, check.kind, check.outcome, check.method, tuple(_notes(check, places, words)))
        for check in sorted(checks, key=lambda check: check.due_at)
    )


def look_lines(looks: Sequence[Look]) -> tuple[LookLine, ...]:
    """What people saw, in order of time. Roles, not names: whoever looked is in the ledger."""
    return tuple(
        LookLine(
            look.looked_at, look.role, look.result.value, look.method.value, look.ward_searched, look.patient_called
        )
        for look in sorted(looks, key=lambda look: look.looked_at)
    )


def _notes(check: PresenceCheck, places: Places, words: Wording) -> Iterator[str]:
    details, t = check.details, words.t
    if bed_id := details.get("elsewhere_bed_id"):
        yield t("note.elsewhere", place=places.place(str(bed_id)))
    if verified_at := details.get("verified_at"):
        yield t("note.verified_at", time=words.brief(datetime.fromisoformat(str(verified_at)), check.due_at))
    if details.get("unanswered"):
        yield t("note.unanswered")
    if details.get("carer"):
        yield t("note.carer")
    if details.get("bed_swap_with"):
        yield t("note.bed_swap")
    if activity := details.get("activity"):
        yield t("note.activity", kind=t.code("activity", str(activity)))
    if late := details.get("leave_signed_late_minutes"):
        yield t("note.leave_late", duration=words.span(timedelta(minutes=float(late))))
    if blind := details.get("frames_unobserved"):
        yield t("note.blind", count=blind, frames=details.get("frames", blind))
