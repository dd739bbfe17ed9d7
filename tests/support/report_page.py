"""A report in a real browser."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from support.rows import RUN
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs import report

#: As odd as the name of a page may be.
FOLDER = "report #1 100% \N{CAT FACE}_files"


def write_report(folder: Path, rows: list[Row], **run: object) -> Path:
    """A page of pictures, all with the same thumbnail."""
    content = io.BytesIO()
    Image.effect_noise((96, 72), 60).save(content, "JPEG")
    path, files = folder / "report.html", folder / FOLDER
    facts = {**RUN, "language": "en", **run}
    report.write(path, files, files.name, rows, facts, lambda _: content.getvalue())
    return path


class Opened:
    """A report that is open, with all that it asks for and complains of."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.page = browser.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())

    def shows(self, text: str) -> None:
        """Waits until this is what the page says of its pictures."""
        from playwright.sync_api import expect  # noqa: PLC0415 - not always installed

        expect(self.page.locator("#count")).to_have_text(text)
