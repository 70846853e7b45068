"""Many patients at once from a folder or a ZIP with a table: the cold start. Every row gets its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.access import Actor, Permission
from service.admissions import Patient, patient_by_no, read_table
from service.enrolment.bulk_rows import ALIASES, REQUIRED, BulkEntry, read_entry
from service.enrolment.consent import record_consent
from service.enrolment.enrol_patient import (
    Request,
    check_consent,
    check_photo_count,
    enrolment_request,
    store_enrolment,
    unchanged_report,
)
from service.enrolment.errors import ConsentInvalid, PhotoMissing, PhotoUnsafe
from service.enrolment.look_alikes import KnownFaces
from service.enrolment.photos import AssessedPhoto, Assessor, pack_assessor, photo_digest
from service.enrolment.reasons import Reason, reason, reason_of_error
from service.enrolment.report import EnrolmentReport, EnrolmentStatus, LookAlike, PhotoReport
from service.enrolment.sources import PhotoSource, open_source
from service.enrolment.templates import active_templates
from service.facilities import Facility
from service.kit.errors import InvalidInput, NotFound
from service.platform.context import Context


@dataclass(frozen=True, slots=True)
class BulkRow:
    """One row of the table and what became of it. `quality` 0..1; `proven`: the patient can be judged by it."""

    line: int
    patient_no: str
    file: str
    status: EnrolmentStatus
    quality: float | None = None
    proven: bool = False
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    look_alikes: tuple[LookAlike, ...] = ()


@dataclass(frozen=True, slots=True)
class BulkReport:
    """A bulk enrolment. `ignored_columns` were not read."""

    facility_code: str
    rows: tuple[BulkRow, ...]
    ignored_columns: tuple[str, ...] = ()

    def count(self, status: EnrolmentStatus) -> int:
        """How many rows ended so."""
        return sum(row.status is status for row in self.rows)


Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


def bulk_enrol(
    context: Context,
    facility: Facility,
    source: Path | BinaryIO,
    *,
    actor: Actor,
    table: bytes | None = None,
    default_reference: str = "unproven",
    assessor: Assessor | None = None,
    progress: Progress | None = None,
) -> BulkReport:
    """Enrols from a folder or ZIP with a table (docs/csv-contract.md); `table` when it lies elsewhere.

    Each patient is a transaction of its own: what was done stays when the rest fails, and the same bulk again changes
    nothing. Rows of one patient are one enrolment of several pictures. Raises `BulkUnreadable`, `TableUnreadable`,
    `PackUnusable`, `Forbidden`; a bad row or picture only appears in the report.
    """
    actor.require(Permission.ENROLMENTS_WRITE, facility.id)
    chosen = assessor or pack_assessor(context)
    with open_source(source, max_photo_bytes=context.settings.max_image_bytes) as photos:
        parsed = read_table(photos.table() if table is None else table, ALIASES, REQUIRED)
        zone = ZoneInfo(facility.timezone)
        rows: dict[int, BulkRow] = {}
        groups: dict[str, list[BulkEntry]] = {}
        for line in parsed.lines:
            entry = read_entry(line, zone, default_reference)
            if isinstance(entry, Reason):
                names = (line.cells.get("patient_no", "")[:64], line.cells.get("file", "")[:200])
                rows[line.number] = BulkRow(line.number, *names, EnrolmentStatus.REFUSED, reasons=(entry,))
            else:
                groups.setdefault(entry.patient_no, []).append(entry)
        faces = KnownFaces(context.keys, facility.id, chosen.pack_hash)
        for entries in groups.values():
            for row in _Group(context, facility, photos, chosen, actor, faces).run(entries):
                rows[row.line] = row
            if progress is not None:
                progress(len(rows), len(parsed.lines))
    return BulkReport(facility.code, tuple(rows[line] for line in sorted(rows)), parsed.ignored)


@dataclass(frozen=True, slots=True)
class _Group:
    """The rows of one patient."""

    context: Context
    facility: Facility
    photos: PhotoSource
    assessor: Assessor
    actor: Actor
    faces: KnownFaces

    def run(self, entries: Sequence[BulkEntry]) -> list[BulkRow]:
        """Consent in one transaction, pictures in none, templates in another: the database is never held meanwhile."""
        first = entries[0]
        rows = [_refused(entry, reason("contradicts_row")) for entry in entries if not _agree(first, entry)]
        entries = [entry for entry in entries if _agree(first, entry)]
        try:
            with self.context.database.transaction() as session:
                request, answer = self._begin(session, first)
            if answer is not None:
                return rows + [_answered(entry, answer) for entry in entries]
            return rows + self._enrol(request, entries)
        except NotFound:
            return rows + [_refused(entry, reason("unknown_patient")) for entry in entries]
        except ConsentInvalid as error:
            return rows + [_refused(entry, reason_of_error(error, "consent_invalid")) for entry in entries]
        except InvalidInput as error:
            return rows + [_refused(entry, reason_of_error(error, "row_invalid")) for entry in entries]

    def _begin(self, session: Session, first: BulkEntry) -> tuple[Request, EnrolmentReport | None]:
        patient = patient_by_no(session, self.facility.id, first.patient_no)
        request = enrolment_request(self.context, session, patient, first.reference, self.actor, first.effective_from)
        self._record_consent(session, patient, first)
        return request, check_consent(session, request)

    def _record_consent(self, session: Session, patient: Patient, entry: BulkEntry) -> None:
        if entry.consent is None or entry.consent_at is None:
            return
        record_consent(
            session,
            patient,
            status=entry.consent,
            given_at=entry.consent_at,
            given_by=entry.consent_by,
            document_ref=entry.document_ref,
            actor=self.actor.label,
            now=self.context.clock.now(),
        )

    def _enrol(self, request: Request, entries: Sequence[BulkEntry]) -> list[BulkRow]:
        rows: list[BulkRow] = []
        files: list[tuple[BulkEntry, bytes]] = []
        for entry in entries:
            try:
                files.append((entry, self.photos.read(entry.file)))
            except PhotoMissing as error:
                rows.append(_refused(entry, reason_of_error(error, "photo_missing")))
            except PhotoUnsafe as error:
                rows.append(_refused(entry, reason_of_error(error, "photo_unsafe")))
        if not files:
            return rows
        check_photo_count(len(files))
        digests = [photo_digest(data) for _, data in files]
        report = self._known(request, digests) or self._store(request, files)
        found = {photo.sha256: photo for photo in report.photos}
        return rows + [
            _reported(entry, report, found.get(digest)) for (entry, _), digest in zip(files, digests, strict=True)
        ]

    def _known(self, request: Request, digests: Sequence[str]) -> EnrolmentReport | None:
        """Pictures that are templates already need no second look: this is what makes a bulk cheap to repeat."""
        with self.context.database.reading() as session:
            active = active_templates(session, request.patient.id, self.assessor.pack_hash)
        same = [row for row in active if row.photo_sha256 in digests and row.reference == request.reference]
        if {row.photo_sha256 for row in same} != set(digests):
            return None
        return unchanged_report(request, [AssessedPhoto(digest, 0.0, ()) for digest in dict.fromkeys(digests)], same)

    def _store(self, request: Request, files: Iterable[tuple[BulkEntry, bytes]]) -> EnrolmentReport:
        assessed = {photo_digest(data): self.assessor(data, entry.file) for entry, data in files}
        with self.context.database.transaction() as session:
            return store_enrolment(
                self.context,
                session,
                request,
                tuple(assessed.values()),
                self.assessor.pack_hash,
                self.faces,
                same_person=self.assessor.same_person,
            )


def _agree(first: BulkEntry, other: BulkEntry) -> bool:
    """Whether two rows of one patient can be one enrolment."""

    def said(entry: BulkEntry) -> tuple[object, ...]:
        return (entry.reference, entry.consent, entry.consent_at, entry.consent_by, entry.effective_from)

    return said(first) == said(other)


def _refused(entry: BulkEntry, *reasons: Reason) -> BulkRow:
    return BulkRow(entry.line, entry.patient_no, entry.file, EnrolmentStatus.REFUSED, reasons=reasons)


def _answered(entry: BulkEntry, report: EnrolmentReport) -> BulkRow:
    """A row that ended at consent: exempt if the table itself says that consent was refused."""
    status = EnrolmentStatus.EXEMPT if entry.consent == "refused" else report.status
    return BulkRow(entry.line, entry.patient_no, entry.file, status, reasons=report.reasons)


def _reported(entry: BulkEntry, report: EnrolmentReport, photo: PhotoReport | None) -> BulkRow:
    return BulkRow(
        line=entry.line,
        patient_no=entry.patient_no,
        file=entry.file,
        status=photo.status if photo is not None else report.status,
        quality=photo.quality if photo is not None else None,
        proven=report.proven and photo is not None and photo.status is not EnrolmentStatus.REFUSED,
        reasons=photo.reasons if photo is not None and photo.reasons else report.reasons,
        warnings=report.warnings,
        look_alikes=report.look_alikes,
    )
