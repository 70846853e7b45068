"""Uses are spent once, whatever happens in between; what cannot be read or told keeps nothing else waiting."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.errors import KioskStoreUnusable
from edge_agent.kiosk.store import KioskStore, QueueCount
from service.contracts import KioskCache, ProvisionalPurchase
from tests.edge_agent.kiosk.conftest import Page
from tests.edge_agent.kiosk.pharmacy import NOW, Pharmacy, register
from tests.edge_agent.kiosk.test_offline import LATER, waiting
from tests.edge_agent.kiosk.test_page import PURCHASE

PAPERS = {**PURCHASE, "documents": {"checked_by": "9", "kinds": ["id_card"], "reason": "camera"}}
SPENDER = """
import sys
from pathlib import Path
from edge_agent.kiosk.store import KioskStore
from tests.edge_agent.kiosk.test_offline import waiting
store = KioskStore(Path(sys.argv[1]))
for number in range(100_000):
    with store.at_once():
        before = store.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN")
        store.queue(waiting(f"{sys.argv[2]}-{number}"), [b"x" * 20_000], spend=True)
    print(before + 1, flush=True)
"""


@pytest.mark.models
def test_two_tabs_do_not_spend_the_last_use_twice(page: Page, pharmacy: Pharmacy) -> None:
    """Eight at once for two uses: two are sold, six wait for a person."""
    page.kiosk.courier.errand()
    pharmacy.away = True
    session, start = page.begin(), threading.Barrier(8)
    said: list[str] = []

    def buy() -> None:
        start.wait()
        said.append(page.post("/api/documents", PAPERS, session).json()["verdict"])

    threads = [threading.Thread(target=buy) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["manual_review"] * 6 + ["provisional"] * 2
    assert page.client.get("/api/state").json()["waiting"] == 2


def test_a_check_and_its_sale_are_one_step(tmp_path: Path) -> None:
    """Without `at_once` both threads would see that one use is left."""
    store, sold = KioskStore(tmp_path / "k"), []

    def sell(name: str) -> None:
        with store.at_once():
            if store.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN") < 1:
                time.sleep(0.2)
                store.queue(waiting(name), [], spend=True)
                sold.append(name)

    threads = [threading.Thread(target=sell, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sold) == 1
    assert store.counts().waiting == 1
    store.close()


def test_what_fails_half_way_spends_nothing(tmp_path: Path) -> None:
    store = KioskStore(tmp_path / "k")

    def half() -> None:
        with store.at_once():
            store.queue(waiting(), [], spend=True)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert (store.counts().waiting, store.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN")) == (0, 0)
    store.close()


def test_a_kill_loses_no_sale_that_was_told_and_counts_none_twice(tmp_path: Path) -> None:
    folder, told = tmp_path / "k", 0
    for round_ in range(3):
        agent = subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(folder), str(round_)], stdout=subprocess.PIPE, text=True
        )
        assert agent.stdout is not None
        for _ in range(5 + 3 * round_):
            told = int(agent.stdout.readline())
        os.kill(agent.pid, signal.SIGKILL)
        last = [int(line) for line in agent.stdout.read().split()]
        agent.wait()
        told = max([told, *last])
        store = KioskStore(folder)
        kept = store.counts().waiting
        # One more than was told may have been written before the kill; never fewer, and each row is one use.
        assert kept in (told, told + 1)
        assert store.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN") == kept
        for request_id in store.waiting():
            store.queued(request_id)
        store.close()


def test_one_process_has_the_folder(tmp_path: Path) -> None:
    store = KioskStore(tmp_path / "k")
    with pytest.raises(KioskStoreUnusable, match="another kiosk that runs"):
        KioskStore(tmp_path / "k")
    store.close()
    KioskStore(tmp_path / "k").close()


def _spoil(folder: Path, request_id: str) -> None:
    with sqlite3.connect(folder / "kiosk.db") as database:
        database.execute("update queue set sealed = x'00ff' where request_id = ?", (request_id,))
    database.close()


@pytest.mark.models
def test_a_row_that_does_not_open_is_set_aside_and_shown(page: Page, pharmacy: Pharmacy, tmp_path: Path) -> None:
    page.kiosk.courier.errand()
    pharmacy.away = True
    numbers = [page.post("/api/documents", PAPERS, page.begin()).json()["request_id"] for _ in range(2)]
    _spoil(tmp_path / "kiosk", numbers[0])
    pharmacy.away = False
    assert page.kiosk.courier.errand()
    (told,) = pharmacy.told("/api/v1/purchase-reconciliations")
    assert told["request_id"] == numbers[1]
    state = page.client.get("/api/state").json()
    # Counted, shown, and the register's copy is fresh all the same.
    assert (state["waiting"], state["aside"], state["cache_seconds"]) == (0, 1, 0)
    # The use it stands for still counts: nobody told the server.
    assert page.kiosk._store.spent("D1", "P1") == 1


@pytest.mark.models
def test_a_purchase_that_the_server_fails_at_starves_nobody(page: Page, pharmacy: Pharmacy) -> None:
    page.kiosk.courier.errand()
    pharmacy.away = True
    numbers = [page.post("/api/documents", PAPERS, page.begin()).json()["request_id"] for _ in range(2)]
    pharmacy.away, pharmacy.fails_at = False, frozenset({numbers[0]})
    assert page.kiosk.courier.errand()
    state = page.client.get("/api/state").json()
    assert (state["waiting"], state["aside"], state["cache_seconds"], state["online"]) == (1, 0, 0, True)
    for _ in range(4):
        assert page.kiosk.courier.errand()
    state = page.client.get("/api/state").json()
    assert (state["waiting"], state["aside"]) == (0, 1)
    before = len(pharmacy.told("/api/v1/purchase-reconciliations"))
    page.kiosk.courier.errand()
    assert len(pharmacy.told("/api/v1/purchase-reconciliations")) == before
    # Next day the server has been mended.
    pharmacy.fails_at = frozenset()
    page.clock.at += timedelta(days=1, minutes=1)
    page.kiosk.courier.errand()
    assert page.client.get("/api/state").json() == state | {"aside": 0, "cache_seconds": 0}


@pytest.mark.models
def test_a_server_that_fails_at_everything_loses_nothing(page: Page, pharmacy: Pharmacy, tmp_path: Path) -> None:
    page.kiosk.courier.errand()
    store: KioskStore = page.kiosk._store
    for number in range(7):
        store.queue(waiting(f"r{number}"), [], spend=True)
    pharmacy.fails_at = frozenset(f"r{number}" for number in range(7))
    page.kiosk.courier.errand()
    # Three failures in a row are the server's own: it is left alone until the next errand.
    assert len(pharmacy.told("/api/v1/purchase-reconciliations")) == 3
    assert store.counts() == QueueCount(waiting=7, wrong=0, refused=0, aside=0)


def test_a_database_of_the_last_edition_is_brought_up_to_date(tmp_path: Path) -> None:
    store = KioskStore(tmp_path / "k")
    store.queue(waiting("old"), [], spend=True)
    store.close()
    with sqlite3.connect(tmp_path / "k" / "kiosk.db") as database:
        database.execute("alter table queue drop column delegation")
        database.execute("alter table queue drop column served_at")
    database.close()
    again = KioskStore(tmp_path / "k")
    again.keep_copy(KioskCache.model_validate(register(LATER)), '"v1"')
    assert again.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN") == 1
    assert isinstance(again.queued("old").purchase, ProvisionalPurchase)
    again.close()


def test_a_patients_own_purchase_spends_nobodys_use(tmp_path: Path) -> None:
    store = KioskStore(tmp_path / "k")
    own = waiting().model_copy(update={"delegate_no": None, "served_at": NOW})
    store.queue(own, [], spend=True)
    store.keep_copy(KioskCache.model_validate(register(LATER)), '"v1"')
    assert store.spent("DELEGATE-THREE", "PATIENT-SEVENTEEN") == 0
    store.close()
