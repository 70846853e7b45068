"""Shares of wards, beds, cameras and people at work, each with the same of its peers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

from sqlmodel import Session

from service.admissions import AdmissionRecord, admission_records
from service.enrolment import exempt_patients
from service.facilities import beds_of_facility, cameras_of_facility, wards_of_facility
from service.kit.intervals import Interval
from service.occupancy import (
    BlindShare,
    GivenLook,
    LookResult,
    Place,
    excuse_taps,
    looks_between,
    unobserved_share,
    windows_between,
)
from service.screening.periods import Period
from service.screening.place_facts import Confirmation, PeerFacts, PersonFacts, Remarks, Share
from service.screening.repository import verified_at
from service.screening.repository_of_places import excused_counts, exempt_elsewhere, late_blind_checks, usernames
from service.screening.subject_facts import SubjectFacts
from service.screening.subjects import Subject, SubjectKind

_BEFORE_CHECK = timedelta(hours=1)


def gather_peers(
    session: Session, place: Place, period: Period, stays: Sequence[AdmissionRecord]
) -> Iterator[SubjectFacts]:
    """Everything that is compared with its peers, over the month up to its last midnight."""
    counted = Interval(period.span.start, period.until)
    if counted.start < counted.end:
        yield from _excuses(session, place, period, counted, stays)
        yield from _late_leaves(session, place, period, counted, stays)
        yield from _exemptions(session, place, period, stays)
        yield from _blindness(session, place, period, counted)
    yield from _people(session, place, period)


def _excuses(
    session: Session, place: Place, period: Period, counted: Interval, stays: Sequence[AdmissionRecord]
) -> Iterator[PeerFacts]:
    shares = {
        ward_id: Share(*counts) for ward_id, counts in excused_counts(session, place.facility.id, counted).items()
    }
    near = _near_checks(session, place, counted, stays)
    for ward in wards_of_facility(session, place.facility.id):
        if ward.id in shares:
            yield PeerFacts(
                subject=Subject(SubjectKind.WARD, ward.id, ward.code, ward_id=ward.id),
                period=period.name,
                measure="excuses",
                own=shares[ward.id],
                peers=tuple(share for other, share in sorted(shares.items()) if other != ward.id),
                until=period.until,
                near_checks=near.get(ward.id, 0),
                policy_version=place.policy.version,
            )


def _near_checks(
    session: Session, place: Place, counted: Interval, stays: Sequence[AdmissionRecord]
) -> Mapping[str, int]:
    """Ward -> excuses that began within the hour before a check, or by a tap while one was open."""
    wards = {bed.id: bed.ward_id for bed in beds_of_facility(session, place.facility.id)}
    due = [window.due_at for window in windows_between(place.policy, place.zone, counted)]
    found: dict[str, int] = defaultdict(int)
    for stay in stays:
        starts = [leave.interval.start for leave in stay.leaves] + [item.interval.start for item in stay.off_ward]
        for start in starts:
            bed_id = stay.bed_at(start)
            if bed_id in wards and any(timedelta() <= instant - start <= _BEFORE_CHECK for instant in due):
                found[wards[bed_id]] += 1
    for tap in excuse_taps(session, place.facility.id, counted):
        if tap.during_check and tap.ward_id is not None:
            found[tap.ward_id] += 1
    return found


def _late_leaves(
    session: Session, place: Place, period: Period, counted: Interval, stays: Sequence[AdmissionRecord]
) -> Iterator[PeerFacts]:
    """Of the leaves that began in the time, by ward: how many were signed after they had begun."""
    wards = {bed.id: bed.ward_id for bed in beds_of_facility(session, place.facility.id)}
    given: dict[str, list[bool]] = defaultdict(list)
    for stay in stays:
        for leave in stay.leaves:
            ward_id = wards.get(stay.bed_at(leave.interval.start) or "")
            if ward_id is not None and counted.contains(leave.interval.start):
                given[ward_id].append(leave.signed_at > leave.interval.start)
    shares = {ward_id: Share(sum(late), len(late)) for ward_id, late in given.items()}
    for ward in wards_of_facility(session, place.facility.id):
        if ward.id in shares and shares[ward.id].hits:
            yield PeerFacts(
                subject=Subject(SubjectKind.WARD, ward.id, ward.code, ward_id=ward.id),
                period=period.name,
                measure="late_leaves",
                own=shares[ward.id],
                peers=tuple(share for other, share in sorted(shares.items()) if other != ward.id),
                until=period.until,
                policy_version=place.policy.version,
            )


def _exemptions(
    session: Session, place: Place, period: Period, stays: Sequence[AdmissionRecord]
) -> Iterator[PeerFacts]:
    """Patients of the month by ward; peers are wards of the same specialty, here and in other facilities."""
    exempt = exempt_patients(session, place.facility.id)
    wards = {ward.id: ward for ward in wards_of_facility(session, place.facility.id)}
    of_bed = {bed.id: bed.ward_id for bed in beds_of_facility(session, place.facility.id)}
    patients: dict[str, set[str]] = defaultdict(set)
    for stay in stays:
        for bed_id, held in stay.assignments:
            if bed_id in of_bed and held.overlap(period.span) is not None:
                patients[of_bed[bed_id]].add(stay.patient_id)
    if not any(people & exempt for people in patients.values()):
        return
    shares = {ward_id: Share(len(people & exempt), len(people)) for ward_id, people in patients.items()}
    elsewhere = exempt_elsewhere(session, place.facility.id, period.span)
    for ward_id, own in sorted(shares.items()):
        ward = wards[ward_id]
        peers = [
            s for other, s in sorted(shares.items()) if other != ward_id and wards[other].specialty == ward.specialty
        ]
        peers += [Share(*counts) for counts in elsewhere.get(ward.specialty, ())]
        yield PeerFacts(
            subject=Subject(SubjectKind.WARD, ward_id, ward.code, ward_id=ward_id),
            period=period.name,
            measure="exemptions",
            own=own,
            peers=tuple(peers),
            until=period.until,
            policy_version=place.policy.version,
        )


def _blindness(session: Session, place: Place, period: Period, counted: Interval) -> Iterator[PeerFacts]:
    # A picture that came late proves no empty bed; that is no blindness, and `late_backfill` counts it.
    late = late_blind_checks(session, place.facility.id, counted)
    rows = [
        replace(
            row,
            # A check that a logged privacy pause hid is none of the bed's; neither are those hours of the night.
            checks=max(0, row.checks - row.paused_checks - late.get(row.bed_id, 0)),
            blind_checks=max(0, row.blind_checks - late.get(row.bed_id, 0)),
            night_seconds=row.night_seconds - row.paused_night_seconds,
        )
        for row in unobserved_share(session, place.facility.id, counted)
    ]
    beds = {bed.id: bed for bed in beds_of_facility(session, place.facility.id)}
    wards = {ward.id: ward for ward in wards_of_facility(session, place.facility.id)}
    by_bed = {row.bed_id: row for row in rows if row.bed_id in beds}
    names = {
        bed_id: Subject(
            SubjectKind.BED,
            bed_id,
            f"{wards[beds[bed_id].ward_id].code}/{beds[bed_id].code}",
            bed_id=bed_id,
            ward_id=beds[bed_id].ward_id,
        )
        for bed_id in by_bed
    }
    cameras = {camera.id: camera for camera in cameras_of_facility(session, place.facility.id)}
    by_camera: dict[str, list[BlindShare]] = defaultdict(list)
    for row in rows:
        for camera_id in row.camera_ids:
            by_camera[camera_id].append(row)
    for measure in ("blind_checks", "blind_nights"):
        of_beds = {bed_id: _blind(measure, [row]) for bed_id, row in by_bed.items()}
        pauses = {bed_id: row.pauses for bed_id, row in by_bed.items()}
        yield from _compared(names, of_beds, measure, place, period, pauses)
        # A camera is as blind as the beds it alone should see: counted once a check, not once a bed.
        of_cameras = {key: _least_blind(measure, own) for key, own in by_camera.items() if key in cameras}
        of_names = {
            key: Subject(SubjectKind.CAMERA, key, cameras[key].code, ward_id=cameras[key].ward_id) for key in of_cameras
        }
        drawn = {key: max(row.pauses for row in by_camera[key]) for key in of_cameras}
        yield from _compared(of_names, of_cameras, measure, place, period, drawn)


def _blind(measure: str, rows: Sequence[BlindShare]) -> Share:
    if measure == "blind_checks":
        return Share(sum(row.blind_checks for row in rows), sum(row.checks for row in rows))
    hours = sum(row.night_seconds for row in rows) // 3600
    return Share(min(round(sum(row.blind_night_seconds for row in rows) / 3600), hours), hours)


def _least_blind(measure: str, rows: Sequence[BlindShare]) -> Share:
    return min((_blind(measure, [row]) for row in rows), key=lambda share: (share.value, -share.trials))


def _compared(
    names: Mapping[str, Subject],
    shares: Mapping[str, Share],
    measure: str,
    place: Place,
    period: Period,
    pauses: Mapping[str, int],
) -> Iterator[PeerFacts]:
    for key, own in sorted(shares.items()):
        if own.hits:
            yield PeerFacts(
                subject=names[key],
                period=period.name,
                measure=measure,
                own=own,
                peers=tuple(share for other, share in sorted(shares.items()) if other != key),
                until=period.until,
                paused=pauses[key],
                subjects_tested=len(shares),
                counter_evidence=Remarks({"privacy_pauses": pauses[key]}),
                policy_version=place.policy.version,
            )


def _people(session: Session, place: Place, period: Period) -> Iterator[SubjectFacts]:
    """Each person who confirmed that patients were there: finds in a row, second looks that disagree, and the share of
    the ward's requests that they confirmed."""
    given = looks_between(session, place.facility.id, period.span)
    finds = [item for item in given if item.look.result is LookResult.FOUND]
    if not finds:
        return
    names = usernames(session, {item.look.person_id for item in finds})
    numbers = dict.fromkeys(item.admission_id for item in finds)
    runs = _runs(session, finds, list(numbers))
    by_person: dict[str, list[GivenLook]] = defaultdict(list)
    for item in finds:
        by_person[item.look.person_id].append(item)
    asked: dict[str, set[str]] = defaultdict(set)
    for item in given:
        asked[item.ward_id or ""].add(item.directed_check_id)
    shares = {
        person: Share(
            len({item.directed_check_id for item in own}),
            len(set().union(*(asked[item.ward_id or ""] for item in own))),
        )
        for person, own in by_person.items()
    }
    admission_nos = _numbers(session, place, list(numbers))
    for person, own in sorted(by_person.items()):
        subject = Subject(SubjectKind.PERSON, person, names.get(person, person))
        longest = max((run for run in runs if run[0].look.person_id == person), key=len, default=())
        yield PersonFacts(
            subject=subject,
            period=period.name,
            confirmations=tuple(
                Confirmation(
                    item.look.look_id,
                    admission_nos.get(item.admission_id, ""),
                    person,
                    item.look.looked_at,
                    item.reverified == "contradicted",
                )
                for item in own
            ),
            longest_run=len(longest),
            run_admission_no=admission_nos.get(longest[0].admission_id, "") if longest else "",
            run_ids=tuple(item.look.look_id for item in longest),
            run_at=longest[-1].look.looked_at if longest else None,
            counter_evidence=Remarks({"confirmed_finds": sum(item.reverified == "confirmed" for item in own)}),
            policy_version=place.policy.version,
        )
        yield PeerFacts(
            subject=subject,
            period=period.name,
            measure="confirmations",
            own=shares[person],
            peers=tuple(share for other, share in sorted(shares.items()) if other != person),
            until=period.until,
            policy_version=place.policy.version,
        )


def _runs(session: Session, finds: Sequence[GivenLook], admission_ids: Sequence[str]) -> list[tuple[GivenLook, ...]]:
    """Finds of one patient by one person in a row: no camera verified the patient between, nobody else found them."""
    verified = verified_at(session, admission_ids)
    found: list[tuple[GivenLook, ...]] = []
    ordered = sorted(finds, key=lambda item: (item.admission_id, item.look.looked_at, item.look.look_id))
    for admission_id, own in groupby(ordered, key=lambda item: item.admission_id):
        run: list[GivenLook] = []
        for item in own:
            between = any(
                run[-1].look.looked_at < when < item.look.looked_at for when in verified.get(admission_id, ()) if run
            )
            if run and (between or item.look.person_id != run[-1].look.person_id):
                found.append(tuple(run))
                run = []
            run.append(item)
        found.append(tuple(run))
    return found


def _numbers(session: Session, place: Place, admission_ids: Sequence[str]) -> dict[str, str]:
    records = admission_records(session, place.facility.id, admission_ids)
    return {record.admission_id: record.admission_no for record in records}
