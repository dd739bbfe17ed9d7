"""Requests and results: the only code that knows the JSON keys of a task's data and result."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from taskworker_classifyimage import REPOSITORY, __version__
from taskworker_classifyimage.errors import BadRequest, ErrorCode

#: The type of task that this worker takes.
TASK_TYPE = "classifyimage"

#: The `kind` of a result whose classes do not exclude each other; other results have none.
INDEPENDENT = "independent"

DEFAULT_LANGUAGE = "en"
DEFAULT_TOP = 10
#: The number of classes of the built-in models.
MAX_TOP = 1000

# RFC 5646 in outline: subtags of up to eight letters or digits; "_" is what Java locales write.
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8}){0,8}")

#: A number as forms send it.
_PROBABILITY = re.compile(r"[01]|[01]?\.[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Task:
    """A task that this worker has taken.

    Attributes:
        id: chosen by the server or its client; never used as a file name.
        data: the JSON that the client put into the task.
        is_resumed: whether it was taken earlier, so that the bridge has to be asked for its data
            and whether it is still to be done.
        taken_at_s: `time.monotonic()` of the take.
    """

    id: str
    data: object = None
    is_resumed: bool = False
    taken_at_s: float = field(default_factory=time.monotonic)

    @property
    def age_s(self) -> float:
        """Seconds since the take."""
        return time.monotonic() - self.taken_at_s


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """What the client wants to know about its picture.

    Attributes:
        language: language of the names, a BCP 47 tag such as "de" or "de-AT".
        top: number of predictions, 1 to 1000.
        model: name of the model; None: the worker's first.
        provenance: whether the result contains what it was made from.
        min_probability: less probable classes and categories are left out, 0 to 1; None: the
            model's threshold if it has one, otherwise 0.
        categories: whether the result says to which categories the picture belongs.
        synonyms: whether predictions have WordNet's English synonyms.
        warnings: wishes that could not be met exactly.
    """

    language: str = DEFAULT_LANGUAGE
    top: int = DEFAULT_TOP
    model: str | None = None
    provenance: bool = False
    min_probability: float | None = None
    categories: bool = False
    synonyms: bool = False
    warnings: tuple[str, ...] = ()

    def least(self, threshold: float | None) -> float:
        """The least probability of what is reported by a model with this threshold, if any."""
        return self.min_probability if self.min_probability is not None else threshold or 0.0


@dataclass(frozen=True, slots=True)
class CategoryName:
    """A category: id, name in the language that was asked for, and level.

    The level is "coarse", "fine" or "overlapping".
    """

    id: str
    name: str
    level: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class that the picture may belong to.

    Attributes:
        class_id: such as "n02123394".
        name: in the language that was asked for.
        probability: 0 to 1.
        categories: of the class, the fine one first; empty if they were not asked for.
        synonyms: English words for it; empty if they were not asked for.
    """

    class_id: str
    name: str
    probability: float
    categories: tuple[CategoryName, ...] = ()
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CategorySum:
    """A category that the picture may belong to; `probability` sums its classes, 0 to 1."""

    category: CategoryName
    probability: float


@dataclass(frozen=True, slots=True)
class Runtime:
    """The library, model and device that answered; part of every result.

    Attributes:
        is_independent: whether the model's classes do not exclude each other.
    """

    library: str
    model: str
    device: str
    is_independent: bool = False


def parse_request(data: object, language: str = DEFAULT_LANGUAGE) -> ClassifyRequest:
    """Reads a task's `data`; missing and null values get their defaults.

    Args:
        data: of the task.
        language: of a task that names none.

    Raises:
        BadRequest: a value is invalid.
    """
    if data is None:
        return ClassifyRequest(language)
    if not isinstance(data, Mapping):
        raise BadRequest(f"data must be an object, not {_shown(data)}")
    wanted = data.get("targetlanguage")
    top = data.get("numberofpredictions")
    model = data.get("model")
    warnings: tuple[str, ...] = ()
    count = DEFAULT_TOP if top is None else _parse_count(top)
    if count > MAX_TOP:
        warnings = (f"numberofpredictions: {_shown(top)} is more than the {MAX_TOP} classes",)
    return ClassifyRequest(
        language=language if wanted is None else _parse_language(wanted),
        top=min(count, MAX_TOP),
        model=None if model is None else _parse_model(model),
        provenance=_parse_bool("provenance", data.get("provenance")),
        min_probability=_parse_probability(data.get("minprobability")),
        categories=_parse_bool("categories", data.get("categories")),
        synonyms=_parse_bool("synonyms", data.get("synonyms")),
        warnings=warnings,
    )


def result_json(
    predictions: Sequence[Prediction],
    runtime: Runtime,
    duration_s: float,
    warnings: Sequence[str] = (),
    provenance: Mapping[str, object] | None = None,
    categories: Sequence[CategorySum] | None = None,
) -> dict[str, object]:
    """The result of a picture that was classified, with what was requested besides."""
    result: dict[str, object] = {
        "predictions": [_prediction_json(each) for each in predictions],
        **_runtime_json(runtime, duration_s),
        **({"kind": INDEPENDENT} if runtime.is_independent else {}),
    }
    if categories is not None:
        result["categories"] = [
            {**_category_json(each.category), "probability": each.probability}
            for each in categories
        ]
    if warnings:
        result["warnings"] = list(warnings)
    if provenance is not None:
        result["provenance"] = dict(provenance)
    return result


def error_json(
    message: str, code: ErrorCode, runtime: Runtime, duration_s: float
) -> dict[str, object]:
    """The result of a picture that could not be classified.

    It has `predictions` too: some clients iterate over them without looking for `error`.
    """
    return {
        "error": message,
        "code": str(code),
        "predictions": [],
        **_runtime_json(runtime, duration_s),
    }


def _prediction_json(prediction: Prediction) -> dict[str, object]:
    json: dict[str, object] = {
        "class": prediction.class_id,
        "name": prediction.name,
        "probability": prediction.probability,
    }
    if prediction.categories:
        json["categories"] = [_category_json(each) for each in prediction.categories]
    if prediction.synonyms:
        json["synonyms"] = list(prediction.synonyms)
    return json


def _category_json(category: CategoryName) -> dict[str, object]:
    return {"id": category.id, "name": category.name, "level": category.level}


def _runtime_json(runtime: Runtime, duration_s: float) -> dict[str, object]:
    return {
        "duration": round(duration_s, 6),
        "repository": REPOSITORY,
        "version": __version__,
        "library": runtime.library,
        "model": runtime.model,
        "device": runtime.device,
    }


def _parse_language(value: object) -> str:
    if isinstance(value, str) and _LANGUAGE_TAG.fullmatch(value):
        return value
    raise BadRequest(f"targetlanguage must be a language tag such as 'de', not {_shown(value)}")


def _parse_model(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise BadRequest(f"model must be a model's name, not {_shown(value)}")


def _parse_bool(key: str, value: object) -> bool:
    """Accepts text as well, which HTML forms send."""
    known = {"true": True, "false": False}
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in known:
        return known[value]
    raise BadRequest(f"{key} must be true or false, not {_shown(value)}")


def _parse_probability(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and _PROBABILITY.fullmatch(value):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise BadRequest(f"minprobability must be a number from 0 to 1, not {_shown(value)}")


def _parse_count(value: object) -> int:
    count = 0
    if isinstance(value, str) and value.isascii() and value.isdigit():
        # Python refuses to convert thousands of digits, and nine are more than enough.
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
