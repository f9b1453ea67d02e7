#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# /proc/self/fdinfo of objects under skep exec tells what Linux tells there: bpftool shows memlock and frozen by it.
. "$(dirname "$0")/../cli/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
command -v bpftool >/dev/null || skip_all "no bpftool"
cat >"$T/show.sh" <<'END'
# show.sh FOLDER: makes maps, pinned there, and shows them without their numbers
make() { # TYPE KEY VALUE ENTRIES FLAGS
	bpftool map create "$1/$2-$6" type "$2" key "$3" value "$4" entries "$5" flags "$6" name m || exit
	bpftool map show pinned "$1/$2-$6" | sed 's/^[0-9]*: //'
}
make "$1" hash 4 8 100 0
make "$1" hash 16 200 10240 0
make "$1" percpu_hash 4 8 100 0
make "$1" lru_hash 4 8 100 0
make "$1" lru_percpu_hash 4 8 1000 0
make "$1" array 4 8 100 0
make "$1" array 4 12 1000 1024
make "$1" percpu_array 4 8 100 0
make "$1" prog_array 4 4 10 0
make "$1" ringbuf 0 0 65536 0
make "$1" queue 0 8 100 0
bpftool map freeze pinned "$1/array-0"
bpftool map show pinned "$1/array-0" | sed 's/^[0-9]*: //'
END
# two of a kind have names of their own
sed -i 's|\$2-\$6|$2-$3-$6|g; s|array-0|array-4-0|g' "$T/show.sh"
run "$SKEP" exec -- bash "$T/show.sh" /sys/fs/bpf
is "$status$err" 0 "maps are made and shown"
ours=$out
like "$ours" 'max_entries 100  memlock 9488B' "a hash's memory"
like "$ours" 'frozen' "what is frozen"
mount=/sys/fs/bpf/skep-fdinfo-$$
if [ "$(id -u)" = 0 ] && [ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] && mkdir "$mount" 2>/dev/null; then
	run bash "$T/show.sh" "$mount"
	rm -r "$mount"
	if [ "$status" != 0 ]; then
		skip "as Linux" "bpf(2) is not permitted here"
	elif [[ $(uname -r) != 6.18* ]]; then
		skip "as Linux" "the sizes are Linux 6.18's, this is $(uname -r)"
	else
		is "$ours" "$out" "as Linux"
	fi
else
	skip "as Linux" "no bpffs that may be written here"
fi
run "$SKEP" exec -- bash -c 'exec 7</dev/null; cat /proc/self/fdinfo/0 | head -1; grep -c . /proc/self/fdinfo/7; cat /proc/self/fdinfo/99; cat /proc/self/fdinfo/7x'
like "$out" '^pos:' "other files are Linux's"
like "$err" 'fdinfo/99: No such file.*fdinfo/7x: No such file' "and so is what is not there"
done_testing
