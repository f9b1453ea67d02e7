#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Sizes as docs/style.md wants them: .c files up to 1,000 lines, headers under 150 (skep.h 600),
# functions up to 80 lines; a flat dispatch (a switch with at most 5 lines a case) may be longer.
# Prints medians; --list prints every function with its length.
cd "$(dirname "$0")/.." || exit 1
t=$(mktemp -d "${TMPDIR:-/tmp}/skep-sizes.XXXXXX")
trap 'rm -rf "$t"' EXIT
n=0 bad=0
ok() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}

# "LINES CASES FILE:LINE NAME" a function: from its opening brace in the first column to the closing one.
functions() {
	awk '
	FNR == 1 { inside = 0 }
	/^[A-Za-z_].*\(/ && !/;$/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
	/^\{/ { inside = FNR; cases = 0 }
	inside && /^[\t ]*(case |default:|[A-Z][A-Z0-9_]*[(:])/ { cases++ }
	/^\}/ && inside { print FNR - inside - 1, cases, FILENAME ":" inside, name; inside = 0 }
	' "$@"
}
functions src/*/*.c cli/*.c 2>/dev/null | sort -n >"$t/functions"
[ "${1:-}" = --list ] && { cat "$t/functions"; exit 0; }
count=$(wc -l <"$t/functions")
at() { sed -n "$((count * $1 / 100 + 1))p" "$t/functions" | cut -d' ' -f1; }
lines=$(cat src/*/*.[ch] cli/*.[ch] include/*.h 2>/dev/null | wc -l)
echo "# $lines lines in $(ls src/*/*.[ch] cli/*.[ch] include/*.h 2>/dev/null | wc -l) files; $count functions: median $(at 50), p90 $(at 90), longest $(tail -1 "$t/functions")"

long=$(awk '$1 > 80 && !($2 >= 10 && $1 <= 6 * $2)' "$t/functions")
[ -z "$long" ]
ok $? "no function over 80 lines that is not a flat dispatch"
[ -z "$long" ] || sed 's/^/# /' <<<"$long"
big=$(wc -l src/*/*.c cli/*.c 2>/dev/null | awk '$2 != "total" && $1 > 1000')
[ -z "$big" ]
ok $? "no .c file over 1,000 lines"
[ -z "$big" ] || sed 's/^/# /' <<<"$big"
# uapi.h is the kernel's interface, one definition after the other; x64_enc.h an encoder, one short function after the other.
wide=$(wc -l src/*/*.h cli/*.h 2>/dev/null | awk '$2 != "total" && $2 !~ /def.uapi.h|jit.[a-z0-9]*_enc.h/ && $1 >= 200')
[ -z "$wide" ]
ok $? "no header of 200 lines or more (150 are wanted)"
[ -z "$wide" ] || sed 's/^/# /' <<<"$wide"
[ "$(wc -l <include/skep.h)" -le 600 ]
ok $? "skep.h within 600 lines"
wc -l src/*/*.h cli/*.h 2>/dev/null | awk '$2 != "total" && $2 != "src/def/uapi.h" && $1 >= 150 { print "# over 150: " $2 ": " $1 }'
printf 'int f(void)\n{\n%s}\n' "$(yes '	f();' | head -100)
" >"$t/long.c"
functions "$t/long.c" | awk '$1 > 80' | grep -q .
ok $? "a function of 100 lines is found"
echo "1..$n"
exit $bad
