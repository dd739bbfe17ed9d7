# Sourced by classifyimage.sh and test.sh: virtual environments with locked dependencies.

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

# ensure_locked CHECKOUT DIRECTORY LOCK: an environment of what the lock names; does nothing when it
# is as the lock says.
ensure_locked() {
    sum=$({ echo "$1"; cat "$3"; } | cksum)
    if ! [ -x "$2/bin/python" ] || [ "$(cat "$2/locked" 2>/dev/null)" != "$sum" ]; then
        python=$(find_python) || return 1
        echo "Setting up $2 with $("$python" --version), once; this takes a minute or two ..." >&2
        rm -rf "$2"
        "$python" -m venv "$2" || return 1
        install_lock "$2" "$3" || return 1
        echo "$sum" >"$2/locked"
    fi
}

# ensure_venv CHECKOUT DIRECTORY LOCK: the same with the product.
ensure_venv() {
    ensure_locked "$@" || return 1
    # Its version and its commands stand in pyproject.toml.
    sum=$(cksum <"$1/pyproject.toml")
    if [ "$(cat "$2/installed" 2>/dev/null)" != "$sum" ]; then
        "$2/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
            --no-build-isolation --editable "$1" || return 1
        echo "$sum" >"$2/installed"
    fi
}

# add_lock DIRECTORY LOCK: adds what a second lock names; does nothing when it is there.
add_lock() {
    sum=$(cksum <"$2")
    if [ "$(cat "$1/added" 2>/dev/null)" != "$sum" ]; then
        install_lock "$1" "$2" || return 1
        echo "$sum" >"$1/added"
    fi
}

# install_lock DIRECTORY LOCK: by uv if the lock names it, in a tenth of pip's time; by pip otherwise,
# and where uv fails because only pip knows the way, such as a mirror in its settings.
install_lock() {
    pip="$1/bin/python -m pip install --quiet --disable-pip-version-check"
    options="--no-deps --require-hashes --only-binary :all: --requirement"
    uv=$(sed -n '/^uv==/,/[^\\]$/p' "$2")
    if [ -n "$uv" ] && echo "$uv" | $pip $options /dev/stdin &&
        "$1/bin/uv" pip install --quiet --compile-bytecode --python "$1/bin/python" $options "$2"; then
        return 0
    fi
    $pip $options "$2"
}
