#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Iterators write the same here as in Linux: over maps, programs, links and elements, in pieces, again, too long.
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
B=$(cd "$root" && realpath "${B:-build}")
[ -z "$SAN" ] || skip_all "a sanitizer cannot be preloaded into a program that has none"
[ -e "$B/libskep.so" ] || skip_all "no shared library was built"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this machine has no kernel BTF, so there are no iterators"
${CC:-cc} -O1 -o "$T/iter" "$here/iter.c" -lbpf -lelf -lz 2>"$T/err" || skip_all "no libbpf to build a client with: $(head -1 "$T/err")"
${CC:-cc} -D_GNU_SOURCE -O1 -shared -fPIC -I"$root/include" -o "$T/preload.so" "$here/preload.c" \
	-L"$B" -lskep -Wl,-rpath,"$B" -ldl || exit 1
clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"

"$clang" -O2 -g -target bpf -I/usr/include/"$(uname -m)"-linux-gnu -c "$here/iter.bpf.c" -o "$T/iter.bpf.o" 2>"$T/err" ||
	{ ok 1 "iter.bpf.c compiles"; sed 's/^/# /' "$T/err"; done_testing; exit; }
run env LD_PRELOAD="$T/preload.so" "$T/iter" "$T/iter.bpf.o"
is "$status" 0 "the client runs" || sed 's/^/# /' <<<"$err" | tail -20
ours=$out
like "$ours" 'it_hash: type 1, key 4, value 8, entries 100' "maps are shown"
run "$T/iter" "$T/iter.bpf.o"
if [ "$status" != 0 ] && ! bpftool prog list >/dev/null 2>&1; then
	skip "as with Linux" "bpf(2) is not permitted here"
else
	is "$ours" "$out" "as with Linux" || diff <(echo "$ours") <(echo "$out") | head -40 | sed 's/^/# /'
fi

# The same as a file: bpftool pins the iterator, cat reads it.
if ! bpftool version >/dev/null 2>&1; then
	skip "a pinned iterator is read as a file" "no bpftool"
	skip "as Linux's" "no bpftool"
	done_testing
	exit
fi
pin='bpftool map create "$1-map" type hash key 4 value 8 entries 100 name it_pinned && bpftool iter pin "$0" "$1" 2>/dev/null &&
	cat "$1" "$1" | grep -v "^the end"; rm -f "$1" "$1-map"'
run "$SKEP" exec -- bash -c "$pin" "$T/iter.bpf.o" /sys/fs/bpf/pinned
ours=$out
like "$ours" 'it_pinned: type 1, key 4, value 8, entries 100' "a pinned iterator is read as a file"
run bash -c "$pin" "$T/iter.bpf.o" "/sys/fs/bpf/skep-test-$$"
if ! bpftool prog list >/dev/null 2>&1 || [ ! -w /sys/fs/bpf ]; then
	skip "as Linux's" "bpf(2) or bpffs is not permitted here"
else
	is "$ours" "$out" "as Linux's"
fi
done_testing
