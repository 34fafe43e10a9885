#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every kind of channel that the help tells of can be made from the shell, is shown by its name, and passes messages.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

: "${COMPLETION:?set it to the completion to test}"
kinds=(queue broadcast watch oneshot call rendezvous growable)

check "each kind can be made, and ls and stat tell it"
for kind in "${kinds[@]}"; do
    chanctl create "a-$kind" --kind "$kind"
    same "$(field "a-$kind" '["kind"]')" "$kind"
    chanctl stat "a-$kind" | head -n 2 | grep -qw "durable $kind" || fail "stat: $(chanctl stat "a-$kind")"
    chanctl ls | grep -qE "^a-$kind +$kind +durable " || fail "ls: $(chanctl ls)"
done

check "help and completion name each kind, and no other"
wanted=$(printf '%s\n' "${kinds[@]}" | sort | tr '\n' ' ')
same "$(chanctl create --help | sed -n 's/^  --kind KIND *\([a-z, ]*\) (queue)$/\1/p' | tr -d ' ' | tr ',' '\n' | sort |
    tr '\n' ' ')" "$wanted"
# shellcheck source=/dev/null
source "$COMPLETION"
COMP_WORDS=(chanctl create --kind "") COMP_CWORD=3 COMPREPLY=()
_chanctl
same "$(printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ')" "$wanted"

check "a rendezvous has no room, and passes a message to the receiver that waits"
same "$(field a-rendezvous '["shape"]["messages"]')" 0
expect 5 chanctl send a-rendezvous --timeout 0.1 <<<'nobody is there'
start "$CHANCTL" recv a-rendezvous --count 2 --timeout 20 >"$WORK/out"
printf 'one\ntwo\n' | chanctl send a-rendezvous --timeout 20
expect_end 0 "$pid"
same "$(<"$WORK/out")" $'one\ntwo'
