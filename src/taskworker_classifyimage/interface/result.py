"""The result of a picture, as the Python interface gives it."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from taskworker_classifyimage.tasks import INDEPENDENT, CategoryName, CategorySum, Prediction

_ROW: Final = (
    '<tr><td style="text-align:left">{name}</td><td style="text-align:left"><code>{id}</code></td>'
    '<td style="width:12em"><div style="background:#1a7f37;height:.8em;width:{percent:.1f}%"></div>'
    "</td><td>{percent:.1f} %</td></tr>"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What was found in one picture, or why nothing was.

    Attributes:
        source: path of the file; None for pictures that have none.
        predictions: most probable first; empty if the picture could not be classified.
        categories: most probable first; empty if they were not asked for.
        error: why it could not be classified, in words; None if it was.
        code: the same as one of the codes of docs/pictures.md, such as "damaged".
        warnings: what an examiner has to know, such as that a part of the picture is missing.
        provenance: what the answer was made from, if that was asked for.
        duration_s: how long it took, in seconds.
        is_independent: whether the classes do not exclude each other, so that probabilities do not
            sum to 1.
        model: name of the model.
        device: where it ran, such as "cpu".
    """

    source: str | None
    predictions: tuple[Prediction, ...]
    categories: tuple[CategorySum, ...]
    error: str | None
    code: str | None
    warnings: tuple[str, ...]
    provenance: Mapping[str, Any] | None
    duration_s: float
    is_independent: bool
    model: str
    device: str
    _json: Mapping[str, Any]

    @classmethod
    def from_json(cls, result: Mapping[str, Any], source: str | None = None) -> Self:
        """Makes it from a task's result."""
        predictions = (
            Prediction(
                str(each["class"]),
                str(each["name"]),
                float(each["probability"]),
                tuple(map(_read_category, each.get("categories") or ())),
                tuple(map(str, each.get("synonyms") or ())),
            )
            for each in result.get("predictions") or ()
        )
        categories = (
            CategorySum(_read_category(each), float(each["probability"]))
            for each in result.get("categories") or ()
        )
        return cls(
            source=source,
            predictions=tuple(predictions),
            categories=tuple(categories),
            error=result.get("error"),
            code=result.get("code"),
            warnings=tuple(result.get("warnings") or ()),
            provenance=result.get("provenance"),
            duration_s=float(result.get("duration") or 0.0),
            is_independent=result.get("kind") == INDEPENDENT,
            model=str(result.get("model") or ""),
            device=str(result.get("device") or ""),
            _json=result,
        )

    @property
    def ok(self) -> bool:
        """Whether the picture was classified."""
        return self.error is None

    @property
    def best(self) -> Prediction | None:
        """The most probable prediction; None if there is none."""
        return self.predictions[0] if self.predictions else None

    def to_dict(self) -> dict[str, Any]:
        """The same JSON as a task's result, with `path` if it has a file."""
        head = {} if self.source is None else {"path": self.source}
        return {**head, **self._json}

    def __str__(self) -> str:
        """Class, name and probability on a line for each prediction; or the error."""
        if self.error is not None:
            return f"{self.code}: {self.error}"
        return "\n".join(
            f"{each.class_id}  {each.probability:6.1%}  {each.name}" for each in self.predictions
        )

    def _repr_html_(self) -> str:
        """Shown by notebooks: a bar for each prediction."""
        if self.error is not None:
            return (
                f"<p><strong>{html.escape(str(self.code))}</strong>: {html.escape(self.error)}</p>"
            )
        rows = (
            _ROW.format(
                name=html.escape(each.name),
                id=html.escape(each.class_id),
                percent=100 * min(max(each.probability, 0.0), 1.0),
            )
            for each in self.predictions
        )
        return f"<table>{''.join(rows)}</table>"


def _read_category(category: Mapping[str, Any]) -> CategoryName:
    return CategoryName(str(category["id"]), str(category["name"]), str(category["level"]))
