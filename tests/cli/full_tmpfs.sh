#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A full tmpfs: creating fails with its exit code and leaves nothing behind. Exit code 77: not testable here.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

if [[ $EUID -ne 0 ]] || ! mount -t tmpfs -o size=1m,mode=700 none "$SHMCHAN_DIR" 2>"$WORK/errors"; then
    echo "skipped: mounting a small tmpfs needs root with the right to mount"
    exit 77
fi
trap 'umount "$SHMCHAN_DIR"; clean_up' EXIT

check "a channel larger than the file system"
expect_error 9 large chanctl create large --messages 1K --message-size 4K
same "$(ls -A "$SHMCHAN_DIR")" ""

check "channels until it is full; those that were made work on"
made=0
while chanctl create "ch$made" --messages 8 --message-size 1K --endpoints 4 2>"$WORK/errors"; do
    made=$((made + 1))
    [[ $made -lt 1000 ]] || fail "it is never full"
done
[[ $made -ge 2 ]] || fail "only $made channels of a few pages fit into 1 MiB"
expect_error 9 "ch$made" chanctl create "ch$made" --messages 8 --message-size 1K --endpoints 4
same "$(chanctl ls --names | wc -l)" "$made"
for ((i = 0; i < made; i++)); do
    seq 8 | chanctl send "ch$i"
    same "$(chanctl recv "ch$i" --no-wait | wc -l)" 8
done

check "a growable queue grows until there is no room, and again when there is"
for ((i = 0; i < made; i++)); do
    chanctl rm "ch$i"
done
chanctl create grows --kind growable --messages 2K --message-size 512 --endpoints 4
head -c 2M /dev/zero >"$SHMCHAN_DIR/filler" 2>/dev/null && fail "it is not full"
committed=$(field grows '["memory"]["committed_bytes"]')
seq -f '%0500g' 1000 >"$WORK/lines"
expect 9 chanctl send grows <"$WORK/lines"
sent=$(field grows '["totals"]["sent"]')
((sent >= 32 && sent < 1000)) || fail "$sent messages were sent"
expect_error 9 grows chanctl send grows <"$WORK/lines"
chanctl stat grows >"$WORK/out"
grep -q '^memory  *ceiling .* committed in steps of ' "$WORK/out"
chanctl check grows
rm "$SHMCHAN_DIR/filler"
head -n 500 "$WORK/lines" | chanctl send grows
same "$(chanctl recv grows --no-wait | wc -l)" $((sent + 500))
has grows '["memory"]["committed_bytes"]' "$committed" || fail "nothing was given back"
chanctl rm grows
for ((i = 0; i < made; i++)); do
    chanctl create "ch$i" --messages 8 --message-size 1K --endpoints 4
done

check "doctor tells that there is little space"
expect 1 chanctl doctor >"$WORK/report"
grep -q '^warning: .* free of 1.0 MiB' "$WORK/report"
