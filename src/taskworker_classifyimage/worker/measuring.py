"""Measures the runtimes of a worker's models once it works, for its next start."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.runtimes import read_speeds, speeds_file
from taskworker_classifyimage.machine import free_memory_bytes

_log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
#: Both runtimes with one model take a third of it.
_LEAST_MEMORY_BYTES: Final = 2**30
_LIMIT_S: Final = 300.0


async def measure_runtimes(
    models: Iterable[Classifier], folder: Path, has_begun: Callable[[], bool]
) -> None:
    """Waits until the worker has begun, and measures what has not been measured here yet.

    In another process, so that the worker takes no memory for it.

    Args:
        models: of the worker.
        folder: keeps what is measured.
        has_begun: whether the worker has done its first task.
    """
    while not has_begun():  # noqa: ASYNC110 - counters signal nothing
        await asyncio.sleep(_LOOK_S)
    for each in models:
        if each.device != "cpu" or not isinstance(each.model, ModelPack):
            continue
        file = speeds_file(folder, each.model, each.library)
        if file is None or read_speeds(file) is not None:
            continue
        if free_memory_bytes() < _LEAST_MEMORY_BYTES:
            return
        await _measure(each.model, file)
        if (speeds := read_speeds(file)) is not None:
            name = "OpenVINO" if speeds.favour_openvino else "ONNX Runtime"
            _log.info(
                "%s: a picture takes %s; from the next start, --device auto is %s",
                *(each.model.name, speeds, name),
            )


async def _measure(model: ModelPack, file: Path) -> None:
    """Writes the file; leaves none if that fails or takes too long."""
    command = (sys.executable, "-P", "-m", "taskworker_classifyimage.classify.runtimes")
    null = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, str(model.path), str(file), stdin=null, stdout=null, stderr=null
        )
    except OSError as err:
        _log.debug("runtimes are not measured: %s", err)
        return
    try:
        await asyncio.wait_for(process.wait(), _LIMIT_S)
    except TimeoutError:
        _log.debug("runtimes are not measured: it takes too long")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
