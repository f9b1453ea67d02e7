# SPDX-License-Identifier: BSD-2-Clause
# For the tests that run one libbpf client twice, on skep (preloaded) and on Linux: what tests/cli/lib.sh has, and
#
#   build_client CLIENT               $T/CLIENT from CLIENT.c, and the library that answers for it
#   build_object OBJECT               $T/OBJECT.bpf.o from OBJECT.bpf.c; fails where it does not compile
#   on_skep CLIENT OBJECT TEST        runs it on skep: $ours, $status, $err
#   as_linux CLIENT OBJECT TEST       runs it on Linux and compares, where bpf(2) is permitted
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
here=$root/tests/clients
B=$(cd "$root" && realpath "${B:-build}")

build_client() {
	[ -z "$SAN" ] || skip_all "a sanitizer cannot be preloaded into a program that has none"
	[ -e "$B/libskep.so" ] || skip_all "no shared library was built"
	${CC:-cc} -O1 -o "$T/$1" "$here/$1.c" -lbpf -lelf -lz 2>"$T/err" ||
		skip_all "no libbpf to build a client with: $(head -1 "$T/err")"
	${CC:-cc} -D_GNU_SOURCE -O1 -shared -fPIC -I"$root/include" -o "$T/preload.so" "$here/preload.c" \
		-L"$B" -lskep -Wl,-rpath,"$B" -ldl || exit 1
	clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"
}

build_object() {
	"$clang" -O2 -g -target bpf -I/usr/include/"$(uname -m)"-linux-gnu -c "$here/$1.bpf.c" -o "$T/$1.bpf.o" 2>"$T/err" ||
		{ ok 1 "$1 compiles"; sed 's/^/# /' "$T/err"; return 1; }
}

on_skep() {
	run env LD_PRELOAD="$T/preload.so" "$T/$1" "$T/$2.bpf.o"
	is "$status" 0 "$3" || sed 's/^/# /' <<<"$err" | tail -20
	ours=$out
}

as_linux() {
	run "$T/$1" "$T/$2.bpf.o"
	if [ "$status" != 0 ] && ! bpftool prog list >/dev/null 2>&1; then
		skip "$3" "bpf(2) is not permitted here"
	else
		is "$ours" "$out" "$3" || diff <(echo "$ours") <(echo "$out") | head -40 | sed 's/^/# /'
	fi
}
