#!/bin/sh
# Sets up what is needed, the first time, and works: taskworker-classifyimage work "$@"
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/scripts/venv.sh"
ensure_venv "$here" "$here/.venv" "$here/requirements.lock"
exec "$here/.venv/bin/python" -m taskworker_classifyimage work "$@"
