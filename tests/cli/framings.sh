#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each framing brings every byte to the other side.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

head -c 10485760 /dev/urandom >"$WORK/random"

check "10 MB of random bytes as one message"
chanctl create whole --messages 2 --message-size 16M
chanctl send whole --whole <"$WORK/random"
same "$(field whole '["queue"]["queued"]')" 1
chanctl recv whole --whole >"$WORK/out"
same_file "$WORK/random" "$WORK/out"

check "an empty input as one empty message"
chanctl send whole --whole </dev/null
same "$(field whole '["queue"]["queued"]')" 1
chanctl recv whole --whole >"$WORK/out"
same "$(wc -c <"$WORK/out")" 0

check "10 MB of random bytes cut at NUL bytes"
# What ends without a NUL is sent as well, and gets one.
{ cat "$WORK/random"; printf '\0'; } >"$WORK/nul"
chanctl create nul --messages 100 --message-size 64K
chanctl send nul --nul --shutdown-at-eof <"$WORK/nul" &
chanctl recv nul -0 >"$WORK/out"
wait $!
same_file "$WORK/nul" "$WORK/out"

check "messages of every length from 0 to 600 and one of 1 MiB, with length prefixes"
"$PYTHON" -IS - "$WORK/random" >"$WORK/prefixed" <<'EOF'
import struct, sys
data = open(sys.argv[1], "rb").read()
for size in [*range(600), 1 << 20, 0]:
    sys.stdout.buffer.write(struct.pack(">I", size) + data[size:2 * size])
EOF
chanctl create prefixed --messages 16 --message-size 1M
chanctl send prefixed --length-prefix --shutdown-at-eof <"$WORK/prefixed" &
chanctl recv prefixed --length-prefix >"$WORK/out"
wait $!
same_file "$WORK/prefixed" "$WORK/out"
same "$(field prefixed '["totals"]["sent"]')" 602

check "the same acknowledged, and 10 MB with it"
chanctl create acked --messages 4 --message-size 16M
{
    cat "$WORK/prefixed"
    printf '\x00\xa0\x00\x00'
    cat "$WORK/random"
} >"$WORK/larger"
chanctl send acked --length-prefix --shutdown-at-eof <"$WORK/larger" &
chanctl recv acked --ack --length-prefix >"$WORK/out"
wait $!
same_file "$WORK/larger" "$WORK/out"

check "messages larger than the first buffer, copied"
chanctl create copied --messages 4 --message-size 16M
chanctl send copied --length-prefix --shutdown-at-eof <"$WORK/larger" &
chanctl recv copied --length-prefix >"$WORK/out"
wait $!
same_file "$WORK/larger" "$WORK/out"

check "a hundred thousand lines, through a channel of one message"
seq 100000 >"$WORK/lines"
chanctl create narrow --messages 1 --message-size 16
chanctl send narrow --shutdown-at-eof <"$WORK/lines" &
chanctl recv narrow >"$WORK/out"
wait $!
same_file "$WORK/lines" "$WORK/out"
chanctl check narrow --quiet
