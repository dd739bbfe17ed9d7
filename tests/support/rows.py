"""Rows such as a run over files leaves, with names that are hard to write."""

import os
from collections.abc import Mapping

from taskworker_classifyimage.local.rows import Row

RUN: Mapping[str, object] = {
    "repository": "https://github.com/hilderonny/taskworker-classifyimage",
    "version": "1.0.0",
    "library": "onnxruntime-1.32.0",
    "model": "EfficientNetLite2",
    "device": "cpu",
    "model_sha256": "00" * 32,
    "preprocessing": "260 x 260",
    "language": "de",
    "top": 2,
    "min_probability": 0.0,
    "paths": ["pictures"],
    "started": "2026-11-26T12:00:00Z",
    "finished": "2026-11-26T12:00:09Z",
    "counts": {"ok": 2, "not_a_picture": 0, "failed": 1, "skipped": 0},
    "failed_by_code": {"damaged": 1},
}

#: 2026-11-26T12:00:00.123456789Z
MODIFIED_NS = 1_795_694_400_123_456_789

#: Of a picture of a drink, best first as results have them.
CATEGORIES = (
    {"id": "food", "name": "food or drink", "level": "coarse", "probability": 0.95},
    {"id": "drink", "name": "drink or drinking vessel", "level": "fine", "probability": 0.9},
    {"id": "alcohol", "name": "alcohol", "level": "overlapping", "probability": 1 / 3},
    {"id": "dish", "name": "dish or baked food", "level": "fine", "probability": 0.05},
    {"id": "household", "name": "household thing", "level": "coarse", "probability": 0.02},
)

ODD_NAMES = (
    "a b.jpg",
    "q\"uo'te;,.jpg",
    "line\nend\r\n.jpg",
    "tab\t.jpg",
    "\N{CAT FACE}.jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    # What the name before looks like where its byte is an escape.
    "caf\\udce9.jpg",
    "caf\\\\udce9.jpg",
    "back\\slash.jpg",
    "-rf.jpg",
    '=HYPERLINK("http://x")',
    "<script>alert(1)</script>.jpg",
)


def classified(path: str, *probabilities: float, **more: object) -> Row:
    """A row of a picture; class and name tell the rank."""
    predictions = [
        {"class": f"n{rank}", "name": f"Name {rank}", "probability": each}
        for rank, each in enumerate(probabilities or (0.84, 1 / 3), start=1)
    ]
    result = {"predictions": predictions, "duration": 0.03, **more}
    return Row(path, result, 1234, MODIFIED_NS, "ab" * 32)


def failed(path: str, code: str = "damaged", error: str = "the picture is damaged") -> Row:
    """A row of a file that was not classified."""
    return Row(path, {"error": error, "code": code, "predictions": [], "duration": 0.01})
