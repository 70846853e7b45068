"""Each rule by what makes it fire, and by each thing that must keep it silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from service.occupancy import LookMethod, PresenceState
from service.screening.catalogue import RULES, suspicions
from service.screening.explain import explain
from service.screening.facts import AdmissionFacts, CheckRecord, Night, Unsighted
from service.screening.run import finding_values
from service.screening.tables import Finding
from service.screening.wording import LABELS, STORIES
from tests.occupancy.scenes import at, look

ABSENT, IMPOSTOR = PresenceState.ABSENT_CONFIRMED, PresenceState.IMPOSTOR_SUSPECTED


def check(due: str, state: PresenceState = ABSENT) -> CheckRecord:
    when = at(due)
    confirmed = when + timedelta(hours=3) if state is ABSENT else None
    end = when + timedelta(minutes=30)
    return CheckRecord(when, when.date(), end, state, (f"reading-{due}",), (f"look-{due}",), confirmed)


def night(day: int, *, coverage: float = 1.0, hours: float = 6.0, confirmed: bool = False) -> Night:
    end = at(f"{day + 1:02} 05:00")
    return Night(date(2026, 3, day), end, coverage, timedelta(hours=hours), end if confirmed else None, (f"n{day}",))


NIGHTS = (night(2, confirmed=True), night(3, confirmed=True), night(4, hours=3.9))
NEVER_SEEN = Unsighted(at("01 08:00"), coverage=0.95, patient_readings=0, unknown_occupant_readings=0)
FACTS = AdmissionFacts("A1", "A1", "general", at("01 08:00"), at("06 08:00"))
MISMATCH = look("03 10:00", "identity_mismatch", method=LookMethod.ID_CARD)


def fired(**changes: object) -> set[str]:
    return {item.rule for item in suspicions(replace(FACTS, **changes))}  # type: ignore[arg-type]


def test_absences_on_two_days_are_a_phantom():
    found = suspicions(replace(FACTS, checks=(check("03 09:00"), check("04 09:00"))))
    assert [item.rule for item in found] == ["phantom_admission"]
    assert found[0].event_at == at("04 12:00")
    assert set(found[0].evidence_ids) == {"reading-03 09:00", "look-03 09:00", "reading-04 09:00", "look-04 09:00"}


@pytest.mark.parametrize(
    "checks",
    [
        (check("03 09:00"),),
        (check("03 09:00"), check("03 16:00")),  # one day
        *(
            (check("03 09:00"), check("04 09:00", state), check("05 09:00", state))
            for state in PresenceState
            if state is not ABSENT
        ),
    ],
)
def test_nothing_but_confirmed_absence_on_two_days_counts(checks):
    assert fired(checks=checks) == set()


def test_empty_nights_of_which_two_are_confirmed_are_a_phantom():
    found = suspicions(replace(FACTS, nights=NIGHTS))
    assert [(item.rule, item.variant) for item in found] == [("phantom_admission", "nights")]
    assert found[0].event_at == at("05 05:00")


@pytest.mark.parametrize(
    "changes",
    [
        {"nights": NIGHTS[:2]},  # two observed nights are too few
        {"nights": (*NIGHTS[:2], night(4, coverage=0.79))},
        {"nights": (NIGHTS[0], night(3), night(4))},  # one confirmed
        {"nights": (*NIGHTS, night(5, hours=0), night(6, hours=0))},  # two of five are less than half
        {"nights": NIGHTS, "category": "day_only"},
        {"nights": NIGHTS, "sought_on_ward": True},
        {"nights": ()},
        {"nights": None},
    ],
)
def test_nights_that_say_too_little_are_no_phantom(changes):
    assert fired(**changes) == set()


def test_a_patient_never_seen_is_a_ghost_and_not_a_phantom_besides():
    checks = (check("03 09:00"), check("04 09:00"))
    assert fired(checks=checks, unsighted=NEVER_SEEN) == {"ghost_admission"}


@pytest.mark.parametrize(
    "changes",
    [
        {"unsighted": replace(NEVER_SEEN, coverage=0.89)},
        {"unsighted": replace(NEVER_SEEN, patient_readings=1)},
        {"unsighted": replace(NEVER_SEEN, unknown_occupant_readings=1)},
        {"unsighted": replace(NEVER_SEEN, since=at("05 08:01"))},  # could be recognised for less than a day
        {"unsighted": None},
        {"checks": ()},
        {"checks": (check("03 09:00"), check("02 09:00", PresenceState.PRESENT_ALTERNATIVE))},
        {"checks": (check("03 09:00"), check("02 09:00", PresenceState.PRESENT_VERIFIED))},
        {"until": at("02 07:59")},
        {"theatre": True},
        {"sought_on_ward": True},
        *({"category": category} for category in ("newborn", "icu", "theatre", "isolation")),
    ],
)
def test_any_sign_of_a_patient_or_doubt_is_no_ghost(changes):
    base = {"checks": (check("03 09:00"),), "unsighted": NEVER_SEEN}
    assert fired(**base) == {"ghost_admission"}
    assert "ghost_admission" not in fired(**(base | changes))


def test_two_days_and_an_identity_card_are_impersonation():
    found = suspicions(
        replace(FACTS, checks=(check("03 09:00", IMPOSTOR), check("04 09:00", IMPOSTOR)), looks=(MISMATCH,))
    )
    assert [item.rule for item in found] == ["impersonation"]
    assert found[0].event_at == at("04 09:30")


@pytest.mark.parametrize(
    ("value", "words"), [(1, "(1 such check). The rule"), (11, "(11 such checks). The rule"), (19, "(19 such checks)")]
)
def test_of_one_there_is_one(value, words):
    facts = replace(FACTS, checks=(check("03 09:00", IMPOSTOR), check("04 09:00", IMPOSTOR)), looks=(MISMATCH,))
    (found,) = suspicions(facts)
    values = finding_values(facts, found, "Asia/Shanghai", True)
    for fact in values["facts"]["facts"]:
        if fact["code"] == "identity_mismatches":
            fact["value"] = value
    row = Finding(facility_id="F", raised_at=found.event_at, updated_at=found.event_at, **values)
    text = " ".join(explain(row, "en").paragraphs)
    assert words in text
    assert "and 1 check of the document" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"looks": ()},
        {"looks": (replace(MISMATCH, method=LookMethod.FACE),)},
        {"looks": (look("03 10:00", "carer", method=LookMethod.ID_CARD),)},
        {"looks": (replace(MISMATCH, due_at=at("02 09:00")),)},  # asked for by a check without a suspicion
        {"checks": (check("03 09:00", IMPOSTOR), check("03 16:00", IMPOSTOR))},
        {"category": "newborn"},
        {"category": "paediatric"},
    ],
)
def test_a_face_alone_or_a_single_day_is_no_impersonation(changes):
    base = {"checks": (check("03 09:00", IMPOSTOR), check("04 09:00", IMPOSTOR)), "looks": (MISMATCH,)}
    assert fired(**(base | changes)) == set()


def test_every_rule_has_its_law_exclusions_and_words_in_both_languages():
    assert {code for code, _ in STORIES} == {rule.code for rule in RULES}
    for rule in RULES:
        assert rule.exclusions
        for text in (rule.name, rule.legal_basis, *rule.exclusions):
            assert text.en
            assert any("一" <= character <= "鿿" for character in text.zh)
    for text in LABELS.values():
        assert text.en != text.zh
