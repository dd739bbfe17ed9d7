#!/bin/sh
# Runs `taskworker-classifyimage work "$@"`; the first start sets up .venv.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/scripts/venv.sh"
ensure_venv "$here" "$here/.venv" "$here/requirements.lock"
exec "$here/.venv/bin/python" -m taskworker_classifyimage work "$@"
