import os

import pytest

from support.keras_files import skip_without_tensorflow
from taskworker_classifyimage.classify.keras.tensorflow_import import (
    check_installed,
    import_tensorflow,
)
from taskworker_classifyimage.errors import ModelError


def test_a_processor_that_tensorflow_cannot_run_on_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Importing it there would end the process without a word."""
    flags = frozenset({"sse2", "sse4_2"})
    monkeypatch.setattr(
        "taskworker_classifyimage.classify.keras.tensorflow_import.processor_flags", lambda: flags
    )
    with pytest.raises(ModelError, match=r"MobileNetV3Large .* needs a processor with AVX"):
        check_installed("MobileNetV3Large")


@pytest.mark.large
def test_the_environment_cannot_make_float32_less_precise(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN rounds to bfloat16 where it is allowed to and the processor can."""
    skip_without_tensorflow()
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    monkeypatch.setenv("TF_SET_ONEDNN_FPMATH_MODE", "BF16")
    import_tensorflow()
    assert os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] == "STRICT"
    assert os.environ["TF_SET_ONEDNN_FPMATH_MODE"] == ""
