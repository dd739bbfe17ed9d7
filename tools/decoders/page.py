"""Writes findings as a page, with the pictures side by side."""

import base64
import html
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from decoders.judging import HUNGRY_BYTES, SLOW_S, VERDICTS, WRONG_PIXELS, WRONG_REFUSAL, Finding
from decoders.programs import Pixels

_STYLE: Final = (
    "body{font:14px sans-serif;margin:2em}td,th{padding:2px 8px;text-align:left;vertical-align:top}"
    "img{width:96px;height:96px;image-rendering:pixelated}td.n{text-align:right}"
)


def count_suites(findings: Sequence[Finding]) -> list[tuple[str, list[int]]]:
    """By the first folder: how many files, and how many of each verdict."""
    suites: dict[str, Counter[str]] = {}
    for each in findings:
        suite = each.file.partition("/")[0] if "/" in each.file else "."
        suites.setdefault(suite, Counter())[each.verdict] += 1
    return [
        (suite, [sum(found.values()), *(found[each] for each in VERDICTS)])
        for suite, found in sorted(suites.items())
    ]


def write_page(path: Path, findings: Sequence[Finding], programs: Sequence[str]) -> None:
    """What is wrong first, then what is slow or hungry, then all that has another verdict."""
    suites = "".join(
        f"<tr><td>{html.escape(suite)}</td>"
        + "".join(f"<td class=n>{number}</td>" for number in numbers)
        for suite, numbers in count_suites(findings)
    )
    heads = "".join(f"<th>{each}</th>" for each in ("suite", "files", *VERDICTS))
    parts = [
        "<!doctype html><meta charset=utf-8><title>Decoders compared</title>",
        f"<style>{_STYLE}</style>",
    ]
    parts.append(f"<h1>Decoders compared</h1><table><tr>{heads}</tr>{suites}</table>")
    parts.extend(
        _section(verdict, [f for f in findings if f.verdict == verdict], programs)
        for verdict in (WRONG_REFUSAL, WRONG_PIXELS)
    )
    greedy = [f for f in findings if f.cpu_s > SLOW_S or f.peak_bytes > HUNGRY_BYTES]
    parts.append(_section("slow or hungry", greedy, programs))
    others = [f for f in findings if f.verdict not in (VERDICTS[0], WRONG_REFUSAL, WRONG_PIXELS)]
    parts.append(_section("refused, or nobody to compare with", others, programs))
    path.write_text("\n".join(parts), encoding="utf-8")


def _section(title: str, findings: Sequence[Finding], programs: Sequence[str]) -> str:
    heads = "".join(f"<th>{each}</th>" for each in ("file", "here", *programs))
    rows = "".join(_row(each, programs) for each in findings)
    return f"<h2>{title}: {len(findings)}</h2><table><tr>{heads}</tr>{rows}</table>"


def _row(finding: Finding, programs: Sequence[str]) -> str:
    facts = f"{finding.cpu_s:.1f} s, {finding.peak_bytes >> 20} MiB"
    text = f"{html.escape(finding.file)}<br>{html.escape(finding.said)}<br>{facts}"
    pictures = [finding.ours, *(finding.others.get(name) for name in programs)]
    return f"<tr><td>{text}</td>" + "".join(f"<td>{_picture(each)}</td>" for each in pictures)


def _picture(pixels: Pixels | None) -> str:
    if pixels is None:
        return "&ndash;"
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
