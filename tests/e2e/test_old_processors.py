import json
import os
import platform
import shutil
import subprocess

import pytest

from support.programs import COMMAND, clean_environment
from taskworker_classifyimage.sample import SAMPLE

EMULATOR = "qemu-x86_64"


@pytest.mark.large
@pytest.mark.parametrize("processor", ["Nehalem", "Haswell"])
def test_an_old_processor_gives_the_same_answer(processor: str) -> None:
    """Without AVX, and with AVX2 but no VNNI: the same up to rounding, as sums cannot overflow."""
    if platform.machine() != "x86_64" or shutil.which(EMULATOR) is None:
        assert os.environ.get("CI") != "true", f"{EMULATOR} has to be there"
        pytest.skip(f"{EMULATOR} is not installed (Debian: qemu-user)")
    command = [*COMMAND, "classify", "--device", "cpu", "--model", "EfficientNetLite0"]
    emulated = [EMULATOR, "-cpu", processor, *command]
    environment = clean_environment()
    # Numpy would use the instructions of the processor that it names.
    environment.pop("OPENBLAS_CORETYPE", None)
    here, there = (
        json.loads(
            subprocess.run(
                [*each, os.fspath(SAMPLE)],
                env=environment,
                capture_output=True,
                check=True,
                timeout=110,
            ).stdout
        )
        for each in (command, emulated)
    )
    (best_here, best_there) = (each["predictions"][0] for each in (here, there))
    assert best_there["class"] == best_here["class"]
    assert abs(best_there["probability"] - best_here["probability"]) < 0.02
