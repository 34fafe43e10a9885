#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several senders and receivers, and how streams end: end of input, shutdown, departure, time-out.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

check "two senders and two receivers: every line once"
chanctl create many --messages 32 --message-size 32
start "$CHANCTL" recv many >"$WORK/out1"
first=$pid
start "$CHANCTL" recv many >"$WORK/out2"
second=$pid
seq -f 'a%.0f' 50000 | chanctl send many &
sender=$!
seq -f 'b%.0f' 50000 | chanctl send many
wait "$sender"
chanctl shutdown many
expect_end 0 "$first"
expect_end 0 "$second"
{ seq -f 'a%.0f' 50000; seq -f 'b%.0f' 50000; } | sort >"$WORK/sent"
sort "$WORK/out1" "$WORK/out2" >"$WORK/received"
same_file "$WORK/sent" "$WORK/received"
check "each sender's lines in their order, at each receiver"
for out in out1 out2; do
    for sender in a b; do
        sed -n "s/^$sender//p" "$WORK/$out" | sort -nc || # none is in order, too
            fail "$out has lines of $sender out of order"
    done
done
chanctl check many --quiet
same "$(field many '["totals"]["conserved"]')" True

check "end of input leaves a durable channel open"
chanctl create durable
echo 1 | chanctl send durable
echo 2 | chanctl send durable
same "$(chanctl recv durable --no-wait | tr '\n' ' ')" "1 2 "
expect 1 chanctl recv durable --no-wait
same "$(<"$WORK/errors")" ""

check "a shut-down channel: queued messages, then the end; senders are refused"
echo last | chanctl send durable --shutdown-at-eof
same "$(field durable '["state"]')" closed
echo more >"$WORK/in"
expect_error 6 durable chanctl send durable <"$WORK/in"
same "$(chanctl recv durable)" last
same "$(field durable '["state"]')" drained
expect 0 chanctl recv durable
expect 0 chanctl recv durable --timeout 0
expect_error 6 durable chanctl recv durable --no-wait
expect_error 6 durable chanctl recv durable -n 1

check "fewer messages than asked for are told"
chanctl create short
echo one | chanctl send short --shutdown-at-eof
expect_error 6 short chanctl recv short -n 2 >"$WORK/out"
same "$(<"$WORK/out")" one

check "time-outs, on an empty and on a full channel"
chanctl create full --messages 2
expect_error 5 full chanctl recv full --timeout 0.2
seq 3 >"$WORK/in"
expect_error 5 full chanctl send full --timeout 0.2 <"$WORK/in"
grep -q 'after 2 messages, 1 bytes were read and not sent' "$WORK/errors"
same "$(chanctl recv full --timeout 0.2 -n 2 | tr '\n' ' ')" "1 2 "

check "a time-out of 0 is one, too, after what there is has been taken"
expect_error 5 full chanctl recv full --timeout 0
expect_error 5 full chanctl recv full --timeout 0 --ack
seq 3 >"$WORK/in"
expect_error 5 full chanctl send full --timeout 0 <"$WORK/in"
expect_error 5 full chanctl recv full --timeout 0 >"$WORK/out"
same "$(tr '\n' ' ' <"$WORK/out")" "1 2 "
expect 1 chanctl recv full --no-wait
same "$(<"$WORK/errors")" ""

check "a waiting sender goes on when there is room, and a waiting receiver when there is a message"
seq 100 | chanctl send full &
sender=$!
sleep 0.2
same "$(chanctl recv full -n 100 | tail -n 1)" 100
wait "$sender"
start "$CHANCTL" recv full -n 1 >"$WORK/out"
eventually has full '["receivers"]' 1
echo hello | chanctl send full
expect_end 0 "$pid"
same "$(<"$WORK/out")" hello

check "an ephemeral channel ends with its last sender, and is gone with its last endpoint"
chanctl create short-lived --ephemeral
start "$CHANCTL" recv short-lived >"$WORK/out"
eventually has short-lived '["receivers"]' 1
seq 1000 | chanctl send short-lived
expect_end 0 "$pid"
seq 1000 >"$WORK/sent"
same_file "$WORK/sent" "$WORK/out"
expect_error 3 short-lived chanctl stat short-lived

check "the last receiver's departure ends the sender"
chanctl create left --ephemeral --messages 4
yes | chanctl send left 2>"$WORK/sender-errors" &
sender=$!
eventually has left '["senders"]' 1
chanctl recv left -n 10 >/dev/null
code=0
wait "$sender" || code=$?
same "$code" 6
grep -q 'chanctl: left: the channel is closed after' "$WORK/sender-errors"

check "send and recv with --create meet"
echo met | chanctl send meeting --create --messages 8 --message-size 100
same "$(chanctl recv meeting --create --messages 4 --message-size 50 -n 1)" met
expect_error 10 meeting chanctl recv meeting --create --messages 9 --message-size 50 --no-wait
expect 2 chanctl recv meeting --messages 4
