"""Without the server: what the copy allows, that it is sealed, and that everything is told later."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.errors import KioskStoreUnusable
from edge_agent.kiosk.offline import OfflinePurchase, decide_offline
from edge_agent.kiosk.settings import KioskSettings
from edge_agent.kiosk.store import KioskStore
from service.contracts import (
    BuyerRole,
    IdentityMethod,
    KioskCache,
    ProvisionalPurchase,
    PurchaseItem,
    ReasonCode,
    Verdict,
)
from service.vision import Pack
from service.vision.liveness import LivenessVerdict
from tests.edge_agent.kiosk.conftest import Page
from tests.edge_agent.kiosk.pharmacy import NOW, Pharmacy, register
from tests.edge_agent.kiosk.test_page import PURCHASE, burst, drawn

LATER = NOW + timedelta(hours=1)
R = ReasonCode


def purchase(**changes: object) -> OfflinePurchase:
    values: dict[str, object] = {
        "patient_no": "P1",
        "buyer": BuyerRole.DELEGATE,
        "delegate_no": "D1",
        "items": (PurchaseItem(code="A", quantity=1, days_of_supply=28),),
        "method": IdentityMethod.FACE,
        "liveness": LivenessVerdict.LIVE,
        "spent": 0,
        "at": LATER,
    }
    return OfflinePurchase(**(values | changes))  # type: ignore[arg-type]


def item(**changes: object) -> tuple[PurchaseItem, ...]:
    return (PurchaseItem.model_validate({"code": "A", "quantity": "1", "days_of_supply": 28} | changes),)


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, Verdict.PROVISIONAL, R.DELEGATION_VALID),
        ({"buyer": BuyerRole.PATIENT, "delegate_no": None}, Verdict.PROVISIONAL, R.PATIENT_BUYS),
        ({"method": IdentityMethod.DOCUMENTS, "liveness": None}, Verdict.PROVISIONAL, R.IDENTITY_BY_DOCUMENTS),
        ({"spent": 1}, Verdict.PROVISIONAL, R.DELEGATION_VALID),
        ({"spent": 2}, Verdict.MANUAL_REVIEW, R.DELEGATION_EXHAUSTED),
        ({"delegate_no": "D2"}, Verdict.MANUAL_REVIEW, R.NO_DELEGATION),
        ({"patient_no": "P9"}, Verdict.MANUAL_REVIEW, R.RECORD_CHECK),
        ({"patient_no": "P9", "buyer": BuyerRole.PATIENT}, Verdict.MANUAL_REVIEW, R.RECORD_CHECK),
        ({"items": item(drug_class="narcotic")}, Verdict.MANUAL_REVIEW, R.DRUG_EXCLUDED),
        ({"items": item(days_of_supply=85)}, Verdict.MANUAL_REVIEW, R.SUPPLY_TOO_LONG),
        ({"items": item(days_of_supply=50) * 2}, Verdict.MANUAL_REVIEW, R.SUPPLY_TOO_LONG),
        ({"liveness": LivenessVerdict.SUSPECT}, Verdict.MANUAL_REVIEW, R.LIVENESS_FAILED),
        ({"liveness": LivenessVerdict.INCONCLUSIVE}, Verdict.MANUAL_REVIEW, R.LIVENESS_RETRY),
        ({"at": NOW + timedelta(hours=24)}, Verdict.MANUAL_REVIEW, R.CACHE_TOO_OLD),
    ],
)
def test_what_the_copy_allows(changes: dict[str, object], verdict: Verdict, reason: ReasonCode) -> None:
    decided = decide_offline(KioskCache.model_validate(register()), purchase(**changes))
    assert decided.verdict is verdict
    assert reason in decided.reasons
    assert R.OFFLINE in decided.reasons


@pytest.mark.parametrize(
    ("delegation", "reason"),
    [
        ({"valid_from": "2026-03-03T00:00:00Z"}, R.DELEGATION_NOT_YET_VALID),
        ({"valid_to": "2026-03-02T09:00:00Z"}, R.DELEGATION_EXPIRED),
        ({"drug_classes": ["diabetes"]}, R.DRUG_NOT_COVERED),
        ({"uses_left": 0}, R.DELEGATION_EXHAUSTED),
        ({"max_quantity": "0.5"}, R.DELEGATION_OVER_QUANTITY),
    ],
)
def test_a_delegation_that_does_not_cover_the_purchase(delegation: dict[str, object], reason: ReasonCode) -> None:
    document = register()
    document["delegations"] = [document["delegations"][0] | delegation]
    decided = decide_offline(KioskCache.model_validate(document), purchase())
    assert decided.verdict is Verdict.MANUAL_REVIEW
    assert reason in decided.reasons
    assert R.DELEGATION_VALID not in decided.reasons


def test_without_a_copy_a_person_decides() -> None:
    assert decide_offline(None, purchase()).verdict is Verdict.MANUAL_REVIEW


def waiting(request_id: str = "r1") -> ProvisionalPurchase:
    return ProvisionalPurchase(
        request_id=request_id,
        patient_no="PATIENT-SEVENTEEN",
        buyer=BuyerRole.DELEGATE,
        delegate_no="DELEGATE-THREE",
        items=item(),
        served_at=LATER,
    )


def test_nothing_about_anybody_lies_readable_on_the_disk(tmp_path: Path) -> None:
    store = KioskStore(tmp_path / "k")
    document = register()
    document["delegations"][0] |= {"patient_no": "PATIENT-SEVENTEEN", "delegate_no": "DELEGATE-THREE"}
    store.keep_copy(KioskCache.model_validate(document), '"v1"')
    store.queue(waiting(), [b"\xff\xd8 a face"], spend=True)
    raw = b"".join(path.read_bytes() for path in (tmp_path / "k").iterdir())
    for secret in (b"PATIENT-SEVENTEEN", b"DELEGATE-THREE", b"a face", b"A10BA02"):
        assert secret not in raw
    assert ((tmp_path / "k" / "kiosk.key").stat().st_mode & 0o777) == 0o600
    (request_id,) = store.waiting()
    again = store.queued(request_id)
    assert again.purchase == waiting()
    assert again.images == (b"\xff\xd8 a face",)
    store.close()


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    store = KioskStore(tmp_path / "k")
    store.keep_copy(KioskCache.model_validate(register()), '"v1"')
    store.close()
    (tmp_path / "k" / "kiosk.key").write_bytes(bytes(32))
    with pytest.raises(KioskStoreUnusable, match="does not open"):
        KioskStore(tmp_path / "k").copy()


def test_the_queue_survives_a_restart_and_counts_a_use_once(tmp_path: Path) -> None:
    store = KioskStore(tmp_path / "k")
    store.queue(waiting(), [], spend=True)
    store.queue(waiting(), [], spend=True)
    store.close()
    again = KioskStore(tmp_path / "k")
    assert again.counts().waiting == 1
    assert again.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN") == 1
    again.settle("r1", "told")
    assert again.counts().waiting == 0
    again.close()


@pytest.mark.models
def test_a_purchase_while_the_server_is_away_is_provisional_and_told_later(
    page: Page, pharmacy: Pharmacy, real_pack: Pack
) -> None:
    assert page.kiosk.courier.errand()
    pharmacy.away = True
    session = page.begin()
    challenge = page.post("/api/challenge", session=session).json()
    assert challenge["offline"]
    assert burst(real_pack, page, session, drawn(page)) == ["taken"] * 5
    verdict = page.post("/api/verify", PURCHASE, session).json()
    assert verdict["verdict"] == "provisional"
    assert verdict["token"] is None
    assert {reason["code"] for reason in verdict["reasons"]} >= {"offline", "delegation_valid", "identity_unchecked"}
    state = page.client.get("/api/state").json()
    # The copy was made ten minutes before the test's now.
    assert state == state | {"online": False, "cache_seconds": 600, "cache_usable": True, "waiting": 1}

    assert not page.kiosk.courier.errand()
    pharmacy.away = False
    assert page.kiosk.courier.errand()
    (told,) = pharmacy.told("/api/v1/purchase-reconciliations")
    assert told["request_id"] == verdict["request_id"]
    assert told["checks"]["liveness"] == "live"
    assert told["checks"]["cache_version"] == "v1"
    assert len(pharmacy.images[0]) == 5
    assert page.client.get("/api/state").json() == state | {"online": True, "waiting": 0, "cache_seconds": 0}


@pytest.mark.models
def test_the_last_use_is_spent_offline_too(page: Page, pharmacy: Pharmacy) -> None:
    page.kiosk.courier.errand()
    pharmacy.away = True
    documents = {**PURCHASE, "documents": {"checked_by": "9", "kinds": ["id_card"], "reason": "camera"}}
    session = page.begin()
    verdicts = [page.post("/api/documents", documents, session).json()["verdict"] for _ in range(3)]
    assert verdicts == ["provisional", "provisional", "manual_review"]


@pytest.mark.models
def test_a_wrong_one_is_counted_and_forgets_the_patient(page: Page, pharmacy: Pharmacy) -> None:
    page.kiosk.courier.errand()
    pharmacy.away, pharmacy.right = True, False
    documents = {**PURCHASE, "documents": {"checked_by": "9", "kinds": ["id_card"], "reason": "camera"}}
    page.post("/api/documents", documents, page.begin())
    pharmacy.away = False
    page.kiosk.courier.errand()
    state = page.client.get("/api/state").json()
    assert (state["waiting"], state["wrong"]) == (0, 1)
    assert page.kiosk.courier.errand()


@pytest.mark.models
def test_the_token_is_sent_and_an_unchanged_copy_is_not(page: Page, pharmacy: Pharmacy) -> None:
    page.kiosk.courier.errand()
    page.kiosk.courier.errand()
    first, second = pharmacy.told("/api/v1/kiosks/me/cache")
    assert first["Authorization"] == "Bearer a-token-of-the-kiosk"
    assert second["If-None-Match"] == '"v1"'


@pytest.mark.models
def test_an_unchanged_copy_is_good_for_another_day(page: Page, pharmacy: Pharmacy) -> None:
    page.kiosk.courier.errand()
    page.clock.at += timedelta(hours=25)
    assert not page.client.get("/api/state").json()["cache_usable"]
    assert page.kiosk.courier.errand()
    state = page.client.get("/api/state").json()
    assert (state["cache_usable"], state["cache_seconds"]) == (True, 0)
    page.clock.at += timedelta(hours=23, minutes=59)
    assert page.client.get("/api/state").json()["cache_usable"]
    page.clock.at += timedelta(minutes=1)
    assert not page.client.get("/api/state").json()["cache_usable"]


def test_a_new_copy_forgets_only_what_the_server_has_counted(tmp_path: Path) -> None:
    store = KioskStore(tmp_path / "k")
    for number in ("told", "refused", "waiting"):
        store.queue(waiting(number), [], spend=True)
    store.settle("told", "told")
    store.settle("refused", "refused", "another number")
    spent = []
    for made_at in (LATER, LATER + timedelta(days=32)):
        store.keep_copy(KioskCache.model_validate(register(made_at)), '"v1"')
        spent.append(store.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN"))
    store.settle("waiting", "told")
    store.keep_copy(KioskCache.model_validate(register(LATER + timedelta(days=32))), '"v1"')
    spent.append(store.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN"))
    # What was refused counts while the server would still take it.
    assert spent == [2, 1, 0]
    store.close()


def test_settings_name_what_is_missing(kiosk_settings: KioskSettings) -> None:
    with pytest.raises(ValueError, match="one of them"):
        KioskSettings(server="http://a.example", data=kiosk_settings.data)
