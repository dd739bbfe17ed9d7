"""Classifying a single file of this machine, as a check that everything works."""

import time

from taskworker_classifyimage.errors import TaskError
from taskworker_classifyimage.local.found import read_file
from taskworker_classifyimage.pipeline.engine import Engine
from taskworker_classifyimage.tasks import ClassifyRequest, error_json


def classify_file(engine: Engine, path: str, request: ClassifyRequest) -> dict[str, object]:
    """The result of a file, with the same keys as a task's result, errors included."""
    start_s = time.perf_counter()
    try:
        encoded, _ = read_file(path, engine.limit_bytes)
        return engine.result(engine.answer(encoded, None), request, time.perf_counter() - start_s)
    except TaskError as err:
        return error_json(str(err), err.code, engine.runtime, time.perf_counter() - start_s)
