"""Check this machine, the models and, with a URL, the bridge; says what to mend."""

import argparse
import asyncio
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from taskworker_classifyimage import __version__
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.classify.catalogue import built_in_packs
from taskworker_classifyimage.classify.keras.model import KerasModel
from taskworker_classifyimage.classify.labels import LabelFiles
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.commands.decoders import decoder_pool
from taskworker_classifyimage.commands.flags import (
    add_access_flags,
    add_model_flags,
    model_options,
    settings_of,
)
from taskworker_classifyimage.decode import decoders
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    ModelError,
    TaskworkerError,
)
from taskworker_classifyimage.local.files import LocalFiles
from taskworker_classifyimage.machine import processor_flags, usable_cores
from taskworker_classifyimage.sample import SAMPLE, SAMPLE_SYNSET
from taskworker_classifyimage.sandbox import lockdown
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.settings import Settings
from taskworker_classifyimage.tasks import ClassifyRequest


@dataclass(frozen=True, slots=True)
class _Finding:
    subject: str
    text: str
    ok: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares this command's flags."""
    parser.add_argument("--taskbridgeurl", metavar="URL", help="a bridge to check as well")
    add_model_flags(parser)
    add_access_flags(parser)


def run(parsed: argparse.Namespace) -> int:
    """Prints one line a check; returns 1 if one of them failed."""
    settings = settings_of(parsed)
    failed = 0
    for finding in _findings(settings):
        print(
            f"{'ok  ' if finding.ok else 'FAIL'}  {finding.subject:24} {finding.text}", flush=True
        )
        failed += not finding.ok
    print(f"\n{failed} to mend." if failed else "\nEverything is in order.")
    return 1 if failed else 0


def _findings(settings: Settings) -> Iterator[_Finding]:
    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield _Finding("machine", f"{python}, {usable_cores()} cores; version {__version__}")
    flags = processor_flags()
    if platform.machine() in ("x86_64", "AMD64") and flags:
        yield _Finding("processor", _instructions(flags))
    yield from (
        _Finding(f"decoder {each.name}", f"{each.version}: {', '.join(each.formats)}")
        for each in decoders()
    )
    yield _checked("labels", _labels)
    with decoder_pool(settings) as pool:
        yield _checked("isolation", partial(_isolation, pool))
        yield from _models(settings, pool)
    if settings.taskbridgeurl is not None:
        yield asyncio.run(_bridge(settings.taskbridgeurl))


def _models(settings: Settings, pool: DecoderPool) -> Iterator[_Finding]:
    try:
        packs = built_in_packs()
    except ModelError as err:
        yield _Finding("models", str(err), ok=False)
        return
    built_in = [pack.name for pack in packs]
    asked = [model for model in settings.model if model not in built_in]
    for model in (*built_in, *asked):
        yield _checked(f"model {model}", partial(_model, settings, pool, model))


def _instructions(flags: frozenset[str]) -> str:
    """What the processor's instructions mean for the 8-bit networks; all of them run right."""
    if flags & {"avx512_vnni", "avx_vnni"}:
        return "has VNNI: 8-bit networks at full speed"
    if "avx2" in flags:
        return "AVX2 without VNNI: same answers, 8-bit networks gain less speed"
    return "without AVX2: same answers, but slowly; EfficientNetLite0 is the fastest model"


def _checked(subject: str, check: Callable[[], str]) -> _Finding:
    try:
        return _Finding(subject, check())
    except TaskworkerError as err:
        return _Finding(subject, str(err), ok=False)


def _labels() -> str:
    labels = LabelFiles()
    labels.check()
    return f"1000 names each in {', '.join(labels.languages)}"


def _isolation(pool: DecoderPool) -> str:
    holds, limits = pool.start(), pool.process_limits
    lacks = [each for each in lockdown.ALL if not any(held.startswith(each) for held in holds)]
    text = f"{pool.processes} decoding processes, {limits.time_s:g} s a picture; "
    text += f"{', '.join(holds)} in force" if holds else "nothing but time limits in force"
    return text + (f"; not on this machine: {', '.join(lacks)}" if lacks else "")


def _model(settings: Settings, pool: DecoderPool, name: str) -> str:
    classifier = load_classifier(name, settings.device, model_options(settings))
    if settings.device.kind != "auto" and classifier.device != str(settings.device):
        raise ModelError(f"works on the {classifier.device}: the warning tells what to mend")
    files = LocalFiles(classifier, pool)
    result = files.classify(SAMPLE, ClassifyRequest(top=1))
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


async def _bridge(address: BridgeAddress) -> _Finding:
    subject = f"bridge {address.url}"
    try:
        async with BridgeClient(address) as client:
            start_s = time.perf_counter()
            # A short list that every release has, and asking for it changes nothing.
            await client.workers()
            answer_ms = (time.perf_counter() - start_s) * 1000
            release = await client.version() or "untold"
    except BridgeRejected as err:
        return _Finding(subject, f"{err}; is this a TaskBridge?", ok=False)
    except BridgeUnavailable as err:
        return _Finding(subject, f"{err}; start it, or check the address", ok=False)
    return _Finding(subject, f"answers in {answer_ms:.0f} ms, release {release}")
