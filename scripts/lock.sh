#!/bin/sh
# Renews the lock files; needs uv. They hold versions and hashes, and no addresses.
#
#   scripts/lock.sh [YYYY-MM-DD]
#
# Releases from that day on are left out, so the same day gives the same bytes. Without a day it is
# the one in the head of requirements.lock; today's date takes up all that is new.
set -eu
cd -- "$(dirname -- "$0")/.."
PATH=$PWD/.venv-test/bin:$PATH

# A lock file, and the dependency groups in it. Those with `install` have the product's own
# dependencies too, each with the versions of the one above, so that what is tested is what users
# install. The others are of environments without the product.
locks='
requirements.lock install
requirements-test.lock install test
requirements-test-large.lock install test large
requirements-test-moto.lock moto
'

day=${1:-$(sed -n 's/^# *scripts\/lock\.sh \([0-9-]*\)$/\1/p' requirements.lock)}
case $day in
[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
*)
    echo "scripts/lock.sh: which day? Name one: scripts/lock.sh 2026-01-31" >&2
    exit 2
    ;;
esac

above=
echo "$locks" | while read -r file groups; do
    [ -n "$file" ] || continue
    flags=
    case $groups in
    install*) flags="${above:+--constraint $above} pyproject.toml" ;;
    esac
    for group in $groups; do
        flags="$flags --group $group"
    done
    # shellcheck disable=SC2086 # several words each
    uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --exclude-newer "${day}T00:00:00Z" --no-annotate --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "scripts/lock.sh $day" $flags --output-file "$file"
    if grep -n '://' "$file" >&2; then
        echo "scripts/lock.sh: $file holds an address" >&2
        exit 1
    fi
    above=$file
    echo "$file: $(grep -c '^[a-z0-9]' "$file") packages released before $day"
done
