"""Timelines of death and service: what each source said, when, and what it means for a service at an instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from service.admissions import VitalStatus, record_vital_status, vital_status_of
from service.admissions.tables import Patient
from service.kit.errors import InvalidInput
from service.platform.context import Context
from tests.builders import create_facility, create_patient

NOON = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
NOW = datetime(2026, 4, 1, tzinfo=UTC)
BOTH = {"patient_no": "P1", "birth_date": "1941-05-02"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Register:
    """One patient, and sources that speak."""

    def __init__(self, context: Context) -> None:
        self.context = context
        with context.database.transaction() as session:
            place = create_facility(session)
            self.patient: Patient = create_patient(
                session, place, "P1", display_name="李秀英", birth_date=date(1941, 5, 2)
            )

    def says(self, source: str, status: str = "died", **values: object) -> None:
        own = {"noticed_at": NOON + 3 * DAY, "identifiers": BOTH} | values
        with self.context.database.transaction() as session:
            record_vital_status(
                session,
                self.patient.facility_id,
                self.patient.id,
                source=source,
                status=status,  # type: ignore[arg-type]
                actor="system",
                now=NOW,
                **own,  # type: ignore[arg-type]
            )

    def status(self, **values: object) -> VitalStatus:
        with self.context.database.reading() as session:
            return vital_status_of(session, [self.patient.id], **values)  # type: ignore[arg-type]


@pytest.fixture
def register(context: Context) -> Register:
    return Register(context)


@pytest.mark.parametrize(
    ("service_at", "after"),
    [(NOON - DAY, False), (NOON - HOUR, False), (NOON, True), (NOON + HOUR, True), (NOON + 20 * DAY, True)],
)
def test_a_service_is_judged_by_its_own_time_not_by_the_notice(
    register: Register, service_at: datetime, after: bool
) -> None:
    """The notice came three days after the death; a service between the two is after the death all the same."""
    register.says("hospital", died_at=NOON)
    assert register.status().dead_at(service_at) is after


def test_a_date_alone_counts_from_the_next_local_midnight(register: Register) -> None:
    register.says("civil_affairs", died_on=date(2026, 3, 10))
    midnight = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)  # 2026-03-11 00:00 in Shanghai
    assert register.status().dead_from == midnight
    assert not register.status().dead_at(midnight - timedelta(seconds=1))
    assert register.status().dead_at(midnight)


def test_what_was_not_noticed_yet_was_not_known(register: Register) -> None:
    register.says("hospital", died_at=NOON, noticed_at=NOON + 5 * DAY)
    assert not register.status(noticed_by=NOON + 4 * DAY).dead_at(NOON + 4 * DAY)
    assert register.status(noticed_by=NOON + 5 * DAY).dead_at(NOON + 4 * DAY)


def test_of_two_sources_the_earliest_instant_counts(register: Register) -> None:
    register.says("civil_affairs", died_on=date(2026, 3, 10))
    register.says("hospital", died_at=NOON)
    assert register.status().dead_from == NOON
    assert register.status().sources == ("civil_affairs", "hospital")


def test_a_source_may_correct_itself(register: Register) -> None:
    register.says("hospital", died_at=NOON)
    register.says("hospital", died_at=NOON + DAY, noticed_at=NOON + 4 * DAY)
    assert register.status().dead_from == NOON + DAY
    register.says("hospital", "alive", noticed_at=NOON + 5 * DAY)
    assert register.status().dead_from is None


def test_a_denial_by_another_source_makes_them_conflict(register: Register) -> None:
    register.says("hospital", died_at=NOON)
    register.says("police", "alive", noticed_at=NOON + 4 * DAY)
    assert (register.status().conflicting, register.status().dead_at(NOON)) == (True, True)


def test_a_denial_from_before_the_death_denies_nothing(register: Register) -> None:
    register.says("police", "alive", noticed_at=NOON - DAY)
    register.says("hospital", died_at=NOON)
    assert register.status().conflicting is False


@pytest.mark.parametrize(
    ("identifiers", "counts"),
    [
        ({"patient_no": "P1", "birth_date": "1941-05-02"}, True),
        ({"patient_no": "P1", "name": "李秀英"}, True),
        ({"birth_date": "1941-05-02", "name": " 李秀英 "}, True),
        ({"patient_no": "P1"}, False),
        ({"patient_no": "P1", "card_no": "P1"}, False),
        ({"patient_no": "P1", "birth_date": "1941-05-02", "name": "李秀琴"}, False),
        ({}, False),
    ],
)
def test_two_identifiers_agree_and_none_differs(register: Register, identifiers: dict[str, str], counts: bool) -> None:
    register.says("hospital", died_at=NOON, identifiers=identifiers)
    assert (register.status().dead_from is not None) is counts
    assert (register.status().unconfirmed == ("hospital",)) is not counts


def test_the_same_notice_twice_is_one_and_notices_may_come_in_any_order(register: Register) -> None:
    for _ in range(2):
        register.says("hospital", "alive", noticed_at=NOON + 5 * DAY)
        register.says("hospital", died_at=NOON, noticed_at=NOON + 3 * DAY)
    assert register.status().dead_from is None  # the later notice is the one that stands


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"died_at": NOON, "died_on": date(2026, 3, 10)},
        {"died_at": NOW + 9 * DAY},
        {"died_on": date(2027, 1, 1)},
        {"died_at": NOON, "noticed_at": NOW + 9 * DAY},
    ],
)
def test_what_cannot_be_is_refused(register: Register, values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        register.says("hospital", **values)


def test_a_notice_that_may_be_about_somebody_else_takes_no_death_back(register: Register) -> None:
    register.says("civil_affairs", died_at=NOON)
    register.says("civil_affairs", died_at=NOON, identifiers={"patient_no": "P1"}, noticed_at=NOON + 4 * DAY)
    register.says(
        "civil_affairs",
        "alive",
        identifiers={"patient_no": "P1", "birth_date": "1990-01-01"},
        noticed_at=NOON + 5 * DAY,
    )
    assert register.status().dead_from == NOON


def test_a_death_of_one_identifier_is_doubtful_and_no_death(register: Register) -> None:
    register.says("civil_affairs", died_at=NOON, identifiers={"patient_no": "P1"})
    assert (register.status().dead_from, register.status().unconfirmed) == (None, ("civil_affairs",))
