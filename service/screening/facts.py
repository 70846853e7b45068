"""What the rules may use of one admission. Built once, from rows of lower rooms; rules see nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from service.kit.intervals import Interval
from service.occupancy import Look, PresenceState
from service.screening.subjects import Subject, SubjectKind


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One check with its outcome. `confirmed_at`: when the second look completed an `absent_confirmed`.

    `swapped_with`: admission numbers of others whose bed showed this patient, or who were seen in this one's bed.
    """

    due_at: datetime
    local_day: date
    window_end: datetime
    state: PresenceState
    reading_ids: tuple[str, ...] = ()
    look_ids: tuple[str, ...] = ()
    confirmed_at: datetime | None = None
    bed_id: str | None = None
    swapped_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Away:
    """A leave. `due_back`: when the patient was expected; `returned_at`: None while nobody recorded a return."""

    start: datetime
    due_back: datetime
    returned_at: datetime | None
    night_hours: float = 0.0
    """Of `start` to the return, the longest part of one night (23:00 to 05:00), in hours."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """Something ordered or done for the patient, or billed: `kind` medication | examination | treatment | nursing |
    bed | other."""

    item_id: str
    kind: str
    at: datetime
    amount: Decimal = Decimal(0)
    quantity: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Correction:
    """A message that changed the past of a stay: `event_at` is what it speaks of, `received_at` when it came."""

    correction_id: str
    trigger: str
    event_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True, order=True)
class Face:
    """A picture in which the patient was verified 1:1 in the own bed. `above`: by how much the similarity exceeded the
    pack's threshold; 1.0 where no number was kept."""

    at: datetime
    above: float = 1.0


@dataclass(frozen=True, slots=True)
class Stay:
    """Another stay of the same person: `same_facility` or one elsewhere that two identifiers agree on.

    `seen`, `seen_here`: of a stay elsewhere that shares some time with this one, when the person's face was verified
    in the own bed there, and here, about that time: every reading, not only those of checks. `look_alike`: here or
    there somebody else is enrolled whose face can be taken for the person's.
    """

    admission_id: str
    admission_no: str
    facility_id: str
    held: Interval
    diagnosis_code: str | None = None
    disposition: str | None = None
    course: str | None = None
    seen: tuple[Face, ...] = ()
    seen_here: tuple[Face, ...] = ()
    look_alike: bool = False


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """A face template that took the place of an older one during the stay.

    `matched_old`: the new face was compared with the old one and agreed; `second_person`: somebody else confirmed it.
    """

    template_id: str
    at: datetime
    matched_old: bool
    second_person: bool


@dataclass(frozen=True, slots=True)
class Twin:
    """Another identity with the same face. `excused`: a twin or a newborn that still bears the mother's name."""

    patient_id: str
    patient_no: str
    similarity: float
    excused: bool = False


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
    late_leaves: int = 0
    orders: int = 0
    corrections: tuple[str, ...] = ()
    """Messages about the past: trigger and when it came."""

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
            "late_leaves": self.late_leaves,
            "orders": self.orders,
            "corrections": list(self.corrections),
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
    discharged_at: datetime | None = None
    bed_id: str | None = None
    ward_id: str | None = None
    emergency: bool = False
    admission_type: str | None = None
    diagnosis_code: str | None = None
    disposition: str | None = None
    course: str | None = None
    per_diem: bool = False
    grace: timedelta = timedelta(hours=4)
    away: tuple[Away, ...] = ()
    excused: tuple[Interval, ...] = ()
    """Leave and activities that excuse."""
    orders: tuple[Treatment, ...] = ()
    charges: tuple[Treatment, ...] = ()
    billed_days: tuple[tuple[date, Decimal], ...] = ()
    """Bed-days billed, by local day."""
    corrections: tuple[Correction, ...] = ()
    others: tuple[Stay, ...] = ()
    """Other stays of the same person."""
    template_changes: tuple[TemplateChange, ...] = ()
    twins: tuple[Twin, ...] = ()
    sighted_at: tuple[datetime, ...] = ()
    """When the patient was shown present at a check, or was found, during the stay."""
    seen_between: tuple[datetime, ...] = ()
    """When cameras recognised the patient's face at whatever time. Loaded for stays of which somebody found nobody."""
    seen_days: frozenset[date] = frozenset()
    """The local days of `signs`."""

    @property
    def signs(self) -> tuple[datetime, ...]:
        """Every instant that speaks for the patient, at checks or between them, in order of time."""
        return tuple(sorted({*self.sighted_at, *self.seen_between}))

    @property
    def subject(self) -> Subject:
        """The admission as the subject of a finding."""
        return Subject(
            SubjectKind.ADMISSION,
            self.admission_id,
            self.admission_no,
            admission_id=self.admission_id,
            bed_id=self.bed_id,
            ward_id=self.ward_id,
        )

    @property
    def period(self) -> str:
        """One finding for the whole stay."""
        return ""

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
    """A rule that fired: not a verdict. `event_at`: the event time at which its facts were complete.

    `subject`: whom it is about, when that is not the subject of the facts.
    """

    rule: str
    variant: str
    event_at: datetime
    facts: tuple[Fact, ...]
    evidence_ids: tuple[str, ...]
    subject: Subject | None = None
