"""A real browser for tests: Chromium, headless, with a profile of its own, and questions about what it shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = "Chromium and its driver are not installed (apt-get install chromium chromium-driver)"

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)

# Every visible text against the ground behind it, by WCAG 2.2's formula; returns those under 4.5 (3 for large text).
LOW_CONTRAST = """
const parse = (c) => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const channel = (v) => (v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4);
const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
const over = (top, below, a) => top.map((v, i) => v * a + below[i] * (1 - a));
const ground = (element) => {
  const layers = [];
  for (let e = element; e; e = e.parentElement) {
    const [r, g, b, a = 1] = parse(getComputedStyle(e).backgroundColor);
    if (a > 0) layers.push([[r, g, b], a]);
    if (a === 1) break;
  }
  return layers.reverse().reduce((below, [top, a]) => over(top, below, a), [255, 255, 255]);
};
const faults = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  const box = element.getBoundingClientRect();
  if (!text || !element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) || box.width < 2) continue;
  const style = getComputedStyle(element);
  const inSvg = element instanceof SVGElement;
  const behind = ground(inSvg ? element.closest("svg").parentElement : element);
  let opacity = 1;
  for (let e = element; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
  const [r, g, b, a = 1] = parse(inSvg ? style.fill : style.color);
  const ink = over([r, g, b], behind, a * opacity);
  const [x, y] = [light(ink), light(behind)].sort((p, q) => q - p);
  const ratio = (x + .05) / (y + .05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) faults.push(`${ratio.toFixed(2)} ${text.slice(0, 40)}`);
}
return faults;
"""

# Who has the focus, and whether a ring shows it.
FOCUS = """
const e = document.activeElement;
const s = getComputedStyle(e);
const ring = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
const around = e.closest(".ward");
const outer = around && getComputedStyle(around).outlineStyle !== "none";
return [e.tagName, e.textContent.trim().slice(0, 40), Boolean(ring || outer)];
"""


@contextmanager
def open_browser(profile: Path, *, width: int = 1440, height: int = 900, flags: Sequence[str] = ()) -> Iterator[Chrome]:
    """A browser with an empty profile. Its console is kept for `complaints`. `flags`: more of Chromium's own."""
    options = Options()
    options.binary_location = CHROMIUM or ""
    for flag in (*_FLAGS, *flags, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    try:
        driver.set_page_load_timeout(30)
        yield driver
    finally:
        driver.quit()


def complaints(driver: Chrome) -> list[str]:
    """What the console said since the last question: script errors, blocked content, failed loads."""
    return [str(entry["message"]) for entry in driver.get_log("browser")]  # type: ignore[no-untyped-call]


def look_like(driver: Chrome, *, width: int, dark: bool = False, phone: bool = False, zoom: float = 1.0) -> None:
    """A screen of another size, in another colour scheme; `zoom` 2 leaves half the room, as the browser's 200% does."""
    metrics: dict[str, Any] = {
        "width": round(width / zoom),
        "height": 900,
        "deviceScaleFactor": zoom,
        "mobile": phone,
    }
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


def sideways(driver: Chrome) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth"))
