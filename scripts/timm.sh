#!/bin/sh
# Adds timm and torch to .venv-test, for the tests that need them: a gigabyte, or several where pip
# finds no torch for the CPU alone and takes the one for CUDA. That is why they are in no lock file.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/venv.sh
ensure_venv "$PWD" "$PWD/.venv-test" "$PWD/requirements-test.lock"
add() {
    .venv-test/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}
add torch==2.13.0 onnxscript==0.7.2 safetensors==0.8.0 huggingface_hub==2.4.0 pyyaml==6.0.3
# timm uses only Python code of torchvision; its compiled part would require CUDA.
add --no-deps timm==1.0.31 torchvision==0.28.0
