#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lines: empty ones, the last without a newline, the longest, input that dribbles in.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

chanctl create ch --messages 64 --message-size 10

check "a last line with and without its newline"
printf 'a\nb\n' | chanctl send ch
printf 'c\nd' | chanctl send ch
same "$(field ch '["queue"]["queued"]')" 4
same "$(chanctl recv ch --no-wait | od -An -c | tr -d ' \n')" 'a\nb\nc\nd\n'

check "empty lines are empty messages, and no input is none"
printf '\n\nx\n\n' | chanctl send ch
chanctl send ch </dev/null
same "$(field ch '["queue"]["queued"]')" 4
same "$(chanctl recv ch --no-wait | od -An -c | tr -d ' \n')" '\n\nx\n\n'

check "the longest line fits, with and without newline, and one more byte does not"
printf '0123456789\n0123456789' | chanctl send ch
same "$(chanctl recv ch --no-wait | wc -c)" 22
printf 'before\n0123456789X\nafter\n' >"$WORK/in"
expect_error 8 ch chanctl send ch <"$WORK/in"
grep -q 'message 2 is larger than 10 bytes, 18 bytes were read and not sent' "$WORK/errors"
same "$(chanctl recv ch --no-wait)" before
printf '0123456789X' >"$WORK/in"
expect_error 8 ch chanctl send ch <"$WORK/in"
same "$(field ch '["queue"]["queued"]')" 0

check "lines arrive while the input goes on"
mkfifo "$WORK/fifo"
exec 3<>"$WORK/fifo"
start "$CHANCTL" send ch <"$WORK/fifo"
printf 'one\ntw' >&3
same "$(chanctl recv ch -n 1 --timeout 10)" one
printf 'o\n' >&3
same "$(chanctl recv ch -n 1 --timeout 10)" two
exec 3>&-
expect_end 0 "$pid"

check "a count ends both sides"
seq 10 | chanctl send ch -n 3
same "$(field ch '["queue"]["queued"]')" 3
same "$(chanctl recv ch -n 2 | tr '\n' ' ')" "1 2 "
same "$(chanctl recv ch --count 1)" 3

check "input that ends within a prefixed message is refused, and what came before is sent"
printf '\0\0\0\2hi\0\0\0\5abc' >"$WORK/in"
expect_error 10 ch chanctl send ch --length-prefix <"$WORK/in"
grep -q 'ends within message 2, 7 bytes were read and not sent' "$WORK/errors"
same "$(chanctl recv ch --no-wait)" hi
printf '\0\0' >"$WORK/in"
expect_error 10 ch chanctl send ch --length-prefix <"$WORK/in"
printf '\0\0\0\13hello world' >"$WORK/in"
expect_error 8 ch chanctl send ch --length-prefix <"$WORK/in"
same "$(field ch '["queue"]["queued"]')" 0

check "an input that breaks: what was read of it and not sent is told"
expect_error 10 ch chanctl send ch <"$WORK"
grep -q 'after 0 messages, 0 bytes were read and not sent' "$WORK/errors"
# The other end of a socket that is closed with something in it to be read: ECONNRESET.
"$PYTHON" -IS - "$CHANCTL" <<'EOF' 2>"$WORK/errors"
import socket, subprocess, sys
chanctl = sys.argv[1]
here, there = socket.socketpair()
there.send(b"unread")
here.send(b"one\npart")
sender = subprocess.Popen([chanctl, "send", "ch"], stdin=there)
there.close()
received = subprocess.run([chanctl, "recv", "ch", "-n", "1", "-t", "10"], capture_output=True).stdout
assert received == b"one\n", received
here.close()
sys.exit(0 if sender.wait() == 10 else "send ended with %d" % sender.returncode)
EOF
grep -q '^chanctl: ch: cannot read .* after 1 messages, 4 bytes were read and not sent; ' "$WORK/errors" ||
    fail "$(<"$WORK/errors")"
