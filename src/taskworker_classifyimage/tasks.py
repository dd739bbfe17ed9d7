"""What a task asks and what a result says: the only code that knows these JSON keys."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from taskworker_classifyimage import REPOSITORY, __version__
from taskworker_classifyimage.errors import BadRequest, ErrorCode

#: The type of task that this worker takes.
TASK_TYPE = "classifyimage"

DEFAULT_LANGUAGE = "en"
DEFAULT_TOP = 10
#: There are no more classes than these, so nobody can be shown more.
MAX_TOP = 1000

#: Data of a task that an earlier life of this worker took; the bridge still has them.
UNKNOWN: Final = object()

# RFC 5646 in outline: subtags of up to eight letters or digits; "_" is what Java locales write.
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8}){0,8}")


@dataclass(frozen=True, slots=True)
class Task:
    """A task as the bridge handed it over.

    Attributes:
        id: chosen by the server or even by its client; never a file name.
        data: whatever JSON the client put in, or `UNKNOWN`.
        taken_at_s: `time.monotonic()` of the take.
    """

    id: str
    data: object
    taken_at_s: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """What the client wants to know about its picture.

    Attributes:
        language: a BCP 47 tag such as "de" or "de-AT".
        top: how many predictions, 1 to 1000.
        model: name of the model that is to answer; None: the worker's first.
        provenance: whether the result is to tell what it was made of.
        warnings: what was asked and could not be had as asked.
    """

    language: str = DEFAULT_LANGUAGE
    top: int = DEFAULT_TOP
    model: str | None = None
    provenance: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class that the picture may belong to; `probability` is 0 to 1."""

    class_id: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Runtime:
    """Which code, runtime, model and device answered; part of every result."""

    library: str
    model: str
    device: str


def parse_request(data: object) -> ClassifyRequest:
    """Reads a task's `data`; whatever is missing or null gets its default.

    Raises:
        BadRequest: a value is there and makes no sense.
    """
    if data is None:
        return ClassifyRequest()
    if not isinstance(data, Mapping):
        raise BadRequest(f"data must be an object, not {_shown(data)}")
    language = data.get("targetlanguage")
    top = data.get("numberofpredictions")
    model = data.get("model")
    warnings: tuple[str, ...] = ()
    count = DEFAULT_TOP if top is None else _parse_count(top)
    if count > MAX_TOP:
        warnings = (f"numberofpredictions: {_shown(top)} is more than the {MAX_TOP} classes",)
    return ClassifyRequest(
        language=DEFAULT_LANGUAGE if language is None else _parse_language(language),
        top=min(count, MAX_TOP),
        model=None if model is None else _parse_model(model),
        provenance=_parse_yes_no("provenance", data.get("provenance")),
        warnings=warnings,
    )


def result_json(
    predictions: Sequence[Prediction],
    provenance: Runtime,
    duration_s: float,
    warnings: Sequence[str] = (),
    evidence: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The result of a picture that was classified.

    `evidence` becomes "provenance", which only those see who asked for it.
    """
    result: dict[str, object] = {
        "predictions": [
            {"class": p.class_id, "name": p.name, "probability": p.probability} for p in predictions
        ],
        **_provenance_json(provenance, duration_s),
    }
    if warnings:
        result["warnings"] = list(warnings)
    if evidence is not None:
        result["provenance"] = dict(evidence)
    return result


def error_json(
    message: str, code: ErrorCode, provenance: Runtime, duration_s: float
) -> dict[str, object]:
    """The result of a picture that could not be classified.

    One client looks for `error` first, another maps over `predictions` without looking.
    """
    return {
        "error": message,
        "code": str(code),
        "predictions": [],
        **_provenance_json(provenance, duration_s),
    }


def _provenance_json(provenance: Runtime, duration_s: float) -> dict[str, object]:
    return {
        "duration": round(duration_s, 6),
        "repository": REPOSITORY,
        "version": __version__,
        "library": provenance.library,
        "model": provenance.model,
        "device": provenance.device,
    }


def _parse_language(value: object) -> str:
    if isinstance(value, str) and _LANGUAGE_TAG.fullmatch(value):
        return value
    raise BadRequest(f"targetlanguage must be a language tag such as 'de', not {_shown(value)}")


def _parse_model(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise BadRequest(f"model must be a model's name, not {_shown(value)}")


def _parse_yes_no(key: str, value: object) -> bool:
    """Forms send texts."""
    known = {"true": True, "false": False}
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in known:
        return known[value]
    raise BadRequest(f"{key} must be true or false, not {_shown(value)}")


def _parse_count(value: object) -> int:
    count = 0
    if isinstance(value, str) and value.isascii() and value.isdigit():
        # Far more digits than any count needs would cost time to convert, or be refused.
        count = int(value.lstrip("0")[:9] or "0")
    elif isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0:
        count = int(value)
    if count < 1:
        raise BadRequest(
            f"numberofpredictions must be a whole number from 1 up, not {_shown(value)}"
        )
    return count


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
