# Sourced by classifyimage.sh and test.sh: a virtual environment with locked dependencies.

# Prints the path of a Python that really runs (a pyenv shim may exist and fail) and can make
# virtual environments. PYTHON names one to try first.
find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c '
import ensurepip, sys, venv
if not (3, 11) <= sys.version_info[:2] <= (3, 14): sys.exit(1)
print(sys.executable)' 2>/dev/null; then
            return 0
        fi
    done
    echo "No Python from 3.11 to 3.14 that can make virtual environments was found." >&2
    echo "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: PYTHON=/path/to/python" >&2
    return 1
}

# ensure_venv CHECKOUT DIRECTORY LOCK: does nothing when the environment is as the lock says.
ensure_venv() {
    stamp=$({ echo "$1"; cat "$3" "$1/pyproject.toml"; } | cksum)
    if [ -x "$2/bin/python" ] && [ "$(cat "$2/installed" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    python=$(find_python) || return 1
    echo "Setting up $2 with $("$python" --version), once; this takes a minute or two ..." >&2
    rm -rf "$2"
    "$python" -m venv "$2" || return 1
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes --only-binary :all: --requirement "$3" || return 1
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --editable "$1" || return 1
    echo "$stamp" > "$2/installed"
}
