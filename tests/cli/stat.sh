#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# stat and ls tell who is attached, what they do, and figures that add up.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

endpoint() { # NAME PID FIELD: of that process's endpoint
    chanctl stat "$1" --json | "$PYTHON" -IS -c "
import json, sys
print([e['$3'] for e in json.load(sys.stdin)['endpoints'] if e['pid'] == $2][0])"
}

endpoint_is() { # NAME PID FIELD VALUE
    [[ $(endpoint "$1" "$2" "$3") == "$4" ]]
}

check "shape, owner and mode as they were asked for"
chanctl create ch --messages 4 --message-size 2K --bytes 64K --endpoints 8 --holds 2 --one-receiver \
    --mode 0640 --max-deliveries 3 --fair
same "$(field ch '["shape"]')" "{'messages': 4, 'message_size': 2048, 'bytes': 65536, 'endpoints': 8, \
'holds': 2, 'one_sender': False, 'one_receiver': True, 'max_deliveries': 3, 'fair': True}"
same "$(field ch '["object"]["mode"]')" $((0640))
same "$(stat -c %a "$SHMCHAN_DIR/shmchan.ch")" 640
same "$(field ch '["object"]["uid"]')" "$EUID"
same "$(field ch '["lifetime"]')" durable
same "$(field ch '["memory"]["total_bytes"]')" "$(stat -c %s "$SHMCHAN_DIR/shmchan.ch")"

check "the formula that create prints gives that size"
adds_up() { # FILE NAME: the parts of the plan give the total, and that is the object's size
    awk -v size="$(stat -c %s "$SHMCHAN_DIR/shmchan.$2")" '
        / = / && !/total|blocks =/ { sum += $NF }
        /total/ { total = $(NF - 2) }
        END { if (sum != total || total != size) { print sum, total, size; exit 1 } }' "$1"
}
chanctl create ch --messages 4 --message-size 2K --bytes 64K --endpoints 8 --holds 2 --plan >"$WORK/plan"
adds_up "$WORK/plan" ch
same "$(chanctl ls --names)" ch
chanctl create default -v >"$WORK/plan"
adds_up "$WORK/plan" default
grep -qF "$(field default '["shape"]["endpoints"]') x" "$WORK/plan"
chanctl rm default
for kind in queue broadcast watch oneshot call rendezvous growable; do
    options=()
    [[ $kind != growable ]] || options=(--messages 1K) # else it depends on what is free
    chanctl create formula -v --kind "$kind" ${options[@]+"${options[@]}"} >"$WORK/plan"
    adds_up "$WORK/plan" formula
    ! grep -qE '[0-9]{16}' "$WORK/plan" || fail "a negative number for $kind: $(<"$WORK/plan")"
    same "$(sed -n 's/ messages of at most.*//p' "$WORK/plan")" "$(field formula '["shape"]["messages"]')"
    same "$(awk '/endpoint records/ { print $3 }' "$WORK/plan")" "$(field formula '["shape"]["endpoints"]')"
    formula=$(sed -n 's/^blocks = .* = \(.*\);.*/\1/p' "$WORK/plan")
    same "$kind $((${formula//x/*}))" "$kind $(awk '$1 == "blocks" && $3 == "x" { print $2 }' "$WORK/plan")"
    chanctl rm formula
done

check "a waiting receiver: process, command, role, and for how long"
start "$CHANCTL" recv ch
receiver=$pid
eventually endpoint_is ch "$receiver" waits_for message
same "$(endpoint ch "$receiver" role)" receiver
same "$(endpoint ch "$receiver" state)" alive
same "$(endpoint ch "$receiver" command)" chanctl
same "$(endpoint ch "$receiver" uid)" "$EUID"
sleep 0.3
waiting=$(endpoint ch "$receiver" waiting_ns)
((waiting >= 200000000 && waiting < 60000000000)) || fail "it waits for $waiting ns"
chanctl stat ch >"$WORK/out"
grep -qE "receiver +alive +$receiver .*chanctl: .*waits for message for" "$WORK/out"

check "a stopped one is stopped, and alive again when continued"
kill -STOP "$receiver"
eventually endpoint_is ch "$receiver" state stopped
kill -CONT "$receiver"
eventually endpoint_is ch "$receiver" state alive
kill "$receiver"
expect_end 143 "$receiver"
same "$(field ch '["endpoints"]')" "[]"

check "a waiting sender, backlog and the age of the oldest message"
seq 6 >"$WORK/in"
start "$CHANCTL" send ch <"$WORK/in"
eventually endpoint_is ch "$pid" waits_for space
same "$(endpoint ch "$pid" messages)" 4
same "$(field ch '["queue"]["queued"]')" 4
same "$(field ch '["queue"]["available"]')" 0
sleep 0.3
age=$(field ch '["queue"]["oldest_ns"]')
((age >= 200000000 && age < 60000000000)) || fail "the oldest message is $age ns old"
chanctl ls | grep -qE '^ch +queue +durable +1 +0 +4/4 ' || fail "ls: $(chanctl ls)"
same "$(chanctl recv ch -n 6 | wc -l)" 6
expect_end 0 "$pid"

check "a killed one is dead until it is repaired"
start "$CHANCTL" recv ch
eventually endpoint_is ch "$pid" waits_for message
kill -KILL "$pid"
expect_end 137 "$pid"
eventually endpoint_is ch "$pid" state dead

check "totals add up"
chanctl repair ch >/dev/null
same "$(field ch '["metrics"]["deaths"]')" 1
same "$(field ch '["metrics"]["high_water"]')" 4
same "$(field ch '["metrics"]["refused_full"]')" 0
(($(field ch '["metrics"]["send_waits"]') >= 1)) || fail "the sender did not wait"
(($(field ch '["metrics"]["recv_waited_ns"]') >= 200000000)) || fail "the receiver did not wait"
chanctl stat ch >"$WORK/out"
grep -qE '^longest +4 messages' "$WORK/out"
grep -qE '^repaired +1 endpoints that died; 0 messages given back, 0 payload units$' "$WORK/out"
same "$(field ch '["totals"]["sent"]')" 6
same "$(field ch '["totals"]["received"]')" 6
same "$(field ch '["totals"]["sent_bytes"]')" 6
same "$(field ch '["totals"]["conserved"]')" True
same "$(field ch '["queue"]["oldest_ns"]')" None

check "watching ends when the channel is removed"
start "$CHANCTL" stat ch --watch 0.1 >"$WORK/out"
eventually grep -q conserved "$WORK/out"
chanctl rm ch
expect_end 0 "$pid"
