"""Check this machine, the models and, with a URL, the bridge; says what to mend."""

import argparse
import asyncio
import platform
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from taskworker_classifyimage import __version__
from taskworker_classifyimage.classify import load_classifier
from taskworker_classifyimage.classify.catalogue import built_in_packs
from taskworker_classifyimage.classify.labels import LabelFiles
from taskworker_classifyimage.commands.flags import add_access_flags, add_model_flags, settings_of
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    ModelError,
    TaskworkerError,
)
from taskworker_classifyimage.machine import processor_flags, usable_cores
from taskworker_classifyimage.pipeline.decode import DecodeLimits
from taskworker_classifyimage.pipeline.local import SAMPLE, SAMPLE_SYNSET, LocalFiles
from taskworker_classifyimage.settings import Settings
from taskworker_classifyimage.taskbridge.address import BridgeAddress
from taskworker_classifyimage.taskbridge.client import BridgeClient
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
    yield _checked("labels", _labels)
    try:
        packs = built_in_packs()
    except ModelError as err:
        yield _Finding("models", str(err), ok=False)
        return
    for pack in packs:
        name = pack.name
        yield _checked(f"model {name}", partial(_model, name))
    for model in settings.model:
        if model not in [pack.name for pack in packs]:
            yield _checked(f"model {model}", partial(_model, model))
    if settings.taskbridgeurl is not None:
        yield asyncio.run(_bridge(settings.taskbridgeurl))


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


def _model(name: str) -> str:
    classifier = load_classifier(name)
    files = LocalFiles(classifier, DecodeLimits())
    result = files.classify(SAMPLE, ClassifyRequest(top=1))
    predictions = result["predictions"]
    if not isinstance(predictions, list) or not predictions:
        raise ModelError(f"cannot classify the sample: {result.get('error')}; install again")
    if classifier.model.classes is not None:
        return f"checksum right, runs in {result['duration']} s, {classifier.library}"
    if predictions[0]["class"] != SAMPLE_SYNSET:
        raise ModelError(f"takes the sample for {predictions[0]['name']}; install again")
    return f"checksum right, sample right in {result['duration']} s, {classifier.library}"


async def _bridge(address: BridgeAddress) -> _Finding:
    subject = f"bridge {address.url}"
    try:
        async with BridgeClient(address) as client:
            start_s = time.perf_counter()
            try:
                # No task has this id, and asking for it changes nothing.
                await client.status(str(uuid.uuid4()))
            except BridgeRejected as err:
                if err.status != 404:
                    return _Finding(subject, f"{err}; is this a TaskBridge?", ok=False)
            answer_ms = (time.perf_counter() - start_s) * 1000
            release = await client.version() or "untold"
    except BridgeUnavailable as err:
        return _Finding(subject, f"{err}; start it, or check the address", ok=False)
    return _Finding(subject, f"answers in {answer_ms:.0f} ms, release {release}")
