"""`impersonation` 冒名住院: somebody else lies in the patient's bed under the patient's name."""

from __future__ import annotations

from dataclasses import dataclass

from service.occupancy import LookMethod, LookResult, PresenceState
from service.screening.facts import AdmissionFacts, Fact, Suspicion

CODE = "impersonation"


@dataclass(frozen=True, slots=True)
class ImpersonationParameters:
    """Domain, section 3. A parent lies with a child: those categories are never judged by a face."""

    suspected_days: int = 2
    identity_checks: int = 1
    never_for: frozenset[str] = frozenset({"newborn", "paediatric"})


def impersonation(facts: AdmissionFacts, parameters: ImpersonationParameters) -> Suspicion | None:
    """Fires on suspicions of several days together with a person's look at an identity card that did not match.

    What a carer's look or another admitted patient's face explains was never `impostor_suspected` to begin with.
    """
    if facts.category in parameters.never_for:
        return None
    suspected = facts.in_state(PresenceState.IMPOSTOR_SUSPECTED)
    days = sorted({check.local_day for check in suspected})
    asked = {check.due_at for check in suspected}
    mismatches = sorted(
        (
            look
            for look in facts.looks
            if look.result is LookResult.IDENTITY_MISMATCH
            and look.method is LookMethod.ID_CARD
            and look.due_at in asked
        ),
        key=lambda look: (look.looked_at, look.look_id),
    )
    if len(days) < parameters.suspected_days or len(mismatches) < parameters.identity_checks:
        return None
    needed_day = days[parameters.suspected_days - 1]
    second_day = min(check.window_end for check in suspected if check.local_day == needed_day)
    readings = (reading_id for check in suspected for reading_id in check.reading_ids)
    return Suspicion(
        rule=CODE,
        variant="id_card",
        event_at=max(second_day, mismatches[parameters.identity_checks - 1].looked_at),
        facts=(
            Fact("suspected_checks", len(suspected)),
            Fact("suspected_days", len(days), parameters.suspected_days),
            Fact("identity_mismatches", len(mismatches), parameters.identity_checks),
            Fact("days", [day.isoformat() for day in days]),
        ),
        evidence_ids=tuple(dict.fromkeys((*readings, *(look.look_id for look in mismatches)))),
    )
