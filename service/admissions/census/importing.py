"""A census file into admissions, in savepoints: one bad row never loses another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service.access import Actor, Permission
from service.admissions.census.apply import CensusState, Change, Effects, Outcome, apply_row
from service.admissions.census.rows import ALIASES, REQUIRED, CensusRow, issue, read_row
from service.admissions.census.warnings import shared_warnings
from service.admissions.changes import beds_changed, presence_changed
from service.admissions.delimited import Line, read_table
from service.admissions.errors import RowRefused
from service.admissions.event_log import begin_log
from service.admissions.issue import Issue
from service.admissions.local_time import REPLAY_AHEAD
from service.admissions.recording import log_census_row
from service.admissions.settle import link_all_bills, opened, settle
from service.admissions.tables import Admission
from service.facilities import Facility, event_now
from service.kit.clock import utc
from service.ledger import append

LIVE_AHEAD = timedelta(days=1)
"""How far ahead of a live facility's clock a fact may lie: clocks differ; a planned admission is no admission yet."""
_CHANGES_KEPT = 2000


class RowStatus(StrEnum):
    """What became of a row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class RowReport:
    """One row. `errors` say why it was rejected, `warnings` what a person should look at; `line` counts from 1."""

    line: int
    status: RowStatus
    admission_no: str = ""
    patient_no: str = ""
    errors: tuple[Issue, ...] = ()
    warnings: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a file did, or with `dry_run` would do. `ignored_columns` were not read."""

    facility_code: str
    dry_run: bool
    sha256: str
    rows: tuple[RowReport, ...]
    ignored_columns: tuple[str, ...] = ()

    def count(self, status: RowStatus) -> int:
        """How many rows ended so."""
        return sum(row.status is status for row in self.rows)


@dataclass(slots=True)
class _Run:
    """An import under way."""

    session: Session
    facility: Facility
    now: datetime
    as_of: datetime
    reports: dict[int, RowReport] = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)
    changes: list[Change] = field(default_factory=list)
    linked: list[Admission] = field(default_factory=list)
    """New stays, whose orders and charges may have come before them."""
    admissions: dict[int, str] = field(default_factory=dict)
    """Line -> admission id, of the rows that were accepted."""


def import_census(
    session: Session,
    facility: Facility,
    text: bytes | str,
    *,
    dry_run: bool = False,
    actor: Actor,
    now: datetime,
    as_of: datetime | None = None,
) -> ImportReport:
    """Imports a census file (docs/csv-contract.md); the same file twice changes nothing.

    `as_of`: event time at which the file was true, for rows that do not say; default: the facility's event time. A bed
    other than the recorded one is a transfer at that time. With `dry_run` everything is tried and nothing is kept.
    Raises `TableUnreadable` when no row can be read; a bad row only appears in the report.
    """
    actor.require(Permission.ADMISSIONS_WRITE, facility.id)
    present = event_now(facility, now)
    data = text.encode() if isinstance(text, str) else text
    table = read_table(text, ALIASES, REQUIRED)
    outer = session.begin_nested()
    try:
        run = _Run(session, facility, now, utc(as_of) if as_of else present)
        rows = _read_rows(run, table.lines, latest=present + (REPLAY_AHEAD if _is_replay(facility) else LIVE_AHEAD))
        _record(run, sorted(rows, key=lambda row: (row.as_of or run.as_of, row.line)))
        _add_warnings(run)
    except BaseException:
        outer.rollback()
        raise
    report = ImportReport(
        facility.code,
        dry_run,
        hashlib.sha256(data).hexdigest(),
        tuple(run.reports[line] for line in sorted(run.reports)),
        table.ignored,
    )
    if dry_run:
        outer.rollback()
        session.expire_all()
        return report
    outer.commit()
    _publish(run, report, actor)
    return report


def _is_replay(facility: Facility) -> bool:
    return facility.clock == "replay"


def _read_rows(run: _Run, lines: Iterable[Line], *, latest: datetime) -> list[CensusRow]:
    zone = ZoneInfo(run.facility.timezone)
    rows: list[CensusRow] = []
    known: dict[tuple[str, datetime | None], CensusRow] = {}
    for line in lines:
        admission_no, patient_no = (line.cells.get(name, "")[:64] for name in ("admission_no", "patient_no"))
        issues: tuple[Issue, ...] = (line.issue,) if line.issue else ()
        row = None
        if not issues:
            row, issues = read_row(line.number, line.cells, zone, latest=latest)
        if row is not None:
            first = known.setdefault((row.admission_no, row.as_of), row)
            if replace(first, line=row.line) != row:
                issues = (_contradiction(first.line),)
        if row is None or issues:
            run.reports[line.number] = RowReport(line.number, RowStatus.REJECTED, admission_no, patient_no, issues)
        else:
            rows.append(row)
    return rows


@dataclass(frozen=True, slots=True)
class _Done:
    """What applying one row came to."""

    row: CensusRow
    effects: Effects
    outcome: Outcome | None = None
    errors: tuple[Issue, ...] = ()


def _record(run: _Run, rows: Sequence[CensusRow]) -> None:
    """Writes all rows at once; when the database refuses that, one by one, so that only the culprit is lost."""
    try:
        done = _attempt(run, rows)
    except IntegrityError:
        done = []
        for row in rows:
            try:
                done += _attempt(run, [row])
            except IntegrityError:
                done.append(_Done(row, Effects(), errors=(_collision(),)))
    for item in done:
        status = RowStatus(item.outcome.status) if item.outcome else RowStatus.REJECTED
        run.reports[item.row.line] = RowReport(
            item.row.line, status, item.row.admission_no, item.row.patient_no, item.errors
        )
        if item.outcome is not None:
            run.admissions[item.row.line] = item.outcome.admission_id
            run.effects.add(item.effects)
            run.changes += item.outcome.changes


def _attempt(run: _Run, rows: Sequence[CensusRow]) -> list[_Done]:
    """Applies the rows in one savepoint. A row that is refused has changed nothing; `IntegrityError` undoes all."""
    done = []
    with run.session.begin_nested():
        state = CensusState.load(run.session, run.facility.id, rows)
        for row in rows:
            effects = Effects()
            try:
                outcome = apply_row(state, row, row.as_of or run.as_of, run.now, effects)
                done.append(_Done(row, effects, outcome))
            except RowRefused as refused:
                done.append(_Done(row, effects, errors=refused.issues))
        state.flush(run.session)
        _log(run, state, done)
    return done


def _log(run: _Run, state: CensusState, done: Sequence[_Done]) -> None:
    """Keeps what the rows said in the stays' logs, so that later messages are laid over it."""
    last = {item.row.admission_no: item for item in done if item.outcome and item.outcome.status != "unchanged"}
    new = {item.row.admission_no for item in done if item.outcome and item.outcome.status == "created"}
    for admission_no, item in last.items():
        admission = state.admissions[admission_no]
        is_new = admission_no in new
        if not is_new:
            begin_log(run.session, run.facility, admission)
        log_census_row(
            run.session,
            run.facility,
            admission,
            item.row.patient_no,
            state.assignments[admission.id],
            effect=", ".join(change.what for change in item.outcome.changes) if item.outcome else "",
            is_new=is_new,
            now=run.now,
        )
        if is_new:
            opened(run.session, run.facility, admission, run.now)
            run.linked.append(admission)
        else:
            run.session.flush()
            settle(run.session, run.facility, admission_no, (), run.now)
    run.session.flush()


def _add_warnings(run: _Run) -> None:
    found = shared_warnings(run.session, run.facility.id, set(run.admissions.values()))
    for line, admission_id in run.admissions.items():
        warnings = found.get(admission_id, ())
        if warnings:
            run.reports[line] = replace(run.reports[line], warnings=tuple(warnings))


def _publish(run: _Run, report: ImportReport, actor: Actor) -> None:
    """Asks for what became stale to be concluded again, and writes the import to the audit log."""
    if run.effects.since is not None:
        presence_changed(run.session, run.facility, run.effects.since, None, run.now)
    beds_changed(run.session, run.facility, run.effects.merged_beds(), run.now)
    link_all_bills(run.session, run.facility.id, run.linked)
    append(
        run.session,
        clock_now=run.now,
        kind="audit",
        actor=actor.label,
        action="census.import",
        object_kind="facility",
        object_id=run.facility.id,
        facility_id=run.facility.id,
        details={
            "sha256": report.sha256,
            "as_of": run.as_of.isoformat(),
            "rows": {status.value: report.count(status) for status in RowStatus},
            "changes": [change.as_json() for change in run.changes[:_CHANGES_KEPT]],
            "changes_left_out": max(0, len(run.changes) - _CHANGES_KEPT),
        },
    )


def _contradiction(line: int) -> Issue:
    return issue(
        "contradicts_row",
        "admission_no",
        f"line {line} says something else about the same admission",
        "keep one of them, or tell them apart by as_of",
        f"与第 {line} 行对同一次住院的描述不一致",
        "请只保留一行，或用 as_of 区分先后",
    )


def _collision() -> Issue:
    return issue(
        "collision",
        "admission_no",
        "somebody else recorded this admission or patient at the same moment",
        "import the file again",
        "该住院或患者同时被他人写入",
        "请重新导入该文件",
    )
