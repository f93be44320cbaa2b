"""A browser that opens a comparison's report from disk, and what the tests ask of it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import require_system
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By

from edgernn.comparison.results import Results
from edgernn.report.html import html

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE, DESKTOP = 390, 1280
# The contrast (WCAG 2) of every visible text with the nearest opaque ground behind it; those below 4.5.
CONTRAST = """
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const parts = (color) => color.match(/[\\d.]+/g).map(Number);
const opaque = (color) => { const found = parts(color); return found.length === 3 || found[3] === 1; };
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || element.closest("script, title") || !element.checkVisibility()) continue;
  let behind = element;
  while (behind && !opaque(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const style = getComputedStyle(element);
  const [a, b] = [element.ownerSVGElement ? style.fill : style.color, getComputedStyle(behind).backgroundColor]
    .map((color) => light(parts(color)));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) poor.push(`${node.data.trim()}: ${ratio.toFixed(2)}`);
}
return poor;
"""


@dataclass(frozen=True)
class Page:
    """A browser, and what the tests ask of it."""

    driver: Chrome
    folder: Path
    written: dict[int, tuple[Results, str]] = field(default_factory=dict)

    def open(self, results: Results, *, width: int = DESKTOP, mode: str = "light", media: str = "screen") -> None:
        """Write the report and open it from disk."""
        if id(results) not in self.written:
            self.written[id(results)] = (results, html(results))
        self.show(self.written[id(results)][1], width=width, mode=mode, media=media)

    def show(self, text: str, *, width: int = DESKTOP, mode: str = "light", media: str = "screen") -> None:
        """Write a page and open it from disk."""
        file = self.folder / "report.html"
        file.write_text(text, encoding="utf-8")
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        features = [{"name": "prefers-color-scheme", "value": mode}]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # type: ignore[no-untyped-call]  # forget what was before
        self.driver.get(file.as_uri())

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def requests(self) -> list[str]:
        entries = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]

    def column(self, key: str) -> list[str]:
        """The raw values of the table's column, from top to bottom, without hidden rows."""
        script = f"""
            const index = [...document.querySelectorAll("#results-table thead th")]
              .findIndex((heading) => heading.dataset.key === "{key}");
            return [...document.querySelectorAll("#results-table tbody tr")]
              .filter((row) => !row.hidden).map((row) => row.cells[index].dataset.value);"""
        return list(self.run(script))

    def heading(self, key: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, f'#results-table th[data-key="{key}"]')

    def picture(self, name: str, width: int) -> Path:
        """A screenshot of the whole page."""
        folder = Path(os.environ.get("EDGERNN_ARTIFACTS") or self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        height = self.run("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path = folder / name
        path.write_bytes(base64.b64decode(shot["data"]))
        return path


@contextmanager
def opened(folder: Path) -> Iterator[Page]:
    """The browser, with a profile of its own in the folder."""
    browser, driver = require_system("chromium"), require_system("chromedriver")
    options = ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=ChromeService(driver))
    yield Page(chrome, folder)
    chrome.quit()
