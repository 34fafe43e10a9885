#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each error has its exit code and its sentence, and leaves nothing behind.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/setup.bash"

check "2: wrong usage"
expect 2 chanctl
expect 2 chanctl frobnicate
expect 2 chanctl stat
expect 2 chanctl stat a b
expect 2 chanctl stat a --frobnicate
expect 2 chanctl stat -Z a
expect 2 chanctl stat a --watch
expect 2 chanctl stat a --watch soon
expect 2 chanctl ls a
expect 2 chanctl rm
expect 2 chanctl create ch --messages many
expect 2 chanctl create ch --messages 5-
expect 2 chanctl create ch --messages -5
expect 2 chanctl create ch --messages 5KK
expect 2 chanctl create ch --messages 99999999999999999999
expect 2 chanctl create ch --messages 99999999G
expect 2 chanctl create ch --message-size 17000000000000G
expect 2 chanctl create ch --endpoints 5000000000
expect 2 chanctl create ch --mode 999
expect 2 chanctl create ch --mode 01777
expect 2 chanctl create ch --group no-such-group-here
expect 2 chanctl create ch --one-sender=yes
expect 2 chanctl create ch --messages 17M
expect 2 chanctl create ch --endpoints 1025
expect 2 chanctl create ch --holds 65
expect 2 chanctl send ch --any-owner --create
same "$(ls -A "$SHMCHAN_DIR")" ""

check "2: names that no channel can have"
for name in "" . .hidden a/b $'line\nbreak' $'bell\a'; do
    for command in create stat send recv tap drain shutdown rm repair check; do
        expect 2 chanctl "$command" -- "$name" </dev/null
    done
done
long=$(printf 'x%.0s' {1..201})
expect_error 2 "$long" chanctl create "$long"
chanctl create "${long:1}"
chanctl rm "${long:1}"
expect 2 chanctl stat $'bell\a'
grep -q 'chanctl: bell\\x07: ' "$WORK/errors" || fail "a control character got through"

check "3: no such channel"
for command in stat send recv tap drain shutdown rm repair check; do
    expect_error 3 missing chanctl "$command" missing </dev/null
done
expect_error 3 missing chanctl rm --stale missing
SHMCHAN_DIR=/nonexistent expect_error 3 missing chanctl stat missing

check "10: it exists already"
chanctl create ch --messages 4 --message-size 8 --endpoints 2 --one-sender
expect_error 10 ch chanctl create ch
same "$(field ch '["shape"]["messages"]')" 4

check "8: too large"
printf '123456789\n' >"$WORK/in"
expect_error 8 ch chanctl send ch <"$WORK/in"
expect_error 8 ch chanctl send ch --whole <"$WORK/in"
expect_error 8 ch chanctl send ch --nul <"$WORK/in"

check "9: the only seat, and the endpoint records, are taken"
mkfifo "$WORK/fifo"
exec 3<>"$WORK/fifo"
start "$CHANCTL" send ch <"$WORK/fifo"
eventually has ch '["senders"]' 1
expect_error 9 ch chanctl send ch </dev/null
start "$CHANCTL" recv ch
eventually has ch '["receivers"]' 1
expect_error 9 ch chanctl recv ch
exec 3>&-
kill "$pid"
expect_end 143 "$pid"
eventually chanctl send ch </dev/null

check "9: limits"
expect_error 9 larger bash -c "ulimit -f 64; trap '' XFSZ; '$CHANCTL' create larger --messages 1K"
same "$(ls -A "$SHMCHAN_DIR")" shmchan.ch

check "7: garbage over the whole object, over its header, an empty one, a truncated one, a foreign file"
chanctl create sound
sound=$SHMCHAN_DIR/shmchan.sound
size=$(stat -c %s "$sound")
head -c "$size" /dev/urandom >"$SHMCHAN_DIR/shmchan.garbage"
cp "$sound" "$SHMCHAN_DIR/shmchan.header"
dd if=/dev/urandom of="$SHMCHAN_DIR/shmchan.header" bs=4096 count=1 conv=notrunc status=none
: >"$SHMCHAN_DIR/shmchan.empty"
head -c $((size / 2)) "$sound" >"$SHMCHAN_DIR/shmchan.truncated"
head -c 100 "$sound" >"$SHMCHAN_DIR/shmchan.stub"
echo "#!/bin/sh" >"$SHMCHAN_DIR/shmchan.foreign"
mkdir "$SHMCHAN_DIR/shmchan.directory"
ln -s shmchan.sound "$SHMCHAN_DIR/shmchan.link"
mkfifo "$SHMCHAN_DIR/shmchan.fifo"
for name in garbage header empty truncated stub foreign link; do
    for command in stat send recv tap drain shutdown repair check; do
        expect_error 7 "$name" chanctl "$command" "$name" </dev/null
    done
done
for name in directory fifo; do
    expect 7 timeout 10 "$CHANCTL" stat "$name"
done
same "$(chanctl ls --names | wc -l)" 11
chanctl ls >"$WORK/listing"
same "$(grep -c 'corrupt: ' "$WORK/listing")" 9
for name in garbage header empty truncated stub foreign link fifo; do
    chanctl rm "$name"
done
rmdir "$SHMCHAN_DIR/shmchan.directory"
chanctl stat sound >/dev/null

check "7: another format version, told apart from corruption"
version=$(field sound '["format_version"]')
"$PYTHON" -IS - "$sound" "$SHMCHAN_DIR/shmchan.other" "$version" <<'EOF'
import struct, sys
source, target, version = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = bytearray(open(source, "rb").read())
places = [at for at in range(0, 64, 4) if struct.unpack_from("<I", data, at)[0] == version]
assert places, "no version word in the first 64 bytes"
struct.pack_into("<I", data, places[0], version + 1000)
open(target, "wb").write(data)
EOF
expect_error 7 other chanctl stat other
grep -q 'version' "$WORK/errors"
chanctl ls | grep -q '^other .*other version' || fail "ls does not tell the version apart"
chanctl rm other

if [[ $EUID -eq 0 ]]; then
    check "4: no permission, and another user's channel"
    chmod 1777 "$SHMCHAN_DIR"
    cp "$CHANCTL" "$WORK/chanctl"
    chmod 755 "$WORK" "$WORK/chanctl"
    as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups "$WORK/chanctl")
    expect_error 4 sound "${as_nobody[@]}" stat sound
    expect_error 4 sound "${as_nobody[@]}" rm sound
    "${as_nobody[@]}" ls | grep -q '^sound .*no permission' || fail "ls does not tell that it may not look"
    "${as_nobody[@]}" create theirs
    expect_error 4 theirs chanctl send theirs </dev/null
    grep -q -e --any-owner "$WORK/errors"
    echo hello | chanctl send theirs --any-owner
    same "$(chanctl recv theirs --any-owner -n 1)" hello
    chanctl stat theirs >/dev/null
    chanctl rm theirs
else
    echo "skipped: without root there is no other user to meet"
fi
