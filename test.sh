#!/bin/sh
# Sets up everything and checks everything; arguments go to pytest.
set -eu
cd -- "$(dirname -- "$0")"
. scripts/venv.sh
ensure_venv "$PWD" "$PWD/.venv-test" "$PWD/requirements-test.lock"
PATH=$PWD/.venv-test/bin:$PATH
ruff format --check .
ruff check .
mypy
exec python -m pytest "$@"
