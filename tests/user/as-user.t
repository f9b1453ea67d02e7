#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Everything that privilege could make a difference to, once more as a user who has none: all tests
# but those of pure computation (tests/unit) and the slow ones that make machines of their own.
# Runs in a copy of the tree, so the user needs no right to the original.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP not root: the other tests have run as a user already"; exit 0; }
command -v setpriv >/dev/null || { echo "1..0 # SKIP no setpriv"; exit 0; }
b=${B:-build}
umask 022
# root's scratch folder may be nobody else's
for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
	t=$(mktemp -d "$base/skep-user.XXXXXX") || continue
	chmod 755 "$t"
	setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$t" && break
	rmdir "$t"
done
[ -d "$t" ] || { echo "1..0 # SKIP no folder that a user could reach"; exit 0; }
trap 'rm -rf "$t"' EXIT
mkdir -p "$t/$b"
cp -r bootstrap Makefile README.md tests examples include docs man src cli bench .clang-format "$t" 2>/dev/null
cp -rP "$b"/skep "$b"/lib "$b"/libskep.* "$t/$b" 2>/dev/null
cp -r "$b/tests" "$t/$b" 2>/dev/null
tests=$(cd "$t" && ls tests/*/*.t tests/*/*.test "$b"/tests/api/* "$b"/tests/bpf/* 2>/dev/null |
	grep -vE '^tests/(user|unit|insn|verify|qemu)/|\.d$|/runner$')
[ -n "$tests" ] || { echo "1..0 # SKIP nothing to run"; exit 0; }
n=0 bad=0
while read -r test; do
	n=$((n + 1))
	tests/run-as-user "$t" env SKEP="$t/$b/skep" B="$b" TMPDIR="$t" tests/exec "$test" >"$t.out" 2>&1
	status=$?
	if [ $status = 77 ]; then
		echo "ok $n - $test # SKIP no user could be made"
	elif [ $status = 0 ] && ! grep -q '^not ok' "$t.out"; then
		reason=$(sed -n 's/^1\.\.0 # SKIP/# SKIP/p' "$t.out")
		echo "ok $n - $test as a user $reason"
	else
		echo "not ok $n - $test as a user (exit $status)"
		grep -vE '^ok' "$t.out" | head -40 | sed 's/^/# /'
		bad=1
	fi
	rm -f "$t.out"
done <<<"$tests"
echo "1..$n"
exit $bad
