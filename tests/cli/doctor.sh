#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# doctor finds what is wrong, and its exit code tells.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

report() { # the findings, and the exit code in $code
    code=0
    "$@" >"$WORK/report" || code=$?
    [[ $code -eq 0 || $code -eq 1 ]] || fail "exit code $code: $*"
}

warns() { # CHECK SUBJECT: it warns of that
    "$PYTHON" -IS - "$WORK/report" "$1" "$2" <<'EOF'
import json, sys
findings = json.load(open(sys.argv[1]))["findings"]
sys.exit(not any(f["check"] == sys.argv[2] and f["subject"] == sys.argv[3] and f["severity"] == "warning" and
                 f["advice"] for f in findings))
EOF
}

check "it runs, and its exit code says whether it warned"
report chanctl doctor --json
warnings=$("$PYTHON" -IS -c 'import json, sys; print(json.load(sys.stdin)["warnings"])' <"$WORK/report")
same "$code" "$((warnings > 0))"
report chanctl doctor
same "$(grep -c '^warning: ' "$WORK/report" || true)" "$warnings"

check "a channel that everybody may write to"
chanctl create open --mode 0666
report chanctl doctor --json
warns world-writable open || fail "$(<"$WORK/report")"
same "$code" 1
chanctl rm open

check "a corrupt one"
head -c 5000 /dev/urandom >"$SHMCHAN_DIR/shmchan.broken"
report chanctl doctor --json
warns corrupt broken || fail "$(<"$WORK/report")"
rm "$SHMCHAN_DIR/shmchan.broken"

check "limits"
report bash -c "ulimit -n 64; ulimit -f 100000; '$CHANCTL' doctor --json"
warns limit-nofile "ulimit -n" || fail "$(<"$WORK/report")"
warns limit-fsize "ulimit -f" || fail "$(<"$WORK/report")"

check "a directory that is missing, and one that is no tmpfs"
report env SHMCHAN_DIR=/nonexistent "$CHANCTL" doctor --json
warns directory /nonexistent || fail "$(<"$WORK/report")"
if [[ $(stat -f -c %T /usr) != tmpfs ]]; then
    report env SHMCHAN_DIR=/usr "$CHANCTL" doctor --json
    warns file-system /usr || fail "$(<"$WORK/report")"
fi

if [[ $EUID -ne 0 ]] || ! unshare -m true 2>/dev/null; then
    echo "skipped: other configurations of logind need root with the right to mount"
    exit 0
fi

# logind EXPECTED COMMANDS: what doctor says after these commands, in a machine whose systemd is all made up.
logind() {
    local found=0

    unshare -m bash -euc "
        for directory in /run /etc/systemd /usr/lib/systemd; do
            [[ ! -d \$directory ]] || mount -t tmpfs none \$directory
        done
        mkdir -p /run/systemd/system /etc/systemd/logind.conf.d
        $2
        unset SHMCHAN_DIR
        '$CHANCTL' doctor --json || true" >"$WORK/report"
    warns remove-ipc systemd-logind && found=1
    [[ $found -eq $1 ]] || fail "RemoveIPC is judged wrongly after: $2"
}

if [[ -d /etc/systemd ]]; then
    check "logind removes channels at log-out unless it is told not to"
    conf=/etc/systemd/logind.conf
    logind 1 ""
    logind 0 "printf '[Login]\nRemoveIPC=no\n' >$conf"
    logind 1 "printf '[Login]\n#RemoveIPC=no\n' >$conf"
    logind 1 "printf '[Other]\nRemoveIPC=no\n' >$conf"
    logind 1 "printf '[Login]\nRemoveIPC=no\n' >$conf; printf '[Login]\nRemoveIPC = yes\n' >$conf.d/10-a.conf"
    logind 0 "printf '[Login]\nRemoveIPC=yes\n' >$conf.d/10-a.conf
        printf '[Login]\nRemoveIPC=off\n' >$conf.d/20-b.conf"
    logind 1 "mkdir -p /run/systemd/logind.conf.d
        printf '[Login]\nRemoveIPC=no\n' >/run/systemd/logind.conf.d/10-a.conf
        printf '[Login]\nRemoveIPC=\n' >$conf.d/10-a.conf"
    logind 0 "rmdir /run/systemd/system"
else
    echo "skipped: there is no /etc/systemd to put another one over"
fi
