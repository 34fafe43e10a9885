#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Broadcasts from the shell: everybody gets everything, what is missed is said, and stat tells of it.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

receivers_are() { # NAME COUNT
    has "$1" '["receivers"]' "$2"
}

check "nothing is sent while nobody listens"
chanctl create news --kind broadcast --messages 4
same "$(field news '["kind"]')" broadcast
same "$(field news '["shape"]["overflow"]')" lag
expect 6 chanctl send news <<<'nobody hears this'
grep -q "nobody receives .*chanctl recv" "$WORK/errors"
same "$(field news '["totals"]["sent"]')" 0

check "every receiver gets every message"
start "$CHANCTL" recv news --count 3 >"$WORK/first"
first=$pid
start "$CHANCTL" recv news --count 3 >"$WORK/second"
second=$pid
eventually receivers_are news 2
printf 'one\ntwo\nthree\n' | chanctl send news
expect_end 0 "$first"
expect_end 0 "$second"
printf 'one\ntwo\nthree\n' >"$WORK/expected"
same_file "$WORK/first" "$WORK/expected"
same_file "$WORK/second" "$WORK/expected"
chanctl tap news | grep -q three
chanctl check news >/dev/null

check "what a slow receiver missed is said, and the rest follows"
start "$CHANCTL" recv news --count 4 >"$WORK/slow" 2>"$WORK/said"
slow=$pid
eventually receivers_are news 1
kill -STOP "$slow"
seq 10 | chanctl send news
same "$(field news '["endpoints"][0]["unread"]')" 10
same "$(field news '["queue"]["unread"]')" 4
kill -CONT "$slow"
expect_end 0 "$slow"
seq 7 10 >"$WORK/expected"
same_file "$WORK/slow" "$WORK/expected"
grep -q '^chanctl: news: 6 messages missed$' "$WORK/said"
same "$(field news '["totals"]["lagged"]')" 6

check "senders that wait for slow receivers"
chanctl create patient --kind broadcast --overflow block --messages 2
start "$CHANCTL" recv patient --count 5 >"$WORK/slow"
slow=$pid
eventually receivers_are patient 1
kill -STOP "$slow"
seq 5 >"$WORK/expected"
start "$CHANCTL" send patient <"$WORK/expected"
sender=$pid
eventually has patient '["totals"]["sent"]' 2
kill -CONT "$slow"
expect_end 0 "$sender"
expect_end 0 "$slow"
same_file "$WORK/slow" "$WORK/expected"

check "an option that makes no sense"
expect_error 2 create chanctl create ch --kind megaphone
expect_error 2 create chanctl create ch --kind broadcast --overflow maybe
