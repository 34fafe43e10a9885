#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tap shows what is queued and takes nothing.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

has_open() { # PID NAME: that process has the channel's object open
    grep -q "/shmchan.$2\\>" "/proc/$1/maps"
}

chanctl create ch --messages 8 --message-size 1K
object=$SHMCHAN_DIR/shmchan.ch

check "an empty channel"
same "$(chanctl tap ch)" ""
same "$(chanctl tap ch --json)" "[]"

check "it changes not one byte of the channel"
seq 5 | chanctl send ch
before=$(sha256sum <"$object")
chanctl tap ch >"$WORK/out"
chanctl tap ch --json >/dev/null
chanctl stat ch >/dev/null
chanctl ls >/dev/null
chanctl check ch --quiet
chanctl repair ch --dry-run >/dev/null
same "$(sha256sum <"$object")" "$before"
same "$(wc -l <"$WORK/out")" 5
same "$(awk '{print $NF}' "$WORK/out" | tr '\n' ' ')" "1 2 3 4 5 "
same "$(chanctl tap ch -n 2 | wc -l)" 2
same "$(chanctl recv ch --no-wait | tr '\n' ' ')" "1 2 3 4 5 "

check "control characters do not reach the terminal, and long messages are cut"
printf '\033[31mred\t\\\n%s\n' "$(printf 'y%.0s' {1..1000})" | chanctl send ch
chanctl tap ch >"$WORK/out"
grep -qF "\\x1b[31mred\\t\\\\" "$WORK/out"
same "$(grep -o y "$WORK/out" | wc -l)" 256
grep -q ' \.\.\.$' "$WORK/out"
same "$(chanctl tap ch --limit 1K | grep -o y | wc -l)" 1000
chanctl tap ch --hex -n 1 | grep -q '1b5b33316d7265' || fail "no hexadecimal digits"
chanctl drain ch --quiet
printf 'é%.0s' {1..200} | chanctl send ch
chanctl tap ch --json --limit 5 | grep -q '"text":"éé"' || fail "text is cut within a character"
chanctl drain ch --quiet

check "it follows until the channel is shut down, and the last message is not missed"
start "$CHANCTL" tap ch --follow >"$WORK/followed"
for i in 1 2 3; do
    echo "message $i" | chanctl send ch
    sleep 0.1
done
echo "the last" | chanctl send ch --shutdown-at-eof
expect_end 0 "$pid"
same "$(grep -c 'message' "$WORK/followed")" 3
tail -n 1 "$WORK/followed" | grep -q 'the last' || fail "the last message is missing"
same "$(field ch '["queue"]["queued"]')" 4

check "it ends when all endpoints of an ephemeral channel were killed, and when a channel is removed that nobody uses"
mkfifo "$WORK/fifo"
exec 3<>"$WORK/fifo"
chanctl create killed --ephemeral
start "$CHANCTL" send killed <"$WORK/fifo"
sender=$pid
echo left >&3
eventually has killed '["queue"]["queued"]' 1
start "$CHANCTL" tap killed --follow >"$WORK/followed"
tap=$pid
start "$CHANCTL" recv other --create
receiver=$pid
eventually has other '["receivers"]' 1
start "$CHANCTL" tap other --follow
other=$pid
eventually has_open "$tap" killed
eventually has_open "$other" other
sleep 1.2
kill -0 "$tap" # a live sender: it goes on
kill -KILL "$sender"
expect_end 0 "$tap"
grep -q left "$WORK/followed"
exec 3>&-
chanctl rm other
sleep 1.2
kill -0 "$other"
kill "$receiver"
expect_end 143 "$receiver"
expect_end 0 "$other"

check "what is received too fast to be seen is counted"
chanctl create fast --messages 8
echo first | chanctl send fast
start "$CHANCTL" tap fast --follow --json >"$WORK/followed"
eventually grep -q first "$WORK/followed"
seq 20000 | chanctl send fast --shutdown-at-eof &
chanctl recv fast >"$WORK/received"
wait $!
expect_end 0 "$pid"
same "$(wc -l <"$WORK/received")" 20001
"$PYTHON" -IS - "$WORK/followed" <<'EOF'
import json, sys
expected, skipped = 0, 0
for line in open(sys.argv[1]):
    entry = json.loads(line)
    if "skipped" in entry:
        skipped += entry["skipped"]
        expected += entry["skipped"]
    else:
        assert entry["position"] == expected, (entry, expected)
        expected += 1
assert skipped > 0, "nothing was skipped: the test shows nothing"
EOF
