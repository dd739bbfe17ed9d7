#!/bin/sh
# ./test.sh: sets up .venv-test and checks everything that needs neither TensorFlow nor torch.
# ./test.sh --all: adds these, some gigabytes, and .venv-moto, and checks everything.
# Other arguments go to pytest: ./test.sh tests/unit -k labels
set -eu
cd -- "$(dirname -- "$0")"
. scripts/venv.sh
venv=$PWD/.venv-test
# The tests start hundreds of programs, each of which would compile all of its source.
unset PYTHONDONTWRITEBYTECODE
summary=

# stage NAME COMMAND...: says what runs and, at the end of all, how long it took.
stage() {
    name=$1
    shift
    echo "== $name"
    start=$(date +%s)
    code=0
    "$@" || code=$?
    summary="$summary$(printf '%5d s  %s' $(($(date +%s) - start)) "$name")"
    if [ "$code" -ne 0 ]; then
        finish "$name: FAILED"
        exit "$code"
    fi
    summary="$summary
"
}

finish() {
    printf '\n%s\n%s\n' "$summary" "$1"
}

set_up() {
    ensure_venv "$PWD" "$venv" "$PWD/requirements-test.lock"
}

# PyPI's torch for Linux brings CUDA along, so these three are pinned, not locked: pip takes the build
# for CPUs where its settings name a place that has it. torchvision asks for that torch, and timm uses
# a part of it that runs with any.
add_large() {
    pip="python -m pip install --quiet --disable-pip-version-check"
    add_lock "$venv" requirements-test-large.lock &&
        $pip torch==2.13.0 &&
        $pip --no-deps timm==1.0.31 torchvision==0.28.0
}

# An S3 server, which needs other versions than the tests.
set_up_moto() {
    ensure_locked "$PWD" "$PWD/.venv-moto" "$PWD/requirements-test-moto.lock"
}

stage "set-up" set_up
PATH=$venv/bin:$PATH
which="not large"
coverage=
if [ "${1:-}" = --all ]; then
    shift
    which="large or not large"
    coverage="--cov --cov-report=term:skip-covered"
    stage "set-up of the large libraries" add_large
    stage "set-up of the S3 server" set_up_moto
fi
stage "ruff format" ruff format --check .
stage "ruff check" ruff check .
stage "mypy" mypy --num-workers 2
if [ $# -gt 0 ]; then
    stage "tests" python -m pytest -m "$which" "$@"
else
    # More than there are cores: tests wait for programs for some of their time. Tests of one file stay
    # together, as what they share may take half a minute to make; see tests/conftest.py for the order.
    workers=$(python -c 'import os; print(2 + (os.cpu_count() or 2))')
    # shellcheck disable=SC2086 # several words
    stage "tests, $workers at a time" python -m pytest -n "$workers" --dist loadfile \
        --no-loadscope-reorder $coverage -m "$which"
fi
finish "All passed."
