#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever is in a channel or its name: --json is JSON.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

valid() {
    "$PYTHON" -IS -m json.tool >/dev/null || fail "not JSON: $*"
}

valid_lines() {
    "$PYTHON" -IS -m json.tool --json-lines >/dev/null || fail "not lines of JSON: $*"
}

check "without any channel"
chanctl ls --json | valid ls
same "$(chanctl ls --json)" "[]"

check "names with quotes, backslashes, blanks and bytes that are not UTF-8"
names=('a"b' 'back\slash' 'two words' '<ключ>' $'\xff\xfe' "it's" '%s%n' '--json')
for name in "${names[@]}"; do
    chanctl create -- "$name"
    printf 'plain\n"quoted" \\ \x01\x7f\n\xff\xfe\n\xed\xa0\x80\n\xc3\xa9\n\n' | chanctl send -- "$name"
    chanctl stat --json -- "$name" | valid stat "$name"
    chanctl tap --json -- "$name" | valid tap "$name"
    chanctl tap --json --hex -- "$name" | valid tap --hex "$name"
    chanctl stat -- "$name" >/dev/null
done
chanctl ls --json | valid ls
chanctl ls --json | "$PYTHON" -IS -c '
import json, sys
names = [entry["name"] for entry in json.load(sys.stdin)]
assert len(names) == 8, names
for wanted in ["a\"b", "back\\slash", "two words", "<ключ>", "\ufffd\ufffd", "--json"]:
    assert wanted in names, wanted'

check "messages come back from tap as they were sent"
chanctl tap --json 'a"b' | "$PYTHON" -IS -c '
import json, sys
seen = [m.get("text", m.get("hex")) for m in json.load(sys.stdin)]
assert seen == ["plain", "\"quoted\" \\ \x01\x7f", "fffe", "eda080", "é", ""], seen'

check "objects that are no channels"
head -c 5000 /dev/urandom >"$SHMCHAN_DIR/shmchan.garbage"
chanctl ls --json | valid ls
chanctl doctor --json >"$WORK/report" || [[ $? -eq 1 ]]
valid doctor <"$WORK/report"
rm "$SHMCHAN_DIR/shmchan.garbage"

check "endpoints at work, and watching them"
start "$CHANCTL" recv "it's" >/dev/null
eventually has "it's" '["receivers"]' 1
chanctl stat --json "it's" | valid stat
start "$CHANCTL" stat --json --watch 0.2 "it's" >"$WORK/watched"
eventually has_lines "$WORK/watched" 3
kill "$pid"
expect_end 143 "$pid"
valid_lines stat --watch <"$WORK/watched"
start "$CHANCTL" tap --follow --json 'a"b' >"$WORK/followed"
eventually has_lines "$WORK/followed" 6
kill "$pid"
expect_end 143 "$pid"
valid_lines tap --follow <"$WORK/followed"
same "$(wc -l <"$WORK/followed")" 6
