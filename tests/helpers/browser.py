"""Pages opened in headless Chromium, with their console messages and the addresses that they request."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"


@dataclass
class Opened:
    """A page, its console messages and errors, and the addresses that it requested besides itself."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def opened(path: Path, width: int = 1280, height: int = 900) -> Iterator[Opened]:
    """Open a file in headless Chromium. Without one the test is skipped; under CI it fails."""
    program = shutil.which("chromium") or CHROMIUM
    if not os.access(program, os.X_OK):
        reason = "no Chromium: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        result = Opened(page)
        page.on("console", lambda message: result.messages.append(message.text))
        page.on("pageerror", lambda error: result.messages.append(str(error)))
        page.on("request", lambda request: result.requests.append(request.url))
        page.goto(path.as_uri())
        result.requests = [
            url for url in result.requests if url != path.as_uri() and url[:5] != "data:"
        ]
        yield result
        browser.close()
