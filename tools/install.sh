#!/usr/bin/env bash
# install.sh VENV LOCK: install the packages of a lock file and Casbah itself into a virtual environment, show progress, and say
# what helps if it fails. `make` calls it.
set -euo pipefail
venv=$1 lock=$2 log=$1/install.log
kilobytes=$(($(grep -c '==' "$lock") * 12000)) # about twice what they take

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

[ -w "$venv" ] || fail "cannot write to $venv; give your user write permission for this folder, or choose another: make VENV=..."
free=$(df -Pk "$venv" | awk 'NR == 2 {print $4}')
[ "$free" -ge "$kilobytes" ] ||
    fail "needs $((kilobytes / 1000)) MB of free disk space in $venv, which has $((free / 1000)) MB; free some, or choose another folder: make VENV=..."

# One line for every fifth package, so that a slow network is seen to be moving; then one every five seconds.
progress() {
    local total n=0 names='' ticker='' word name _
    total=$(grep -c '==' "$lock")
    while read -r word name _; do
        case $word in
            Collecting)
                n=$((n + 1)) names="$names ${name%%=*}"
                if ((n % 5 == 0 || n == total)); then
                    printf 'setup: [%2d/%d]%s\n' "$n" "$total" "$names"
                    names=
                fi
                ;;
            Installing)
                echo 'setup: installing them'
                while sleep 5; do echo "setup: $(installed) packages are installed"; done &
                ticker=$!
                ;;
        esac
    done
    [ -z "$ticker" ] || kill "$ticker"
}

installed() {
    find "$venv"/lib/python3*/site-packages -maxdepth 1 -name '*.dist-info' | wc -l
}

explain() {
    if grep -q 'No space left on device' "$log"; then
        fail "the disk is full; free $((kilobytes / 1000)) MB in $venv, or choose another folder: make VENV=..."
    elif grep -qE 'Permission denied|Read-only file system' "$log"; then
        fail "$(grep -m1 -E 'Permission denied|Read-only file system' "$log")" "give your user write permission for $venv"
    elif grep -qE 'NewConnectionError|NameResolutionError|ProxyError|ConnectTimeout|ReadTimeout|Network is unreachable' "$log"; then
        fail 'no network: pip cannot reach the package index' \
            'behind a proxy, set HTTPS_PROXY; for an index of your own, PIP_INDEX_URL' \
            "offline, collect the packages elsewhere: pip download --dest wheels -r $lock" \
            'and then: PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels make ...'
    fi
    tail -n 20 "$log" >&2
    fail "pip could not install the packages of $lock; all that it said is in $log"
}

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_RETRIES=${PIP_RETRIES:-2}
echo "setup: fetching the packages of $lock"
# --no-deps, because the lock names everything: where pip looks for what packages ask for it may come upon a version newer than
# the lock's (pip 23 does, for coverage[toml]), and refuse it. `pip check` says whether anything is missing.
"$venv/bin/python" -m pip install --progress-bar off --no-deps --require-hashes -r "$lock" 2>&1 | tee "$log" | progress || explain
"$venv/bin/python" -m pip install --no-deps --no-build-isolation -e . > "$log" 2>&1 || explain
"$venv/bin/python" -m pip check > "$log" || { cat "$log" >&2; exit 1; }
