"""Classify local files and folders to JSON lines, without a bridge."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.commands.decoders import decoder_pool
from taskworker_classifyimage.commands.flags import (
    add_decoder_flags,
    add_model_flags,
    add_provenance_flag,
    model_options,
    settings_of,
)
from taskworker_classifyimage.errors import BadRequest, ConfigError
from taskworker_classifyimage.local.files import LocalFiles
from taskworker_classifyimage.local.folders import classify_all, walk
from taskworker_classifyimage.tasks import ClassifyRequest, parse_request


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares this command's flags."""
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a file, or a folder of files")
    parser.add_argument("--language", metavar="TAG", help="language of the names; default: en")
    parser.add_argument("--top", metavar="N", help="predictions a picture; default: 10")
    add_model_flags(parser)
    add_decoder_flags(parser)
    add_provenance_flag(parser)


def run(parsed: argparse.Namespace) -> int:
    """Prints one JSON object a file; returns 1 if one of them could not be classified."""
    settings = settings_of(parsed)
    request = replace(_request(parsed), provenance=settings.provenance)
    paths = [Path(path) for path in parsed.paths]
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path} does not exist")
    with decoder_pool(settings) as decoders:
        classifier = load_classifier(settings.model[0], settings.device, model_options(settings))
        failed = _print_all(LocalFiles(classifier, decoders), paths, request)
    return 1 if failed else 0


def _print_all(files: LocalFiles, paths: list[Path], request: ClassifyRequest) -> int:
    """Says how many could not be classified."""
    failed = 0
    for path, result in classify_all(files, walk(paths), request):
        line = json.dumps({"path": str(path), **result}, ensure_ascii=False)
        # A name that is no UTF-8 becomes a JSON escape, in whatever encoding the terminal has.
        sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
        failed += "error" in result
    sys.stdout.flush()
    return failed


def _request(parsed: argparse.Namespace) -> ClassifyRequest:
    asked = {"targetlanguage": parsed.language, "numberofpredictions": parsed.top}
    try:
        return parse_request(asked)
    except BadRequest as err:
        text = str(err).replace("targetlanguage", "--language")
        raise ConfigError(text.replace("numberofpredictions", "--top")) from None
