"""The in-bed rate from counted states. Pure arithmetic; docs/rules.md has the formula in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.kit.statistics import Rate
from service.occupancy.outcome import PresenceState

REPORTABLE_COVERAGE = 0.9
"""Below this coverage a rate is printed and marked "not reportable" (domain, section 2, a proposal)."""


@dataclass(frozen=True, slots=True)
class InBedRateRow:
    """Checks of one group, counted by state, and the two rates with what they rest on.

    `ward_id`, `day` (local date), `hour` (local, 0..23) name the group; None where it was not split.
    `low`: shown present; `high`: the same and the undecided. A proportion without checks has the value None.
    """

    ward_id: str | None
    day: str | None
    hour: int | None
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
    target: float

    @property
    def expected(self) -> int:
        """Checks at which the patient should have been in bed, could be judged, and was observed."""
        return self.verified + self.alternative + self.undecided + self.bed_empty + self.absent + self.impostor

    @property
    def undecided(self) -> int:
        """Somebody without a face, not seen, or not answered: neither shown present nor called absent."""
        return self.unidentified + self.not_seen + self.unanswered

    @property
    def excused(self) -> int:
        """Not expected, for a recorded reason."""
        return self.on_leave + self.off_ward + self.in_grace + self.exempt

    @property
    def uncovered(self) -> int:
        """Nothing can be said: no proven reference, or nothing observed."""
        return self.no_reference + self.unobserved

    def states(self) -> dict[PresenceState, int]:
        """Checks by state; states that no check had are left out."""
        state = PresenceState
        counted = {
            state.PRESENT_VERIFIED: self.verified,
            state.PRESENT_ALTERNATIVE: self.alternative,
            state.PRESENT_UNIDENTIFIED: self.unidentified,
            state.NOT_SEEN: self.not_seen,
            state.UNANSWERED: self.unanswered,
            state.BED_EMPTY: self.bed_empty,
            state.ABSENT_CONFIRMED: self.absent,
            state.IMPOSTOR_SUSPECTED: self.impostor,
            state.ON_LEAVE: self.on_leave,
            state.OFF_WARD: self.off_ward,
            state.IN_GRACE: self.in_grace,
            state.EXEMPT: self.exempt,
            state.NO_REFERENCE: self.no_reference,
            state.UNOBSERVED: self.unobserved,
        }
        return {name: number for name, number in counted.items() if number}

    @property
    def low(self) -> Rate:
        """(verified + alternative) / expected."""
        return Rate(self.verified + self.alternative, self.expected)

    @property
    def high(self) -> Rate:
        """(verified + alternative + undecided) / expected: the number that targets are judged on."""
        return Rate(self.verified + self.alternative + self.undecided, self.expected)

    @property
    def coverage(self) -> float | None:
        """expected / (expected + unobserved + no_reference)."""
        whole = self.expected + self.uncovered
        return self.expected / whole if whole else None

    @property
    def reportable(self) -> bool:
        """Whether enough was observed for the rate to stand for the ward."""
        return self.coverage is not None and self.coverage >= REPORTABLE_COVERAGE

    @property
    def meets_target(self) -> bool | None:
        """Whether the high rate reaches the target; None when it is not reportable."""
        value = self.high.value
        return None if value is None or not self.reportable else value >= self.target


def rate_of(
    counts: Mapping[PresenceState, int],
    *,
    target: float,
    ward_id: str | None = None,
    day: str | None = None,
    hour: int | None = None,
) -> InBedRateRow:
    """The row for one group of checks. `counts`: how many checks had each state; a state left out had none."""

    def n(state: PresenceState) -> int:
        return counts.get(state, 0)

    state = PresenceState
    return InBedRateRow(
        ward_id=ward_id,
        day=day,
        hour=hour,
        verified=n(state.PRESENT_VERIFIED),
        alternative=n(state.PRESENT_ALTERNATIVE),
        unidentified=n(state.PRESENT_UNIDENTIFIED),
        not_seen=n(state.NOT_SEEN),
        unanswered=n(state.UNANSWERED),
        bed_empty=n(state.BED_EMPTY),
        absent=n(state.ABSENT_CONFIRMED),
        impostor=n(state.IMPOSTOR_SUSPECTED),
        on_leave=n(state.ON_LEAVE),
        off_ward=n(state.OFF_WARD),
        in_grace=n(state.IN_GRACE),
        exempt=n(state.EXEMPT),
        no_reference=n(state.NO_REFERENCE),
        unobserved=n(state.UNOBSERVED),
        target=target,
    )
