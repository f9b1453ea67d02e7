#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the verifier believes holds while random programs run; a verifier that is made wrong on purpose is caught.
. "$(dirname "$0")/../cli/lib.sh"
oracle=${B:-build}/fuzz/oracle
[ -x "$oracle" ] && ! "$oracle" -n 0 | grep -q ^skipped || skip_all "no ORACLE build (make check ORACLE=1)"

run "$oracle" -n "${PROGRAMS:-1200}"
is "$status" 0 "random programs: every belief holds" || sed 's/^/# /' <<<"$err$out" | head -40
echo "# $out"
for plant in add shift load branch call pointer hash key argument spill zero packet link dead; do
	run "$oracle" -n 3000 -p "$plant"
	is "$status" 3 "$plant: a wrong belief is noticed"
	like "$err" "a belief of the verifier does not hold" "$plant: and told"
done
done_testing
