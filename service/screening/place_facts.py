"""What the rules may use of a bed, a camera, a ward, a facility or a person at work, over one local month."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from service.kit.intervals import Interval
from service.screening.subjects import Subject


@dataclass(frozen=True, slots=True)
class Remarks:
    """What stands beside a finding about a place: it weakens, explains or dates it. Values are JSON values."""

    values: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON values of the remarks."""
        return dict(self.values)


@dataclass(frozen=True, slots=True)
class BedCheckRecord:
    """What one check saw of a bed itself. `outcome`: unregistered_person | staff_in_bed | two_in_bed | empty |
    unobserved. `recognised`: whose enrolled face it was, if anybody's. `by_person`: somebody went and looked;
    `carer`: and found a visitor or carer. `no_reference`: the bed was a patient's of whom there was no
    proven reference."""

    check_id: str
    due_at: datetime
    local_day: date
    outcome: str
    recognised: str | None = None
    occupied: timedelta = timedelta()
    reading_ids: tuple[str, ...] = ()
    by_person: bool = False
    carer: bool = False
    no_reference: bool = False


@dataclass(frozen=True, slots=True)
class Tenancy:
    """An admission's time in a bed."""

    admission_id: str
    admission_no: str
    category: str
    held: Interval


@dataclass(frozen=True, slots=True)
class Departed:
    """A stay that ended. `settling`: the patient still waits for the bill."""

    patient_id: str
    subject: Subject
    discharged_at: datetime
    settling: bool = False


@dataclass(frozen=True, slots=True)
class BedFacts:
    """One bed over a month. `admitted_staff`: enrolled staff members who are patients themselves in that time.

    `self_pay_known`: whether patients who pay for themselves are in the system; if not, an unregistered person may be
    one of them.
    """

    subject: Subject
    period: str
    specialty: str = "general"
    checks: tuple[BedCheckRecord, ...] = ()
    tenancies: tuple[Tenancy, ...] = ()
    departed: tuple[Departed, ...] = ()
    admitted_staff: frozenset[str] = frozenset()
    self_pay_known: bool = True
    until: datetime | None = None
    counter_evidence: Remarks = Remarks()
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `trials`."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing."""
        return self.hits / self.trials if self.trials else 0.0


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """One subject's share of something, and the same of its peers, over a month.

    `measure`: excuses | late_leaves | exemptions | confirmations | blind_checks | blind_nights. `near_checks`: of the
    hits, those that began within the hour before a check. `paused`: logged privacy pauses; what they hid is left out
    of the share already.
    """

    subject: Subject
    period: str
    measure: str
    own: Share
    peers: tuple[Share, ...]
    until: datetime
    near_checks: int = 0
    paused: int = 0
    subjects_tested: int = 1
    counter_evidence: Remarks = Remarks()
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person's look that found a patient. `contradicted`: somebody of another ward looked again and did not."""

    look_id: str
    admission_no: str
    person_id: str
    at: datetime
    contradicted: bool = False


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """One person at work over a month: whom they found, in order of time with everybody else's finds of the same
    patients between (`runs` are of consecutive finds)."""

    subject: Subject
    period: str
    confirmations: tuple[Confirmation, ...]
    longest_run: int = 0
    run_admission_no: str = ""
    run_ids: tuple[str, ...] = ()
    run_at: datetime | None = None
    counter_evidence: Remarks = Remarks()
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """Something wrong with a camera's picture, clock or signature. `cause`: frozen | looped | covered | black | moved |
    swapped_camera | no_response | not_answered | clock | signature. `at_check`: it reaches into a check's window.
    `pause`: a logged privacy pause explains it. `noise_identical`: for frozen, the noise was the same too."""

    cause: str
    since: datetime
    until: datetime
    evidence_ids: tuple[str, ...] = ()
    at_check: bool = False
    pause: bool = False
    noise_identical: bool = True


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """One camera over a month. `late`: frames that came late and were not chained; `late_at_checks`: of those, frames
    of a check's window."""

    subject: Subject
    period: str
    events: tuple[CameraEvent, ...] = ()
    frames: int = 0
    late: int = 0
    late_at_checks: int = 0
    last_late_at: datetime | None = None
    late_ids: tuple[str, ...] = ()
    counter_evidence: Remarks = Remarks()
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Census:
    """The inpatients of one midnight and the open beds."""

    day: date
    at: datetime
    inpatients: int
    beds: int


@dataclass(frozen=True, slots=True)
class FacilityFacts:
    """A facility's midnights over a month."""

    subject: Subject
    period: str
    midnights: tuple[Census, ...]
    counter_evidence: Remarks = Remarks()
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepeatSeen:
    """One way in which a face repeats. `readings`: (id, captured at, local date on which the night began), in order.
    `shape_distance` (of normalised landmarks), `bits_different` (share of a coarse signature) are the greatest among
    them; `similarity_…`: cosines with the patient's template."""

    is_enrolment: bool
    readings: tuple[tuple[str, datetime, date], ...]
    shape_distance: float
    bits_different: float
    similarity_low: float
    similarity_high: float


@dataclass(frozen=True, slots=True)
class RepeatFacts:
    """A stay over one month, of whose patient a verified face repeats."""

    subject: Subject
    period: str
    repeats: tuple[RepeatSeen, ...]
    category: str = "general"
    is_exempt: bool = False
    has_reference: bool = True
    counter_evidence: Remarks = Remarks()
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()
