"""A headless Chromium, driven over the DevTools protocol as a person with a keyboard would."""

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0")
_KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Space": (32, " ")}

# The relative luminance of what is written and of what it is written on (WCAG 2.2, 1.4.3), worst first.
_CONTRAST = """(() => {
  const parts = (text) => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    return [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const texts = [...document.querySelectorAll('body *')].filter((node) =>
    [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()));
  return texts.map((node) => {
    const [a, b] = [light(parts(getComputedStyle(node).color)), light(ground(node))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.textContent.trim().slice(0, 40)];
  }).sort((a, b) => a[0] - b[0])[0];
})()"""


class Tab:
    """One tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.said: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(timeout=30))
            if answer.get("method") == "Log.entryAdded":
                self.said.append(answer["params"]["entry"]["text"])
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, script: str) -> Any:
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)
        self.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def until(self, script: str) -> None:
        for _ in range(300):
            if self.run(script):
                return
            time.sleep(0.05)
        pytest.fail(f"{script} is not so at {self.run('location.href')}")

    def press(self, *names: str) -> None:
        for name in names:
            code, text = _KEYS[name]
            key = " " if name == "Space" else name
            about = {"key": key, "code": name, "windowsVirtualKeyCode": code}
            self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def tab_to(self, what: str) -> None:
        """Go on with the keyboard until something that matches has the focus, and shows it."""
        for _ in range(30):
            self.press("Tab")
            if self.run(f"document.activeElement.matches({json.dumps(what)})"):
                outline = self.run("getComputedStyle(document.activeElement).outlineWidth")
                assert float(outline.removesuffix("px")) >= 2
                return
        pytest.fail(f"no key leads to {what}")

    def heard(self) -> list[tuple[str, str]]:
        """(role, name) of everything a screen reader would come across."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        told = [node for node in nodes if not node["ignored"]]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in told]

    def worst_contrast(self, scheme: str) -> tuple[float, str]:
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        ratio, text = self.run(_CONTRAST)
        return float(ratio), str(text)


@contextmanager
def browsing(directory: Path) -> Iterator[Tab]:
    """Start a browser with one tab; skips where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: pages are not looked at")
    process = subprocess.Popen(
        [CHROMIUM, *_OPTIONS, f"--user-data-dir={directory}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(directory / "DevToolsActivePort")
        tabs = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
        page = next(one for one in tabs if one["type"] == "page")
        with connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None) as connection:
            yield Tab(connection)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _port(file: Path) -> int:
    for _ in range(600):
        if file.exists() and file.read_text().strip():
            return int(file.read_text().split("\n")[0])
        time.sleep(0.05)
    pytest.fail("the browser does not start")
