#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Watches from the shell: make one, set its value, show it, follow it.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

check "a watch keeps the last value that was sent, though nobody follows it"
chanctl create level --kind watch
same "$(field level '["kind"]')" watch
same "$(chanctl watch level -n 1 | od -An -c | tr -d ' ')" '\n'
printf 'one\ntwo\n' | chanctl send level
same "$(chanctl watch level -n 1)" two
same "$(chanctl watch level -n 1 --whole)" two
chanctl stat level | grep -q '^value      version 2, 3 B' || fail "stat shows no value"
chanctl ls | grep -q '^level  watch ' || fail "ls shows no watch"
same "$(chanctl tap level | sed 's/.*B  //')" two
chanctl check level --quiet

check "followers get what is there and each change, until the end"
start "$CHANCTL" watch level >"$WORK/seen"
eventually test -s "$WORK/seen"
echo three | chanctl send level
eventually grep -q three "$WORK/seen"
echo four | chanctl send level
eventually grep -q four "$WORK/seen"
chanctl shutdown level
expect_end 0 "$pid"
same "$(cat "$WORK/seen")" $'two\nthree\nfour'
same "$(chanctl watch level)" four

check "what cannot be is refused"
chanctl create plain
expect_error 10 plain chanctl watch plain
expect 2 chanctl create other --kind pipe
