"""Imports TensorFlow and Keras: silently, without files in the user's home, GPUs shared."""

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, cast

from taskworker_classifyimage.errors import ModelError, extra
from taskworker_classifyimage.machine import processor_flags
from taskworker_classifyimage.standard_streams import silent_stderr

_INSTALL: Final = (
    f"install the extra: {extra('tensorflow')} (Python 3.11 to 3.13); "
    "a pack made elsewhere with 'models pack' runs without it"
)

_ENVIRONMENT: Final = {
    # Keras would read its settings there, and write them.
    "KERAS_HOME": f"{os.devnull}/none",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Whatever the environment says, float32 is not rounded to bfloat16 on processors that can.
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    "TF_SET_ONEDNN_FPMATH_MODE": "",
    # Otherwise TensorFlow takes a GPU's whole memory.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}


def check_installed(network: str) -> None:
    """Checks that TensorFlow can be imported, without the seconds that importing it takes.

    Raises:
        ModelError: it is not installed, or does not run on this processor.
    """
    flags = processor_flags()
    # Importing it there ends the process; "sse2" shows that the flags are those of an x86.
    if "sse2" in flags and "avx" not in flags:
        raise ModelError(
            f"{network} runs on TensorFlow, which needs a processor with AVX; "
            "a pack made elsewhere with 'models pack' runs without it"
        )
    if find_spec("tensorflow") is None:
        raise ModelError(f"{network} runs on TensorFlow, which is not installed; {_INSTALL}")


def import_tensorflow() -> tuple[Any, Any]:
    """Imports the modules `tensorflow` and `keras`.

    Raises:
        ModelError: the installation is broken.
    """
    os.environ.update(_ENVIRONMENT)
    try:
        with silent_stderr(), _hidden("matplotlib"):
            import tensorflow  # noqa: PLC0415 - an extra
            import keras  # noqa: PLC0415 - an extra  # isort: skip
    except ImportError as err:
        raise ModelError(f"TensorFlow cannot be imported: {err}; {_INSTALL}") from err
    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow, keras


@contextlib.contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Makes a module look as if it were not installed.

    Keras imports matplotlib if it can, which takes seconds and writes to the user's home.
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = cast("ModuleType", None)
    try:
        yield
    finally:
        del sys.modules[module]
