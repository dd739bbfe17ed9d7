"""The embedded bridge's page in a real browser, and what people do with it."""

import base64
import io
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from support.api import Api
from support.photos import ESPRESSO
from support.programs import Program, RunningBridge, free_port, worker
from support.waiting import wait_until

#: What a browser does when files are dropped; a test cannot hold a mouse with files.
_DROP = """([files, kinds]) => {
  const transfer = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
  for (const kind of kinds) document.body.dispatchEvent(new DragEvent(kind, options));
}"""
_PASTE = """([name, content]) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const options = { clipboardData: transfer, bubbles: true, cancelable: true };
  document.dispatchEvent(new ClipboardEvent("paste", options));
}"""

#: A file's name and its bytes.
File = tuple[str, bytes]


def make_photos(count: int) -> list[File]:
    """Different cuts of the packaged photograph."""
    source = random.Random(14)
    photo = Image.open(io.BytesIO(ESPRESSO)).convert("RGB")
    photos = []
    for number in range(count):
        left, top = source.randrange(40), source.randrange(40)
        content = io.BytesIO()
        photo.crop((left, top, photo.width - 40, photo.height - 40)).save(content, "JPEG")
        photos.append((f"photo {number:02}.jpg", content.getvalue()))
    return photos


def make_broken() -> File:
    """The beginning of a photograph, without a pixel of it."""
    return "broken.jpg", ESPRESSO[:200]


@contextmanager
def running_bridge(data: Path, port: int | None = None, token: str = "") -> Iterator[RunningBridge]:
    """A bridge in a process of its own, without a worker."""
    port = port or free_port()
    url, environ = f"http://127.0.0.1:{port}/", {"bridgetoken": token} if token else {}
    flags = ("--bridge-port", str(port), "--bridge-data", str(data))
    with Program("bridge", *flags, environ=environ):
        api = Api(url, token or None)
        api.wait_until_up()
        yield RunningBridge(api, url, data)


@contextmanager
def running_with_worker(data: Path) -> Iterator[RunningBridge]:
    """The same with a worker that knows the usual classes."""
    flags = ("--model", "EfficientNetLite0", "--decoder-processes", "1")
    with running_bridge(data) as served, worker(served.url, "lab-3", *flags):
        wait_until(lambda: served.api.json("GET", "workers/list/"))
        yield served


def empty(api: Api) -> None:
    """Removes all tasks."""
    for task in api.tasks():
        api.remove(task["id"])


class Visit:
    """A page that is open, with all that it asks for and complains of.

    Attributes:
        page: Playwright's.
        requests: their methods and URLs.
        complaints: what is on the console, and errors.
    """

    def __init__(self, context: Any, url: str) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(30_000)
        self.requests: list[tuple[str, str]] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda each: self.requests.append((each.method, each.url)))
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url)

    def _note(self, message: Any) -> None:
        self.complaints.append(f"{message.text} {message.location['url']}")

    def locate(self, selector: str) -> Any:
        return self.page.locator(selector)

    def shows(self, selector: str, text: str) -> None:
        """Waits until an element can be seen with this text."""
        from playwright.sync_api import expect  # noqa: PLC0415 - not always installed

        expect(self.locate(selector)).to_have_text(text, timeout=30_000)
        expect(self.locate(selector)).to_be_visible(timeout=30_000)

    def waits(self, selector: str, state: str) -> None:
        """Waits until a card says this state; after some seconds it says for how long, too."""
        from playwright.sync_api import expect  # noqa: PLC0415 - not always installed

        expect(self.locate(f"{selector} >> .state-text")).to_contain_text(state, timeout=30_000)

    def is_live(self) -> None:
        """Waits until the bridge tells of each change."""
        self.shows("#connection .text", "live")

    def drop(self, files: Iterable[File]) -> None:
        self.page.evaluate(_DROP, [_encode(files), ["dragenter", "dragover", "drop"]])

    def drag(self, files: Iterable[File]) -> None:
        """Over the page, without letting go."""
        self.page.evaluate(_DROP, [_encode(files), ["dragenter", "dragover"]])

    def paste(self, file: File) -> None:
        self.page.evaluate(_PASTE, _encode([file])[0])

    def finishes(self, *, done: int, failed: int = 0) -> None:
        """Waits until all pictures are done, and so many of them are classified."""
        self.shows("#tabs .done .number", str(done))
        self.shows("#tabs .failed .number", str(failed))
        self.shows("#tabs .busy .number", "0")

    def card(self, name: str) -> Any:
        return self.locate(f'.card:has(.file bdi:text-is("{name}"))')

    def go(self, view: str) -> None:
        self.page.click(f"#to-{view}")
        self.locate(f"#view-{view}").wait_for()

    def sends(self, method: str, part: str) -> int:
        """How many requests it has sent."""
        return sum(sent == method and part in url for sent, url in self.requests)

    def has_sent(self, method: str, part: str, least: int) -> None:
        """Waits until it has sent so many requests; they are noted while the browser is asked."""
        wait_until(lambda: self.page.title() is not None and self.sends(method, part) >= least)


@contextmanager
def visiting(browser: Any, url: str, **options: Any) -> Iterator[Visit]:
    """Opens the page in a browser without a past; at the end it must not have complained."""
    context = browser.new_context(**{"locale": "en-US", **options})
    try:
        visit = Visit(context, url)
        yield visit
        assert visit.complaints == [], "\n".join(visit.complaints)
        assert visit.page.evaluate("window.pwned === undefined")
    finally:
        context.close()


def _encode(files: Iterable[File]) -> list[list[str]]:
    return [[name, base64.b64encode(content).decode()] for name, content in files]
