"""The page in a real browser, before a camera that shows a rendered film."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from service.simulator.attacks import Attempt, Species, attack_burst
from service.simulator.attempts import honest_turn
from service.simulator.heads import HeadCamera, Motion
from service.simulator.surfaces import Pixels
from service.vision import Pack
from service.vision.liveness import Turn, turns_for
from tests.edge_agent.kiosk.conftest import Page
from tests.edge_agent.kiosk.pharmacy import Pharmacy
from tests.rendered import library, write_film
from tests.web import browser

pytestmark = [
    pytest.mark.models,
    pytest.mark.browser,
    pytest.mark.skipif(not (browser.CHROMIUM and browser.DRIVER), reason=browser.MISSING),
]
SHOTS = os.environ.get("WARDWATCH_TEST_SCREENSHOTS")
REST = 12
"""Frames of a film, five a second, that a pose is held: the page looks five times a second when nothing else runs."""
SHOWN = "return [...document.querySelectorAll('main > section, main > form')].filter(s => !s.hidden).map(s => s.id)[0]"


@contextmanager
def kiosk_browser(profile: Path, *flags: str, width: int = 1280, height: int = 900) -> Iterator[Chrome]:
    with browser.open_browser(profile, width=width, height=height, flags=flags) as driver:
        yield driver


def camera_flags(film: Path) -> tuple[str, ...]:
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )


def shown(driver: Chrome) -> str:
    return str(driver.execute_script(SHOWN))


def wait_for(driver: Chrome, *names: str, seconds: int = 60) -> str:
    WebDriverWait(driver, seconds, 0.1).until(lambda d: shown(d) in names)
    return shown(driver)


def keep(driver: Chrome, name: str) -> None:
    if SHOTS:
        driver.save_screenshot(f"{SHOTS}/kiosk_{name}.png")


def typed(driver: Chrome, *keys: str) -> None:
    ActionChains(driver).send_keys(*keys).perform()


def to_the_camera(driver: Chrome, page: Page, *, language: str = "zh", patient: str = "P1") -> None:
    """By keyboard alone, with a reader that types and ends with Enter."""
    driver.get(page.kiosk.server.address)
    wait_for(driver, "welcome")
    if language == "en":
        driver.find_element("id", "language").send_keys(Keys.ENTER)
        driver.find_element("id", "start").send_keys(Keys.ENTER)
    else:
        WebDriverWait(driver, 10).until(lambda d: "已联网" in d.find_element("id", "link").text)
        typed(driver, Keys.ENTER)
    wait_for(driver, "card")
    keep(driver, f"card_{language}")
    typed(driver, f"{patient}", Keys.ENTER, Keys.ARROW_DOWN, Keys.TAB, "D1", Keys.ENTER)
    wait_for(driver, "items")
    typed(driver, "A10BA02", Keys.TAB, "2", Keys.TAB, "28", Keys.ENTER)
    wait_for(driver, "camera", "nocamera")


def genuine(pack: Pack, turns: Sequence[Turn], tmp_path: Path) -> Path:
    film = honest_turn(library(pack), "f35", turns, seed=2, between=REST)
    return write_film(tmp_path / "film.y4m", film)


def attacked(pack: Pack, species: Species, turns: Sequence[Turn], tmp_path: Path) -> Path:
    heads = library(pack)
    filmed = turns_for("another nonce")
    attempt = Attempt(heads.head("f35"), heads.head("f02"), turns, filmed, Motion(yaw=28, pitch=20), 3)
    burst: list[Pixels] = attack_burst(species, attempt, HeadCamera(3))
    return write_film(tmp_path / "film.y4m", [shot for shot in burst for _ in range(REST)])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_genuine_turn_is_approved(
    page: Page, pharmacy: Pharmacy, real_pack: Pack, tmp_path: Path, language: str
) -> None:
    page.kiosk.courier.errand()
    film = genuine(real_pack, turns_for(pharmacy.nonce), tmp_path)
    with kiosk_browser(tmp_path / "profile", *camera_flags(film)) as driver:
        to_the_camera(driver, page, language=language)
        WebDriverWait(driver, 20, 0.1).until(lambda d: d.find_elements("css selector", "#progress .done"))
        keep(driver, f"camera_{language}")
        assert wait_for(driver, "verdict", "nocamera", "broken") == "verdict"
        keep(driver, f"approved_{language}")
        title = driver.find_element("id", "verdict-title").text
        assert title == ("可以购药" if language == "zh" else "Approved")
        assert driver.find_element("id", "sign").text == "✔"
        assert driver.find_element("id", "qr").get_attribute("src").startswith("data:image/svg+xml")
        assert driver.execute_script(browser.LOW_CONTRAST) == []
        assert "P1" not in driver.find_element("id", "receipt").get_attribute("textContent")
        driver.find_element("id", "done").send_keys(Keys.ENTER)
        wait_for(driver, "welcome")
        left = driver.execute_script(
            "return [...document.querySelectorAll('input[type=text], input:not([type])')].map(i => i.value).join('')"
            " + document.getElementById('receipt').textContent + document.getElementById('reasons').textContent"
        )
        assert left == ""
        assert driver.execute_script("return document.getElementById('video').srcObject") is None
        assert browser.complaints(driver) == []
    assert len(pharmacy.images[0]) == 5


@pytest.mark.parametrize(
    "species",
    [
        Species.PRINT_FOLDED,
        Species.RECORDED_CHALLENGE,
        Species.PRINT_FLAT,
        Species.SCREEN_REPLAY,
        Species.SWAP_MID_BURST,
        Species.CUT_OUT_EYES,
    ],
)
def test_an_attack_gets_no_token(
    page: Page, pharmacy: Pharmacy, real_pack: Pack, tmp_path: Path, species: Species
) -> None:
    pharmacy.seconds = 25
    film = attacked(real_pack, species, turns_for(pharmacy.nonce), tmp_path)
    page.kiosk.courier.errand()
    with kiosk_browser(tmp_path / "profile", *camera_flags(film)) as driver:
        to_the_camera(driver, page)
        ended = wait_for(driver, "verdict", "nocamera", "broken")
        keep(driver, f"attack_{species}")
        if ended == "verdict":
            assert driver.find_element("id", "verdict").get_attribute("data-verdict") == "manual_review"
            assert not driver.find_element("id", "code").is_displayed()
        else:
            assert ended == "nocamera"
            assert driver.find_element("id", "nocamera-title").text in ("动作与提示不一致", "没有来得及完成")
        # Never a dead end.
        ways = [b for b in driver.find_elements("class name", "manual") if b.is_displayed()]
        ways[0].send_keys(Keys.ENTER)
        assert wait_for(driver, "documents") == "documents"


@pytest.mark.parametrize(
    ("flags", "title"),
    [
        (("--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream"), "没有找到摄像头"),
        (("--use-fake-device-for-media-stream", "--deny-permission-prompts"), "不允许使用摄像头"),
    ],
)
def test_without_a_camera_documents_do(
    page: Page, pharmacy: Pharmacy, tmp_path: Path, flags: tuple[str, ...], title: str
) -> None:
    page.kiosk.courier.errand()
    with kiosk_browser(tmp_path / "profile", *flags) as driver:
        to_the_camera(driver, page)
        assert wait_for(driver, "nocamera") == "nocamera"
        keep(driver, "nocamera_" + ("none" if "=" in flags[0] else "denied"))
        assert driver.find_element("id", "nocamera-title").text == title
        typed(driver, Keys.ENTER)
        wait_for(driver, "documents")
        typed(driver, Keys.SPACE)
        driver.find_element("id", "pharmacist").send_keys("9001", Keys.ENTER)
        wait_for(driver, "verdict")
        keep(driver, "documents_verdict")
        assert driver.find_element("id", "verdict-title").text == "可以购药"
    (told,) = pharmacy.told("/api/v1/purchase-verifications")
    assert told["documents"]["checked_by"] == "9001"


BUSY = (
    "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('in use', 'NotReadableError'))",
    {"zh": "摄像头正被其他程序占用", "en": "Another program is using the camera"},
)
UNPLUGGED = (
    "const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
    "navigator.mediaDevices.getUserMedia = async (wanted) => {"
    "  const stream = await real(wanted);"
    "  setTimeout(() => stream.getVideoTracks()[0].dispatchEvent(new Event('ended')), 500);"
    "  return stream;"
    "}",
    {"zh": "摄像头断开了", "en": "The camera was unplugged"},
)


@pytest.mark.parametrize(("happens", "titles"), [BUSY, UNPLUGGED], ids=["busy", "unplugged"])
def test_a_camera_that_is_busy_or_unplugged_is_said(
    page: Page, tmp_path: Path, happens: str, titles: dict[str, str]
) -> None:
    page.kiosk.courier.errand()
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with kiosk_browser(tmp_path / "profile", *flags) as driver:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": happens})
        to_the_camera(driver, page)
        assert wait_for(driver, "nocamera", "verdict", "broken") == "nocamera"
        assert driver.find_element("id", "nocamera-title").text == titles["zh"]
        assert driver.execute_script("return document.getElementById('video').srcObject") is None
        driver.execute_script("document.getElementById('language').click()")
        assert driver.find_element("id", "nocamera-title").text == titles["en"]
        # Never a dead end: documents, or once more.
        assert driver.find_element("css selector", "#nocamera .manual").is_displayed()
        assert driver.find_element("id", "again").is_displayed()


def test_whoever_goes_away_leaves_nothing(page: Page, tmp_path: Path) -> None:
    page.kiosk.courier.errand()
    with kiosk_browser(tmp_path / "profile") as driver:
        driver.get(page.kiosk.server.address)
        wait_for(driver, "welcome")
        WebDriverWait(driver, 10).until(lambda d: "已联网" in d.find_element("id", "link").text)
        typed(driver, Keys.ENTER)
        wait_for(driver, "card")
        typed(driver, "P00017")
        # 80 seconds later, by the page's own clock.
        driver.execute_script("const real = Date.now.bind(Date); Date.now = () => real() + 65000")
        WebDriverWait(driver, 5).until(lambda d: d.find_element("id", "idle").is_displayed())
        keep(driver, "idle_zh")
        typed(driver, Keys.ENTER)
        assert not driver.find_element("id", "idle").is_displayed()
        assert shown(driver) == "card"
        driver.execute_script("const soon = Date.now.bind(Date); Date.now = () => soon() + 80000")
        assert wait_for(driver, "welcome", seconds=5) == "welcome"
        assert driver.find_element("id", "patient").get_attribute("value") == ""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_screen_fits_at_twice_the_size_and_is_legible(page: Page, tmp_path: Path, language: str) -> None:
    page.kiosk.courier.errand()
    with kiosk_browser(tmp_path / "profile") as driver:
        driver.get(page.kiosk.server.address)
        wait_for(driver, "welcome")
        WebDriverWait(driver, 10).until(lambda d: "已联网" in d.find_element("id", "link").text)
        if language == "en":
            driver.find_element("id", "language").click()
        browser.look_like(driver, width=1280, zoom=2.0)
        screens = driver.execute_script("return [...document.querySelectorAll('main > *')].map(s => s.id)")
        for name in screens:
            driver.execute_script(
                "for (const s of document.querySelectorAll('main > *')) s.hidden = s.id !== arguments[0];"
                "document.getElementById('delegate-box').hidden = false;",
                name,
            )
            assert browser.sideways(driver) <= 0, name
            assert driver.execute_script(browser.LOW_CONTRAST) == [], name
            keep(driver, f"zoom_{name}_{language}")


def test_offline_is_said_and_provisional(page: Page, pharmacy: Pharmacy, tmp_path: Path) -> None:
    page.kiosk.courier.errand()
    pharmacy.away = True
    flags = ("--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream")
    with kiosk_browser(tmp_path / "profile", *flags) as driver:
        to_the_camera(driver, page, language="en")
        wait_for(driver, "nocamera")
        typed(driver, Keys.ENTER)
        wait_for(driver, "documents")
        typed(driver, Keys.SPACE)
        driver.find_element("id", "pharmacist").send_keys("9001", Keys.ENTER)
        wait_for(driver, "verdict")
        driver.execute_script("document.getElementById('language').click()")
        driver.execute_script("document.getElementById('language').click()")
        WebDriverWait(driver, 5).until(lambda d: "Offline" in d.find_element("id", "link").text)
        keep(driver, "provisional_en")
        assert driver.find_element("id", "verdict-title").text == "Provisionally approved"
        assert "register as of 10 min ago" in driver.find_element("id", "link").text
        assert "1 to be reported" in driver.find_element("id", "link").text


@pytest.mark.parametrize(
    ("verdict", "said", "unsaid"),
    [
        ("provisional", "You may buy now; a colleague will check it later", "at the counter"),
        ("refused", "Please use your documents at the counter", "You may buy now"),
    ],
)
def test_a_review_that_nobody_answered_says_what_holds(
    page: Page, pharmacy: Pharmacy, tmp_path: Path, verdict: str, said: str, unsaid: str
) -> None:
    page.kiosk.courier.errand()
    pharmacy.review = {"review_id": "r1", "state": "lapsed", "verdict": verdict}
    flags = ("--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream")
    with kiosk_browser(tmp_path / "profile", *flags) as driver:
        to_the_camera(driver, page, language="en")
        wait_for(driver, "nocamera")
        typed(driver, Keys.ENTER)
        wait_for(driver, "documents")
        typed(driver, Keys.SPACE)
        driver.find_element("id", "pharmacist").send_keys("9001", Keys.ENTER)
        wait_for(driver, "verdict")
        shown_as = "return document.getElementById('verdict').dataset.verdict"
        WebDriverWait(driver, 15, 0.1).until(lambda d: d.execute_script(shown_as) == verdict)
        words = driver.find_element("id", "verdict").text
        assert said in words
        assert unsaid not in words
        assert "when the network is back" not in words
