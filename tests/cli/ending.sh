#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# drain, shutdown and rm.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

check "drain throws away what is queued and says how much"
chanctl create ch --messages 16
seq 10 | chanctl send ch
same "$(chanctl drain ch)" "10 messages thrown away (11 B)"
same "$(field ch '["queue"]["queued"]')" 0
same "$(chanctl drain ch)" "0 messages thrown away (0 B)"
same "$(chanctl drain ch --quiet)" ""
chanctl check ch --quiet

check "drain ends while a sender goes on"
yes | chanctl send ch 2>/dev/null &
sender=$!
started+=("$sender")
eventually has ch '["queue"]["queued"]' 16
timeout 10 "$CHANCTL" drain ch >"$WORK/out"
check "shutdown ends that sender"
chanctl shutdown ch
code=0
wait "$sender" || code=$?
same "$code" 6

check "shutdown is idempotent, keeps what is queued, and is seen"
chanctl create end
seq 3 | chanctl send end
chanctl shutdown end
chanctl shutdown end
same "$(field end '["shut_down"]')" True
chanctl ls | grep -q '^end .* 3/64 .*closed: shut down' || fail "ls does not tell"
same "$(chanctl recv end | wc -l)" 3
chanctl ls | grep -q '^end .* 0/64 .*drained: shut down' || fail "ls does not tell"

check "shutdown wakes those who wait"
chanctl create waiting --messages 1
start "$CHANCTL" recv waiting
eventually has waiting '["receivers"]' 1
chanctl shutdown waiting
expect_end 0 "$pid"

check "rm removes names, several at once, and who has one open keeps it"
chanctl create kept
start "$CHANCTL" recv kept -n 1
eventually has kept '["receivers"]' 1
chanctl rm kept end waiting
expect_error 3 kept chanctl stat kept
chanctl create kept
same "$(field kept '["receivers"]')" 0
kill "$pid"
expect_end 143 "$pid"
chanctl create b
expect_error 3 missing chanctl rm missing b
expect_error 3 b chanctl stat b

check "rm --stale leaves what is in use"
start "$CHANCTL" recv kept
eventually has kept '["receivers"]' 1
expect_error 1 kept chanctl rm --stale kept
kill "$pid"
expect_end 143 "$pid"
chanctl rm --stale kept
same "$(chanctl ls --names)" ch
