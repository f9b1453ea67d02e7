#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A libbpf client, unmodified, sees the same whether skep answers it or Linux does: maps, rings, timers, who is running.
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
B=$(cd "$root" && realpath "${B:-build}")
[ -z "$SAN" ] || skip_all "a sanitizer cannot be preloaded into a program that has none"
[ -e "$B/libskep.so" ] || skip_all "no shared library was built"
${CC:-cc} -O1 -o "$T/client" "$here/client.c" -lbpf -lelf -lz 2>"$T/err" || skip_all "no libbpf to build a client with: $(head -1 "$T/err")"
${CC:-cc} -D_GNU_SOURCE -O1 -shared -fPIC -I"$root/include" -o "$T/preload.so" "$here/preload.c" \
	-L"$B" -lskep -Wl,-rpath,"$B" -ldl || exit 1
clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"

for name in maps timers who; do
	"$clang" -O2 -g -target bpf -I/usr/include/"$(uname -m)"-linux-gnu -c "$here/$name.bpf.c" -o "$T/$name.bpf.o" 2>"$T/err" ||
		{ ok 1 "$name compiles"; cat "$T/err" | sed 's/^/# /'; continue; }
	run env LD_PRELOAD="$T/preload.so" "$T/client" "$T/$name.bpf.o"
	is "$status" 0 "$name: runs" || sed 's/^/# /' <<<"$err" | tail -20
	ours=$out
	like "$ours" '^0: ' "$name: shows results"
	run "$T/client" "$T/$name.bpf.o"
	if [ "$status" != 0 ] && ! bpftool prog list >/dev/null 2>&1; then
		skip "$name: as with Linux" "bpf(2) is not permitted here"
	else
		is "$ours" "$out" "$name: as with Linux"
	fi
done
done_testing
