"""Telling the rooms above that somebody can be judged from now on, or no more."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from service.admissions import admissions_of_patient, beds_changed, presence_changed
from service.facilities import Facility, event_now
from service.kit.intervals import Interval


def judgement_changed(session: Session, facility: Facility, patient_id: str, since: datetime, now: datetime) -> None:
    """The patient's pictures from event time `since` on are read again, and what was concluded is concluded again."""
    present = event_now(facility, now)
    if since >= present:
        return
    span = Interval(since, present)
    spans, stays = [], set()
    for record in admissions_of_patient(session, patient_id):
        for stay in record.assignments:
            common = stay.interval.overlap(span)
            if common is not None:
                spans.append((stay.bed_id, common))
                stays.add(record.admission_id)
    if spans:
        beds_changed(session, facility, spans, now)
        presence_changed(session, facility, min(common.start for _, common in spans), None, now, sorted(stays))
