#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A program built on the system's libbpf, dynamic and static, loads, attaches and waits for records under skep exec.
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"
[ "$(uname -m)" = x86_64 ] || skip_all "the program's symbols are those of x86-64"
"$clang" -O2 -g -target bpf -I"/usr/include/$(uname -m)-linux-gnu" -c "$here/buffers.bpf.c" -o "$T/buffers.bpf.o" 2>"$T/err" ||
	skip_all "no headers to build a program with"
for how in dynamic static; do
	static=
	[ $how = static ] && static=-static
	if ! ${CC:-cc} -O1 $static -o "$T/$how" "$here/buffers.c" -lbpf -lelf -lz $([ -n "$static" ] && echo -lzstd) 2>"$T/err" &&
		! ${CC:-cc} -O1 $static -o "$T/$how" "$here/buffers.c" -lbpf -lelf -lz 2>"$T/err"; then
		skip "$how" "does not link here: $(head -1 "$T/err")"
		continue
	fi
	run "$SKEP" exec -- "$T/$how" "$T/buffers.bpf.o"
	is "$status" 0 "$how: runs" || sed 's/^/# /' <<<"$err" | tail -20
	is "$out" "ring 100 perf 100 wrong 0" "$how: each record once, none after the detach"
	is "$err" "" "$how: no complaints"
done
done_testing
