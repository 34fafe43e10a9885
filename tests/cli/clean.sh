#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What killed processes leave behind: seen by ls, stat and doctor, taken away by clean and repair.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

state_is() { # NAME STATE
    chanctl ls --json | grep -q "\"name\":\"$1\",\"state\":\"$2\""
}

check "the only endpoint of an ephemeral channel is killed: it is stale"
chanctl create stale --ephemeral
start "$CHANCTL" recv stale
eventually has stale '["receivers"]' 1
same "$(chanctl clean)" ""
kill -KILL "$pid"
expect_end 137 "$pid"
eventually state_is stale stale
[[ -e $SHMCHAN_DIR/shmchan.stale ]] || fail "looking has removed it"
expect 1 chanctl doctor >"$WORK/report"
grep -q '^warning: stale: .*chanctl clean' "$WORK/report"

check "clean tells with --dry-run, and removes it"
chanctl clean --dry-run >"$WORK/out"
same "$(<"$WORK/out")" "would remove stale: all its endpoints are gone, 0 messages in it"
[[ -e $SHMCHAN_DIR/shmchan.stale ]] || fail "--dry-run has removed it"
same "$(chanctl clean)" "removed stale: all its endpoints are gone, 0 messages in it"
[[ ! -e $SHMCHAN_DIR/shmchan.stale ]] || fail "it is still there"

check "repair says so of a stale one"
chanctl create stale --ephemeral
start "$CHANCTL" recv stale
eventually has stale '["receivers"]' 1
kill -KILL "$pid"
expect_end 137 "$pid"
eventually state_is stale stale
chanctl repair stale | grep -q 'it has been removed' || fail "repair does not tell"
expect_error 3 stale chanctl stat stale

check "one that nobody has used yet is not stale, nor is one in use"
chanctl create unused --ephemeral
chanctl create used --ephemeral
start "$CHANCTL" recv used
used=$pid
eventually has used '["receivers"]' 1
same "$(chanctl clean --durable)" ""
same "$(chanctl ls --names | tr '\n' ' ')" "unused used "

check "a durable one with messages stays, unless --durable is given"
chanctl create durable
seq 3 | chanctl send durable
same "$(chanctl clean)" ""
same "$(chanctl clean --durable -n)" "would remove durable: durable, no live endpoint, 3 messages in it"
same "$(chanctl clean --durable)" "removed durable: durable, no live endpoint, 3 messages in it"
expect_error 3 durable chanctl stat durable

check "--durable leaves those with a live endpoint, also a stopped one"
chanctl create durable
start "$CHANCTL" recv durable
eventually has durable '["receivers"]' 1
kill -STOP "$pid"
same "$(chanctl clean --durable)" ""
kill -KILL "$pid"
expect_end 137 "$pid"

check "the dead receiver's record awaits repair; repair frees it"
eventually has durable '["dead"]' 1
expect 1 chanctl doctor >"$WORK/report"
grep -q '^warning: durable: .*chanctl repair' "$WORK/report"
expect 1 chanctl repair durable --dry-run >"$WORK/out"
grep -q '^1 dead endpoints, 1 would be repaired' "$WORK/out"
chanctl repair durable >"$WORK/out"
grep -q '^1 dead endpoints, 1 repaired' "$WORK/out"
expect 0 chanctl repair durable --dry-run >/dev/null
same "$(field durable '["dead"]')" 0
chanctl check durable --quiet

check "what a killed receiver had not acknowledged is delivered again"
mkfifo "$WORK/fifo"
chanctl create large --message-size 1M --messages 4
head -c 1000000 /dev/zero | chanctl send large --whole
exec 3<>"$WORK/fifo"
start "$CHANCTL" recv large --ack >"$WORK/fifo"
eventually has large '["queue"]["held"]' 1
kill -KILL "$pid"
expect_end 137 "$pid"
exec 3>&-
chanctl repair large >"$WORK/out"
grep -q '1 messages to deliver again' "$WORK/out"
same "$(field large '["queue"]["orphaned"]')" 1
same "$(chanctl recv large --whole --no-wait | wc -c)" 1000000

kill "$used"
expect_end 143 "$used"
