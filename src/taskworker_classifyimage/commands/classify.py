"""`classify`: classifies local files and folders without a bridge; prints JSON lines."""

import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from taskworker_classifyimage.commands.parts import decoder_pool, load_first
from taskworker_classifyimage.errors import ConfigError, ExitCode
from taskworker_classifyimage.local.files import LocalFiles
from taskworker_classifyimage.local.folders import classify_all, walk
from taskworker_classifyimage.settings.areas import Answers, LocalSettings
from taskworker_classifyimage.tasks import ClassifyRequest, parse_request


def run(
    *path: Annotated[Path, Parameter(required=True, help="a file, or a folder of files")],
    answers: Answers = Answers(),
    settings: LocalSettings = LocalSettings(),
) -> int:
    """Prints one JSON object for each file; returns 1 if a file could not be classified."""
    settings.general.set_up_logging()
    request = parse_request(
        {"targetlanguage": answers.language, "numberofpredictions": answers.top}
    )
    missing = [named for named in path if not named.exists()]
    if missing:
        raise ConfigError(f"{missing[0]} does not exist")
    with decoder_pool(settings.decoding) as decoders:
        files = LocalFiles(load_first(settings.models), decoders)
        failed = _print_all(files, path, replace(request, provenance=answers.provenance))
    return ExitCode.FAILED if failed else ExitCode.DONE


def _print_all(files: LocalFiles, paths: Iterable[Path], request: ClassifyRequest) -> int:
    """Returns how many files could not be classified."""
    failed = 0
    for path, result in classify_all(files, walk(paths), request):
        line = json.dumps({"path": str(path), **result}, ensure_ascii=False)
        # Bytes of a name that are not UTF-8 become escapes, whatever the terminal's encoding.
        sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
        failed += "error" in result
    sys.stdout.flush()
    return failed
