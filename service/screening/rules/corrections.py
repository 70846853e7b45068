"""`corrected_after_notice` 通知后更正: the books were changed after people had looked and found nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.occupancy import LookResult, PresenceState
from service.screening.facts import AdmissionFacts, CheckRecord, Correction, Fact, Suspicion

CODE = "corrected_after_notice"


@dataclass(frozen=True, slots=True)
class CorrectionParameters:
    """`ignored`: messages that change a name or a merge, not where somebody was (HL7 v2); all others can explain an
    absence away afterwards: A11, A13, A21, A52 and their like, and the same by hand or by file."""

    ignored: frozenset[str] = frozenset({"A08", "A28", "A31", "A40", "A47"})
    corrections: int = 1


def corrected_after_notice(facts: AdmissionFacts, parameters: CorrectionParameters) -> Suspicion | None:
    """Fires on a message about the past that came after looks had found nobody at a check it reaches.

    It decides nothing: the finding about the stay stands meanwhile, and a person weighs both.
    """
    found: list[tuple[Correction, CheckRecord]] = []
    for correction in facts.corrections:
        if correction.trigger in parameters.ignored:
            continue
        for check in facts.checks:
            noticed = _noticed_at(facts, check)
            if noticed is not None and correction.event_at <= check.window_end and correction.received_at > noticed:
                found.append((correction, check))
                break
    if len({item.correction_id for item, _ in found}) < parameters.corrections:
        return None
    ordered = sorted(found, key=lambda pair: (pair[0].received_at, pair[0].correction_id))
    return Suspicion(
        rule=CODE,
        variant="corrected",
        event_at=max(ordered[0][0].received_at, facts.admitted_at),
        facts=(
            Fact("corrections", len(ordered), parameters.corrections),
            Fact("messages", sorted({item.trigger for item, _ in ordered})),
            Fact("times", [item.received_at.isoformat() for item, _ in ordered]),
            Fact("days", sorted({check.local_day.isoformat() for _, check in ordered})),
        ),
        evidence_ids=tuple(dict.fromkeys(item.correction_id for item, _ in ordered)),
    )


def _noticed_at(facts: AdmissionFacts, check: CheckRecord) -> datetime | None:
    """When people knew that nobody was there: the second look, also of a check that a correction has excused since."""
    if check.state is PresenceState.ABSENT_CONFIRMED:
        return check.confirmed_at or check.window_end
    misses = sorted(
        look.looked_at for look in facts.looks if look.due_at == check.due_at and look.result is LookResult.NOT_FOUND
    )
    excused = (PresenceState.ON_LEAVE, PresenceState.OFF_WARD, PresenceState.IN_GRACE)
    return misses[1] if check.state in excused and len(misses) > 1 else None
