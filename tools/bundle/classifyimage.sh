#!/bin/sh
# Runs `taskworker-classifyimage work "$@"`; the first start sets up .venv from this folder alone.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/venv.sh"
venv=$here/.venv
# An environment works only in the folder where it was made.
if [ "$(cat "$venv/installed" 2>/dev/null)" != "$here" ]; then
    python=$(find_python)
    "$python" "$here/verify.py" >&2
    echo "Setting up $venv with $("$python" --version), once; this takes a minute or two ..." >&2
    rm -rf "$venv"
    "$python" -m venv "$venv"
    pip="$venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps"
    $pip --find-links "$here/wheels" --require-hashes --requirement "$here/requirements.lock"
    $pip "$here"/taskworker_classifyimage-*.whl
    echo "$here" >"$venv/installed"
fi
exec "$venv/bin/python" -m taskworker_classifyimage work "$@"
