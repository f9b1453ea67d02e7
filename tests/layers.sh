#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The layers hold (docs/architecture.md): a file includes its own folder or lower ranks only, a
# sibling of the same rank only by the header that carries the sibling's name or is its contract;
# the command line and the examples see include/ only; and ranks 0 to 5 link by themselves, without
# libbpf, libelf and clang.
#
# layers.sh --root DIR checks another tree (the test of the test uses it).
cd "$(dirname "$0")/.." || exit 1
[ "${1:-}" = --root ] && { cd "$2" || exit 1; }
n=0 bad=0
ok() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}

declare -A rank=([util]=0 [isa]=1 [def]=1 [btf]=1 [map]=2 [verify]=2 [jit]=2 [vm]=3 [helper]=4
	[core]=5 [event]=6 [supervise]=7 [load]=7 [bcc]=7 [api]=7 [libbcc]=8)
# Rank 1 describes formats that refer to each other; what engines share is a contract of vm's (structs, no calls).
contract() {
	case $1 in
	isa/* | def/* | btf/*) return 0 ;;
	bcc/dialect.h | bcc/reads.h | bcc/share.h) return 0 ;;	# how load asks bcc to make plain C of a source, calls of reads, and whose a table is
	esac
	[ "${1%/*}.h" = "${1#*/}" ]
}

breaks() {
	local file dir header other
	for file in src/*/*.[ch]; do
		dir=${file#src/} dir=${dir%%/*}
		[ -n "${rank[$dir]:-}" ] || echo "$file: folder $dir has no rank"
		while read -r header; do
			other=${header%%/*}
			[ "$header" = skep.h ] && continue
			[ -n "${rank[$other]:-}" ] || { echo "$file includes \"$header\": not a layer's header"; continue; }
			[ "$other" = "$dir" ] && continue
			[ "${rank[$other]}" -lt "${rank[$dir]}" ] && continue
			[ "${rank[$other]}" -eq "${rank[$dir]}" ] && contract "$header" && continue
			echo "$file (rank ${rank[$dir]}) includes \"$header\" (rank ${rank[$other]})"
		done < <(sed -n 's/^# *include "\([^"]*\)".*/\1/p' "$file")
	done
}
outside() {
	grep -nE '^# *include "' cli/*.[ch] 2>/dev/null | grep -vE '"(skep\.h|skep/[a-z_]*\.h|[a-z_]+\.(h|def))"'
	grep -nE '^# *include "[a-z]+/' include/*.h include/skep/*.h 2>/dev/null | grep -v '"skep/'
}

found=$(breaks)
[ -z "$found" ]
ok $? "no file includes a higher rank or a sibling's internals"
[ -z "$found" ] || sed 's/^/# /' <<<"$found"
found=$(outside)
[ -z "$found" ]
ok $? "cli/ and include/ include the public headers only"
[ -z "$found" ] || sed 's/^/# /' <<<"$found"

# The core by itself: every object of ranks 0..5 in one program, and no library but the C library's own.
if [ "${1:-}" = --root ]; then
	echo "1..$n"
	exit $bad
fi
b=${B:-build} objects=()
for dir in "${!rank[@]}"; do
	[ "${rank[$dir]}" -le 5 ] && for c in src/"$dir"/*.c; do
		o=$b/obj/${c%.c}.o
		[ -e "$o" ] && objects+=("$o")
	done
done
t=$(mktemp -d "${TMPDIR:-/tmp}/skep-layers.XXXXXX")
trap 'rm -rf "$t"' EXIT
echo 'int main(void) { return 0; }' >"$t/main.c"
${CC:-gcc} -pthread ${SAN:+-fsanitize=$SAN} -o "$t/core" "$t/main.c" "${objects[@]}" -lm 2>"$t/err"
ok $? "ranks 0 to 5 link without libbpf, libelf, libpcap and everything above them (${#objects[@]} objects)"
grep -E 'undefined reference' "$t/err" | sed 's/.*\(in function.*\)/# \1/' | sort -u | head -20

# And the check can fail: a tree with an upward include is told.
mkdir -p "$t/tree/src/util" "$t/tree/src/map" "$t/tree/tests"
echo '#include "core/core.h"' >"$t/tree/src/util/bad.c"
echo '#include "verify/state.h"' >"$t/tree/src/map/bad.c"
"$PWD/tests/layers.sh" --root "$t/tree" >"$t/out" 2>/dev/null
grep -q 'src/util/bad.c (rank 0) includes "core/core.h" (rank 5)' "$t/out"
ok $? "an upward include is found"
grep -q 'src/map/bad.c (rank 2) includes "verify/state.h" (rank 2)' "$t/out"
ok $? "a sibling's internals are found"
echo "1..$n"
exit $bad
