#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Whatever bpf_obj_get_info_by_fd() says of programs, maps, BTF and links is what Linux says of the same ones.
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
B=$(cd "$root" && realpath "${B:-build}")
[ -z "$SAN" ] || skip_all "a sanitizer cannot be preloaded into a program that has none"
[ -e "$B/libskep.so" ] || skip_all "no shared library was built"
${CC:-cc} -O1 -o "$T/info" "$here/info.c" -lbpf -lelf -lz 2>"$T/err" || skip_all "no libbpf to build a client with: $(head -1 "$T/err")"
${CC:-cc} -D_GNU_SOURCE -O1 -shared -fPIC -I"$root/include" -o "$T/preload.so" "$here/preload.c" \
	-L"$B" -lskep -Wl,-rpath,"$B" -ldl || exit 1
clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"

"$clang" -O2 -g -target bpf -I/usr/include/"$(uname -m)"-linux-gnu -c "$here/info.bpf.c" -o "$T/info.bpf.o" 2>"$T/err" ||
	{ ok 1 "info.bpf.c compiles"; sed 's/^/# /' "$T/err"; done_testing; exit; }
run env LD_PRELOAD="$T/preload.so" "$T/info" "$T/info.bpf.o"
is "$status" 0 "the client runs" || sed 's/^/# /' <<<"$err" | tail -20
ours=$out
like "$ours" 'function 3: address, length, tag, twice' "functions are told"
run "$T/info" "$T/info.bpf.o"
if [ "$status" != 0 ] && ! bpftool prog list >/dev/null 2>&1; then
	skip "as with Linux" "bpf(2) is not permitted here"
else
	is "$ours" "$out" "as with Linux" || diff <(echo "$ours") <(echo "$out") | head -40 | sed 's/^/# /'
fi
done_testing
