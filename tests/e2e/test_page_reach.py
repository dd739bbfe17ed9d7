"""The page for everybody and from everywhere: token, proxies, keyboard, phone, screen reader."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from support.api import Api
from support.clock import Clock
from support.in_process import BridgeOnFolder, serving
from support.nginx import nginx, read_documented
from support.page import (
    Visit,
    empty,
    make_broken,
    make_photos,
    running_bridge,
    running_with_worker,
    visiting,
)
from support.programs import RunningBridge, free_port
from support.waiting import LONG_S, wait_until
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.records import NewTask
from taskworker_classifyimage.bridge_server.server import Clocks
from taskworker_classifyimage.bridge_server.store import TaskStore
from taskworker_classifyimage.decode import DecodeLimits

TOKEN = "a-token-of-the-tests"
VIEWS = ("pictures", "tasks", "workers", "programs")
#: A proxy that gathers events, one that takes only small files, and one that asks for a password.
OTHER_PROXIES = """
location /held/ {
    proxy_pass http://127.0.0.1:42000/;
    proxy_set_header Host $http_host;
    proxy_ignore_headers X-Accel-Buffering;
}
location /small/ {
    proxy_pass http://127.0.0.1:42000/;
    proxy_set_header Host $http_host;
    client_max_body_size 10k;
}
location /login/ {
    proxy_pass http://127.0.0.1:42000/;
    proxy_set_header Host $http_host;
    proxy_set_header Authorization "";
    auth_basic lab;
    auth_basic_user_file USERS;
}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    with running_with_worker(tmp_path_factory.mktemp("bridge")) as found:
        yield found


@pytest.fixture
def visit(chromium: Any, served: RunningBridge) -> Iterator[Visit]:
    """The page of an empty bridge."""
    empty(served.api)
    with visiting(chromium, served.url) as opened:
        opened.is_live()
        yield opened


@contextmanager
def serving_apart(folder: Path, **options: Any) -> Iterator[BridgeOnFolder]:
    """A bridge of this process in a thread of its own: the browser's event loop is in this one."""
    started, stop = threading.Event(), threading.Event()
    found: list[BridgeOnFolder] = []

    def serve() -> None:
        with serving(folder, **options) as served:
            found.append(served)
            started.set()
            stop.wait(LONG_S)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert started.wait(LONG_S)
        yield found[0]
    finally:
        stop.set()
        thread.join()


# The token


def test_the_token_is_asked_for_once_and_is_in_no_address(chromium: Any, tmp_path: Path) -> None:
    with running_bridge(tmp_path, token=TOKEN) as bridge, visiting(chromium, bridge.url) as visit:
        visit.locate("#token-field").fill("not-the-right-token")
        visit.page.keyboard.press("Enter")
        visit.shows("#token-problem", "This token is wrong.")
        visit.page.keyboard.press("Escape")
        visit.locate("#token-field").fill(TOKEN)
        visit.page.click("#token-form button")
        visit.is_live()
        # Now what a worker needs is told too.
        visit.locate("#command-token").wait_for()
        visit.drop(make_photos(1))
        visit.waits(".card", "in the queue")
        visit.locate(".card .tile").click()
        visit.locate("#details .facts").wait_for()
        assert TOKEN not in visit.page.content()
        visit.page.keyboard.press("Escape")
        visit.page.reload()
        visit.is_live()
        visit.waits(".card", "in the queue")
        visit.locate(".card img").wait_for()
        assert not [url for _, url in visit.requests if TOKEN in url]
        # What the browser itself says of the calls without the right one.
        assert visit.complaints
        assert all("401 (Unauthorized)" in each for each in visit.complaints)
        visit.complaints.clear()


# Proxies


@pytest.fixture(scope="module")
def proxied(served: RunningBridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "users").write_text("anna:{PLAIN}secret\n", encoding="ascii")
    locations = read_documented() + OTHER_PROXIES.replace("USERS", str(folder / "users"))
    netloc = served.url.removeprefix("http://").removesuffix("/")
    with nginx(folder, locations, netloc) as client:
        yield client.url


def test_behind_a_proxy_at_a_path(chromium: Any, proxied: str, served: RunningBridge) -> None:
    empty(served.api)
    with visiting(chromium, f"{proxied}/bridge/") as visit:
        visit.is_live()
        visit.drop(make_photos(2))
        visit.finishes(done=2)
        visit.locate(".card .tile").first.click()
        line = visit.locate("#details pre").first.text_content()
        assert f"{proxied}/bridge/api/tasks/add/" in line
        visit.page.keyboard.press("Escape")
        visit.go("programs")
        visit.page.click('#view-programs a[href="doc/api"]')
        visit.shows("h1", "Every call")
        visit.page.go_back()
        inside = (f"{proxied}/bridge/", "blob:")
        assert [url for _, url in visit.requests if not url.startswith(inside)] == []


def test_where_events_are_held_back_the_page_asks(
    chromium: Any, proxied: str, served: RunningBridge
) -> None:
    empty(served.api)
    with visiting(chromium, f"{proxied}/held/") as visit:
        visit.shows("#connection .text", "every few seconds")
        visit.drop(make_photos(2))
        visit.finishes(done=2)
        visit.shows("#count-completed .number", "2")
        visit.go("workers")
        visit.shows(".worker-card h3", "lab-3")


def test_a_proxy_may_have_its_own_login_and_limit(
    chromium: Any, proxied: str, served: RunningBridge
) -> None:
    empty(served.api)
    login = {"username": "anna", "password": "secret"}
    with visiting(chromium, f"{proxied}/login/", http_credentials=login) as visit:
        visit.is_live()
        visit.drop(make_photos(1))
        visit.finishes(done=1)
        assert visit.locate("#token-dialog").is_hidden()
        assert all("401 (Unauthorized)" in each for each in visit.complaints)
        visit.complaints.clear()
    with visiting(chromium, f"{proxied}/small/") as visit:
        visit.is_live()
        visit.drop([("large.jpg", bytes(20_000))])
        text = "It is larger than the server in front of the bridge allows."
        visit.shows(".card .problem bdi", text)
        assert any("413" in each for each in visit.complaints)
        visit.complaints.clear()


# Limits, outages, workers that fall silent


def test_a_file_that_is_too_large_says_the_limit(chromium: Any, tmp_path: Path) -> None:
    with (
        serving_apart(tmp_path, limits=Limits(upload_bytes=50_000)) as bridge,
        visiting(chromium, bridge.url) as visit,
    ):
        visit.is_live()
        visit.drop([("large.jpg", bytes(60_000))])
        text = "It is larger than 50 kB, which is the most that this bridge takes."
        visit.shows(".card .problem bdi", text)
        assert any("413" in each for each in visit.complaints)
        visit.complaints.clear()


def test_the_page_knows_what_a_worker_takes() -> None:
    pages = resources.files("taskworker_classifyimage") / "data" / "pages" / "page"
    script = (pages / "uploads.js").read_text(encoding="utf-8")
    assert DecodeLimits().file_bytes == 256 * 2**20
    assert "MOST_BYTES = 256 * 2 ** 20;" in script


def test_a_bridge_that_is_away_for_a_while_costs_nothing(chromium: Any, tmp_path: Path) -> None:
    port = free_port()
    context = chromium.new_context(locale="en-US")
    with running_bridge(tmp_path, port) as bridge:
        visit = Visit(context, bridge.url)
        visit.is_live()
        visit.drop(make_photos(1))
        visit.waits(".card", "in the queue")
    visit.locate("#offline").wait_for()
    visit.drop([("later.jpg", make_photos(2)[1][1])])
    visit.waits(".card >> nth=0", "waiting")
    with running_bridge(tmp_path, port) as bridge:
        visit.locate("#offline").wait_for(state="hidden")
        visit.waits(".card >> nth=0", "in the queue")
        visit.waits(".card >> nth=1", "in the queue")
        assert len(bridge.api.tasks()) == 2
    context.close()


def test_tasks_of_a_silent_worker_are_told(chromium: Any, tmp_path: Path) -> None:
    clock = Clock()
    with serving_apart(tmp_path, clocks=Clocks(monotonic=clock, wall=lambda: 0.0)) as bridge:
        api = Api(bridge.url)
        api.add(type="classifyimage")
        api.json("POST", "tasks/take/", {"type": "classifyimage", "worker": "gone"})
        with visiting(chromium, f"{bridge.url}/#workers") as visit:
            visit.is_live()
            visit.shows(".worker-card .badge", "works")
            assert visit.locate("#no-worker").is_hidden()
            clock.now_s += 61
            visit.shows(".worker-card .badge", "silent")
            visit.locate("#no-worker").wait_for()
            visit.page.get_by_role("button", name="Show these tasks").click()
            visit.shows("#tasks-rows .worker", "gone")
            visit.page.click("#task-restart")
            visit.page.click("#task-reset")
            visit.shows("#task-tabs .open .number", "1")
            wait_until(lambda: api.tasks()[0]["status"] == "open")


def test_ten_thousand_tasks(chromium: Any, tmp_path: Path) -> None:
    """Only what is in view is in the document; searching, selecting and removing works on all."""
    store = TaskStore(tmp_path / "tasks.sqlite3")
    store.open()
    for number in range(10_100):
        kind = "odd" if number % 2 else "even"
        store.add(NewTask(f"{number:08x}-0000-0000-0000-000000000000", kind))
    store.close()
    with running_bridge(tmp_path) as bridge, visiting(chromium, f"{bridge.url}#tasks") as visit:
        visit.shows("#task-tabs .all .number", "10,000")
        visit.shows("#tasks-cut", "The newest 10,000 of 10,100 tasks are listed.")
        assert visit.locate("#tasks-rows .task").count() < 100
        visit.locate("#tasks-rows .task").first.focus()
        visit.page.keyboard.press("End")
        visit.shows("#tasks-rows .task:focus .id", "00000064")
        assert visit.locate("#tasks-rows .task").count() < 100
        visit.page.select_option("#task-type", "odd")
        visit.shows("#task-count", "5,000 tasks")
        visit.page.fill("#task-search", "0000270f")
        visit.shows("#task-count", "1 task")
        visit.page.click("#task-remove")
        visit.page.click("#confirm-yes")
        visit.shows("#said", "1 task removed.")
        assert len(bridge.api.tasks()) == 10_099


# Keyboard, phone, screen reader


def test_everything_by_keyboard(visit: Visit, tmp_path: Path, served: RunningBridge) -> None:
    keyboard = visit.page.keyboard
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(make_photos(1)[0][1])
    # Playwright begins to look for the browser's dialog when somebody listens.
    visit.page.on("filechooser", lambda _: None)
    tab_to(visit, "choose")
    ring = "getComputedStyle(document.activeElement.nextElementSibling).outlineStyle"
    assert visit.page.evaluate(ring) == "solid"
    with visit.page.expect_file_chooser() as chooser:
        keyboard.press("Enter")
    chooser.value.set_files(photo)
    visit.finishes(done=1)
    visit.locate(".card").focus()
    keyboard.press("Enter")
    visit.locate("#details .bars >> nth=0").wait_for()
    keyboard.press("Escape")
    assert visit.page.evaluate("document.activeElement.className").startswith("card")
    keyboard.press("2")
    visit.locate("#tasks-rows .task").wait_for()
    keyboard.press("/")
    keyboard.type("classify")
    visit.shows("#task-count", "1 task")
    tab_to(visit, "tasks-rows")
    keyboard.press("Space")
    visit.shows("#task-count", "1 selected")
    keyboard.press("Delete")
    visit.shows("#confirm-yes", "Remove 1 task")
    keyboard.press("Escape")
    keyboard.press("Delete")
    visit.locate("#confirm-yes").focus()
    keyboard.press("Enter")
    wait_until(lambda: served.api.tasks() == [])
    keyboard.press("1")
    visit.shows(".card .problem strong", "Removed from the bridge")
    keyboard.press("?")
    visit.locate("#key-list kbd").first.wait_for()
    visit.locate("#single-keys").press("Space")
    keyboard.press("Escape")
    keyboard.press("3")
    assert visit.locate("#view-workers").is_hidden()


def tab_to(visit: Visit, wanted: str) -> None:
    """Presses the tab key until an element with this id, or one in it, has the focus."""
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        if visit.page.evaluate(f"document.activeElement.closest('#{wanted}') !== null"):
            return
    raise AssertionError(f"the tab key never comes to {wanted}")


@pytest.mark.parametrize("language", ["en-US", "de-DE"])
def test_on_a_phone_nothing_is_wider_than_it(
    chromium: Any, served: RunningBridge, language: str
) -> None:
    empty(served.api)
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with visiting(chromium, served.url, locale=language, **phone) as visit:
        visit.is_live()
        visit.locate("label[for=photograph]").wait_for()
        visit.drop([make_photos(1)[0], make_broken(), ("long" * 60 + ".jpg", b"x")])
        visit.finishes(done=1, failed=2)
        for view in VIEWS:
            visit.go(view)
            width = "document.documentElement.scrollWidth"
            assert visit.page.evaluate(width) == 360, view
        visit.go("tasks")
        visit.locate("#tasks-rows .task button").first.click()
        visit.locate("#details .facts").wait_for()
        assert visit.page.evaluate("document.querySelector('#details').scrollWidth") == 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_an_accessibility_fault(
    chromium: Any, served: RunningBridge, scheme: str
) -> None:
    """As axe finds them."""
    empty(served.api)
    with visiting(chromium, served.url, color_scheme=scheme, reduced_motion="reduce") as visit:
        visit.is_live()
        assert find_faults(visit) == []
        visit.drop([make_photos(1)[0], make_broken()])
        visit.finishes(done=1, failed=1)
        assert find_faults(visit) == []
        visit.locate(".card .tile").nth(1).click()
        visit.locate("#details .facts").wait_for()
        assert find_faults(visit) == []
        visit.page.keyboard.press("Escape")
        for view in VIEWS[1:]:
            visit.go(view)
            assert find_faults(visit) == [], view
        visit.go("tasks")
        visit.page.click("#task-remove")
        assert find_faults(visit) == []
        visit.page.click("#confirm-no")
        visit.page.click("#help-button")
        assert find_faults(visit) == []
        visit.page.keyboard.press("Escape")
        visit.page.set_viewport_size({"width": 360, "height": 740})
        assert find_faults(visit) == []


def find_faults(visit: Visit) -> list[str]:
    """What axe complains of, as "rule: elements"."""
    axe = resources.files("axe_playwright_python") / "axe.min.js"
    visit.page.evaluate(axe.read_text(encoding="utf-8"))
    found = visit.page.evaluate("axe.run()")
    return [
        f"{each['id']}: {json.dumps([node['html'][:120] for node in each['nodes']])}"
        for each in found["violations"]
    ]
