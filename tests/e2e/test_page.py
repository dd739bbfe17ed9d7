"""The embedded bridge's page in a real browser, with a real bridge and a real worker."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.page import (
    Visit,
    empty,
    make_broken,
    make_photos,
    running_bridge,
    running_with_worker,
    visiting,
)
from support.photos import ESPRESSO
from support.programs import RunningBridge
from support.waiting import wait_until

BEST = ".card .bars li:first-child .name"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    with running_with_worker(tmp_path_factory.mktemp("bridge")) as found:
        yield found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    """A bridge without a worker."""
    with running_bridge(tmp_path_factory.mktemp("bridge")) as found:
        yield found


@pytest.fixture
def visit(chromium: Any, served: RunningBridge) -> Iterator[Visit]:
    """The page of an empty bridge."""
    empty(served.api)
    with visiting(chromium, served.url) as opened:
        opened.is_live()
        yield opened


@pytest.fixture
def lonely(chromium: Any, alone: RunningBridge) -> Iterator[Visit]:
    """The same without a worker."""
    empty(alone.api)
    with visiting(chromium, alone.url) as opened:
        opened.is_live()
        yield opened


# Pictures


def test_twenty_pictures_dropped_at_once_are_classified(
    visit: Visit, served: RunningBridge
) -> None:
    visit.drag(make_photos(1))
    visit.locate("#drop-hint").wait_for()
    visit.drop(make_photos(20))
    visit.locate("#drop-hint").wait_for(state="hidden")
    visit.finishes(done=20)
    visit.shows("#count-completed .number", "20")
    assert visit.locate(".card").count() >= 8
    assert set(visit.locate(BEST).all_text_contents()) == {"espresso"}
    assert visit.locate(".card .class").first.text_content() == "n07920052"
    assert visit.locate(".card").first.locator(".bars li").count() == 5
    visit.locate(".card img").first.wait_for()
    assert len(served.api.tasks()) == 20


def test_another_language_or_number_needs_no_new_classification(visit: Visit) -> None:
    visit.drop(make_photos(2))
    visit.finishes(done=2)
    sent = visit.sends("POST", "tasks/add")
    visit.page.select_option("#names", "de")
    visit.shows(f"{BEST} >> nth=0", "Espresso")
    visit.page.select_option("#top", "10")
    visit.locate(".card >> nth=0 >> .bars li >> nth=9").wait_for()
    visit.page.select_option("#page-language", "de")
    visit.shows("h1", "Bilder klassifizieren")
    assert visit.page.evaluate("document.documentElement.lang") == "de"
    assert visit.sends("POST", "tasks/add") == sent == 2


def test_a_reload_finds_choices_and_pictures_again(visit: Visit) -> None:
    visit.drop(make_photos(3))
    visit.finishes(done=3)
    visit.page.select_option("#names", "de")
    visit.page.select_option("#top", "1")
    visit.shows(f"{BEST} >> nth=0", "Espresso")
    visit.page.reload()
    visit.finishes(done=3)
    assert visit.locate(BEST).all_text_contents() == ["Espresso"] * 3
    assert visit.locate(".card .bars li").count() == 3
    assert visit.locate(".card .file").all_text_contents() == [name for name, _ in make_photos(3)]
    # Now only the bridge has the picture.
    visit.locate(".card img").first.wait_for()


def test_a_broken_picture_says_why_and_can_be_tried_again(visit: Visit) -> None:
    visit.drop([make_photos(1)[0], make_broken(), ("notes.txt", b"no picture " * 50)])
    visit.finishes(done=1, failed=2)
    visit.shows("#count-failed .number", "2")
    broken = visit.card("broken.jpg")
    assert "too damaged to decode" in broken.locator(".problem").text_content()
    text = visit.card("notes.txt").locator(".problem").text_content()
    assert "its format is not supported" in text
    assert "No preview" in visit.card("notes.txt").locator(".tile").text_content()
    visit.page.click("#tabs .failed")
    assert visit.locate(".card").count() == 2
    broken.get_by_role("button", name="Try again").click()
    visit.has_sent("GET", "tasks/restart", 1)
    visit.finishes(done=1, failed=2)
    visit.has_sent("GET", "tasks/result", 4)
    broken.locator(".tile").click()
    visit.shows("#details .problem strong", "The picture is too damaged to decode.")
    visit.shows("#details-picture p", "The browser cannot show this file as a picture.")


def test_removed_pictures_leave_the_bridge(visit: Visit, served: RunningBridge) -> None:
    visit.drop(make_photos(3))
    visit.finishes(done=3)
    visit.card("photo 01.jpg").get_by_role("button", name="Remove").click()
    visit.finishes(done=2)
    wait_until(lambda: len(served.api.tasks()) == 2)
    visit.page.click("#remove-all")
    visit.shows("#confirm-yes", "Remove 2 pictures")
    visit.page.click("#confirm-no")
    assert visit.locate(".card").count() == 2
    visit.page.click("#remove-all")
    visit.page.click("#confirm-yes")
    visit.shows("#said", "2 pictures removed.")
    assert served.api.tasks() == []
    visit.locate("#adding .hero").wait_for()
    visit.page.reload()
    visit.is_live()
    assert visit.locate(".card").count() == 0


def test_uploads_show_their_progress_and_can_be_cancelled(
    lonely: Visit, alone: RunningBridge
) -> None:
    network = lonely.page.context.new_cdp_session(lonely.page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    network.send("Network.emulateNetworkConditions", slow)
    lonely.drop([(f"{number}.jpg", ESPRESSO + bytes(1_000_000)) for number in range(5)])
    lonely.locate(".card progress").first.wait_for()
    wait_until(lambda: any(0 < share < 1 for share in shares(lonely)))
    assert lonely.locate(".card progress").count() == 3
    lonely.card("1.jpg").get_by_role("button", name="Cancel the upload").click()
    lonely.shows('.card:has(.file bdi:text-is("1.jpg")) .problem strong', "Upload cancelled")
    lonely.page.click("#cancel-all")
    lonely.finishes(done=0, failed=5)
    assert alone.api.tasks() == []
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    lonely.card("1.jpg").get_by_role("button", name="Try again").click()
    wait_until(lambda: len(alone.api.tasks()) == 1)
    lonely.waits(".card", "in the queue")


def shares(visit: Visit) -> list[float]:
    script = "bars => bars.map((bar) => bar.value)"
    return list(visit.locate(".card progress").evaluate_all(script))


def test_files_are_chosen_pasted_and_taken_from_folders(visit: Visit, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    (folder / "day 1" / ".hidden").mkdir(parents=True)
    photos = dict(make_photos(4))
    (folder / "one.jpg").write_bytes(photos["photo 00.jpg"])
    (folder / "day 1" / "two.jpg").write_bytes(photos["photo 01.jpg"])
    for name in ("notes.txt", "Thumbs.db", ".DS_Store", "day 1/.hidden/three.jpg"):
        (folder / name).write_bytes(b"x")
    visit.page.set_input_files("#choose-folder", folder)
    visit.shows("#said", "2 pictures added. 4 other files of the folder left out.")
    visit.page.set_input_files("#choose", [folder / "one.jpg"])
    visit.paste(("pasted.jpg", photos["photo 03.jpg"]))
    visit.finishes(done=4)
    title = visit.card("two.jpg").locator(".file").get_attribute("title")
    assert title == "holiday/day 1/two.jpg"


def test_results_are_saved_and_copied(chromium: Any, served: RunningBridge) -> None:
    empty(served.api)
    rights = ["clipboard-read", "clipboard-write"]
    with visiting(chromium, served.url, permissions=rights) as visit:
        visit.is_live()
        formula = "=cmd|' /C calc'!A0.jpg"
        visit.drop([(formula, make_photos(1)[0][1]), make_broken()])
        visit.finishes(done=1, failed=1)
        visit.page.select_option("#top", "3")
        visit.page.select_option("#names", "de")
        visit.shows("#said", "Names are now in Deutsch.")
        rows = list(csv.DictReader(io.StringIO(save(visit, "#csv")), delimiter=";"))
        assert [row["file"] for row in rows] == [f"'{formula}", "broken.jpg"]
        assert [row["name_1"] for row in rows] == ["Espresso", ""]
        assert [row["code"] for row in rows] == ["", "damaged"]
        assert 0.3 < float(rows[0]["probability_1"]) <= 1
        assert "probability_3" in rows[0]
        assert "probability_4" not in rows[0]
        entries = json.loads(save(visit, "#json"))
        assert [each["name"] for each in entries[0]["result"]["predictions"]][:1] == ["Espresso"]
        assert entries[1]["result"]["code"] == "damaged"
        visit.page.click("#copy")
        visit.shows("#said", "2 lines copied.")
        copied = visit.page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(f"{formula}\tEspresso\t")


def save(visit: Visit, button: str) -> str:
    with visit.page.expect_download() as download:
        visit.page.click(button)
    return Path(download.value.path()).read_text(encoding="utf-8-sig")


def test_pictures_have_categories_to_look_at_and_to_choose_by(
    chromium: Any, served: RunningBridge
) -> None:
    empty(served.api)
    with visiting(chromium, served.url, accept_downloads=True) as visit:
        visit.is_live()
        visit.drop([*make_photos(2), make_broken()])
        visit.finishes(done=2, failed=1)
        tags = visit.locate(".card >> nth=0 >> .category")
        visit.page.select_option("#names", "de")
        assert tags.all_text_contents()[0] == "Essen oder Trinken"
        visit.page.click(".card >> nth=0 >> .tile")
        visit.locate('#details .bars .class:text-is("drink")').first.wait_for()
        visit.page.keyboard.press("Escape")
        offered = visit.locate("#category option")
        assert offered.all_text_contents()[1] == "Essen oder Trinken (2)"
        visit.page.select_option("#category", "food")
        visit.page.wait_for_function("document.querySelectorAll('.card').length === 2")
        visit.page.select_option("#category", "")
        visit.page.wait_for_function("document.querySelectorAll('.card').length === 3")
        rows = list(csv.DictReader(io.StringIO(save(visit, "#csv")), delimiter=";"))
        assert [row["coarse"] for row in rows] == ["food", "food", ""]
        assert rows[0]["coarse_name"] == "Essen oder Trinken"
        assert json.loads(save(visit, "#json"))[0]["result"]["categories"][0]["id"] == "food"


def test_a_word_finds_classes_and_categories(lonely: Visit) -> None:
    """Without a worker; a typing error and a plural are forgiven, and the language counts."""
    lonely.page.keyboard.press("4")
    lonely.page.fill("#name-search", "terriers")
    lonely.locate('.meaning .name:text-matches("terrier")').first.wait_for()
    below = lonely.locate('.meaning:has-text("all of this kind") >> nth=0')
    below.locator("summary").click()
    below.get_by_text("Irish Terrier", exact=False).first.wait_for()
    lonely.page.select_option("#name-language", "de")
    lonely.page.fill("#name-search", "Perserkaze")
    lonely.shows(".meaning .name >> nth=0", "Perserkatze")
    lonely.page.fill("#name-search", "qqqqqqqqqq")
    lonely.shows("#names-none", "No class and no category has such a name.")


def test_thousands_of_pictures_are_few_elements(lonely: Visit, alone: RunningBridge) -> None:
    """They are on their way while the user looks through them; none is left behind."""
    lonely.drop([(f"{number:04}.jpg", b"x") for number in range(3000)])
    lonely.shows("#tabs .all .number", "3,000")
    assert lonely.locate(".card").count() < 100
    lonely.locate(".card").first.focus()
    lonely.page.keyboard.press("End")
    lonely.card("2999.jpg").wait_for()
    assert lonely.page.evaluate("document.activeElement.ariaPosInSet") == "3000"
    assert lonely.locate(".card").count() < 100
    lonely.page.click("#cancel-all")
    lonely.page.click("#remove-all")
    lonely.page.click("#confirm-yes")
    lonely.shows("#said", "3,000 pictures removed.")
    wait_until(lambda: alone.api.tasks() == [])


# Tasks


def test_tasks_are_found_looked_at_restarted_and_removed(
    visit: Visit, served: RunningBridge
) -> None:
    ids = [served.api.add({"targetlanguage": "en"}, content) for _, content in make_photos(3)]
    ids.append(served.api.add(None, make_broken()[1]))
    for task_id in ids:
        served.api.wait_for_result(task_id)
    other = served.api.add(type="transcribe")
    visit.go("tasks")
    visit.shows("#task-tabs .all .number", "5")
    visit.page.click("#task-tabs .failed")
    visit.shows("#tasks-rows .task .reason", "The picture is too damaged to decode.")
    visit.page.click("#task-reset")
    visit.page.select_option("#task-type", "transcribe")
    visit.shows("#tasks-rows .task .id", other[:8])
    visit.page.click("#task-reset")
    visit.page.fill("#task-search", ids[1][:8])
    visit.shows("#task-count", "1 task")
    visit.locate("#tasks-rows .task button").click()
    visit.shows("#details .bars li:first-child .name", "espresso")
    width = "image => image.decode().then(() => image.naturalWidth)"
    assert visit.locate("#details-picture img").evaluate(width) > 0
    assert "-F 'file=@" in visit.locate("#details pre").first.text_content()
    completed = served.api.json("GET", f"tasks/details/{ids[1]}/")["completedat"]
    visit.page.click('#details [data-act="restart"]')
    visit.shows("#said", "1 task is open again.")
    wait_until(
        lambda: served.api.json("GET", f"tasks/details/{ids[1]}/").get("completedat", 0) > completed
    )
    visit.page.keyboard.press("Escape")
    visit.page.click("#task-reset")
    visit.shows("#task-count", "5 tasks")
    visit.locate("#tasks-rows .task input").nth(0).click()
    visit.locate("#tasks-rows .task input").nth(2).click(modifiers=["Shift"])
    visit.shows("#task-count", "3 selected")
    visit.page.click("#task-remove")
    visit.page.click("#confirm-yes")
    visit.shows("#said", "3 tasks removed.")
    assert {task["id"] for task in served.api.tasks()} == set(ids[:2])
    visit.page.click("#task-remove")
    visit.shows("#confirm-yes", "Remove 2 tasks")
    visit.page.click("#confirm-yes")
    visit.shows("#tasks-none", "The bridge has no tasks.")
    wait_until(lambda: served.api.tasks() == [])


def test_changes_of_others_are_seen_at_once(lonely: Visit, alone: RunningBridge) -> None:
    lonely.go("tasks")
    task_id = alone.api.add(type="transcribe")
    lonely.shows("#tasks-rows .badge", "open")
    take = {"type": "transcribe", "worker": "other"}
    assert alone.api.json("POST", "tasks/take/", take)["id"] == task_id
    lonely.shows("#tasks-rows .badge", "in progress")
    lonely.shows("#tasks-rows .worker", "other")
    result = json.dumps({"result": {"error": "no sound", "code": "other"}}).encode()
    alone.api.call("POST", f"tasks/complete/{task_id}/", result, "application/json")
    lonely.shows("#tasks-rows .badge", "failed")
    lonely.shows("#tasks-rows .reason", "other: no sound")
    lonely.go("workers")
    lonely.shows(".worker-card h3", "other")
    alone.api.remove(task_id)
    lonely.go("tasks")
    lonely.shows("#tasks-none", "The bridge has no tasks.")


# Workers


def test_a_worker_shows_what_it_is(visit: Visit) -> None:
    visit.go("workers")
    card = visit.locate(".worker-card")
    card.wait_for()
    text = card.inner_text()
    assert "lab-3" in text
    assert "EfficientNetLite0" in text
    assert "onnxruntime" in text
    assert visit.locate("#no-worker").is_hidden()


def test_without_a_worker_the_page_says_what_to_do(lonely: Visit, alone: RunningBridge) -> None:
    lonely.locate("#no-worker").wait_for()
    lonely.shows("#command", f"./classifyimage.sh --taskbridgeurl {alone.url}")
    assert lonely.locate("#command-token").is_hidden()
    lonely.page.set_viewport_size({"width": 360, "height": 740})
    assert lonely.page.evaluate("document.documentElement.scrollWidth") == 360
    lonely.drop(make_photos(1))
    lonely.waits(".card", "in the queue")


# Whoever names things


def test_names_from_outside_are_text(visit: Visit, served: RunningBridge) -> None:
    hostile = "<img src=x onerror=pwned=1><script>pwned=1</script>\u202egpj"
    visit.drop([(f"{hostile}.jpg", make_photos(1)[0][1])])
    visit.finishes(done=1)
    visit.locate(".card .tile").click()
    visit.locate("#details .bars >> nth=0").wait_for()
    title = visit.locate("#details-title").text_content()
    assert title == f"{hostile}.jpg".replace("\u202e", "\u27e8202E\u27e9")
    visit.page.keyboard.press("Escape")
    task_id = served.api.add(type=hostile)
    served.api.json("POST", "tasks/take/", {"type": hostile, "worker": hostile})
    prediction = {"class": hostile, "name": hostile, "probability": 0.5}
    result = {"predictions": [prediction], "warnings": [hostile], "model": hostile}
    body = json.dumps({"result": result}).encode()
    served.api.call("POST", f"tasks/complete/{task_id}/", body, "application/json")
    visit.go("tasks")
    visit.page.select_option("#task-type", hostile)
    visit.locate("#tasks-rows .task button").first.click()
    visit.locate("#details .warning").wait_for()
    assert visit.locate("#details script, #details-body img").count() == 0
    visit.page.keyboard.press("Escape")
    visit.go("workers")
    visit.locate(".worker-card").nth(1).wait_for()
    assert visit.locate("main script, .worker-card img").count() == 0


def test_results_that_are_no_results_hurt_nothing(chromium: Any, alone: RunningBridge) -> None:
    """Other programs may report anything; the page goes on, and saves what there is."""
    empty(alone.api)
    odd = [None, "text", {}, {"id": 1, "level": 2, "name": "thing", "probability": 0.5}]
    results: list[object] = ["text", 7, [None], {"predictions": odd, "categories": odd}]
    with visiting(chromium, alone.url) as visit:
        visit.is_live()
        visit.drop(make_photos(len(results)))
        visit.shows("#count-open .number", str(len(results)))
        for result in results:
            taken = alone.api.json("POST", "tasks/take/", {"type": "classifyimage", "worker": "w"})
            body, path = json.dumps({"result": result}).encode(), f"tasks/complete/{taken['id']}/"
            alone.api.call("POST", path, body, "application/json")
        visit.finishes(done=len(results))
        assert visit.locate(".card").count() == len(results)
        saved = json.loads(save(visit, "#json"))
        assert any(each["result"] == results[-1] for each in saved)
        assert len(save(visit, "#csv").splitlines()) == 1 + len(results)
        visit.page.click(".card >> nth=0 >> .tile")
        visit.locate("#details .facts").wait_for()


def test_a_file_of_others_is_never_a_document(visit: Visit, served: RunningBridge) -> None:
    """SVG could hold scripts; HTML is no picture."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>parent.pwned=1</script></svg>'
    for content in (svg, b"<!doctype html><script>pwned=1</script>"):
        served.api.add(None, content, type="other")
    visit.go("tasks")
    for place in range(2):
        visit.locate("#tasks-rows .task button").nth(place).click()
        visit.shows("#details-picture p", "The browser cannot show this file as a picture.")
        visit.page.keyboard.press("Escape")
