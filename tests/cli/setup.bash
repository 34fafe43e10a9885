# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every test of chanctl begins with: a channel directory of its own, and words to say what is expected.
set -euo pipefail

: "${CHANCTL:?set it to the chanctl to test}"
PYTHON=$(python3 -c 'import sys; print(sys.executable)') # python3 itself may be a slow script that finds it
SHMCHAN_DIR=$(mktemp -d /dev/shm/chanctl-test.XXXXXX)
export SHMCHAN_DIR LC_ALL=C
WORK=$(mktemp -d)
started=()

clean_up() {
    local pid

    for pid in ${started[@]+"${started[@]}"}; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$SHMCHAN_DIR" "$WORK"
}
trap clean_up EXIT

chanctl() {
    "$CHANCTL" "$@"
}

# The test's steps: say what is checked; give up loudly.
check() {
    printf 'check: %s\n' "$*"
}

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
trap 'printf "FAILED: line %s of %s: %s\n" "$LINENO" "$0" "$BASH_COMMAND" >&2' ERR

# expect CODE COMMAND...: it ends with that exit code. Its standard error goes to $WORK/errors.
expect() {
    local wanted=$1 code=0

    shift
    "$@" 2>"$WORK/errors" || code=$?
    [[ $code -eq $wanted ]] || fail "exit code $code instead of $wanted: $* ($(<"$WORK/errors"))"
}

# expect_error CODE NAME COMMAND...: as expect, and standard error is one sentence:
# "chanctl: NAME: what happened; what to do".
expect_error() {
    local wanted=$1 name=$2

    shift 2
    expect "$wanted" "$@"
    [[ $(wc -l <"$WORK/errors") -eq 1 ]] || fail "not one line on standard error: $* ($(<"$WORK/errors"))"
    grep -qE "^chanctl: $name: [^;]+; .+" "$WORK/errors" || fail "no sentence: $(<"$WORK/errors")"
}

# same A B: the strings are equal. same_file A B: the files are.
same() {
    [[ $1 == "$2" ]] || fail "'$1' instead of '$2'"
}

same_file() {
    cmp "$1" "$2" || fail "$1 and $2 differ"
}

# start COMMAND...: in the background, with its pid in $pid. It shall not ignore SIGINT, as children of a
# script do, nor inherit the test's end of a FIFO (descriptor 3).
start() {
    env --default-signal=INT "$@" <&0 3>&- & # bash would give it /dev/null as its input
    pid=$!
    started+=("$pid")
}

# expect_end CODE PID: that process ends within thirty seconds, with that code.
expect_end() {
    local code=0

    timeout 30 tail --pid="$2" -f /dev/null || fail "process $2 does not end"
    wait "$2" || code=$?
    [[ $code -eq $1 ]] || fail "process $2 ended with $code instead of $1"
}

# eventually COMMAND...: it succeeds within ten seconds.
eventually() {
    local i

    for ((i = 0; i < 200; i++)); do
        if "$@" >/dev/null 2>&1; then
            return
        fi
        sleep 0.05
    done
    fail "never came true: $*"
}

# has_taken_signals PID: what was sent to that process is not pending any more.
has_taken_signals() {
    ! grep -qE '^(SigPnd|ShdPnd):.*[1-9a-f]' "/proc/$1/status"
}

# has_lines FILE COUNT: so many at least.
has_lines() {
    [[ $(wc -l <"$1") -ge $2 ]]
}

# field NAME PATH: that value of `chanctl stat --json`, as in  field ch '["queue"]["queued"]'
field() {
    chanctl stat "$1" --json | "$PYTHON" -IS -c "import json, sys; print(json.load(sys.stdin)$2)"
}

# has NAME PATH VALUE: the field has that value.
has() {
    [[ $(field "$1" "$2") == "$3" ]]
}
