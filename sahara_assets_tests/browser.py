"""A small driver for a real headless Chromium, over the DevTools protocol on a pipe: standard library only.

Lives here: starting and ending the browser, opening a page at a width, waiting, evaluating JavaScript, console messages, requests,
screenshots. What a page must look like is asserted by the tests of that page (`report/`, later the Dagster UI).

Why a pipe and not a port: no port to guess or to leave open, no web-socket dependency, and the browser ends with the pipe.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Under which names a Chromium is looked for on PATH."""

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers run as root, where the sandbox refuses to start
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)

# DevTools speaks on file descriptors 3 and 4. `preexec_fn` would fork a process that has threads (pytest-xdist), so a second
# interpreter moves the descriptors and then becomes the browser: same process id, nothing to clean up.
_TRAMPOLINE = """
import os, sys
commands, answers = (os.dup(int(word)) for word in sys.argv[1:3])
spare = [os.dup(fd) for fd in (commands, answers)]
while min(spare) < 5:
    spare = [os.dup(fd) for fd in spare]
os.dup2(spare[0], 3)
os.dup2(spare[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def find_chromium() -> str | None:
    """The path of the first Chromium on PATH, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def require_chromium() -> str:
    """The path of Chromium; skips the test, saying so, where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip(f"no Chromium on PATH (looked for {', '.join(NAMES)})")
    return path


class BrowserError(RuntimeError):
    """The browser did not start, ended early, refused a command, or did not show in time what was waited for."""


@dataclass(frozen=True)
class ConsoleMessage:
    """One line of the console: `level` is log, info, warning, error … or `exception` for an uncaught one."""

    level: str
    text: str


class Browser:
    """A headless Chromium with a profile of its own; use it as a context manager.

    Raises:
        BrowserError: it did not start within `timeout_seconds`.
    """

    def __init__(self, executable: str | None = None, timeout_seconds: float = 60.0) -> None:
        self.timeout_seconds = timeout_seconds
        self._executable = executable or require_chromium()
        self._next_id = 0
        self._buffer = b""
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        self._profile = tempfile.TemporaryDirectory(prefix="sahara-chromium-", ignore_cleanup_errors=True)
        read_commands, self._write = os.pipe()
        self._read, write_answers = os.pipe()
        log = Path(self._profile.name, "stderr.log")
        with log.open("wb") as stderr:
            command = [sys.executable, "-S", "-c", _TRAMPOLINE, str(read_commands), str(write_answers)]
            command += [self._executable, *_FLAGS, f"--user-data-dir={self._profile.name}/profile", "about:blank"]
            self._process = subprocess.Popen(
                command,
                pass_fds=(read_commands, write_answers),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        os.close(read_commands)
        os.close(write_answers)
        try:
            self.version = str(self.call("Browser.getVersion")["product"])
        except BrowserError as error:
            said = log.read_text(errors="replace")[-2000:]
            self._stop()
            raise BrowserError(f"{self._executable} did not start: {error}\n{said}") from error
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop()

    def _stop(self) -> None:
        try:
            if self._process.poll() is None:
                try:
                    self.call("Browser.close", timeout_seconds=5)
                    self._process.wait(5)
                except (BrowserError, subprocess.TimeoutExpired):
                    pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                # Its session is its own: renderers that outlive it go with it.
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            os.close(self._write)
            os.close(self._read)
            self._profile.cleanup()

    def open(self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False, wait: bool = True) -> Page:
        """Open `url` in a fresh context (no cookies or cache of earlier pages), `width` x `height` CSS pixels.

        The size is set through device metrics, so that widths below a window's minimum are real. With `wait` it returns after the
        page's load event; otherwise as soon as the navigation began.

        Raises:
            BrowserError: the page cannot be reached or does not load in time.
        """
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session, context)
        self._pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        page.set_dark(dark=dark)
        # The blank page it starts from is nobody's business.
        page.console.clear()
        page.requests.clear()
        page.loaded = False
        answer = page.call("Page.navigate", {"url": url})
        if answer.get("errorText"):
            raise BrowserError(f"{url}: {answer['errorText']}")
        if wait:
            self.pump_until(lambda: page.loaded, self.timeout_seconds, f"the load event of {url}")
        return page

    def call(
        self,
        method: str,
        parameters: dict[str, Any] | None = None,
        *,
        session: str | None = None,
        timeout_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Send one DevTools command and return its result.

        Raises:
            BrowserError: it was refused, the browser ended, or no answer came in time.
        """
        self._next_id += 1
        number = self._next_id
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        payload = json.dumps(message).encode() + b"\0"
        while payload:
            try:
                payload = payload[os.write(self._write, payload) :]
            except BrokenPipeError as error:
                raise BrowserError(f"the browser ended before {method}") from error
        self.pump_until(
            lambda: number in self._answers, timeout_seconds or self.timeout_seconds, f"the answer to {method}"
        )
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer.get("result", {})
        return result

    def pump_until(self, ready: Any, timeout_seconds: float, what: str) -> None:
        """Read messages until `ready()`; `what` names the thing waited for in the error."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            left = deadline - time.monotonic()
            if left <= 0:
                raise BrowserError(f"waited {timeout_seconds:g} s for {what}")
            self._read_for(left)

    def _read_for(self, seconds: float) -> None:
        """Wait up to `seconds` for something to read, and handle every whole message of it."""
        if not select.select([self._read], [], [], seconds)[0]:
            return
        chunk = os.read(self._read, 1 << 20)
        if not chunk:
            raise BrowserError("the browser ended")
        *messages, self._buffer = (self._buffer + chunk).split(b"\0")
        for raw in messages:
            message = json.loads(raw)
            if "id" in message:
                self._answers[message["id"]] = message
            elif page := self._pages.get(message.get("sessionId", "")):
                page.handle(message["method"], message["params"])


@dataclass
class Page:
    """One open page: what it said on the console, what it asked the network for, and what can be asked of it."""

    browser: Browser
    session: str
    context: str
    console: list[ConsoleMessage] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    loaded: bool = False

    def call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a DevTools command to this page."""
        return self.browser.call(method, parameters, session=self.session)

    def handle(self, method: str, parameters: dict[str, Any]) -> None:
        """Take note of an event of this page."""
        if method == "Runtime.consoleAPICalled":
            words = [str(arg.get("value", arg.get("description", arg.get("type")))) for arg in parameters["args"]]
            self.console.append(ConsoleMessage(parameters["type"], " ".join(words)))
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details["text"]
            self.console.append(ConsoleMessage("exception", text))
        elif method == "Log.entryAdded":
            entry = parameters["entry"]
            self.console.append(ConsoleMessage(entry["level"], f"{entry['text']} {entry.get('url', '')}".strip()))
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True

    @property
    def complaints(self) -> list[ConsoleMessage]:
        """Console messages that are warnings, errors or uncaught exceptions."""
        return [message for message in self.console if message.level in {"warning", "error", "assert", "exception"}]

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page another size in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", metrics)

    def set_dark(self, *, dark: bool) -> None:
        """Say that the reader prefers a dark (or light) colour scheme."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"features": [feature]})

    def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression; a promise is awaited.

        Raises:
            BrowserError: the expression threw.
        """
        answer = self.call(
            "Runtime.evaluate",
            {"expression": expression, "returnByValue": True, "awaitPromise": True, "userGesture": True},
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def wait_for(self, selector: str | None = None, *, text: str | None = None, timeout_seconds: float = 30.0) -> None:
        """Wait until an element matches `selector`, or the page (or that element) shows `text`.

        Raises:
            BrowserError: it did not within `timeout_seconds`.
        """
        words = "" if text is None else text
        script = (
            f"(() => [...document.querySelectorAll({json.dumps(selector or 'body')})]"
            f".some(element => element.innerText === undefined || element.innerText.includes({json.dumps(words)})))()"
        )
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                if self.evaluate(script):
                    return
            except BrowserError as error:  # a navigation swaps the document under the question
                if "context" not in str(error).lower():
                    raise
            if time.monotonic() > deadline:
                shown = str(self.evaluate("document.body ? document.body.innerText : ''"))[:400]
                raise BrowserError(
                    f"waited {timeout_seconds:g} s for {selector or ''} {words!r}; the page shows {shown!r}"
                )
            self.settle(0.1)

    def settle(self, seconds: float) -> None:
        """Let the page live for a moment, noting what it says."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.browser._read_for(left)

    def screenshot(self, path: Path | None = None, *, full_page: bool = True) -> bytes:
        """A PNG of the whole page (or of the visible part), also written to `path` where one is given."""
        parameters: dict[str, Any] = {"format": "png"}
        if full_page:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}
            parameters |= {"captureBeyondViewport": True, "clip": clip}
        png = base64.b64decode(self.call("Page.captureScreenshot", parameters)["data"])
        if path is not None:
            path.write_bytes(png)
        return png

    def colour_count(self, png: bytes) -> int:
        """How many different colours a PNG has, as the browser itself decodes it: 1 is a blank picture."""
        address = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        return int(
            self.evaluate(
                f"""(async () => {{
                  const picture = new Image();
                  picture.src = {json.dumps(address)};
                  await picture.decode();
                  const canvas = new OffscreenCanvas(picture.width, picture.height);
                  const context = canvas.getContext('2d');
                  context.drawImage(picture, 0, 0);
                  const pixels = new Uint32Array(context.getImageData(0, 0, picture.width, picture.height).data.buffer);
                  return new Set(pixels).size;
                }})()"""
            )
        )

    def close(self) -> None:
        """Close the page and everything it stored."""
        self.browser._pages.pop(self.session, None)
        self.browser.call("Target.disposeBrowserContext", {"browserContextId": self.context})
