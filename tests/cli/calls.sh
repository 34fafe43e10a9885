#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Calls from the shell: answers, commands that fail, servers that are killed; and oneshots.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

check "a call is answered by a command"
chanctl create ch --kind call
start "$CHANCTL" serve ch tr a-z A-Z
same "$(chanctl call ch 'hello there' --timeout 20)" 'HELLO THERE'
same "$(printf 'from\nstandard input' | chanctl call ch --timeout 20)" "$(printf 'FROM\nSTANDARD INPUT')"
same "$(chanctl call ch '' --timeout 20)" ''
same "$(field ch '["kind"]')" call
same "$(field ch '["calls"]["answered"]')" 3
chanctl stat ch | grep -q '3 answered, 3 answers read'
chanctl shutdown ch

check "a command that fails gives no answer, and the next request gets one"
chanctl create failing --kind call
start "$CHANCTL" serve failing sh -c 'read -r line; test "$line" = good && echo fine'
expect_error 6 failing chanctl call failing bad --timeout 20
same "$(printf 'good\n' | chanctl call failing --timeout 20)" fine
chanctl shutdown failing

check "a caller without a server gives up, and one whose server is killed learns of it"
chanctl create slow --kind call
expect_error 5 slow chanctl call slow hello --timeout 0.05
chanctl create deadly --kind call
# shellcheck disable=SC2016 # the command's parent is the server
start "$CHANCTL" serve deadly sh -c 'kill -KILL $PPID'
disown "$pid" # bash would tell of its end, where the next command's errors are looked at
expect_error 6 deadly chanctl call deadly hello --timeout 20

check "a signal lets the server answer first; a second one ends it, and half an answer is none"
chanctl create halves --kind call
# shellcheck disable=SC2016 # the command's own argument
start "$CHANCTL" serve halves sh -c 'printf half; : >"$0"; sleep 1; echo " and half"' "$WORK/begun"
server=$pid
start "$CHANCTL" call halves request --timeout 20 >"$WORK/answer"
eventually test -e "$WORK/begun"
kill "$server"
expect_end 0 "$pid"
same "$(<"$WORK/answer")" "half and half"
expect_end 143 "$server"
for output in 'printf half' 'exec >&-'; do
    rm -f "$WORK/begun"
    # shellcheck disable=SC2016 # the command's own process number
    start "$CHANCTL" serve halves sh -c "$output"'; echo $$ >"$0"; exec sleep 300' "$WORK/begun" 2>"$WORK/told"
    server=$pid
    start "$CHANCTL" call halves request --timeout 20 >"$WORK/answer" 2>"$WORK/errors"
    eventually test -s "$WORK/begun"
    command=$(<"$WORK/begun")
    kill "$server"
    eventually has_taken_signals "$server"
    kill "$server"
    expect_end 143 "$server"
    grep -q '^chanctl: halves: a request is not answered: ' "$WORK/told"
    expect_end 6 "$pid"
    same "$(<"$WORK/answer")" ""
    eventually test ! -e "/proc/$command"
done

check "what is no channel for calls is refused untouched, and so is one for calls that is used as a queue"
mkfifo "$WORK/fifo"
exec 3<>"$WORK/fifo"
chanctl create jobs --ephemeral
start "$CHANCTL" send jobs <"$WORK/fifo"
sender=$pid
echo kept >&3
eventually has jobs '["queue"]["queued"]' 1
expect_error 10 jobs chanctl serve jobs cat
expect_error 10 jobs chanctl call jobs hello --timeout 20
same "$(field jobs '["state"]')" open
echo more >&3
same "$(chanctl recv jobs --count 2 --timeout 20)" $'kept\nmore'
exec 3>&-
expect_end 0 "$sender"
chanctl create served --kind call --ephemeral
expect_error 10 served chanctl send served <<<hello
expect_error 10 served chanctl recv served --no-wait
same "$(field served '["state"]')" open
same "$(field served '["totals"]["sent"]')" 0

check "call: a signal while it reads its request, an input and an output that fail"
exec 3<>"$WORK/fifo"
start "$CHANCTL" call halves <"$WORK/fifo" 2>"$WORK/told"
eventually has halves '["senders"]' 1
kill "$pid"
expect_end 143 "$pid"
exec 3>&-
same "$(<"$WORK/told")" ""
expect_error 10 halves chanctl call halves <"$WORK"
grep -q 'cannot read standard input' "$WORK/errors"
start "$CHANCTL" serve halves echo answer
if [[ -w /dev/full ]]; then
    expect_error 10 halves chanctl call halves request --timeout 20 >/dev/full
    grep -q 'cannot write standard output' "$WORK/errors"
fi
exec 3<>"$WORK/fifo" 4>"$WORK/fifo"
exec 3>&- # nobody can read what is written to 4
expect 141 bash -c "trap '' PIPE; exec '$CHANCTL' call halves request --timeout 20" >&4
exec 4>&-
kill "$pid"
expect_end 143 "$pid"

check "a oneshot takes one message"
chanctl create once --kind oneshot
printf 'the value\n' | chanctl send once
expect 6 chanctl send once <<<more
same "$(chanctl recv once)" 'the value'
expect_error 2 create chanctl create broken --kind bucket
