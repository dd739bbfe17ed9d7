"""The texts of the page: the same in every language, and all of them are there and used."""

import html
import json
import re
from importlib import resources
from typing import Final

import pytest

from taskworker_classifyimage.errors import ErrorCode

PAGES: Final = resources.files("taskworker_classifyimage") / "data" / "pages"
PAGE: Final = (PAGES / "index.html").read_text(encoding="utf-8")
SCRIPTS: Final = {
    each.name: each.read_text(encoding="utf-8")
    for each in (PAGES / "page").iterdir()
    if each.name.endswith(".js")
}
#: Beginnings of texts whose ends are states, codes or statuses.
FAMILIES: Final = re.compile(
    r"(code|connection|fact|group|hint|level|refused|state|status|view|worker)_\w+"
)


def read_texts(language: str) -> dict[str, str]:
    text = (PAGES / "page" / f"texts.{language}.json").read_text(encoding="utf-8")
    texts = json.loads(text)
    assert isinstance(texts, dict)
    return texts


ENGLISH: Final = read_texts("en")


def test_german_says_what_english_says() -> None:
    german = read_texts("de")
    assert list(german) == list(ENGLISH)
    for key, text in ENGLISH.items():
        assert set(re.findall(r"\{\w+\}", german[key])) == set(re.findall(r"\{\w+\}", text)), key


def test_the_document_has_the_english_texts() -> None:
    """People without JavaScript read them."""
    found = re.findall(r'data-text="(\w+)"[^>]*>([^<]*)<', PAGE)
    assert len(found) > 40
    for key, text in found:
        assert html.unescape(text) == ENGLISH[key]
    for label, key in re.findall(r'aria-label="([^"]*)"[^>]*data-label="(\w+)"', PAGE):
        if key != "search":
            assert label == ENGLISH[key]


def test_every_text_that_is_said_exists_and_every_text_is_said() -> None:
    source = "\n".join(SCRIPTS.values())
    said = set(re.findall(r'\bsay\("(\w+)"', source))
    said |= set(re.findall(r'data-(?:text|label)="(\w+)"', PAGE))
    said |= set(re.findall(r'"(key_\w+)"', source))
    counted = set(re.findall(r'\bsayCount\("(\w+)"', source))
    said |= {f"{key}_{form}" for key in counted for form in ("one", "other")}
    assert said <= set(ENGLISH)
    # Some are chosen by a condition.
    said |= set(re.findall(r'"(\w+)"', source))
    assert [key for key in ENGLISH if key not in said and not FAMILIES.fullmatch(key)] == []


@pytest.mark.parametrize("code", [*ErrorCode])
def test_every_code_of_an_error_is_explained(code: ErrorCode) -> None:
    assert f"code_{code}" in ENGLISH


def test_scripts_are_short_and_load_only_each_other() -> None:
    for name, text in SCRIPTS.items():
        assert text.count("\n") < 300, name
        for path in re.findall(r'\bfrom "([^"]+)"', text):
            assert path.removeprefix("./") in SCRIPTS, f"{name}: {path}"
        assert "innerHTML" not in text, name
        assert "eval(" not in text, name
