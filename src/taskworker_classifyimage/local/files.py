"""Classifying files of this machine: read -> decode -> infer -> result JSON."""

import io
import time
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.errors import EmptyFile, FileMissing, TaskError, TooLarge
from taskworker_classifyimage.pipeline.decode import Decoders
from taskworker_classifyimage.pipeline.engine import Engine, sha256_of
from taskworker_classifyimage.tasks import ClassifyRequest, error_json

_CHUNK_BYTES: Final = 2**20


class LocalFiles:
    """Classifies files of this machine; may be used from several threads at once."""

    def __init__(self, classifier: Classifier, decoders: Decoders) -> None:
        self._engine = Engine(classifier, decoders)

    def classify(self, path: Path, request: ClassifyRequest) -> dict[str, object]:
        """The result of a file, with the same keys as a task's result, errors included."""
        start_s, engine = time.perf_counter(), self._engine
        try:
            encoded = _read(path, engine.limit_bytes)
            answer = engine.answer(encoded, sha256_of(encoded) if request.provenance else None)
            return engine.result(answer, request, time.perf_counter() - start_s)
        except TaskError as err:
            duration_s = time.perf_counter() - start_s
            return error_json(str(err), err.code, engine.runtime, duration_s)


def _read(path: Path, limit_bytes: int) -> bytes:
    content = io.BytesIO()
    try:
        with path.open("rb") as file:
            # Memory is taken for as much as is asked for, so it is not asked for the limit.
            while chunk := file.read(_CHUNK_BYTES):
                content.write(chunk)
                if content.tell() > limit_bytes:
                    raise TooLarge(f"the file has more than {limit_bytes} bytes")
    except OSError as err:
        raise FileMissing(f"the file cannot be read: {err.strerror or err}") from None
    if not content.tell():
        raise EmptyFile("the file has no bytes")
    return content.getvalue()
