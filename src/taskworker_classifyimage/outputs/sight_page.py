"""A small page that shows what a model takes a few pictures for, and what it sees of them."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

#: The first line of every such page; without it a file is another one.
MARK: Final = "<!-- taskworker-classifyimage doctor -->"

_PAGE: Final = """{mark}
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>What {model} sees</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1.5rem; }}
figure {{ margin: 0; }}
img {{ width: 100%; aspect-ratio: 1; image-rendering: pixelated; border-radius: .4rem; }}
.file {{ font-size: .8rem; opacity: .7; overflow-wrap: anywhere; }}
.best {{ font-weight: 600; }}
li {{ list-style: none; }}
ol {{ margin: 0; padding: 0; }}
</style>
<h1>What {model} sees</h1>
<p>Each picture is shown as the network gets it: {input}. Are the names right? If they are not,
something of the pack's <code>[input]</code> or of the order of its classes is probably wrong.</p>
<main>
{figures}
</main>
</html>
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture and what it was taken for.

    Attributes:
        file: its name.
        png: what the network got, encoded.
        result: the JSON of a task's result.
    """

    file: str
    png: bytes
    result: Mapping[str, object]


def make_page(model: str, input_text: str, seen: Sequence[Seen]) -> str:
    """The page as HTML; `input_text` says how pictures are prepared."""
    return _PAGE.format(
        mark=MARK,
        model=html.escape(model),
        input=html.escape(input_text),
        figures="\n".join(map(_make_figure, seen)),
    )


def _make_figure(seen: Seen) -> str:
    picture = base64.b64encode(seen.png).decode()
    predictions = cast("Sequence[Mapping[str, Any]]", seen.result["predictions"])
    entries = "".join(
        f'<li class="{"other" if rank else "best"}"><bdi>{html.escape(each["name"])}</bdi> '
        f"{each['probability']:.1%}</li>"
        for rank, each in enumerate(predictions)
    )
    return (
        f'<figure><img alt="" src="data:image/png;base64,{picture}">'
        f'<figcaption><div class="file"><bdi>{html.escape(seen.file)}</bdi></div>'
        f"<ol>{entries or '<li>nothing that reaches the threshold</li>'}</ol></figcaption></figure>"
    )
