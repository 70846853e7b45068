"""The decision table as a table of tests: every row, every reason code, every way that rows meet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts import REASON_TEXTS, BuyerRole, Effect, ReasonCode, Verdict
from service.kit.errors import InvalidInput
from service.pharmacy.decision import (
    TABLE,
    Circumstances,
    DelegationState,
    Identity,
    Liveness,
    Stay,
    Vital,
    decide,
)
from service.pharmacy.policy import DEFAULT, PROTECTED, policy_of

R, V = ReasonCode, Verdict
PATIENT = Circumstances()
DELEGATE = Circumstances(buyer=BuyerRole.DELEGATE)
BY_FACE = {R.IDENTITY_VERIFIED, R.LIVENESS_PASSED}
OWN = BY_FACE | {R.PATIENT_BUYS}
PROXY = BY_FACE | {R.DELEGATION_VALID}

# circumstances, verdict, all of the reasons, whether another burst is offered
CASES = {
    "the patient buys": (PATIENT, V.APPROVED, OWN, False),
    "a delegate buys": (DELEGATE, V.APPROVED, PROXY, False),
    "the face is not sure": (
        replace(PATIENT, identity=Identity.UNCERTAIN),
        V.MANUAL_REVIEW,
        {R.IDENTITY_UNCERTAIN, R.LIVENESS_PASSED, R.PATIENT_BUYS},
        False,
    ),
    "somebody else's face": (
        replace(DELEGATE, identity=Identity.MISMATCH),
        V.REFUSED,
        {R.IDENTITY_MISMATCH, R.LIVENESS_PASSED, R.DELEGATION_VALID},
        False,
    ),
    "never enrolled": (
        replace(DELEGATE, identity=Identity.NOT_ENROLLED),
        V.MANUAL_REVIEW,
        {R.NOT_ENROLLED, R.LIVENESS_PASSED, R.DELEGATION_VALID},
        False,
    ),
    "documents with an approved exemption": (
        replace(PATIENT, identity=Identity.BY_DOCUMENTS, liveness=Liveness.NOT_TRIED),
        V.APPROVED,
        {R.IDENTITY_BY_DOCUMENTS, R.LIVENESS_NOT_TRIED, R.PATIENT_BUYS},
        False,
    ),
    "documents without one": (
        replace(PATIENT, identity=Identity.DOCUMENTS, liveness=Liveness.NOT_TRIED),
        V.MANUAL_REVIEW,
        {R.DOCUMENTS_TO_REVIEW, R.LIVENESS_NOT_TRIED, R.PATIENT_BUYS},
        False,
    ),
    "nobody was looked at": (
        replace(PATIENT, identity=Identity.UNPROVEN, liveness=Liveness.NOT_TRIED),
        V.MANUAL_REVIEW,
        {R.IDENTITY_UNCHECKED, R.LIVENESS_NOT_TRIED, R.PATIENT_BUYS},
        False,
    ),
    "an unknown card": (replace(PATIENT, patient_known=False), V.MANUAL_REVIEW, OWN | {R.PATIENT_UNKNOWN}, False),
    "an unknown delegate": (
        replace(DELEGATE, delegate_known=False, identity=Identity.NOT_ENROLLED, delegation=DelegationState.NONE),
        V.MANUAL_REVIEW,
        {R.DELEGATE_UNKNOWN, R.NOT_ENROLLED, R.LIVENESS_PASSED},
        False,
    ),
    "a first burst too dark": (
        replace(PATIENT, liveness=Liveness.UNUSABLE, identity=Identity.UNPROVEN),
        V.MANUAL_REVIEW,
        {R.FACE_UNUSABLE, R.PATIENT_BUYS},
        True,
    ),
    "a first burst that looks like a print": (
        replace(PATIENT, liveness=Liveness.SUSPECT),
        V.MANUAL_REVIEW,
        {R.LIVENESS_RETRY, R.PATIENT_BUYS},
        True,
    ),
    "a print of a stranger: the print is told, the stranger is not": (
        replace(PATIENT, liveness=Liveness.SUSPECT, identity=Identity.MISMATCH),
        V.MANUAL_REVIEW,
        {R.LIVENESS_RETRY, R.PATIENT_BUYS},
        True,
    ),
    "the second burst fails too": (
        replace(PATIENT, liveness=Liveness.SUSPECT, failed_bursts=1),
        V.MANUAL_REVIEW,
        {R.LIVENESS_FAILED, R.PATIENT_BUYS},
        False,
    ),
    "the second burst is too dark": (
        replace(PATIENT, liveness=Liveness.UNUSABLE, identity=Identity.UNPROVEN, failed_bursts=1),
        V.MANUAL_REVIEW,
        {R.LIVENESS_FAILED, R.FACE_UNUSABLE, R.PATIENT_BUYS},
        False,
    ),
    "no delegation": (
        replace(DELEGATE, delegation=DelegationState.NONE),
        V.MANUAL_REVIEW,
        BY_FACE | {R.NO_DELEGATION},
        False,
    ),
    "a delegation for somebody else": (
        replace(DELEGATE, delegation=DelegationState.WRONG_PATIENT),
        V.MANUAL_REVIEW,
        BY_FACE | {R.DELEGATION_WRONG_PATIENT},
        False,
    ),
    "more at once than the delegation allows": (
        replace(DELEGATE, over_delegated=True),
        V.REFUSED,
        PROXY | {R.DELEGATION_OVER_QUANTITY},
        False,
    ),
    "the patient is bound by no delegation": (replace(PATIENT, over_delegated=True), V.APPROVED, OWN, False),
    "the passive model warns: nothing changes": (
        replace(PATIENT, passive_warning=True),
        V.APPROVED,
        OWN | {R.PASSIVE_WARNING},
        False,
    ),
    "a delegation that waits": (
        replace(DELEGATE, delegation=DelegationState.PENDING),
        V.MANUAL_REVIEW,
        BY_FACE | {R.DELEGATION_PENDING},
        False,
    ),
    "too early": (
        replace(DELEGATE, delegation=DelegationState.NOT_YET_VALID),
        V.REFUSED,
        BY_FACE | {R.DELEGATION_NOT_YET_VALID},
        False,
    ),
    "expired": (
        replace(DELEGATE, delegation=DelegationState.EXPIRED),
        V.REFUSED,
        BY_FACE | {R.DELEGATION_EXPIRED},
        False,
    ),
    "revoked": (
        replace(DELEGATE, delegation=DelegationState.REVOKED),
        V.REFUSED,
        BY_FACE | {R.DELEGATION_REVOKED},
        False,
    ),
    "used up": (
        replace(DELEGATE, delegation=DelegationState.EXHAUSTED),
        V.REFUSED,
        BY_FACE | {R.DELEGATION_EXHAUSTED},
        False,
    ),
    "another class of drug": (
        replace(DELEGATE, class_not_covered=True),
        V.REFUSED,
        PROXY | {R.DRUG_NOT_COVERED},
        False,
    ),
    "a class for the patient only": (
        replace(DELEGATE, class_excluded=True),
        V.REFUSED,
        PROXY | {R.DRUG_EXCLUDED},
        False,
    ),
    "the patient buys such a class": (replace(PATIENT, class_excluded=True), V.APPROVED, OWN, False),
    "21 patients": (replace(DELEGATE, principals=21), V.MANUAL_REVIEW, PROXY | {R.TOO_MANY_PRINCIPALS}, False),
    "20 patients": (replace(DELEGATE, principals=20), V.APPROVED, PROXY, False),
    "a death on record": (replace(DELEGATE, vital=Vital.DEAD), V.MANUAL_REVIEW, PROXY | {R.RECORD_CHECK}, False),
    "sources that conflict": (
        replace(DELEGATE, vital=Vital.CONFLICTING),
        V.MANUAL_REVIEW,
        PROXY | {R.RECORD_CHECK},
        False,
    ),
    "a register not updated": (replace(PATIENT, register_stale=True), V.PROVISIONAL, OWN | {R.REGISTER_STALE}, False),
    "in hospital": (replace(PATIENT, stay=Stay.INPATIENT), V.MANUAL_REVIEW, OWN | {R.INPATIENT}, False),
    "on leave": (replace(PATIENT, stay=Stay.EXCUSED), V.APPROVED, OWN | {R.INPATIENT_EXCUSED}, False),
    "90 days": (replace(PATIENT, longest_supply_days=90), V.APPROVED, OWN, False),
    "91 days": (replace(PATIENT, longest_supply_days=91), V.REFUSED, OWN | {R.SUPPLY_TOO_LONG}, False),
    "more than policy allows of this drug": (
        replace(PATIENT, over_quantity=True),
        V.REFUSED,
        OWN | {R.OVER_QUANTITY},
        False,
    ),
    "a great dose a day": (replace(PATIENT, over_dose=True), V.MANUAL_REVIEW, OWN | {R.OVER_DOSE}, False),
    "120 days with what is left over": (replace(PATIENT, days_on_hand=120.0), V.APPROVED, OWN, False),
    "121 days with what is left over": (
        replace(PATIENT, days_on_hand=120.1),
        V.MANUAL_REVIEW,
        OWN | {R.SUPPLY_OVERLAP},
        False,
    ),
    "a quarter left": (replace(PATIENT, supply_left=0.25), V.APPROVED, OWN, False),
    "more than a quarter left": (replace(PATIENT, supply_left=0.26), V.MANUAL_REVIEW, OWN | {R.TOO_SOON}, False),
    "the twelfth": (replace(PATIENT, purchases_in_30_days=11), V.APPROVED, OWN, False),
    "the thirteenth": (replace(PATIENT, purchases_in_30_days=12), V.MANUAL_REVIEW, OWN | {R.TOO_OFTEN}, False),
    "offline": (replace(PATIENT, offline=True), V.PROVISIONAL, OWN | {R.OFFLINE}, False),
    "offline for too long": (
        replace(PATIENT, offline=True, cache_too_old=True),
        V.MANUAL_REVIEW,
        OWN | {R.OFFLINE, R.CACHE_TOO_OLD},
        False,
    ),
    "everything at once: all is told, the gravest decides": (
        replace(
            DELEGATE,
            identity=Identity.MISMATCH,
            delegation=DelegationState.EXPIRED,
            vital=Vital.DEAD,
            stay=Stay.INPATIENT,
            longest_supply_days=120,
            supply_left=1.0,
            purchases_in_30_days=20,
            register_stale=True,
        ),
        V.REFUSED,
        {
            R.IDENTITY_MISMATCH,
            R.LIVENESS_PASSED,
            R.DELEGATION_EXPIRED,
            R.RECORD_CHECK,
            R.INPATIENT,
            R.SUPPLY_TOO_LONG,
            R.TOO_SOON,
            R.TOO_OFTEN,
            R.REGISTER_STALE,
        },
        False,
    ),
    "a refusal ends it: no other burst is offered": (
        replace(DELEGATE, liveness=Liveness.SUSPECT, delegation=DelegationState.REVOKED),
        V.REFUSED,
        {R.LIVENESS_RETRY, R.DELEGATION_REVOKED},
        False,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_table(name: str) -> None:
    case, verdict, codes, retry = CASES[name]
    decision = decide(case, DEFAULT)
    assert (decision.verdict, decision.codes, decision.retry) == (verdict, codes, retry)


def test_every_row_and_every_reason_code_is_tried_above() -> None:
    tried = set().union(*(codes for _, _, codes, _ in CASES.values()))
    assert sorted(row.code for row in TABLE) == sorted(tried)  # one row each: no row hides behind another's code
    assert tried == set(ReasonCode)
    assert {code: (row.effect, row.dimension) for row in TABLE if (code := row.code)} == EFFECTS


EFFECTS = {
    **dict.fromkeys((R.IDENTITY_VERIFIED, R.IDENTITY_BY_DOCUMENTS), (Effect.NOTE, "identity")),
    **dict.fromkeys(
        (
            R.IDENTITY_UNCERTAIN,
            R.NOT_ENROLLED,
            R.DOCUMENTS_TO_REVIEW,
            R.IDENTITY_UNCHECKED,
            R.PATIENT_UNKNOWN,
            R.DELEGATE_UNKNOWN,
        ),
        (Effect.MANUAL_REVIEW, "identity"),
    ),
    R.IDENTITY_MISMATCH: (Effect.REFUSE, "identity"),
    **dict.fromkeys((R.LIVENESS_PASSED, R.LIVENESS_NOT_TRIED, R.PASSIVE_WARNING), (Effect.NOTE, "liveness")),
    **dict.fromkeys((R.FACE_UNUSABLE, R.LIVENESS_RETRY, R.LIVENESS_FAILED), (Effect.MANUAL_REVIEW, "liveness")),
    **dict.fromkeys((R.PATIENT_BUYS, R.DELEGATION_VALID), (Effect.NOTE, "delegation")),
    **dict.fromkeys(
        (R.NO_DELEGATION, R.DELEGATION_WRONG_PATIENT, R.DELEGATION_PENDING, R.TOO_MANY_PRINCIPALS),
        (Effect.MANUAL_REVIEW, "delegation"),
    ),
    **dict.fromkeys(
        (
            R.DELEGATION_NOT_YET_VALID,
            R.DELEGATION_EXPIRED,
            R.DELEGATION_REVOKED,
            R.DELEGATION_EXHAUSTED,
            R.DELEGATION_OVER_QUANTITY,
            R.DRUG_NOT_COVERED,
            R.DRUG_EXCLUDED,
        ),
        (Effect.REFUSE, "delegation"),
    ),
    R.RECORD_CHECK: (Effect.MANUAL_REVIEW, "vital_status"),
    R.REGISTER_STALE: (Effect.PROVISIONAL, "vital_status"),
    R.INPATIENT: (Effect.MANUAL_REVIEW, "admission"),
    R.INPATIENT_EXCUSED: (Effect.NOTE, "admission"),
    **dict.fromkeys((R.SUPPLY_TOO_LONG, R.OVER_QUANTITY), (Effect.REFUSE, "quantity")),
    **dict.fromkeys((R.OVER_DOSE, R.SUPPLY_OVERLAP), (Effect.MANUAL_REVIEW, "quantity")),
    **dict.fromkeys((R.TOO_SOON, R.TOO_OFTEN), (Effect.MANUAL_REVIEW, "frequency")),
    R.OFFLINE: (Effect.PROVISIONAL, "network"),
    R.CACHE_TOO_OLD: (Effect.MANUAL_REVIEW, "network"),
}


def test_the_gravest_reason_comes_first() -> None:
    reasons = decide(CASES["everything at once: all is told, the gravest decides"][0], DEFAULT).reasons
    weights = [{"refuse": 0, "manual_review": 1, "provisional": 2, "note": 3}[reason.effect] for reason in reasons]
    assert weights == sorted(weights)


def test_every_reason_can_be_said_aloud_in_both_languages() -> None:
    assert set(REASON_TEXTS) == set(ReasonCode)
    for code, text in REASON_TEXTS.items():
        assert text.en.endswith("."), code
        assert text.zh.endswith("。"), code
        assert len(text.en) <= 120, code


def test_the_buyer_is_never_told_of_a_death() -> None:
    for text in REASON_TEXTS.values():
        assert not any(word in text.en.lower() for word in ("dead", "death", "died", "alive"))
        assert not any(word in text.zh for word in ("死", "亡", "去世", "生存"))


_CASES = st.builds(
    Circumstances,
    buyer=st.sampled_from(BuyerRole),
    identity=st.sampled_from(Identity),
    liveness=st.sampled_from(Liveness),
    failed_bursts=st.integers(0, 3),
    patient_known=st.booleans(),
    delegate_known=st.booleans(),
    delegation=st.sampled_from(DelegationState),
    vital=st.sampled_from(Vital),
    stay=st.sampled_from(Stay),
)


@given(_CASES)
def test_there_is_always_an_answer_and_it_follows_the_gravest_reason(case: Circumstances) -> None:
    decision = decide(case, DEFAULT)
    assert decision.reasons
    assert (decision.verdict is V.REFUSED) == any(reason.effect is Effect.REFUSE for reason in decision.reasons)


@given(_CASES)
def test_nobody_is_refused_for_want_of_a_face(case: Circumstances) -> None:
    """Without a living stranger's face, and with nothing wrong about the delegation, the worst is a person's look."""
    lawful = replace(case, delegation=DelegationState.VALID)
    if not (lawful.identity is Identity.MISMATCH and lawful.liveness is Liveness.LIVE):
        assert decide(lawful, DEFAULT).verdict is not V.REFUSED


@given(_CASES)
def test_no_likeness_counts_without_a_living_person(case: Circumstances) -> None:
    if case.liveness is not Liveness.LIVE:
        assert not decide(case, DEFAULT).codes & {R.IDENTITY_VERIFIED, R.IDENTITY_MISMATCH, R.IDENTITY_UNCERTAIN}


@given(_CASES)
def test_a_death_never_makes_an_approval_and_never_a_refusal_by_itself(case: Circumstances) -> None:
    dead = decide(replace(case, vital=Vital.DEAD), DEFAULT)
    alive = decide(replace(case, vital=Vital.NOT_DEAD), DEFAULT)
    assert dead.verdict is not V.APPROVED
    assert (dead.verdict is V.REFUSED) == (alive.verdict is V.REFUSED)


def test_a_place_may_change_what_a_reason_does_and_the_version_says_so() -> None:
    policy = policy_of({"effects": {"too_soon": "note"}, "max_days_of_supply": 30})
    assert decide(replace(PATIENT, supply_left=1.0), policy).verdict is V.APPROVED
    assert decide(replace(PATIENT, longest_supply_days=31), policy).verdict is V.REFUSED
    assert policy.version != DEFAULT.version
    assert policy.version == policy_of({"max_days_of_supply": 30, "effects": {"too_soon": "note"}}).version


@pytest.mark.parametrize("code", sorted(PROTECTED))
def test_no_place_may_refuse_for_what_only_a_person_may_judge(code: ReasonCode) -> None:
    with pytest.raises(InvalidInput, match="may not refuse"):
        policy_of({"effects": {code.value: "refuse"}})


@pytest.mark.parametrize(
    "code", ["liveness_not_tried", "identity_by_documents", "identity_unchecked", "identity_uncertain"]
)
def test_no_place_may_refuse_for_want_of_a_face(code: str) -> None:
    with pytest.raises(InvalidInput, match="may not refuse"):
        policy_of({"effects": {code: "refuse"}})


@pytest.mark.parametrize("effect", ["note", "provisional"])
@pytest.mark.parametrize("code", ["record_check", "identity_mismatch", "liveness_failed"])
def test_no_place_may_let_pass_what_a_person_must_look_at(code: str, effect: str) -> None:
    with pytest.raises(InvalidInput, match="may not let anybody pass") as caught:
        policy_of({"effects": {code: effect}})
    assert caught.value.field == f"policy.effects.{code}"
    assert policy_of({"effects": {code: "manual_review"}}).effects[ReasonCode(code)] is Effect.MANUAL_REVIEW


@pytest.mark.parametrize(
    "overrides",
    [
        {"max_days": 3},
        {"max_days_of_supply": 0},
        {"max_days_of_supply": "30"},
        {"max_days_of_supply": True},
        {"review_fallback": "approved"},
        {"effects": {"no_such": "note"}},
        {"effects": ["too_soon"]},
        {"excluded_classes": "narcotic"},
        {"match": 3},
        {"never_by_fallback": "record_check"},
        {"quantity_by_item": {"A": {"per_purchase": 0}}},
        {"quantity_by_item": {"A": {"per_week": 2}}},
        {"quantity_by_class": {"A": 5}},
        {"quantity_by_class": {"A": {"per_day": "much"}}},
        {"effects": {"passive_warning": "manual_review"}},
    ],
)
def test_a_policy_that_is_wrong_names_its_value(overrides: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        policy_of(overrides)
    assert caught.value.field is not None
    assert caught.value.field.startswith("policy.")
