#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Help and version, the default shape, shapes that create makes, and what ls prints.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

check "help of the program and of each sub-command"
chanctl --help >"$WORK/help"
chanctl help | cmp - "$WORK/help"
commands=(create ls stat send recv call serve tap drain shutdown rm clean doctor repair check watch)
for command in "${commands[@]}"; do
    grep -q "^  $command " "$WORK/help" || fail "--help does not tell of $command"
    chanctl "$command" --help >"$WORK/one"
    head -n 1 "$WORK/one" | grep -q "^Usage: chanctl $command" || fail "help of $command"
    chanctl "$command" -h | cmp - "$WORK/one"
done
same "$(grep -c '^  [a-z]' "$WORK/help")" "${#commands[@]}"
chanctl --version | grep -qE '^chanctl [0-9]+\.[0-9]+\.[0-9]+ \(segment format [0-9]+\)$' || fail "version"

check "create makes a durable channel of 64 messages of 4096 bytes, for its owner only"
(umask 0 && chanctl create plain)
same "$(field plain '["lifetime"]')" durable
same "$(field plain '["shape"]["messages"]')" 64
same "$(field plain '["shape"]["message_size"]')" 4096
same "$(stat -c %a "$SHMCHAN_DIR/shmchan.plain")" 600

check "sizes with suffixes, options after the name, shortened options"
chanctl create sized --messages 1K --message-s 2k --mode 660
same "$(field sized '["shape"]["messages"]')" 1024
same "$(field sized '["shape"]["message_size"]')" 2048
chanctl create grouped --group "$(id -g)"
same "$(field grouped '["object"]["gid"]')" "$(id -g)"

check "mapping options work or say why not"
chanctl create mapped --prefault --huge-pages
same "$(field mapped '["state"]')" open

check "a plan makes nothing, and -v makes it"
chanctl create planned --plan | grep -q 'total' || fail "no total"
chanctl create planned --dry-run >/dev/null
expect_error 3 planned chanctl stat planned
chanctl create planned -v | grep -q 'total' || fail "no total"
chanctl stat planned >/dev/null

check "ls: a header and a line for each channel, sorted; nothing without channels"
same "$(chanctl ls | awk '{print $1}' | tr '\n' ' ')" "NAME grouped mapped plain planned sized "
chanctl rm grouped mapped plain planned sized
same "$(chanctl ls)" ""
same "$(chanctl ls --names)" ""

check "output that cannot be written is told"
if [[ -w /dev/full ]]; then
    expect 10 chanctl --help >/dev/full
fi
