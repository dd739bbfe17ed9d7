"""Decodes as if the extra `raw` were not installed; only for decoder processes."""

import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

from taskworker_classifyimage.decode import decode, is_rare, preload_decoders

__all__ = ["decode", "is_rare", "preload_decoders"]


class _WithoutLibRaw(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(
        cls,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        return None if fullname == "rawpy" else super().find_spec(fullname, path, target)


sys.meta_path[:] = [
    _WithoutLibRaw if each is importlib.machinery.PathFinder else each for each in sys.meta_path
]
