"""Which findings stand although the books say otherwise now: what was corrected after people had looked is for a person
to weigh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlmodel import Session

from service.admissions import CorrectionRecord, corrections_of
from service.screening.rules import CorrectionParameters
from service.screening.tables import Finding

_IGNORED = CorrectionParameters().ignored
_OF_BOOKS = frozenset(
    {"corrected_after_notice", "duplicate_identity", "late_return", "overnight_leave", "split_admission"}
)
"""Rules about the books alone: when the books change, so do they."""


def late_corrections(session: Session, rows: Iterable[Finding]) -> Mapping[str, Sequence[CorrectionRecord]]:
    """Admission -> messages that changed its past, of the stays that these findings are about."""
    wanted = {row.admission_id for row in rows if row.admission_id}
    return corrections_of(session, wanted) if wanted else {}


def stands_corrected(row: Finding, corrections: Mapping[str, Sequence[CorrectionRecord]]) -> bool:
    """Whether a message that reaches back before the finding, and came after it, may be why its facts are gone."""
    if row.rule in _OF_BOOKS or row.admission_id is None:
        return False
    return row.corrected_after_notice or any(
        item.trigger not in _IGNORED and item.received_at > row.event_at and item.event_at <= row.event_at
        for item in corrections.get(row.admission_id, ())
    )
