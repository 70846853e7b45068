"""The pages in a real Chromium: no complaint in the console, usable by keyboard, readable in every theme and size."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from sqlmodel import select

from service.ledger.tables import LedgerEntry
from service.occupancy import RollCall
from service.occupancy.tables import DirectedCheck
from tests.builders import PASSWORD
from tests.web.browser import (
    CHROMIUM,
    DRIVER,
    FOCUS,
    LOW_CONTRAST,
    MISSING,
    complaints,
    look_like,
    open_browser,
    sideways,
)
from tests.web.scene import Scene

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=MISSING),
]


# How many places the tab key should stop at, at least: a date's parts are several.
STOPS = """
const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']");
return [...all].filter((e) => e.checkVisibility() && e.tabIndex >= 0).length;
"""


@pytest.fixture(scope="module")
def origin(scene: Scene) -> Iterator[str]:
    """The application on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(scene.app, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=20)


@pytest.fixture(scope="module")
def chromium(origin: str, scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser in which the facility's admin has logged in by the form, with the keyboard alone."""
    with open_browser(tmp_path_factory.mktemp("profile")) as driver:
        driver.get(f"{origin}/wards/{scene.ward_id}")
        assert "/login?next=" in driver.current_url
        keys = ActionChains(driver)
        keys.send_keys(scene.people["admin"].username, Keys.TAB, PASSWORD, Keys.ENTER).perform()
        WebDriverWait(driver, 20).until(lambda page: page.current_url == f"{origin}/wards/{scene.ward_id}")
        assert complaints(driver) == []
        yield driver


@pytest.fixture(autouse=True)
def _fresh(chromium: Chrome, origin: str) -> None:
    """Each test begins in English on a wide screen, with an empty console."""
    look_like(chromium, width=1440)
    chromium.get(f"{origin}/?lang=en&theme=auto")
    complaints(chromium)


def pages(driver: Chrome, origin: str, scene: Scene) -> list[str]:
    driver.get(f"{origin}/findings")
    finding = driver.find_element(By.CSS_SELECTOR, ".finding-row a").get_attribute("href")
    assert finding is not None
    story = f"{origin}/admissions/{scene.hospital.admissions[0].id}"
    board = f"{origin}/wards/{scene.ward_id}"
    report = f"{origin}/reports/in-bed-rate?by=day,ward"
    return [f"{origin}/", board, report, f"{origin}/findings", finding, story, f"{origin}/nowhere"]


def test_no_page_makes_the_console_complain(chromium: Chrome, origin: str, scene: Scene) -> None:
    for address in pages(chromium, origin, scene)[:-1]:
        chromium.get(address)
        assert complaints(chromium) == [], address


def test_the_pages_on_which_people_are_asked(chromium: Chrome, origin: str, scene: Scene) -> None:
    """Each opened once: a quiet console, nothing sideways on a phone, readable text."""
    with scene.context.database.reading() as session:
        query = select(DirectedCheck.id).where(DirectedCheck.facility_id == scene.facility.id)
        check = session.exec(query.limit(1)).one()
    paths = (
        "/directed-checks?view=all",
        f"/directed-checks/{check}",
        f"/hand-held/{check}",
        "/roll-calls",
        "/by-hand",
        "/bed-checks",
    )
    for path in (*paths, "/pharmacy", "/pharmacy/queue", "/pharmacy/purchases"):
        chromium.get(f"{origin}{path}")
        assert complaints(chromium) == [], path
        assert len(chromium.find_elements(By.TAG_NAME, "h1")) == 1, path
        assert chromium.execute_script(LOW_CONTRAST) == [], path
        look_like(chromium, width=390, phone=True)
        assert sideways(chromium) <= 0, path
        look_like(chromium, width=1440)


def test_text_is_readable_in_both_themes(chromium: Chrome, origin: str, scene: Scene) -> None:
    for address in pages(chromium, origin, scene):
        for dark in (False, True):
            look_like(chromium, width=1440, dark=dark)
            chromium.get(address)
            chromium.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            assert chromium.execute_script(LOW_CONTRAST) == [], (address, dark)


def test_no_page_scrolls_sideways_on_a_phone_or_at_twice_the_size(chromium: Chrome, origin: str, scene: Scene) -> None:
    for address in pages(chromium, origin, scene):
        for language in ("en", "zh"):
            joint = "&" if "?" in address else "?"
            chromium.get(f"{address}{joint}lang={language}")
            for width, zoom in ((390, 1.0), (320, 1.0), (1280, 2.0)):
                look_like(chromium, width=width, phone=zoom == 1.0, zoom=zoom)
                assert sideways(chromium) <= 0, (address, language, width)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(chromium: Chrome, origin: str, scene: Scene) -> None:
    for address in pages(chromium, origin, scene)[:-1]:
        chromium.get(address)
        wanted = chromium.execute_script(STOPS)
        seen = []
        for _ in range(wanted):
            ActionChains(chromium).send_keys(Keys.TAB).perform()
            seen.append(chromium.execute_script(FOCUS))
        assert seen[0][1] == "Skip to the content", address
        unseen = [(tag, text) for tag, text, ring in seen if not ring]
        assert unseen == [], address
        assert all(tag != "BODY" for tag, _, _ in seen[: wanted - 1]), address


def test_the_board_follows_and_says_what_changed(chromium: Chrome, origin: str, scene: Scene) -> None:
    chromium.get(f"{origin}/wards/{scene.ward_id}?lang=en")
    live = chromium.find_element(By.ID, "live")
    assert live.is_displayed()
    # What the server would send after a change: the same cards, one bed in another state.
    chromium.execute_script(
        """
        const answer = (tag, text) => new Response(text, { status: 200, headers: { ETag: tag } });
        const cards = document.getElementById("cards").innerHTML;
        let turn = 0;
        const changed = cards.replace(/data-state="\\w+/, 'data-state="gone');
        window.fetch = async () => answer(String(++turn), turn < 2 ? cards : changed);
        document.dispatchEvent(new Event("visibilitychange"));
        """
    )
    announcer = chromium.find_element(By.ID, "announcer")
    assert announcer.get_attribute("aria-live") == "polite"
    WebDriverWait(chromium, 30).until(
        lambda _: (
            "1 bed changed" in (announcer.get_attribute("textContent") or "")
            or chromium.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
        )
    )
    pause = chromium.find_element(By.ID, "live-pause")
    pause.click()
    assert pause.text == "Resume updates"
    assert complaints(chromium) == []


def test_a_change_before_the_first_question_is_shown_and_the_end_is_said(
    chromium: Chrome, origin: str, scene: Scene
) -> None:
    """What happened between the drawing of the page and its first question is news; what is over asks no more."""
    with scene.context.database.transaction() as session:
        now = scene.context.clock.now()
        call = RollCall(
            facility_id=scene.facility.id,
            group_id="shown",
            kind="surprise",
            scope="facility",
            scope_key="facility",
            opens_at=now,
            frozen_until=now + timedelta(minutes=5),
            closes_at=now + timedelta(days=4000),
            called_by="x",
            recorded_at=now,
        )
        session.add(call)
        session.flush()
        call_id = call.id
    try:
        chromium.get(f"{origin}/roll-calls/{call_id}?lang=en")
        chromium.execute_script(
            """
            const cards = document.getElementById("cards").innerHTML;
            window.asked = 0;
            const over = cards.replace('<section class="card">', '<section class="card" data-over id="news">');
            window.fetch = async () => {
              window.asked += 1;
              const changed = over.replace("covered</h2>", "covered!</h2>");
              return new Response(changed, { status: 200, headers: { ETag: "1" } });
            };
            document.dispatchEvent(new Event("visibilitychange"));
            """
        )
        WebDriverWait(chromium, 30).until(lambda page: page.find_elements(By.ID, "news"))
        text = chromium.find_element(By.ID, "live-text")
        WebDriverWait(chromium, 30).until(lambda _: "The roll call is over" in text.text)
        assert chromium.find_elements(By.ID, "live-pause") == []  # nothing is left to pause
        chromium.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
        assert chromium.execute_script("return window.asked") == 1
        assert complaints(chromium) == []
    finally:
        with scene.context.database.transaction() as session:
            session.delete(session.get_one(RollCall, call_id))


def test_a_picture_is_fetched_only_when_it_is_opened(chromium: Chrome, origin: str, scene: Scene) -> None:
    def viewed() -> int:
        with scene.context.database.reading() as session:
            return len(session.exec(select(LedgerEntry).where(LedgerEntry.action == "frame.viewed")).all())

    before = viewed()
    chromium.get(f"{origin}/findings?lang=en")
    chromium.find_element(By.XPATH, "//*[contains(text(), 'Phantom')]/ancestor::li//a").click()
    time.sleep(1)
    chromium.execute_script("document.getElementById('pictures').scrollIntoView()")
    time.sleep(1)
    assert viewed() == before
    if not (scene.context.settings.pack_folder() / "manifest.json").exists():
        pytest.skip("the default model pack is not fetched: run `wardwatch models fetch`")
    chromium.find_element(By.CSS_SELECTOR, "details.picture summary").click()
    WebDriverWait(chromium, 60).until(lambda _: viewed() == before + 1)
    width = "return document.querySelector('details.picture[open] img').naturalWidth"
    WebDriverWait(chromium, 20).until(lambda page: page.execute_script(width) > 0)
    assert complaints(chromium) == []


def test_the_theme_can_be_chosen_and_stays(chromium: Chrome, origin: str, tmp_path: Path) -> None:
    chromium.get(f"{origin}/?theme=dark")
    chromium.get(f"{origin}/findings")
    assert chromium.execute_script("return getComputedStyle(document.documentElement).colorScheme") == "dark"
    chromium.get(f"{origin}/?theme=auto")
    picture = tmp_path / "overview.png"
    assert chromium.save_screenshot(str(picture))
