"""Photographs for tests: the packaged one, and a folder of labelled ones where it is at hand."""

import os
from pathlib import Path

import pytest

from support.programs import ROOT
from taskworker_classifyimage.sample import SAMPLE

ESPRESSO = SAMPLE.read_bytes()


def labelled_photos() -> list[Path]:
    """Photographs whose names start with their synset id; skips the test where there are none."""
    folder = Path(os.environ.get("CLASSIFYIMAGE_PHOTOS", ROOT.parent / "shared" / "images"))
    photos = sorted(folder.glob("n????????_*"))
    if not photos:
        pytest.skip(f"no labelled photographs in {folder}; CLASSIFYIMAGE_PHOTOS names another")
    return photos


def synset_of(photo: Path) -> str:
    return photo.name[:9]
