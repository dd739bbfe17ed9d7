#!/bin/sh
# Renews requirements.lock and requirements-test.lock; needs uv. They hold no addresses.
set -eu
cd -- "$(dirname -- "$0")/.."
lock() {
    uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-annotate \
        --custom-compile-command scripts/lock.sh --upgrade "$@" pyproject.toml
}
lock --group install --output-file requirements.lock
lock --group install --group test --output-file requirements-test.lock
