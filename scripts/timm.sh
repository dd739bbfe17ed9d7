#!/bin/sh
# Adds timm and torch to .venv-test: a gigabyte, for the tests that need them. They are not locked:
# torch is meant to be its build for the CPU, and where pip finds only the one for CUDA, that comes
# with some more gigabytes.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/venv.sh
ensure_venv "$PWD" "$PWD/.venv-test" "$PWD/requirements-test.lock"
add() {
    .venv-test/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}
add torch==2.13.0 onnxscript==0.7.2 safetensors==0.8.0 huggingface_hub==2.4.0 pyyaml==6.0.3
# torchvision of PyPI wants CUDA; of what it has in Python timm uses a part, and that runs without.
add --no-deps timm==1.0.31 torchvision==0.28.0
