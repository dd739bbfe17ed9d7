#!/bin/sh
# Adds the libraries that networks come from to .venv-test: 3 GB, for the tests that need them.
# Linux and Python up to 3.13. torch is meant to be its build for the CPU; where pip finds only the
# one for CUDA, that comes with some more GB.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/venv.sh
ensure_venv "$PWD" "$PWD/.venv-test" "$PWD/requirements-test.lock"
add() {
    .venv-test/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}
add tensorflow-cpu==2.21.0 keras==3.15.1 tf2onnx==1.17.0 \
    torch==2.13.0 onnxscript==0.7.2 safetensors==0.8.0 huggingface_hub==2.4.0 pyyaml==6.0.3
# torchvision of PyPI wants CUDA; of what it has in Python timm uses a part, and that runs without.
add --no-deps timm==1.0.31 torchvision==0.28.0
