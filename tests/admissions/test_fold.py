"""Events of a stay in any order lead to the state that an orderly feed leads to, which a plain model computes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.admissions.fold import fold
from service.admissions.stay_events import Event, EventKind, Facts
from tests.builders import EPOCH

HOUR = timedelta(hours=1)


def event(kind: EventKind, hours: float, *, said: float | None = None, **facts: Any) -> Event:
    at, stated = EPOCH + hours * HOUR, EPOCH + (hours if said is None else said) * HOUR
    return Event(kind, at, stated, stated, kind.value, f"{kind.value}-{hours}-{said}", Facts(**facts))


def admit(hours: float = 0, **facts: Any) -> Event:
    return event(EventKind.ADMIT, hours, **{"patient_no": "P1", "bed_id": "b1"} | facts)


def hours_of(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - EPOCH) / HOUR


def beds(*events: Event) -> list[tuple[str, float | None, float | None]]:
    return [(span.bed_id, hours_of(span.from_at), hours_of(span.to_at)) for span in fold(events).beds]


@dataclass
class Ward:
    """What a clerk would keep on paper: each report written down as it comes, cancellations struck out."""

    moves: dict[float, str] = field(default_factory=dict)
    leaves: dict[float, float | None] = field(default_factory=dict)
    end: float | None = None
    doctor: str | None = None

    def expected(self) -> tuple[list[tuple[str, float, float | None]], list[tuple[float, float | None]], float | None]:
        spans: list[tuple[str, float, float | None]] = []
        for at, bed in sorted(self.moves.items()):
            if self.end is not None and at >= self.end:
                continue
            if spans and spans[-1][0] == bed:
                continue
            if spans:
                spans[-1] = (spans[-1][0], spans[-1][1], at)
            spans.append((bed, at, self.end))
        return spans, sorted(self.leaves.items()), self.end


OPERATIONS = ("transfer", "cancel_transfer", "leave", "return", "cancel_leave", "cancel_return", "discharge", "reopen")


@st.composite
def feeds(draw: st.DrawFn) -> tuple[list[Event], Ward]:
    """An orderly feed, hour by hour, and what a clerk made of it."""
    ward, feed = Ward(moves={0.0: "b1"}), [admit()]
    for hour in range(1, draw(st.integers(1, 14))):
        now = float(hour)
        what = draw(st.sampled_from(OPERATIONS))
        # A report may be late: it happened half an hour before the hour in which it is said.
        at = now - draw(st.sampled_from([0.0, 0.5]))
        if what == "transfer" and ward.end is None:
            bed = draw(st.sampled_from(["b1", "b2", "b3"]))
            ward.moves[at] = bed
            feed.append(event(EventKind.TRANSFER, at, said=now, bed_id=bed))
        elif what == "cancel_transfer" and len(ward.moves) > 1:
            gone = draw(st.sampled_from(sorted(ward.moves)[1:]))
            del ward.moves[gone]
            feed.append(event(EventKind.CANCEL_TRANSFER, gone, said=now, refers_at=EPOCH + gone * HOUR))
        elif what == "leave" and ward.end is None and None not in ward.leaves.values():
            if at > max([start for start in ward.leaves] + [back or 0 for back in ward.leaves.values()], default=0):
                ward.leaves[at] = None
                feed.append(event(EventKind.LEAVE, at, said=now, expected_return_at=EPOCH + (at + 5) * HOUR))
        elif what == "return" and None in ward.leaves.values():
            start = next(start for start, back in ward.leaves.items() if back is None)
            if at > start:
                ward.leaves[start] = at
                feed.append(event(EventKind.RETURN, at, said=now))
        elif what == "cancel_return" and ward.leaves and ward.leaves[max(ward.leaves)] is not None:
            back = ward.leaves[max(ward.leaves)]
            assert back is not None
            ward.leaves[max(ward.leaves)] = None
            feed.append(event(EventKind.CANCEL_RETURN, back, said=now, refers_at=EPOCH + back * HOUR))
        elif what == "cancel_leave" and ward.leaves and ward.leaves[max(ward.leaves)] is None:
            start = max(ward.leaves)
            del ward.leaves[start]
            feed.append(event(EventKind.CANCEL_LEAVE, start, said=now, refers_at=EPOCH + start * HOUR))
        elif what == "discharge":
            ward.end = at
            feed.append(event(EventKind.DISCHARGE, at, said=now, discharged_at=EPOCH + at * HOUR))
        elif what == "reopen" and ward.end is not None:
            ward.end = None
            feed.append(event(EventKind.CANCEL_DISCHARGE, now, said=now))
        ward.doctor = f"D{hour}"
        feed.append(event(EventKind.UPDATE, now + 0.25, attending_doctor=ward.doctor))
    return feed, ward


@settings(max_examples=120, deadline=None)
@given(feeds(), st.randoms(use_true_random=False))
def test_any_order_with_repeats_leads_to_what_a_clerk_wrote_down(
    made: tuple[list[Event], Ward], chance: random.Random
) -> None:
    feed, ward = made
    state = fold(feed)
    moves, leaves, end = ward.expected()
    assert [(span.bed_id, hours_of(span.from_at), hours_of(span.to_at)) for span in state.beds] == moves
    standing = [one for one in state.leaves if one.cancelled_at is None]
    assert [(hours_of(one.from_at), hours_of(one.to_at)) for one in standing] == leaves
    assert hours_of(state.discharged_at) == end
    assert state.attending_doctor == ward.doctor
    shuffled = feed + chance.sample(feed, len(feed) // 2)
    chance.shuffle(shuffled)
    assert fold(shuffled) == state


def test_a_cancelled_admission_stays_cancelled_whatever_straggles_in() -> None:
    said = [
        admit(inpatient=True, admitted_at=EPOCH),
        event(EventKind.CANCEL_ADMIT, 3),
        event(EventKind.UPDATE, 2, inpatient=True, admitted_at=EPOCH, patient_no="P1"),
        event(EventKind.UPDATE, 5, inpatient=True, admitted_at=EPOCH, patient_no="P1"),
    ]
    for order in (said, said[::-1]):
        assert fold(order).cancelled_at == EPOCH + 3 * HOUR


def test_a_number_used_again_after_its_cancellation_begins_anew() -> None:
    said = [
        admit(),
        event(EventKind.TRANSFER, 1, bed_id="b2"),
        event(EventKind.CANCEL_ADMIT, 2),
        admit(4, bed_id="b3"),
    ]
    assert fold(said).cancelled_at is None
    assert beds(*said) == beds(*reversed(said)) == [("b3", 4.0, None)]


def test_a_move_before_the_admission_is_known_waits_for_it() -> None:
    move = event(EventKind.TRANSFER, 5, bed_id="b2")
    assert fold([move]).admitted_at is None
    assert beds(move, admit()) == [("b1", 0.0, 5.0), ("b2", 5.0, None)]


def test_a_stay_that_began_before_the_feed_is_known_by_its_admission_time() -> None:
    said = event(EventKind.UPDATE, 30, inpatient=True, admitted_at=EPOCH, bed_id="b1", patient_no="P1")
    assert beds(said) == [("b1", 0.0, None)]


def test_an_update_moves_nobody() -> None:
    assert beds(admit(), event(EventKind.UPDATE, 2, bed_id="b9")) == [("b1", 0.0, None)]


def test_the_later_statement_about_the_discharge_holds_not_the_later_arrival() -> None:
    first = event(EventKind.DISCHARGE, 10, said=10, discharged_at=EPOCH + 10 * HOUR)
    corrected = event(EventKind.DISCHARGE, 8, said=11, discharged_at=EPOCH + 8 * HOUR)
    for order in ((admit(), first, corrected), (corrected, first, admit())):
        assert fold(order).discharged_at == EPOCH + 8 * HOUR


def test_a_discharge_before_the_admission_is_not_believed_and_said_so() -> None:
    state = fold([admit(), event(EventKind.DISCHARGE, -3, said=4)])
    assert state.discharged_at is None
    assert "not after the admission" in state.contradictions[0]


def test_two_cancelled_moves_at_one_instant_were_one_move() -> None:
    twice = [event(EventKind.TRANSFER, 3, said=3, bed_id="b2"), event(EventKind.TRANSFER, 3, said=3.1, bed_id="b2")]
    gone = event(EventKind.CANCEL_TRANSFER, 3, said=5, refers_at=EPOCH + 3 * HOUR)
    assert beds(admit(), *twice, gone) == [("b1", 0.0, None)]


def test_a_cancellation_without_a_time_is_about_the_latest_and_never_about_what_was_said_after_it() -> None:
    moves = [event(EventKind.TRANSFER, 2, bed_id="b2"), event(EventKind.TRANSFER, 4, bed_id="b3")]
    gone = event(EventKind.CANCEL_TRANSFER, 5)
    later = event(EventKind.TRANSFER, 6, bed_id="b4")
    assert beds(admit(), *moves, gone, later) == [("b1", 0.0, 2.0), ("b2", 2.0, 6.0), ("b4", 6.0, None)]


def test_an_open_absence_ends_when_the_next_one_begins() -> None:
    state = fold(
        [
            admit(),
            event(EventKind.OFF_WARD, 2, off_ward_kind="imaging"),
            event(EventKind.OFF_WARD, 5, off_ward_kind="theatre"),
            event(EventKind.ON_WARD, 8),
        ]
    )
    assert [(one.kind, hours_of(one.from_at), hours_of(one.to_at)) for one in state.off_ward] == [
        ("imaging", 2.0, 5.0),
        ("theatre", 5.0, 8.0),
    ]


def test_a_state_that_goes_on_is_one_leave_and_the_first_sight_of_it_being_over_ends_it() -> None:
    said = [
        admit(document="Encounter/1"),
        event(EventKind.LEAVE, 2, implied=True),
        event(EventKind.LEAVE, 3, implied=True),
        event(EventKind.RETURN, 6, implied=True),
        event(EventKind.RETURN, 9, implied=True),
    ]
    state = fold(said)
    assert [(hours_of(one.from_at), hours_of(one.to_at)) for one in state.leaves] == [(2.0, 6.0)]
    assert fold(said[::-1]) == state


def test_only_the_newest_version_of_a_document_counts() -> None:
    old = [
        admit(bed_id="b1", document="E/1"),
        event(EventKind.TRANSFER, 3, said=0, bed_id="b2", document="E/1"),
    ]
    new = [event(EventKind.ADMIT, 0, said=5, bed_id="b4", patient_no="P1", document="E/1")]
    assert beds(*new, *old) == beds(*old, *new) == [("b4", 0.0, None)]
