"""Puts the parts of the page together, with a policy that lets nothing in from outside."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Final

from taskworker_classifyimage.outputs.report.blocks import encode_json

#: All scripts are one element, in this order.
_SCRIPTS: Final = (
    "texts",
    "index",
    "blocks",
    "filter",
    "layout",
    "selection",
    "cells",
    "grid",
    "groups",
    "details",
    "csv",
    "print",
    "head",
    "keys",
    "main",
)

#: What is replaced in the page: a text's name, or one of the parts.
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


def split_page(language: str, *, has_folder: bool) -> tuple[str, str]:
    """The page before and after its data.

    Args:
        language: of its texts; German if it begins with "de", else English.
        has_folder: whether it loads scripts from a folder beside it.
    """
    known = "de" if language.lower().startswith("de") else "en"
    texts: Mapping[str, str] = json.loads(_read(f"texts.{known}.json"))
    style = _read("report.css")
    script = "".join(_join_scripts())
    parts = {
        "language": known,
        "policy": html.escape(_policy(style, script, has_folder=has_folder)),
        "style": style,
        "script": script,
        "texts": encode_json(texts),
    }
    escaped = {name: html.escape(text) for name, text in texts.items()}
    page = _PLACE.sub(lambda found: {**escaped, **parts}[found[1]], _read("report.html"))
    before, _, after = page.partition("<!-- data -->")
    return before, after


def _policy(style: str, script: str, *, has_folder: bool) -> str:
    """A content security policy.

    The page's own script and style are known by their hashes; pictures are in the page. For a page
    in a file, 'self' means other files: the thumbnails are loaded as scripts, since all else is
    barred there.
    """
    scripts = [_hash(script), "'self'"] if has_folder else [_hash(script)]
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(scripts)}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _join_scripts() -> Iterator[str]:
    yield '"use strict";\n(() => {\n'
    for name in _SCRIPTS:
        yield _read(f"{name}.js")
    yield "})();\n"


def _read(name: str) -> str:
    folder = resources.files("taskworker_classifyimage.outputs.report") / "parts"
    return (folder / name).read_text(encoding="utf-8")
