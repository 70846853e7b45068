"""What each page shows, as plain values: the pages gather them from the rooms, the templates draw them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from service.web.charts.rate import RateChart
from service.web.charts.strip import Strip


@dataclass(frozen=True, slots=True)
class RateView:
    """An in-bed rate with what must stand beside it. Proportions 0..1; `None` when nobody could be judged."""

    low: float | None
    high: float | None
    interval_low: float
    interval_high: float
    coverage: float | None
    reportable: bool
    target: float

    @property
    def meets_target(self) -> bool:
        """Whether the high rate reaches the target."""
        return self.high is not None and self.high >= self.target


@dataclass(frozen=True, slots=True)
class WardSummary:
    """A ward on the overview."""

    ward_id: str
    name: str
    beds: int
    occupied: int
    rate: RateView | None
    open_checks: int
    late_checks: int
    attention: int
    findings: int | None
    """`None` when the reader may not see them while the facility is in shadow mode."""


@dataclass(frozen=True, slots=True)
class FacilitySummary:
    """A facility on the overview. `shadow_until` is `None` when shadow mode has no end yet."""

    code: str
    name: str
    zone: str
    in_shadow: bool
    shadow_until: datetime | None
    at: datetime
    first_day: date
    last_day: date
    rate: RateView | None
    wards: tuple[WardSummary, ...]
    findings: int | None
    alarmed: int = 0
    """Cameras with an open alarm."""


@dataclass(frozen=True, slots=True)
class OpenLook:
    """An open directed check of a bed's patient."""

    deadline_at: datetime
    cause: str
    late: bool


@dataclass(frozen=True, slots=True)
class BedCard:
    """A bed on the board at an instant. `since` is None when the state is older than what was looked at; `lasted` then
    is how far back that reached."""

    bed_id: str
    code: str
    patient_no: str | None
    admission_no: str | None
    admission_id: str | None
    state: str
    since: datetime | None
    lasted: timedelta | None
    last_seen_at: datetime | None
    last_verified_at: datetime | None
    check_outcome: str | None
    check_at: datetime | None
    causes: tuple[str, ...]
    look: OpenLook | None
    strip: Strip
    pause_id: str | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """A ward's beds at an instant. `follows`: the board shows the latest state and goes on by itself."""

    facility_code: str
    facility_name: str
    ward_id: str
    ward_name: str
    zone: str
    at: datetime
    follows: bool
    beds: tuple[BedCard, ...]
    counts: tuple[tuple[str, int], ...]
    cameras: tuple[CameraCurtain, ...] = ()
    alarmed: int = 0
    """Cameras of the ward with an open alarm; 0 for an instant of the past."""


@dataclass(frozen=True, slots=True)
class CameraCurtain:
    """A camera of the ward, before which a curtain may be drawn; or is, until `paused_until`."""

    camera_id: str
    code: str
    pause_id: str | None
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class RateRow:
    """One row of the report: counts of checks by what became of them."""

    label: str
    sublabel: str
    ward: str | None
    expected: int
    verified: int
    alternative: int
    unidentified: int
    not_seen: int
    unanswered: int
    bed_empty: int
    absent: int
    impostor: int
    on_leave: int
    off_ward: int
    in_grace: int
    exempt: int
    no_reference: int
    unobserved: int
    rate: RateView

    @property
    def excused(self) -> int:
        """Checks at which the patient had a recorded reason, or was not to be judged by a camera."""
        return self.on_leave + self.off_ward + self.in_grace + self.exempt

    @property
    def uncovered(self) -> int:
        """Checks that nothing can be said about."""
        return self.no_reference + self.unobserved

    @property
    def checks(self) -> int:
        """Every check."""
        return self.expected + self.excused + self.uncovered

    @property
    def low_hits(self) -> int:
        """Checks that showed the patient to be there."""
        return self.verified + self.alternative

    @property
    def high_hits(self) -> int:
        """Checks at which the patient may have been there."""
        return self.low_hits + self.unidentified + self.not_seen + self.unanswered


@dataclass(frozen=True, slots=True)
class NamedChart:
    """A chart and what it is of (a ward), if there is more than one."""

    name: str | None
    chart: RateChart


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of a select box."""

    value: str
    text: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The in-bed rate of a period."""

    facility_name: str
    zone: str
    in_shadow: bool
    shadow_until: datetime | None
    first_day: date
    last_day: date
    by: str
    ward_name: str | None
    rows: tuple[RateRow, ...]
    total: RateRow | None
    charts: tuple[NamedChart, ...]
    facilities: tuple[Choice, ...]
    wards: tuple[Choice, ...]
    groupings: tuple[Choice, ...]
    csv_url: str
    asked: str = "facility"
    """What the report is of: facility | region."""
    regions: tuple[Choice, ...] = ()
    """The regions in which the reader may see several facilities."""


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding in the list."""

    finding_id: str
    rule: str
    rule_name: str
    kind: str
    severity: str
    state: str
    corrected: bool
    decision: str
    in_shadow: bool
    headline: str
    subject_kind: str
    subject: str
    patient_no: str | None
    place: str
    event_at: datetime
    facility_name: str
    zone: str


@dataclass(frozen=True, slots=True)
class FactLine:
    """A fact with what the rule asks for."""

    label: str
    value: str
    threshold: str


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A presence check in the story of a stay."""

    due_at: datetime
    kind: str
    outcome: str
    method: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LookLine:
    """What a person saw."""

    looked_at: datetime
    role: str
    result: str
    method: str
    ward_searched: bool
    patient_called: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class PictureLine:
    """An evidence picture that may be opened."""

    reading_id: str
    captured_at: datetime
    state: str
    carried: bool = False


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """What a person decided about a finding."""

    verdict: str
    reason: str
    person: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class FindingDetail:
    """A finding with everything for and against it. `seen`: its last change, as a form that decides sends it back."""

    finding_id: str
    rule: str
    rule_name: str
    rule_version: str
    kind: str
    subject_kind: str
    subject: str
    period: str
    legal_basis: str
    exclusions: tuple[str, ...]
    severity: str
    state: str
    corrected: bool
    decision: str
    decisions: tuple[DecisionLine, ...]
    may_decide: bool
    seen: str
    in_shadow: bool
    headline: str
    paragraphs: tuple[str, ...]
    counter_evidence: tuple[str, ...]
    facts: tuple[FactLine, ...]
    checks: tuple[CheckLine, ...]
    looks: tuple[LookLine, ...]
    pictures: tuple[PictureLine, ...]
    may_open_pictures: bool
    patient_no: str | None
    admission_no: str | None
    admission_id: str | None
    place: str
    facility_code: str
    facility_name: str
    zone: str
    event_at: datetime
    raised_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Story:
    """One stay: its checks in order."""

    facility_code: str
    facility_name: str
    zone: str
    patient_no: str
    admission_no: str
    category: str
    admitted_at: datetime
    discharged_at: datetime | None
    place: str
    ward_id: str | None
    checks: tuple[CheckLine, ...]
    looks: tuple[LookLine, ...] = field(default=())
