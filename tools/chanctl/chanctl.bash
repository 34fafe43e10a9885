# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of chanctl for bash: sub-commands, their options, and the names of channels.

_chanctl() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]:-} options="" name
    local shape="--kind --overflow --messages --message-size --bytes --endpoints --holds --one-sender --one-receiver --ephemeral
        --mode --group --prefault --mlock --huge-pages --max-deliveries --fair"
    local framing="--lines --nul --length-prefix --whole"

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        options="create ls stat send recv call serve watch tap drain shutdown rm clean doctor repair check --help --version"
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        return
    fi
    case $previous in
    --group)
        mapfile -t COMPREPLY < <(compgen -g -- "$word")
        return
        ;;
    --kind)
        mapfile -t COMPREPLY < <(compgen -W "queue broadcast watch oneshot call rendezvous growable" -- "$word")
        return
        ;;
    --overflow)
        mapfile -t COMPREPLY < <(compgen -W "lag block" -- "$word")
        return
        ;;
    --messages | --message-size | --bytes | --endpoints | --holds | --mode | --max-deliveries | --count | \
        -n | --timeout | -t | --watch | -w | --limit)
        [[ $command == clean ]] || return
        ;;
    esac
    case $command in
    create) options="$shape --plan --dry-run --verbose" ;;
    ls) options="--json --names" ;;
    stat) options="--json --watch" ;;
    send) options="$shape $framing --count --timeout --shutdown-at-eof --create --any-owner" ;;
    recv) options="$shape $framing --count --timeout --no-wait --ack --dead-letters --create --any-owner" ;;
    call) options="--timeout --any-owner" ;;
    serve) options="$shape --count --create --any-owner" ;;
    tap) options="--follow --count --hex --limit --json" ;;
    watch) options="$framing --count --timeout --any-owner" ;;
    drain | check) options="--quiet" ;;
    shutdown) ;;
    rm) options="--stale" ;;
    clean) options="--durable --dry-run" ;;
    doctor) options="--json" ;;
    repair) options="--dry-run" ;;
    *) return ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word")
        return
    fi
    case $command in
    create | ls | clean | doctor) return ;;
    esac
    # Not by compgen -W: a name may hold blanks and what the shell would expand.
    while IFS= read -r name; do
        if [[ $name == "$word"* ]]; then
            COMPREPLY+=("$(printf '%q' "$name")")
        fi
    done < <(chanctl ls --names 2>/dev/null)
}

complete -F _chanctl chanctl
