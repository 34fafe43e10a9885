#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The completion for bash loads, and knows sub-commands, options and channels.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

: "${COMPLETION:?set it to the completion to test}"
# shellcheck source=/dev/null
source "$COMPLETION"
complete -p chanctl | grep -q -- '-F _chanctl' || fail "it is not registered"

complete_words() { # WORDS...: what the last one can become, sorted
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _chanctl
    printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"} | sort | tr '\n' ' '
}

check "sub-commands"
same "$(complete_words chanctl s)" "send serve shutdown stat "
same "$(complete_words chanctl --)" "--help --version "

check "every sub-command of --help is completed"
while read -r command _; do
    same "$(complete_words chanctl "$command")" "$command "
done < <(chanctl --help | sed -n 's/^  \([a-z]\)/\1/p')

check "options: those that --help tells"
for command in create ls stat send recv tap drain rm clean doctor repair check; do
    {
        chanctl "$command" --help | sed -n '/^ /p' | { grep -oE -- '--[a-z][a-z-]*' || true; }
        echo --help
    } >"$WORK/documented"
    complete_words chanctl "$command" -- | tr ' ' '\n' | sed '/^$/d' | sort >"$WORK/completed"
    sort -u "$WORK/documented" | diff - "$WORK/completed" || fail "options of $command"
done

check "channels, also with blanks in their names"
chanctl create jobs
chanctl create "two words"
same "$(complete_words chanctl stat j)" "jobs "
same "$(complete_words chanctl stat t)" 'two\ words '
same "$(complete_words chanctl recv --ack "")" 'jobs two\ words '
same "$(complete_words chanctl create j)" " "
same "$(complete_words chanctl recv --timeout j)" " "
