"""`doctor`: checks this machine, the models and, with a URL, the bridge."""

import asyncio
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from rich.table import Column

from taskworker_classifyimage import __version__
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.classify.catalogue import built_in_packs
from taskworker_classifyimage.classify.keras.model import KerasModel
from taskworker_classifyimage.classify.labels import find_label_files
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.commands.output import print_table
from taskworker_classifyimage.commands.parts import decoder_pool, load_first, model_options
from taskworker_classifyimage.commands.protections import find_refused
from taskworker_classifyimage.commands.sight import check_sight, show_pictures
from taskworker_classifyimage.decode import decoders
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    ExitCode,
    ModelError,
    TaskworkerError,
    printable,
)
from taskworker_classifyimage.local.files import classify_file
from taskworker_classifyimage.machine import processor_flags, usable_cores
from taskworker_classifyimage.pipeline.engine import Engine
from taskworker_classifyimage.proxy import describe_route
from taskworker_classifyimage.sample import SAMPLE, SAMPLE_SYNSET
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.settings.areas import Access, LocalSettings, Models
from taskworker_classifyimage.settings.declare import folder, read_path, setting
from taskworker_classifyimage.tasks import TASK_TYPE, ClassifyRequest
from taskworker_classifyimage.words import counted

#: What a check can find; a protection that is missing leaves everything usable.
_OK, _WEAK, _FAIL = "ok", "WEAK", "FAIL"
_STYLES: Final = {_OK: "", _WEAK: "bold yellow", _FAIL: "bold red"}
#: How much of a type is shown.
_SHOWN: Final = 100
_COLUMNS: Final = (Column(min_width=4), Column(min_width=24), Column(overflow="fold"))


@dataclass(frozen=True, slots=True)
class _Finding:
    subject: str
    text: str
    word: str = _OK


def run(
    *,
    pictures: Annotated[Path | None, folder()] = None,
    page: Annotated[Path, setting("FILE", read_path)] = Path("sight.html"),
    access: Access = Access(),
    settings: LocalSettings = LocalSettings(),
) -> int:
    """Prints one line for each check; returns 1 if a check failed, 0 if only protections lack.

    Args:
        pictures: folder: a small page shows what the model takes ten of its pictures for
        page: where that page is written
    """
    settings.general.set_up_logging()
    if pictures is not None:
        check_sight(pictures, page)
    address, words = access.address(), Counter[str]()
    for finding in _findings(settings, address, pictures, page):
        row = (finding.word, finding.subject, finding.text)
        print_table(_COLUMNS, row, style=_STYLES[finding.word])
        words[finding.word] += 1
    print(f"\n{_sum_up(words[_FAIL], words[_WEAK])}")
    return ExitCode.FAILED if words[_FAIL] else ExitCode.DONE


def _sum_up(failed: int, weak: int) -> str:
    if failed:
        return f"{failed} problem{'' if failed == 1 else 's'} found."
    if weak:
        return f"Everything works, with {weak} protection{'' if weak == 1 else 's'} less."
    return "Everything is in order."


def _findings(
    settings: LocalSettings, address: BridgeAddress | None, pictures: Path | None, page: Path
) -> Iterator[_Finding]:
    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield _Finding("machine", f"{python}, {counted(usable_cores(), 'core')}; version {__version__}")
    flags = processor_flags()
    if platform.machine() in ("x86_64", "AMD64") and flags:
        yield _Finding("processor", _speed_by(flags))
    yield from (
        _Finding(f"decoder {decoder.name}", f"{decoder.version}: {', '.join(decoder.formats)}")
        for decoder in decoders()
    )
    yield _check("labels", _check_labels)
    with decoder_pool(settings.decoding) as pool:
        yield from _check_isolation(pool)
        yield from _check_models(settings.models, pool)
        if pictures is not None:
            yield _check("pictures", _show_pictures, settings.models, pool, pictures, page)
    if address is not None:
        yield from asyncio.run(_check_bridge(address))


def _check_models(models: Models, pool: DecoderPool) -> Iterator[_Finding]:
    try:
        packs = built_in_packs()
    except ModelError as err:
        yield _Finding("models", str(err), _FAIL)
        return
    built_in = [pack.name for pack in packs]
    named = [model for model in models.model if model not in built_in]
    for model in (*built_in, *named):
        yield _check(f"model {model}", _check_model, models, pool, model)


def _speed_by(flags: frozenset[str]) -> str:
    """How fast the 8-bit networks are with these instructions of the processor."""
    if flags & {"avx512_vnni", "avx_vnni"}:
        return "has VNNI: 8-bit networks at full speed"
    if "avx2" in flags:
        return "AVX2 without VNNI: same answers, 8-bit networks gain less speed"
    return "without AVX2: same answers, but slowly; EfficientNetLite0 is the fastest model"


def _check(subject: str, check: Callable[..., str], *arguments: object) -> _Finding:
    try:
        return _Finding(subject, check(*arguments))
    except TaskworkerError as err:
        return _Finding(subject, str(err), _FAIL)


def _check_labels() -> str:
    labels = find_label_files()
    labels.check()
    return f"1000 names in each of {', '.join(labels.languages)}"


def _check_isolation(pool: DecoderPool) -> Iterator[_Finding]:
    try:
        holds, limits = pool.start(), pool.process_limits
    except TaskworkerError as err:
        yield _Finding("isolation", str(err), _FAIL)
        return
    text = f"{counted(pool.processes, 'decoding process')}, {limits.time_s:g} s a picture; "
    text += f"{', '.join(holds)} in force" if holds else "only time limits in force"
    yield _Finding("isolation", text)
    for name, reason in find_refused(holds):
        yield _Finding(f"without {name}", reason, _WEAK)


def _check_model(models: Models, pool: DecoderPool, name: str) -> str:
    classifier = load_classifier(
        name, models.device, model_options(models.files, models.preprocessing)
    )
    if models.device.kind != "auto" and classifier.device != str(models.device):
        raise ModelError(f"works on the {classifier.device}: the warning tells what to fix")
    result = classify_file(Engine(classifier, pool), str(SAMPLE), ClassifyRequest(top=1))
    predictions = result["predictions"]
    if not isinstance(predictions, list) or not predictions:
        raise ModelError(f"cannot classify the sample: {result.get('error')}; install again")
    keras = classifier.model if isinstance(classifier.model, KerasModel) else None
    checked = "checksum right" if keras is None or keras.is_verified else "no checksum to compare"
    runtime = f"{classifier.library} on {classifier.device}"
    if classifier.model.classes is not None:
        return f"{checked}, runs in {result['duration']} s, {runtime}"
    if predictions[0]["class"] != SAMPLE_SYNSET:
        way_out = "install again" if keras is None else "are its weights right?"
        raise ModelError(f"takes the sample for {predictions[0]['name']}; {way_out}")
    return f"{checked}, sample right in {result['duration']} s, {runtime}"


def _show_pictures(models: Models, pool: DecoderPool, pictures: Path, page: Path) -> str:
    return show_pictures(load_first(models), pool, pictures, page)


async def _check_bridge(address: BridgeAddress) -> list[_Finding]:
    subject = f"bridge {describe_route(address.url)}"
    try:
        async with BridgeClient(address) as client:
            start_s = time.perf_counter()
            # Every release has this short list, and the call changes nothing.
            workers = await client.workers()
            answer_ms = (time.perf_counter() - start_s) * 1000
            release = await client.version() or "not stated"
            waiting: dict[str, int] = {}
            # A list may be too long to be read.
            with suppress(BridgeRejected):
                waiting = await client.open_types()
    except BridgeRejected as err:
        return [_Finding(subject, f"{err}; is this a TaskBridge?", _FAIL)]
    except BridgeUnavailable as err:
        return [_Finding(subject, f"{err}; start it, or check the address", _FAIL)]
    asked = {str(worker.get("type")) for worker in workers}
    return [
        _Finding(subject, f"answers in {answer_ms:.0f} ms, release {release}"),
        *(
            _Finding(
                "open tasks",
                f"{count} of type {printable(repr(kind[:_SHOWN]))}, which nobody asks for: this"
                f" worker asks for {TASK_TYPE!r}; correct the client that adds them",
                _FAIL,
            )
            for kind, count in waiting.items()
            if kind not in asked and _is_misspelt(kind)
        ),
    ]


def _is_misspelt(kind: str) -> bool:
    """Whether a type of task is this worker's in other letters, such as "classifyImage"."""
    return kind != TASK_TYPE and "".join(filter(str.isalnum, kind)).lower() == TASK_TYPE
