#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Signals and broken outputs: the program ends, says how, and loses nothing silently.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

waits_for() { # NAME WHAT: some endpoint of the channel waits for it
    chanctl stat "$1" --json | grep -q "\"waits_for\":\"$2\""
}

chanctl create ch --messages 4 --message-size 100

for signal in HUP:129 INT:130 TERM:143; do
    check "SIG${signal%:*} ends a waiting receiver"
    start "$CHANCTL" recv ch
    eventually waits_for ch message
    kill "-${signal%:*}" "$pid"
    expect_end "${signal#*:}" "$pid"

    check "SIG${signal%:*} ends a waiting sender, which tells what it did not send"
    seq 6 >"$WORK/in"
    start "$CHANCTL" send ch <"$WORK/in" 2>"$WORK/told"
    eventually waits_for ch space
    kill "-${signal%:*}" "$pid"
    expect_end "${signal#*:}" "$pid"
    grep -q 'after 4 messages, 2 bytes were read and not sent' "$WORK/told"
    same "$(chanctl recv ch --no-wait | tr '\n' ' ')" "1 2 3 4 "
done

check "SIGINT ends a sender that waits for its input"
mkfifo "$WORK/fifo"
exec 3<>"$WORK/fifo"
start "$CHANCTL" send ch <"$WORK/fifo" 2>"$WORK/told"
eventually has ch '["senders"]' 1
printf 'whole\npart' >&3
eventually has ch '["queue"]["queued"]' 1
kill -INT "$pid"
expect_end 130 "$pid"
exec 3>&-
grep -q 'after 1 messages, 4 bytes were read and not sent' "$WORK/told"
same "$(chanctl recv ch --no-wait)" whole

check "a signal that was ignored stays ignored"
(trap '' INT && exec "$CHANCTL" recv ch -n 1 >"$WORK/out") &
ignoring=$!
started+=("$ignoring")
eventually waits_for ch message
kill -INT "$ignoring"
sleep 0.3
echo still here | chanctl send ch
expect_end 0 "$ignoring"
same "$(<"$WORK/out")" "still here"

check "after a signal, a receiver still writes what it has taken"
chanctl create large --messages 8 --message-size 1M
head -c 1000000 /dev/zero | chanctl send large --whole
exec 3<>"$WORK/fifo"
start "$CHANCTL" recv large >"$WORK/fifo" 2>"$WORK/told"
eventually has large '["totals"]["received"]' 1
kill -INT "$pid"
eventually has_taken_signals "$pid"
same "$(head -c 1000001 <&3 | wc -c)" 1000001
exec 3>&-
expect_end 130 "$pid"
same "$(<"$WORK/told")" ""

check "a second signal stops it, and it tells what is lost"
head -c 1000000 /dev/zero | chanctl send large --whole
exec 3<>"$WORK/fifo"
start "$CHANCTL" recv large >"$WORK/fifo" 2>"$WORK/told"
eventually has large '["totals"]["received"]' 2
kill -INT "$pid"
eventually has_taken_signals "$pid"
kill -INT "$pid"
expect_end 130 "$pid"
exec 3>&-
grep -q '1 messages taken from the channel were not written' "$WORK/told"

check "with --ack it stays in the channel"
head -c 1000000 /dev/zero | chanctl send large --whole
exec 3<>"$WORK/fifo"
start "$CHANCTL" recv large --ack >"$WORK/fifo" 2>"$WORK/told"
eventually has large '["queue"]["held"]' 1
kill -INT "$pid"
eventually has_taken_signals "$pid"
kill -INT "$pid"
expect_end 130 "$pid"
exec 3>&-
same "$(<"$WORK/told")" ""
same "$(chanctl recv large --whole --timeout 5 | wc -c)" 1000000

check "with --ack it survives SIGKILL"
head -c 1000000 /dev/zero | chanctl send large --whole
exec 3<>"$WORK/fifo"
start "$CHANCTL" recv large --ack >"$WORK/fifo"
eventually has large '["queue"]["held"]' 1
kill -KILL "$pid"
expect_end 137 "$pid"
exec 3>&-
same "$(chanctl recv large --whole --timeout 5 | wc -c)" 1000000
same "$(field large '["totals"]["redelivered"]')" 2

check "what was delivered as often as the limit says goes to the dead-letter channel, or is discarded"
chanctl create limited --max-deliveries 1
chanctl create dead
for options in --dead-letters=dead ""; do
    printf %4000s x | chanctl send limited
    exec 3<>"$WORK/fifo"
    head -c 65536 /dev/zero >&3
    start "$CHANCTL" recv limited --ack >"$WORK/fifo"
    eventually has limited '["queue"]["held"]' 1
    kill -KILL "$pid"
    expect_end 137 "$pid"
    exec 3>&-
    expect 1 chanctl recv limited --no-wait ${options:+"$options"}
done
same "$(field limited '["totals"]["dead_lettered"]')" 1
same "$(field limited '["totals"]["discarded"]')" 1
same "$(chanctl recv dead --no-wait | wc -c)" 4001
chanctl check limited
expect 10 chanctl recv limited --no-wait --dead-letters limited

check "a receiver whose reader has gone ends without taking anything"
exec 3<>"$WORK/fifo"
start "$CHANCTL" recv ch >"$WORK/fifo"
eventually waits_for ch message
exec 3>&-
expect_end 141 "$pid"
echo kept | chanctl send ch
same "$(chanctl recv ch --no-wait)" kept

check "a reader that goes in the middle of a message: told without --ack, kept with it"
head -c 1000000 /dev/zero | chanctl send large --whole
exec 3<>"$WORK/fifo"
start "$CHANCTL" recv large >"$WORK/fifo" 2>"$WORK/told"
head -c 10 <&3 >/dev/null
exec 3>&-
expect_end 141 "$pid"
grep -q '1 messages taken from the channel could not be written' "$WORK/told"
head -c 1000000 /dev/zero | chanctl send large --whole
exec 3<>"$WORK/fifo"
start "$CHANCTL" recv large --ack >"$WORK/fifo" 2>"$WORK/told"
head -c 10 <&3 >/dev/null
exec 3>&-
expect_end 141 "$pid"
same "$(<"$WORK/told")" ""
same "$(chanctl recv large --whole --timeout 5 | wc -c)" 1000000

check "an output without room"
if [[ -w /dev/full ]]; then
    echo x | chanctl send ch
    expect 10 chanctl recv ch -n 1 >/dev/full
    grep -q 'cannot write standard output' "$WORK/errors"
    grep -q '1 messages taken' "$WORK/errors"
else
    echo "skipped: there is no /dev/full"
fi

check "standard streams that are closed: told, and no harm to the channel"
chanctl drain ch --quiet
expect 10 chanctl send ch <&-
echo safe | chanctl send ch
expect 10 chanctl recv ch --ack -n 1 >&-
expect 10 chanctl stat ch >&-
same "$(chanctl recv ch --no-wait)" safe
chanctl check ch --quiet
chanctl check large --quiet
