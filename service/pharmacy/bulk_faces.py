"""Delegates' faces in bulk, so that the first day is not all by hand: photographs and a table in a folder or ZIP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from service.access import Actor, Permission
from service.admissions import Issue, Line, RowStatus, read_table
from service.enrolment import PhotoSource, Reason, enrol_delegate, is_enrolled_from, open_source
from service.facilities import Facility, event_now
from service.kit.errors import WardwatchError
from service.pharmacy.feeds import Cells, FeedReport, RowFault, RowReport, fault_of
from service.pharmacy.registers import delegates_called
from service.pharmacy.sites import register_of
from service.platform.context import Context
from service.vision import ImageLimits, probe

FACE_COLUMNS: dict[str, str] = {
    "delegate_no": "delegate_no",
    "受托人编号": "delegate_no",
    "file": "file",
    "照片": "file",
    "consent_at": "consent_at",
    "同意时间": "consent_at",
    "consent_ref": "consent_ref",
    "同意书编号": "consent_ref",
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    delegate_no: str
    photo: bytes
    cells: Cells


def enrol_delegates(
    context: Context,
    facility: Facility,
    source: Path,
    *,
    actor: Actor,
    table: bytes | None = None,
    dry_run: bool = False,
    progress: Progress = lambda done, total: None,
) -> FeedReport:
    """Enrols every delegate of the table from its pictures; one row a picture. Every row gets its answer, a bad one
    does not stop the others. The same pictures upon the same consent, sent again, change nothing. With `dry_run`
    pictures are read and numbers looked up, nobody is enrolled.

    Raises `BulkUnreadable`, `TableUnreadable`, `Forbidden`.
    """
    actor.require(Permission.ENROLMENTS_WRITE, facility.id)
    limits = _limits(context)
    with open_source(source, max_photo_bytes=limits.max_bytes) as files:
        data = files.table() if table is None else table
        read = read_table(data, FACE_COLUMNS, frozenset({"delegate_no", "file", "consent_at"}))
        zone = ZoneInfo(facility.timezone)
        found = [_read(line, files, zone, limits) for line in read.lines]
        reports = {item.line: item for item in found if isinstance(item, RowReport)}
        people: dict[str, list[_Row]] = {}
        for item in found:
            if isinstance(item, _Row):
                people.setdefault(item.delegate_no, []).append(item)
        for done, rows in enumerate(people.values(), 1):
            reports |= {report.line: report for report in _enrol(context, facility, rows, actor, dry_run)}
            progress(done, len(people))
    ordered = tuple(reports[line] for line in sorted(reports))
    return FeedReport(dry_run, hashlib.sha256(data).hexdigest(), ordered, read.ignored)


def _read(line: Line, files: PhotoSource, zone: ZoneInfo, limits: ImageLimits) -> _Row | RowReport:
    if line.issue is not None:
        return RowReport(line.number, RowStatus.REJECTED, errors=(line.issue,))
    cells = Cells(line.cells, zone)
    try:
        number, name = cells.text("delegate_no"), cells.text("file", longest=500)
        if cells.instant("consent_at") is None:
            raise RowFault("consent_at", "consent_at is empty", "say when they consented", "同意时间为空", "请填写")
        cells.text("consent_ref", needed=False, longest=200)
        photo = files.read(name)
        probe(photo, limits, field="file")
    except RowFault as fault:
        return RowReport(line.number, RowStatus.REJECTED, line.cells.get("delegate_no", "")[:64], (fault.issue,))
    except WardwatchError as error:
        subject = line.cells.get("delegate_no", "")[:64]
        return RowReport(line.number, RowStatus.REJECTED, subject, (fault_of("file", error).issue,))
    return _Row(line.number, number, photo, cells)


def _enrol(context: Context, facility: Facility, rows: list[_Row], actor: Actor, dry_run: bool) -> list[RowReport]:
    number = rows[0].delegate_no
    first, photos = rows[0].cells, [row.photo for row in rows]
    consent_at = first.instant("consent_at") or event_now(facility, context.clock.now())
    consent_ref = first.text("consent_ref", needed=False, longest=200)
    with context.database.reading() as session:
        delegate = delegates_called(session, register_of(session, facility), (number,)).get(number)
        known = delegate is not None and is_enrolled_from(
            context, session, facility.id, delegate.id, photos, consent_at=consent_at, consent_ref=consent_ref
        )
    if delegate is None:
        unknown = Issue(
            "cell", "delegate_no", "no delegate has this number", "import the delegations first",
            "没有该编号的受托人", "请先导入委托",
        )  # fmt: skip
        return [RowReport(row.line, RowStatus.REJECTED, number, (unknown,)) for row in rows]
    if known or dry_run:
        status = RowStatus.UNCHANGED if known else RowStatus.CREATED
        return [RowReport(row.line, status, number) for row in rows]
    try:
        report = enrol_delegate(
            context,
            facility.id,
            delegate.id,
            number,
            photos,
            actor=actor,
            consent_at=consent_at,
            consent_ref=consent_ref,
        )
    except WardwatchError as error:
        issue = fault_of("file", error).issue
        return [RowReport(row.line, RowStatus.REJECTED, number, (issue,)) for row in rows]
    if not report.accepted and not report.photos:
        return [RowReport(row.line, RowStatus.REJECTED, number, _issues(report.reasons)) for row in rows]
    return [
        RowReport(row.line, RowStatus.CREATED, number)
        if report.accepted and photo.status == "accepted"
        else RowReport(row.line, RowStatus.REJECTED, number, _issues(photo.reasons or report.reasons))
        for row, photo in zip(rows, report.photos, strict=True)
    ]


def _issues(reasons: tuple[Reason, ...]) -> tuple[Issue, ...]:
    return tuple(
        Issue(reason.code, "file", reason.text_en, "send another picture", reason.text_zh, "请更换照片")
        for reason in reasons
    )


def _limits(context: Context) -> ImageLimits:
    settings = context.settings
    return ImageLimits(settings.max_image_bytes, settings.max_image_pixels, settings.max_image_side)
