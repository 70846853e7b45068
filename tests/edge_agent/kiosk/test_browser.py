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
from service.vision.liveness import LivenessVerdict, Turn, turns_for
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
SLOWLY = 18
"""The same for an honest turn, and for the way there: each arrow comes only some time after the turn before it."""
GAPS = frozenset({Species.SCREEN_FINE_ON_STAND, Species.RECORDED_SAME_ORDER})
"""What passes the judge, and is said to in docs/kiosk.md (tests/vision/liveness/test_judge.py)."""
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
    # A scanner ends with Enter as well: it fills the next field, and does not send the form half filled in.
    typed(driver, "A10BA02", Keys.ENTER, "2", Keys.ENTER)
    assert shown(driver) == "items"
    assert driver.find_element("id", "items-fault").text == ""
    typed(driver, "28", Keys.ENTER)
    wait_for(driver, "camera", "nocamera")


def genuine(pack: Pack, turns: Sequence[Turn], tmp_path: Path) -> Path:
    film = honest_turn(library(pack), "f35", turns, seed=2, between=SLOWLY)
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


@pytest.mark.parametrize("species", sorted(set(Species) - GAPS))
def test_an_attack_gets_no_token(
    page: Page, pharmacy: Pharmacy, real_pack: Pack, tmp_path: Path, species: Species
) -> None:
    """In either language, by turns: at most 25 seconds before the camera each."""
    language = ("zh", "en")[list(Species).index(species) % 2]
    pharmacy.seconds = 25
    film = attacked(real_pack, species, turns_for(pharmacy.nonce), tmp_path)
    page.kiosk.courier.errand()
    with kiosk_browser(tmp_path / "profile", *camera_flags(film)) as driver:
        to_the_camera(driver, page, language=language)
        WebDriverWait(driver, 20, 0.1).until(lambda d: d.find_element("id", "advice").text or shown(d) != "camera")
        keep(driver, f"attack_{species}_camera")
        ended = wait_for(driver, "verdict", "nocamera", "broken")
        keep(driver, f"attack_{species}")
        assert driver.find_element("tag name", "html").get_attribute("lang") == language
        if ended == "verdict":
            assert driver.find_element("id", "verdict").get_attribute("data-verdict") == "manual_review"
            assert not driver.find_element("id", "code").is_displayed()
        else:
            assert ended == "nocamera"
            title = driver.find_element("id", "nocamera-title").text
            assert title in ("动作与提示不一致", "没有来得及完成", "That was another turn", "That took too long")
        assert not any(judged.verdict is LivenessVerdict.LIVE for judged in pharmacy.judged)
        # Never a dead end.
        ways = [b for b in driver.find_elements("class name", "manual") if b.is_displayed()]
        ways[0].send_keys(Keys.ENTER)
        assert wait_for(driver, "documents") == "documents"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    ("flags", "titles"),
    [
        (
            ("--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream"),
            {"zh": "没有找到摄像头", "en": "There is no camera"},
        ),
        (
            ("--use-fake-device-for-media-stream", "--deny-permission-prompts"),
            {"zh": "不允许使用摄像头", "en": "The camera may not be used"},
        ),
    ],
    ids=["none", "denied"],
)
def test_without_a_camera_documents_do(
    page: Page, pharmacy: Pharmacy, tmp_path: Path, flags: tuple[str, ...], titles: dict[str, str], language: str
) -> None:
    page.kiosk.courier.errand()
    with kiosk_browser(tmp_path / "profile", *flags) as driver:
        to_the_camera(driver, page, language=language)
        assert wait_for(driver, "nocamera") == "nocamera"
        keep(driver, f"nocamera_{'none' if '=' in flags[0] else 'denied'}_{language}")
        assert driver.find_element("id", "nocamera-title").text == titles[language]
        typed(driver, Keys.ENTER)
        wait_for(driver, "documents")
        typed(driver, Keys.SPACE)
        driver.find_element("id", "pharmacist").send_keys("9001", Keys.ENTER)
        wait_for(driver, "verdict")
        keep(driver, f"documents_verdict_{language}")
        approved = {"zh": "可以购药", "en": "Approved"}[language]
        assert driver.find_element("id", "verdict-title").text == approved
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


SPEECH = """
window.spoken = [];
window.speechSynthesis.speak = (u) => window.spoken.push([u.lang, u.text]);
"""


def test_prompts_are_spoken_on_demand_and_only_then(page: Page, tmp_path: Path) -> None:
    page.kiosk.courier.errand()
    with kiosk_browser(tmp_path / "profile") as driver:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SPEECH})
        driver.get(page.kiosk.server.address)
        wait_for(driver, "welcome")
        WebDriverWait(driver, 10).until(lambda d: "已联网" in d.find_element("id", "link").text)
        driver.find_element("id", "start").send_keys(Keys.ENTER)
        wait_for(driver, "card")
        assert driver.execute_script("return window.spoken") == []
        driver.find_element("id", "speak").send_keys(Keys.ENTER)
        assert driver.execute_script("return window.spoken") == [["zh-CN", "请读取患者的卡"]]
        driver.find_element("id", "language").send_keys(Keys.ENTER)
        driver.find_element("id", "card").submit()
        said = driver.execute_script("return window.spoken.at(-1)")
        assert said == ["en-GB", "Read the patient's card first, or type the number."]
        # The next customer has not asked for it.
        driver.find_element("id", "leave").send_keys(Keys.ENTER)
        wait_for(driver, "welcome")
        assert driver.find_element("id", "speak").get_attribute("aria-pressed") == "false"
        count = driver.execute_script("return window.spoken.length")
        driver.find_element("id", "start").send_keys(Keys.ENTER)
        wait_for(driver, "card")
        assert driver.execute_script("return window.spoken.length") == count


def test_nothing_of_a_customer_is_left_in_the_browser_or_the_agent(
    page: Page, pharmacy: Pharmacy, tmp_path: Path
) -> None:
    page.kiosk.courier.errand()
    flags = ("--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream")
    with kiosk_browser(tmp_path / "profile", *flags) as driver:
        to_the_camera(driver, page, patient="P00017")
        wait_for(driver, "nocamera")
        assert page.kiosk.desk._visit is not None
        typed(driver, Keys.ESCAPE)
        wait_for(driver, "welcome")
        WebDriverWait(driver, 5, 0.1).until(lambda _: page.kiosk.desk._visit is None)
        kept = driver.execute_script(
            "return [localStorage.length, sessionStorage.length, document.cookie, history.length,"
            " document.body.textContent.includes('P00017'), document.body.innerHTML.includes('P00017'),"
            " [...document.querySelectorAll('input')].some(i => i.value && !/radio|checkbox/.test(i.type))]"
        )
        assert kept[:3] == [0, 0, ""]
        assert kept[4:] == [False, False, False]
        driver.refresh()
        assert wait_for(driver, "welcome") == "welcome"


def test_how_a_drug_was_prescribed_is_told(page: Page, pharmacy: Pharmacy, tmp_path: Path) -> None:
    page.kiosk.courier.errand()
    flags = ("--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream")
    with kiosk_browser(tmp_path / "profile", *flags) as driver:
        driver.get(page.kiosk.server.address)
        wait_for(driver, "welcome")
        WebDriverWait(driver, 10).until(lambda d: "已联网" in d.find_element("id", "link").text)
        typed(driver, Keys.ENTER)
        wait_for(driver, "card")
        # The reader sends an ID card's number with what stands around it.
        typed(driver, "张三 11010519491231002x", Keys.ENTER, Keys.ENTER)
        wait_for(driver, "items")
        channel = driver.find_element("name", "channel")
        names = [option.text for option in channel.find_elements("tag name", "option")]
        assert names == ["普通处方", "双通道处方", "国谈药处方"]
        channel.send_keys("双")
        keep(driver, "items_zh")
        code = driver.find_element("name", "code")
        code.send_keys("L01XE01", Keys.ENTER)
        assert driver.switch_to.active_element.get_attribute("name") == "quantity"
        typed(driver, "1", Keys.ENTER)
        assert driver.switch_to.active_element.get_attribute("name") == "days"
        typed(driver, "28", Keys.ENTER)
        wait_for(driver, "nocamera")
        typed(driver, Keys.ENTER)
        wait_for(driver, "documents")
        typed(driver, Keys.SPACE)
        driver.find_element("id", "pharmacist").send_keys("9001", Keys.ENTER)
        wait_for(driver, "verdict")
    (told,) = pharmacy.told("/api/v1/purchase-verifications")
    assert told["patient_no"] == "11010519491231002X"
    assert told["items"][0]["channel"] == "dual_channel"


@pytest.mark.parametrize("how", ["forced", "grey"])
def test_verdicts_differ_without_any_colour(page: Page, tmp_path: Path, how: str) -> None:
    page.kiosk.courier.errand()
    with kiosk_browser(tmp_path / "profile") as driver:
        if how == "forced":
            media = {"features": [{"name": "forced-colors", "value": "active"}]}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        else:
            driver.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
        driver.get(page.kiosk.server.address)
        wait_for(driver, "welcome")
        looks = set()
        for verdict in ("approved", "refused", "manual_review", "provisional"):
            driver.execute_script(
                "for (const s of document.querySelectorAll('main > *')) s.hidden = s.id !== 'verdict';"
                "document.getElementById('verdict').dataset.verdict = arguments[0];"
                "import('/page/texts.js').then(({ SIGNS, TEXTS }) => {"
                "  document.getElementById('sign').textContent = SIGNS[arguments[0]];"
                "  document.getElementById('verdict-title').textContent = TEXTS[`verdict_${arguments[0]}`].zh; })",
                verdict,
            )
            WebDriverWait(driver, 5, 0.05).until(lambda d: d.find_element("id", "verdict-title").text)
            keep(driver, f"verdict_{verdict}_{how}")
            style = "return getComputedStyle(document.getElementById('verdict')).borderTopStyle"
            sign, title = driver.find_element("id", "sign").text, driver.find_element("id", "verdict-title").text
            looks.add((sign, title, driver.execute_script(style)))
        assert len({sign for sign, _, _ in looks}) == 4
        assert len({title for _, title, _ in looks}) == 4
        assert len({border for _, _, border in looks}) == 4
