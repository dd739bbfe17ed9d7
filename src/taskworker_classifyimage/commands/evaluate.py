"""`evaluate`: measures a model's accuracy and calibration on pictures of known classes."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, cast

from rich.table import Column

from taskworker_classifyimage.classify.base import Classifier, Model
from taskworker_classifyimage.classify.labels import LAST_RESORT, Labels, labels_of
from taskworker_classifyimage.commands.output import print_table
from taskworker_classifyimage.commands.parts import decoder_pool, load_first
from taskworker_classifyimage.commands.progress import show_progress
from taskworker_classifyimage.errors import ConfigError, extra
from taskworker_classifyimage.local.category_outcomes import CategoryOutcomes
from taskworker_classifyimage.local.engine import LocalEngine
from taskworker_classifyimage.local.evaluation import (
    Outcome,
    bins,
    calibration_error,
    confusions,
    interval,
    top_k,
    truth_of,
)
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.label_outcomes import LabelOutcomes
from taskworker_classifyimage.local.progress import Progress
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.run import collect
from taskworker_classifyimage.local.temperature import CalibrationSample
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.settings.areas import LocalSettings
from taskworker_classifyimage.settings.declare import File, Switch
from taskworker_classifyimage.tasks import ClassifyRequest
from taskworker_classifyimage.words import counted

_BEST: Final = 5
#: With fewer pictures a temperature is hardly known.
_FEW: Final = 300


def run(
    folder: Path,
    /,
    *,
    plot: File = None,
    fit_temperature: Switch = False,
    settings: LocalSettings = LocalSettings(),
) -> None:
    """Prints accuracy, calibration and the most frequent confusions.

    Args:
        folder: its files are named n01440764_tench.jpg or n01440764/any-name.jpg
        plot: draw confidence against accuracy (.svg, .png, .pdf)
        fit_temperature: find the temperature at which confidence says how often the model is right
    """
    settings.general.set_up_logging()
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder")
    if plot:
        _check_plot(plot)
    classifier = load_first(settings.models)
    if plot or fit_temperature:
        _refuse_independent(classifier.model)
    labels = labels_of(classifier.model)
    names = labels.names(labels.resolve(LAST_RESORT)[0])
    walk = Walk(Filters(), is_sorted=True)
    paths = [Path(found.path) for found in walk.find(str(folder))]
    truths = {path: truth_of(path, folder, names) for path in paths}
    known = {path: truth for path, truth in truths.items() if truth is not None}
    if not known:
        raise ConfigError(
            f"{folder} has no file whose name, or whose folder's name, begins with a class "
            f"such as {next(iter(names))}"
        )
    collected = _Collected.make(classifier, labels, is_fitted=fit_temperature)
    with decoder_pool(settings.decoding) as decoders:
        engine = LocalEngine(classifier, decoders, collected.request())
        try:
            outcomes, failed = _classify(engine, known, collected)
        finally:
            engine.close()
    if unknown := len(truths) - len(known):
        print(f"{counted(unknown, 'file')} left out: neither name nor folder tells the class")
    if not outcomes:
        raise ConfigError(f"none of the files in {folder} could be classified: {dict(failed)}")
    _print_accuracy(classifier, outcomes)
    collected.print(outcomes, failed, names)
    if plot:
        _draw(outcomes, plot, f"{classifier.model.name}, {counted(len(outcomes), 'picture')}")
        print(f"\n{plot} shows confidence against accuracy")


def _refuse_independent(model: Model) -> None:
    if model.threshold is not None:
        raise ConfigError(
            f"--plot, --fit-temperature: the classes of {model.name} do not exclude each other, "
            "and the one class that is known of a picture says nothing about the others"
        )


@dataclass(frozen=True, slots=True)
class _Collected:
    """What is gathered of each result, besides its best classes; None: it is not asked for.

    Attributes:
        model: that is evaluated.
        categories: only if classes exclude each other.
        reported: only if they do not.
        sample: to fit the temperature.
    """

    model: Model
    categories: CategoryOutcomes | None
    reported: LabelOutcomes | None
    sample: CalibrationSample | None

    @classmethod
    def make(cls, classifier: Classifier, labels: Labels, *, is_fitted: bool) -> Self:
        threshold = classifier.model.threshold
        return cls(
            model=classifier.model,
            categories=CategoryOutcomes() if labels.has_categories and threshold is None else None,
            reported=None if threshold is None else LabelOutcomes(threshold),
            sample=CalibrationSample(labels.ids) if is_fitted else None,
        )

    def request(self) -> ClassifyRequest:
        """What has to be asked of each picture."""
        needs_all = self.sample is not None or self.reported is not None
        return ClassifyRequest(
            top=self.model.class_count if needs_all else _BEST,
            min_probability=0.0,
            categories=self.categories is not None,
        )

    def add(self, path: Path, result: Mapping[str, Any], truth: str) -> None:
        if self.categories is not None:
            self.categories.add(path, result, truth)
        if self.sample is not None:
            self.sample.add(result["predictions"], truth)
        if self.reported is not None:
            self.reported.add(result, truth)

    def print(
        self, outcomes: Sequence[Outcome], failed: Mapping[str, int], names: Mapping[str, str]
    ) -> None:
        if self.reported is None:
            _print_calibration(outcomes)
        else:
            _print_reported(self.reported)
        if self.categories is not None:
            _print_categories(self.categories)
        for code, count in failed.items():
            print(f"not classified: {count} ({code})")
        if self.sample is not None:
            _print_temperature(self.sample, self.model.temperature)
        if self.reported is None:
            _print_confusions(outcomes, names)
        else:
            _print_missed(self.reported, names)


def _classify(
    engine: LocalEngine,
    truths: Mapping[Path, str],
    collected: _Collected,
) -> tuple[list[Outcome], Counter[str]]:
    progress = Progress(Filters(), total=len(truths))

    def note(rows: Sequence[Row]) -> None:
        progress.note(rows)
        for row in rows:
            if row.status != "ok":
                continue
            path, result = Path(row.path), cast("dict[str, Any]", row.result)
            collected.add(path, result, truths[path])
            # All of it would fill the memory, for many pictures.
            result.pop("categories", None)
            result["predictions"] = result["predictions"][:_BEST]

    rows = asyncio.run(_run(engine, (Found(str(path)) for path in truths), progress, note))
    failed, outcomes = Counter[str](), []
    for row in rows:
        predictions = row.result["predictions"]
        if not isinstance(predictions, list) or not predictions:
            failed[str(row.code)] += 1
            continue
        predicted = tuple(prediction["class"] for prediction in predictions)
        path = Path(row.path)
        outcomes.append(Outcome(path, truths[path], predicted, predictions[0]["probability"]))
    return outcomes, failed


async def _run(
    engine: LocalEngine,
    found: Iterator[Found],
    progress: Progress,
    note: Callable[[Sequence[Row]], None],
) -> list[Row]:
    showing = asyncio.create_task(show_progress(progress, has_bar=sys.stderr.isatty()))
    try:
        return await collect(engine, found, note)
    finally:
        showing.cancel()


def _print_accuracy(classifier: Classifier, outcomes: Sequence[Outcome]) -> None:
    count, spec = len(outcomes), classifier.model.input
    crop = "stretched" if spec.crop is None else f"crop {spec.crop:g}"
    crop += ", stretched" * (spec.crop is not None and spec.is_stretched)
    print(
        f"{classifier.model.name} ({classifier.library}) on {classifier.device}: "
        f"{spec.size}x{spec.size}, {crop}, {spec.resize}"
    )
    classes = {outcome.truth for outcome in outcomes}
    print(f"{counted(count, 'picture')} of {counted(len(classes), 'class')}")
    rights = {k: top_k(outcomes, k) for k in (1, _BEST)}
    for k, right in rights.items():
        low, high = interval(right, count)
        print(f"top-{k}  {right / count:6.1%}  95 % confidence: {low:.1%} to {high:.1%}")


def _print_calibration(outcomes: Sequence[Outcome]) -> None:
    count = len(outcomes)
    accuracy = top_k(outcomes, 1) / count
    confidence = sum(outcome.confidence for outcome in outcomes) / count
    verdict = "underconfident" if confidence < accuracy else "overconfident"
    print(f"mean confidence {confidence:.1%} against {accuracy:.1%} accuracy: {verdict}")
    print(f"expected calibration error {calibration_error(outcomes):.3f}")


def _print_reported(reported: LabelOutcomes) -> None:
    """How often the known class is reported; further ones may be as right as it is."""
    count, missed = reported.known.total(), reported.missed.total()
    low, high = interval(count - missed, count)
    print(
        f"from probability {reported.threshold:g} on, the known class is reported of "
        f"{1 - missed / count:.1%}  95 % confidence: {low:.1%} to {high:.1%}"
    )
    print(f"{reported.reported / count:.2f} classes reported a picture")


def _print_missed(reported: LabelOutcomes, names: Mapping[str, str]) -> None:
    if reported.missed.total():
        print("\nnot reported:")
        print_table(
            (Column(min_width=12, justify="right"), Column()),
            *(
                (f"{times} of {reported.known[truth]}", f"{truth} {names[truth]}")
                for truth, times in reported.missed.most_common()
                if times
            ),
        )


def _print_categories(categories: CategoryOutcomes) -> None:
    print("categories: the sum of the probabilities of their classes")
    for level, outcomes in categories.levels.items():
        right, count = top_k(outcomes, 1), len(outcomes)
        low, high = interval(right, count)
        confidence = sum(outcome.confidence for outcome in outcomes) / count
        print(
            f"{level:6} {right / count:6.1%}  95 % confidence: {low:.1%} to {high:.1%}"
            f"  mean confidence {confidence:.1%}"
            f"  expected calibration error {calibration_error(outcomes):.3f}"
        )


def _print_temperature(sample: CalibrationSample, present: float) -> None:
    fit = sample.fit(present)
    print(
        f"temperature {fit.temperature:.2f}  95 % confidence: {fit.low:.2f} to {fit.high:.2f}"
        f" (now {present:g})"
    )
    before, after = sample.compare_errors(present)
    print(
        f"expected calibration error with it {after:.3f}, now {before:.3f};"
        " each half of the pictures with the temperature of the other half"
    )
    if sample.count < _FEW:
        print(f"{counted(sample.count, 'picture')} are few: take a thousand or more")
    print(f"In the pack's model.toml: [output] temperature = {fit.temperature:.2f}")


def _print_confusions(outcomes: Sequence[Outcome], names: Mapping[str, str]) -> None:
    found = confusions(outcomes)
    if found:
        print("\ntaken for another class:")
        print_table(
            (Column(min_width=5, justify="right"), Column(), Column(), Column()),
            *(
                (str(times), f"{truth} {names[truth]}", "->", f"{taken} {names[taken]}")
                for truth, taken, times in found
            ),
        )


def _check_plot(target: Path) -> None:
    """Checks before hours of work that the plot can be drawn at their end."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(f"--plot: install the extra: {extra('plot')}") from None
    kinds = FigureCanvasBase.get_supported_filetypes()
    if target.suffix[1:].lower() not in kinds:
        raise ConfigError(f"--plot {target}: its name has to end in one of {', '.join(kinds)}")
    if not target.parent.is_dir():
        raise ConfigError(f"--plot {target}: {target.parent} is not a folder")


def _draw(outcomes: Sequence[Outcome], target: Path, title: str) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    found = bins(outcomes)
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", label="confidence equals accuracy")
    axes.scatter(
        [inside.confidence for inside in found],
        [inside.accuracy for inside in found],
        s=[20 + 400 * inside.count / len(outcomes) for inside in found],
        color="#1a7f37",
        label="pictures of similar confidence (area: how many)",
    )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", title=title)
    axes.legend(loc="lower right")
    try:
        figure.savefig(target)
    except OSError as err:
        raise ConfigError(f"--plot {target}: {err}") from None
