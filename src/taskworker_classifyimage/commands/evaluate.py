"""Measure how right a model is on pictures named by their class, or sorted into folders by it."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import LAST_RESORT, labels_of
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.commands.decoders import decoder_pool
from taskworker_classifyimage.commands.flags import (
    add_decoder_flags,
    add_model_flags,
    model_options,
    settings_of,
)
from taskworker_classifyimage.errors import ConfigError, extra
from taskworker_classifyimage.local.evaluation import (
    Outcome,
    bins,
    calibration_error,
    confusions,
    interval,
    top_k,
    truth_of,
)
from taskworker_classifyimage.local.files import LocalFiles
from taskworker_classifyimage.local.folders import classify_all, walk
from taskworker_classifyimage.tasks import ClassifyRequest

_BEST = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares this command's flags."""
    parser.add_argument(
        "folder", metavar="FOLDER", help="n01440764_tench.jpg, or n01440764/any-name.jpg"
    )
    parser.add_argument(
        "--plot", metavar="FILE", help="draw confidence against accuracy (.svg, .png, .pdf)"
    )
    add_model_flags(parser)
    add_decoder_flags(parser)


def run(parsed: argparse.Namespace) -> int:
    """Prints accuracy, calibration and what is taken for what."""
    settings = settings_of(parsed)
    folder = Path(parsed.folder)
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder")
    if parsed.plot:
        _check_plot(Path(parsed.plot))
    classifier = load_classifier(settings.model[0], settings.device, model_options(settings))
    names = _names(classifier)
    truths = {path: truth_of(path, folder, names) for path in walk([folder])}
    known = {path: truth for path, truth in truths.items() if truth is not None}
    if not known:
        raise ConfigError(
            f"{folder} has no file whose name, or whose folder's name, begins with a class "
            f"such as {next(iter(names))}"
        )
    with decoder_pool(settings) as decoders:
        outcomes, failed = _classified(LocalFiles(classifier, decoders), known)
    if unknown := len(truths) - len(known):
        print(f"{unknown} files left out: neither name nor folder tells their class")
    if not outcomes:
        raise ConfigError(f"none of the files in {folder} could be classified: {dict(failed)}")
    _print_accuracy(classifier, outcomes)
    for code, count in failed.items():
        print(f"not classified: {count} ({code})")
    _print_confusions(outcomes, names)
    if parsed.plot:
        _draw(outcomes, Path(parsed.plot), f"{classifier.model.name}, {len(outcomes)} pictures")
        print(f"\n{parsed.plot} shows confidence against accuracy")
    return 0


def _names(classifier: Classifier) -> Mapping[str, str]:
    labels = labels_of(classifier.model)
    return labels.names(labels.resolve(LAST_RESORT)[0])


def _classified(
    files: LocalFiles, truths: Mapping[Path, str]
) -> tuple[list[Outcome], Counter[str]]:
    failed, outcomes = Counter[str](), []
    for path, result in classify_all(files, truths, ClassifyRequest(top=_BEST)):
        predictions = result["predictions"]
        if not isinstance(predictions, list) or not predictions:
            failed[str(result["code"])] += 1
            continue
        predicted = tuple(each["class"] for each in predictions)
        outcomes.append(Outcome(path, truths[path], predicted, predictions[0]["probability"]))
    return outcomes, failed


def _print_accuracy(classifier: Classifier, outcomes: Sequence[Outcome]) -> None:
    count, spec = len(outcomes), classifier.model.input
    crop = "stretched" if spec.crop is None else f"crop {spec.crop:g}"
    print(
        f"{classifier.model.name} ({classifier.library}) on {classifier.device}: "
        f"{spec.size}x{spec.size}, {crop}, {spec.resize}"
    )
    print(f"{count} pictures of {len({outcome.truth for outcome in outcomes})} classes")
    for k in (1, _BEST):
        right = top_k(outcomes, k)
        low, high = interval(right, count)
        print(f"top-{k}  {right / count:6.1%}   95 % of the time within {low:.1%} to {high:.1%}")
    accuracy = top_k(outcomes, 1) / count
    confidence = sum(outcome.confidence for outcome in outcomes) / count
    verdict = "too modest" if confidence < accuracy else "too sure of itself"
    print(f"mean confidence {confidence:.1%} against {accuracy:.1%} accuracy: {verdict}")
    print(f"expected calibration error {calibration_error(outcomes):.3f}")


def _print_confusions(outcomes: Sequence[Outcome], names: Mapping[str, str]) -> None:
    found = confusions(outcomes)
    if found:
        print("\ntaken for something else:")
    for truth, taken, times in found:
        print(f"{times:5}  {truth} {names[truth]}  ->  {taken} {names[taken]}")


def _check_plot(target: Path) -> None:
    """Before hours of work, not after them."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(f"--plot: install the extra: {extra('plot')}") from None
    kinds = FigureCanvasBase.get_supported_filetypes()
    if target.suffix[1:].lower() not in kinds:
        raise ConfigError(f"--plot {target}: its name has to end in one of {', '.join(kinds)}")
    if not target.parent.is_dir():
        raise ConfigError(f"--plot {target}: {target.parent} is no folder")


def _draw(outcomes: Sequence[Outcome], target: Path, title: str) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    found = bins(outcomes)
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", label="as sure as right")
    axes.scatter(
        [each.confidence for each in found],
        [each.accuracy for each in found],
        s=[20 + 400 * each.count / len(outcomes) for each in found],
        color="#1a7f37",
        label="pictures of like confidence (area: how many)",
    )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", title=title)
    axes.legend(loc="lower right")
    try:
        figure.savefig(target)
    except OSError as err:
        raise ConfigError(f"--plot {target}: {err}") from None
