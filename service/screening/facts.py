"""What the rules may use of one admission. Built once, from rows of lower rooms; rules see nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from service.occupancy import Look, PresenceState


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One check with its outcome. `confirmed_at`: when the second look completed an `absent_confirmed`."""

    due_at: datetime
    local_day: date
    window_end: datetime
    state: PresenceState
    reading_ids: tuple[str, ...] = ()
    look_ids: tuple[str, ...] = ()
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Night:
    """One night of the stay that may be judged: nobody excused, discharged, unproven or new during it.

    `coverage`: share of the night observed, 0..1. `empty`: how long the bed was seen empty; zero when the patient was
    recognised anywhere, or found by a person, that night. `confirmed_at`: an absence confirmed at a check of the night.
    """

    day: date
    end: datetime
    coverage: float
    empty: timedelta
    confirmed_at: datetime | None = None
    reading_ids: tuple[str, ...] = ()
    look_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsighted:
    """What is known of sightings since the stay could be judged. `coverage`: share of bed time observed, 0..1."""

    since: datetime
    coverage: float
    patient_readings: int
    unknown_occupant_readings: int


@dataclass(frozen=True, slots=True)
class CounterEvidence:
    """What speaks for the patient and the hospital; it stands beside every finding."""

    verified_checks: int = 0
    last_verified_at: datetime | None = None
    alternative_checks: int = 0
    unidentified_checks: int = 0
    unanswered_checks: int = 0
    unobserved_checks: int = 0
    leaves: tuple[str, ...] = ()
    """ISO intervals `from/to`, with `signed` when the paper is too late to excuse."""
    activities: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON values of the record."""
        return {
            "verified_checks": self.verified_checks,
            "last_verified_at": self.last_verified_at.isoformat() if self.last_verified_at else None,
            "alternative_checks": self.alternative_checks,
            "unidentified_checks": self.unidentified_checks,
            "unanswered_checks": self.unanswered_checks,
            "unobserved_checks": self.unobserved_checks,
            "leaves": list(self.leaves),
            "activities": list(self.activities),
        }


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """One admission as the rules see it, up to `until` (the watermark, or its discharge if that is earlier).

    `nights` and `unsighted` are None where nothing asked for them: they are costly, and useless without a confirmed
    absence.
    """

    admission_id: str
    admission_no: str
    category: str
    admitted_at: datetime
    until: datetime
    sought_on_ward: bool = False
    theatre: bool = False
    checks: tuple[CheckRecord, ...] = ()
    looks: tuple[Look, ...] = ()
    nights: tuple[Night, ...] | None = None
    unsighted: Unsighted | None = None
    counter_evidence: CounterEvidence = CounterEvidence()
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()

    def in_state(self, state: PresenceState) -> tuple[CheckRecord, ...]:
        """The checks with this outcome, in order of time."""
        return tuple(sorted((c for c in self.checks if c.state is state), key=lambda c: c.due_at))


@dataclass(frozen=True, slots=True)
class Fact:
    """One measured thing a rule rests on, with the threshold it met. `value` is a JSON value."""

    code: str
    value: float | int | str | list[str]
    threshold: float | int | str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values of the fact."""
        return {"code": self.code, "value": self.value, "threshold": self.threshold}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A rule that fired: not a verdict. `event_at`: the event time at which its facts were complete."""

    rule: str
    variant: str
    event_at: datetime
    facts: tuple[Fact, ...]
    evidence_ids: tuple[str, ...]
